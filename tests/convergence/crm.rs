//! A CRM in memory with the guarantees of Dataverse that the engine stands on, and no others: a key is created once, an update
//! happens only at the version it names, queries of one batch see different moments, a failed call may have taken effect.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use inevent_d365::{
    dataverse::{Columns, Failure, metadata::TableColumns},
    model::Address,
    sync::{
        crm::{Action, Crm, Rows, Wanted, Write},
        lists::{ListError, ListMembers},
        rows::{AttendanceRow, PersonRef, PersonRow, PersonTable},
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    lists::Members,
    processes::{Chance, step},
    settings,
};

pub const ME: Uuid = Uuid::from_u128(1);
const LOOKUP: &str = "@Microsoft.Dynamics.CRM.lookuplogicalname";

#[derive(Debug, Clone, Default)]
pub struct MemoryCrm {
    tables: Arc<Mutex<Tables>>,
    pub chance: Option<Arc<Mutex<Chance>>>,
    lists: Arc<Mutex<Members>>,
}

#[derive(Debug, Default)]
struct Tables {
    rows: BTreeMap<(&'static str, Uuid), (u64, Columns)>,
    version: u64,
    writes: u64,
}

impl MemoryCrm {
    /// A contact and a lead, each with an owner of their own, and a closed lead.
    pub fn seeded() -> Self {
        let crm = Self::default();
        let seed = |table: &'static str, id: u128, email: &str, state: i64| {
            let row = json!({
                "emailaddress1": email, "statecode": state, "modifiedon": "2026-01-01T00:00:00Z", "jobtitle": "Seeded",
                "_ownerid_value": Uuid::from_u128(id + 1_000).to_string(), (format!("_ownerid_value{LOOKUP}")): "systemuser",
            });
            let Value::Object(row) = row else { panic!() };
            crm.tables.lock().unwrap().rows.insert((table, Uuid::from_u128(id)), (0, row));
        };
        seed("contact", 10, "Contact@x.example", 0);
        seed("contact", 11, "inactive@x.example", 1);
        seed("lead", 12, "lead@x.example", 0);
        seed("lead", 13, "closed@x.example", 1);
        crm
    }

    /// All rows, without what is first-come by nature (`docs/convergence.md`): a lead's topic, and the values of columns that are
    /// written once.
    pub fn rows(&self, modes: bool) -> BTreeMap<(&'static str, Uuid), Columns> {
        let tables = self.tables.lock().unwrap();
        let mut rows: BTreeMap<_, Columns> = tables.rows.iter().map(|(key, (_, row))| (*key, row.clone())).collect();
        for ((table, _), row) in &mut rows {
            if *table == "lead" {
                row.remove("subject");
            }
            for column in settings::CREATED {
                if modes {
                    row.remove(column);
                }
            }
            for column in settings::FILLED {
                if modes && row.contains_key(column) {
                    row.insert(column.into(), "filled".into());
                }
            }
        }
        rows
    }

    /// Who is on which marketing list.
    pub fn members(&self) -> Members {
        let lists = self.lists.lock().unwrap().clone();
        lists.into_iter().filter(|(_, members)| !members.is_empty()).collect()
    }

    /// Somebody puts a person on a list by hand.
    pub fn join(&self, list: Uuid, person: Uuid) {
        self.lists.lock().unwrap().entry(list).or_default().insert(person);
    }

    /// Somebody takes a person off a list by hand.
    pub fn leave(&self, list: Uuid, person: Uuid) {
        self.lists.lock().unwrap().entry(list).or_default().remove(&person);
    }

    pub fn writes(&self) -> u64 {
        self.tables.lock().unwrap().writes
    }

    fn find(&self, table: &'static str, of: impl Fn(Uuid, &Columns) -> bool) -> Vec<Columns> {
        let tables = self.tables.lock().unwrap();
        let found = tables.rows.iter().filter(|((name, id), (_, row))| *name == table && of(*id, row));
        found
            .map(|((_, id), (version, row))| {
                let mut row = row.clone();
                let key = if table == "new_eventattendance" { "activityid".to_owned() } else { format!("{table}id") };
                row.insert(key, id.to_string().into());
                row.insert("@odata.etag".into(), format!("W/\"{version}\"").into());
                row
            })
            .collect()
    }

    fn write(&self, write: &Write) -> Result<(), Failure> {
        let mut tables = self.tables.lock().unwrap();
        tables.version += 1;
        let version = tables.version;
        let columns = stored(&tables, &write.columns)?;
        let key = (write.table.name, write.id);
        match (&write.action, tables.rows.get_mut(&key)) {
            (Action::Create, None) => {
                let mut row = Columns::new();
                row.insert("statecode".into(), 0.into());
                row.insert("_ownerid_value".into(), ME.to_string().into());
                row.insert(format!("_ownerid_value{LOOKUP}"), "systemuser".into());
                row.extend(columns);
                tables.rows.insert(key, (version, row));
            }
            (Action::Update { etag }, Some((stored, row))) if *etag == format!("W/\"{stored}\"") => {
                *stored = version;
                row.extend(columns);
                row.retain(|_, value| !value.is_null());
            }
            _ => return Err(Failure::Conflict),
        }
        tables.writes += 1;
        Ok(())
    }

    async fn write_all(&self, writes: &[&Write]) -> Result<Vec<Result<(), Failure>>, Failure> {
        let transient = Failure::Transient { retry_after: None };
        if self.fails() {
            return Err(transient);
        }
        let mut outcomes = Vec::new();
        for write in writes {
            step().await;
            outcomes.push(self.write(write));
        }
        if self.fails() { Err(transient) } else { Ok(outcomes) }
    }

    fn fails(&self) -> bool {
        self.chance.as_ref().is_some_and(|chance| chance.lock().unwrap().one_in(12))
    }
}

/// Binds as Dataverse stores and shows them; a bind to a missing row fails.
fn stored(tables: &Tables, written: &Columns) -> Result<Columns, Failure> {
    let mut columns = Columns::new();
    for (column, value) in written {
        let Some(navigation) = column.strip_suffix("@odata.bind") else {
            columns.insert(column.clone(), value.clone());
            continue;
        };
        let path = value.as_str().unwrap().trim_matches(['/', ')']);
        let (set, id) = path.split_once('(').unwrap();
        let table = set.trim_end_matches('s').to_owned();
        let target = tables.rows.keys().any(|(name, key)| *name == table && key.to_string() == id);
        let lookup = navigation.split('_').next().unwrap();
        if lookup == "regardingobjectid" && !target {
            return Err(Failure::Conflict);
        }
        columns.insert(format!("_{lookup}_value"), id.into());
        columns.insert(format!("_{lookup}_value{LOOKUP}"), table.into());
    }
    Ok(columns)
}

#[async_trait]
impl Crm for MemoryCrm {
    async fn me(&self) -> Result<Uuid, Failure> {
        Ok(ME)
    }

    async fn columns(&self, _: PersonTable) -> Result<TableColumns, Failure> {
        Ok(settings::columns())
    }

    async fn load(&self, wanted: &Wanted) -> Result<Rows, Failure> {
        if self.fails() {
            return Err(Failure::Transient { retry_after: None });
        }
        let mut rows = Rows::default();
        for table in [PersonTable::Contact, PersonTable::Lead] {
            step().await;
            let found = self.find(table.table().name, |id, row| {
                let address =
                    row.get("emailaddress1").and_then(Value::as_str).and_then(|text| Address::parse(text).ok());
                address.is_some_and(|address| wanted.addresses.contains(&address))
                    || wanted.people.contains(&PersonRef { table, id })
            });
            rows.people.extend(found.into_iter().filter_map(|row| PersonRow::read(table, row)));
        }
        step().await;
        let found = self.find("new_eventattendance", |_, row| {
            let text = |column: &str| row.get(column).and_then(Value::as_str);
            let participants = wanted.participants.get(text("new_eventid").unwrap());
            participants.is_some_and(|participants| participants.contains(text("new_participantid").unwrap()))
        });
        rows.attendance.extend(found.into_iter().filter_map(AttendanceRow::read));
        Ok(rows)
    }

    async fn participants(&self, event: &str, session: Option<&str>) -> Result<BTreeSet<String>, Failure> {
        if self.fails() {
            return Err(Failure::Transient { retry_after: None });
        }
        step().await;
        let text = |row: &Columns, column: &str| row.get(column).and_then(Value::as_str).map(str::to_owned);
        let found = self.find("new_eventattendance", |_, row| {
            text(row, "new_eventid").as_deref() == Some(event)
                && (session.is_none() || text(row, "new_sessionid").as_deref() == session)
        });
        Ok(found.iter().filter_map(|row| text(row, "new_participantid")).collect())
    }

    async fn create(&self, writes: &[&Write]) -> Result<Vec<Result<(), Failure>>, Failure> {
        self.write_all(writes).await
    }

    async fn update(&self, writes: &[&Write]) -> Result<Vec<Result<(), Failure>>, Failure> {
        self.write_all(writes).await
    }
}

/// Each change of a list as a call that may fail, before it took effect or after.
#[async_trait]
impl ListMembers for MemoryCrm {
    async fn among(&self, list: Uuid, people: &[Uuid]) -> Result<BTreeSet<Uuid>, ListError> {
        self.may_fail()?;
        step().await;
        let members = self.lists.lock().unwrap().get(&list).cloned().unwrap_or_default();
        Ok(people.iter().filter(|person| members.contains(person)).copied().collect())
    }

    async fn add(&self, list: Uuid, _: PersonTable, people: &[Uuid]) -> Result<(), ListError> {
        self.may_fail()?;
        step().await;
        people.iter().for_each(|person| self.join(list, *person));
        self.may_fail()
    }

    async fn remove(&self, list: Uuid, people: &[Uuid]) -> Result<(), ListError> {
        self.may_fail()?;
        step().await;
        people.iter().for_each(|person| self.leave(list, *person));
        self.may_fail()
    }
}

impl MemoryCrm {
    fn may_fail(&self) -> Result<(), ListError> {
        if self.fails() { Err(ListError::Failed(Failure::Transient { retry_after: None })) } else { Ok(()) }
    }
}
