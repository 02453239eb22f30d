//! A CRM in memory with the guarantees of Dataverse that the engine stands on, and no others: a key is created once, an update
//! happens only at the version it names, queries of one batch see different moments, a failed call may have taken effect.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use inevent_d365::{
    dataverse::{Columns, Failure, definition::TableDefinition, metadata::TableColumns},
    sync::{
        DataverseCrm,
        crm::{Action, Crm, Duplicates, Rows, Wanted, Write},
        lists::{ListError, ListMembers},
        matching::folded,
        rows::{ActivityTable, AttendanceRow, ForeignRow, Owner, PersonRef, PersonRow, PersonTable, Table},
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    duplicates::Rule,
    lists::Members,
    processes::{Chance, step},
    settings, tables,
    troubles::Troubles,
};

pub const ME: Uuid = Uuid::from_u128(1);
/// A team that settings name.
pub const TEAM: Uuid = Uuid::from_u128(999);
/// A user who left and can own nothing; the seeded lead is theirs.
pub const LEFT: Uuid = Uuid::from_u128(1_012);
/// The account of the seeded contact, and the campaign that settings name.
const ACCOUNT: u128 = 20;
pub const CAMPAIGN: Uuid = Uuid::from_u128(30);
pub const LOOKUP: &str = "@Microsoft.Dynamics.CRM.lookuplogicalname";

#[derive(Debug, Clone, Default)]
pub struct MemoryCrm {
    tables: Arc<Mutex<Tables>>,
    pub chance: Option<Arc<Mutex<Chance>>>,
    /// What calls meet while there is a chance that they fail.
    troubles: Arc<Mutex<Troubles>>,
    /// What refuses people who are written with duplicate detection.
    pub rule: Option<Rule>,
    lists: Arc<Mutex<Members>>,
    /// Changes of lists that nobody waits for any more.
    late: Arc<Mutex<Vec<ListCall>>>,
    process: Arc<Mutex<Process>>,
    /// Calls, as the Web API would need them.
    calls: Arc<AtomicUsize>,
    calls_at_once: usize,
}

/// A change of a list on its way to the CRM. Whoever sent it may die or wait in vain: it still may arrive.
#[derive(Debug, Clone)]
struct ListCall {
    list: Uuid,
    people: Vec<Uuid>,
    joins: bool,
}

struct OnItsWay<'a> {
    crm: &'a MemoryCrm,
    call: Option<ListCall>,
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        self.crm.late.lock().unwrap().extend(self.call.take());
    }
}

/// What one process writes at the moment.
#[derive(Debug, Default)]
struct Process {
    rows: BTreeSet<Uuid>,
    calls: usize,
    most_calls: usize,
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
        crm.add("contact", 10, "Contact@x.example", 0);
        crm.add("contact", 11, "inactive@x.example", 1);
        crm.add("lead", 12, "lead@x.example", 0);
        crm.add("lead", 13, "closed@x.example", 1);
        crm.by_hand(("account", Uuid::from_u128(ACCOUNT)), json!({}));
        crm.by_hand(("campaign", CAMPAIGN), json!({}));
        crm.by_hand(("contact", Uuid::from_u128(10)), account(ACCOUNT));
        crm
    }

    /// Somebody changes a row by hand, or makes one.
    pub fn by_hand(&self, row: (&'static str, Uuid), columns: Value) {
        let Value::Object(columns) = columns else { panic!() };
        let mut tables = self.tables.lock().unwrap();
        tables.version += 1;
        let version = tables.version;
        let (stored, row) = tables.rows.entry(row).or_default();
        *stored = version;
        row.extend(columns);
    }

    /// Somebody deletes a person: their activities go along, and other lookups to them are emptied.
    pub fn delete(&self, person: (&'static str, Uuid)) {
        let mut tables = self.tables.lock().unwrap();
        let id = Value::from(person.1.to_string());
        tables.rows.retain(|key, (_, row)| *key != person && row.get("_regardingobjectid_value") != Some(&id));
        for (_, row) in tables.rows.values_mut() {
            row.retain(|_, value| *value != id);
        }
    }

    /// Somebody who was there before.
    pub fn add(&self, table: &'static str, id: u128, email: &str, state: i64) {
        let row = json!({
            "emailaddress1": email, "statecode": state, "modifiedon": "2026-01-01T00:00:00Z", "jobtitle": "Seeded",
            "_ownerid_value": Uuid::from_u128(id + 1_000).to_string(), (format!("_ownerid_value{LOOKUP}")): "systemuser",
        });
        let Value::Object(row) = row else { panic!() };
        self.tables.lock().unwrap().rows.insert((table, Uuid::from_u128(id)), (0, row));
    }

    /// The calls so far, as the Web API would need them.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// The same CRM as another process sees it, which makes so many calls at once.
    pub fn for_process(&self, calls_at_once: usize) -> Self {
        Self { process: Arc::default(), calls_at_once, ..self.clone() }
    }

    /// The most writing calls that the process made at once.
    pub fn most_calls(&self) -> usize {
        self.process.lock().unwrap().most_calls
    }

    /// All rows, without what is first-come by nature (`docs/convergence.md`): a lead's topic, since when a backfilled row is, and the
    /// values of columns that are written once.
    pub fn rows(&self, modes: bool) -> BTreeMap<(&'static str, Uuid), Columns> {
        let tables = self.tables.lock().unwrap();
        let mut rows: BTreeMap<_, Columns> = tables.rows.iter().map(|(key, (_, row))| (*key, row.clone())).collect();
        for ((table, _), row) in &mut rows {
            if *table == "lead" {
                row.remove("subject");
            }
            row.remove("overriddencreatedon");
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

    /// One of the calls that nobody waits for any more arrives, or is lost.
    pub fn one_late_call(&self, lost: bool) -> bool {
        let late = self.late.lock().unwrap().pop();
        late.iter().filter(|_| !lost).for_each(|call| self.arrive(call));
        late.is_some()
    }

    fn arrive(&self, ListCall { list, people, joins }: &ListCall) {
        for person in people {
            if *joins { self.join(*list, *person) } else { self.leave(*list, *person) }
        }
    }

    async fn change(&self, call: ListCall) -> Result<(), ListError> {
        let mut on_its_way = OnItsWay { crm: self, call: Some(call) };
        step().await;
        self.list_may_fail(true)?;
        on_its_way.call.take().iter().for_each(|call| self.arrive(call));
        step().await;
        self.list_may_fail(true)
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
                row.insert(tables::key(table), id.to_string().into());
                row.insert("@odata.etag".into(), format!("W/\"{version}\"").into());
                row
            })
            .collect()
    }

    fn write(&self, write: &Write) -> Result<(), Failure> {
        let mut tables = self.tables.lock().unwrap();
        tables.version += 1;
        let version = tables.version;
        let columns = stored(&tables, write)?;
        let key = (write.table.name, write.id);
        if Owner::bound(&write.columns) == Some(Owner::user(LEFT)) {
            return Err(Failure::UnfitOwner);
        }
        let taken = write.action == Action::Create && tables.rows.contains_key(&key);
        if write.detect.is_some() && !taken && !self.named(&tables, write).is_empty() {
            return Err(Failure::Duplicate { reason: String::new() });
        }
        match (&write.action, tables.rows.get_mut(&key)) {
            (Action::Create, None) => {
                let mut row = Columns::new();
                row.insert("statecode".into(), 0.into());
                row.insert("statuscode".into(), 1.into());
                row.insert("_ownerid_value".into(), ME.to_string().into());
                row.insert(format!("_ownerid_value{LOOKUP}"), "systemuser".into());
                assert!(!columns.contains_key("statecode"), "a new row is open, whatever is asked for");
                row.extend(columns);
                tables.rows.insert(key, (version, row));
            }
            (Action::Update { etag }, Some((stored, row))) if *etag == format!("W/\"{stored}\"") => {
                *stored = version;
                let activity = row.contains_key("_regardingobjectid_value") || row.contains_key("scheduledstart");
                let closed = activity && row["statecode"] != 0;
                assert!(!closed || columns.contains_key("statecode"), "a closed activity is read-only");
                row.extend(columns);
                row.retain(|_, value| !value.is_null());
            }
            _ => return Err(Failure::Conflict),
        }
        tables.writes += 1;
        Ok(())
    }

    /// The people that the rule takes the person of a write for.
    fn named(&self, tables: &Tables, write: &Write) -> BTreeSet<PersonRef> {
        let Some(rule) = self.rule else { return BTreeSet::new() };
        let rows = tables.rows.iter().map(|((table, id), (_, row))| ((*table, *id), row));
        let named = rule.names(rows, write);
        named.filter_map(|(table, id)| Some(PersonRef { table: PersonTable::of(table)?, id })).collect()
    }

    async fn write_all(&self, writes: &[&Write]) -> Result<Vec<Result<(), Failure>>, Failure> {
        self.calls.fetch_add(DataverseCrm::calls_to_write(writes), Ordering::Relaxed);
        self.process.lock().unwrap().begins(writes);
        let written = self.write_in_order(writes).await;
        self.process.lock().unwrap().ends(writes);
        written
    }

    async fn write_in_order(&self, writes: &[&Write]) -> Result<Vec<Result<(), Failure>>, Failure> {
        self.may_fail(true)?;
        let mut outcomes = Vec::new();
        for write in writes {
            step().await;
            let deadlock = self.chance.as_ref().and_then(|chance| Troubles::of_row(&mut chance.lock().unwrap()));
            outcomes.push(deadlock.map_or_else(|| self.write(write), Err));
        }
        self.may_fail(true)?;
        Ok(outcomes)
    }

    fn list_may_fail(&self, write: bool) -> Result<(), ListError> {
        self.may_fail(write).map_err(ListError::Failed)
    }

    fn may_fail(&self, write: bool) -> Result<(), Failure> {
        let Some(chance) = &self.chance else { return Ok(()) };
        let met = self.troubles.lock().unwrap().meet(&mut chance.lock().unwrap(), write);
        met.map_or(Ok(()), Err)
    }
}

impl Process {
    fn begins(&mut self, writes: &[&Write]) {
        for write in writes {
            assert!(self.rows.insert(write.id), "two calls of one process write the same row");
        }
        self.calls += 1;
        self.most_calls = self.most_calls.max(self.calls);
    }

    fn ends(&mut self, writes: &[&Write]) {
        writes.iter().for_each(|write| _ = self.rows.remove(&write.id));
        self.calls -= 1;
    }
}

/// What says to which account a contact belongs.
pub fn account(id: u128) -> Value {
    let id = Uuid::from_u128(id).to_string();
    json!({ "_parentcustomerid_value": id, (format!("_parentcustomerid_value{LOOKUP}")): "account" })
}

/// Binds as Dataverse stores and shows them; a bind to a missing row fails.
fn stored(tables: &Tables, write: &Write) -> Result<Columns, Failure> {
    let mut columns = Columns::new();
    for (column, value) in &write.columns {
        let Some(navigation) = column.strip_suffix("@odata.bind") else {
            columns.insert(column.clone(), value.clone());
            continue;
        };
        let lookup = tables::bound(write.table.name, navigation);
        let Some(path) = value.as_str() else {
            columns.insert(format!("_{lookup}_value"), Value::Null);
            columns.insert(format!("_{lookup}_value{LOOKUP}"), Value::Null);
            continue;
        };
        let path = path.trim_matches(['/', ')']);
        let (set, id) = path.split_once('(').unwrap();
        let table = set.trim_end_matches('s').to_owned();
        let target = tables.rows.keys().any(|(name, key)| *name == table && key.to_string() == id);
        if lookup != "ownerid" && !target {
            return Err(Failure::Conflict);
        }
        columns.insert(format!("_{lookup}_value"), id.into());
        columns.insert(format!("_{lookup}_value{LOOKUP}"), table.into());
    }
    Ok(columns)
}

/// The columns of a row that were asked for.
fn asked(table: Table, mut row: Columns, wanted: &Wanted) -> Columns {
    let columns = wanted.columns.get(&table);
    let is_asked = |column: &str| columns.is_some_and(|columns| columns.contains(column));
    row.retain(|column, _| {
        let column = column.trim_end_matches(LOOKUP);
        column == table.key || column == "@odata.etag" || is_asked(column)
    });
    row
}

#[async_trait]
impl Crm for MemoryCrm {
    async fn me(&self) -> Result<Uuid, Failure> {
        Ok(ME)
    }

    async fn columns(&self, _: &str) -> Result<TableColumns, Failure> {
        Ok(settings::columns())
    }

    async fn table(&self, name: &str) -> Result<Option<TableDefinition>, Failure> {
        Ok(tables::definition(name))
    }

    async fn named(&self, _: &str, _: &str, _: &str) -> Result<Vec<Uuid>, Failure> {
        Ok(vec![CAMPAIGN])
    }

    fn calls_at_once(&self) -> usize {
        self.calls_at_once
    }

    async fn load(&self, wanted: &Wanted) -> Result<Rows, Failure> {
        self.calls.fetch_add(DataverseCrm::calls_to_load(wanted), Ordering::Relaxed);
        self.may_fail(false)?;
        let mut rows = Rows::default();
        for table in [PersonTable::Contact, PersonTable::Lead] {
            step().await;
            let found = self.find(table.table().name, |id, row| {
                let keyed = |((of, column), values): (&(PersonTable, String), &BTreeSet<String>)| {
                    let value = row.get(column).and_then(|value| folded(value, column == "emailaddress1"));
                    *of == table && value.is_some_and(|value| values.contains(&value))
                };
                let origin = row.get("_originatingleadid_value").and_then(Value::as_str);
                wanted.keyed.iter().any(keyed)
                    || wanted.people.contains(&PersonRef { table, id })
                    || origin.is_some_and(|lead| wanted.origins.iter().any(|wanted| wanted.to_string() == lead))
            });
            rows.people.extend(found.into_iter().filter_map(|row| PersonRow::read(table, row, self.names())));
        }
        step().await;
        for (event, participants) in &wanted.participants {
            let found = self.find(participants.table.table.name, |_, row| {
                let text = |column: &str| row.get(column).and_then(Value::as_str).unwrap();
                text("new_eventid") == event && participants.ids.contains(text("new_participantid"))
            });
            let read = |row| AttendanceRow::read(participants.table, row);
            rows.attendance.extend(found.into_iter().filter_map(read));
        }
        for (id, (table, key)) in &wanted.plain {
            let found = self.find(table.table.name, |found, _| found == *id).into_iter();
            rows.attendance.extend(found.filter_map(|row| AttendanceRow::read_plain(*table, key.clone(), row)));
        }
        for ((table, column), values) in &wanted.foreign {
            step().await;
            let found = self.find(table.name, |id, row| {
                let value = if column == table.key { Some(id.to_string().into()) } else { row.get(column).cloned() };
                value.and_then(|value| folded(&value, false)).is_some_and(|value| values.contains(&value))
            });
            let read = |row: Columns| {
                let by = (column.clone(), row.get(column).cloned().unwrap_or_default());
                ForeignRow::read(*table, asked(*table, row, wanted).into_iter().chain([by]).collect())
            };
            rows.foreign.extend(found.into_iter().filter_map(read));
        }
        step().await;
        for table in wanted.tables.iter().filter(|_| !wanted.used.is_empty()) {
            for row in self.find(table.table.name, |_, _| true) {
                let user = table.user(&row).filter(|(person, _)| wanted.used.contains(person));
                user.into_iter().for_each(|(lead, user)| _ = rows.users.entry(lead).or_default().insert(user));
            }
        }
        Ok(rows)
    }

    async fn participants(
        &self,
        table: ActivityTable,
        event: &str,
        session: Option<&str>,
    ) -> Result<BTreeSet<String>, Failure> {
        self.may_fail(false)?;
        step().await;
        let text = |row: &Columns, column: &str| row.get(column).and_then(Value::as_str).map(str::to_owned);
        let found = self.find(table.table.name, |_, row| {
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

    async fn duplicates(&self, write: &Write) -> Result<Duplicates, Failure> {
        step().await;
        self.may_fail(false)?;
        let rules = self.rule.iter().map(|rule| rule.name.to_owned()).collect();
        Ok(Duplicates { people: self.named(&self.tables.lock().unwrap(), write), rules })
    }
}

/// Each change of a list as a call that may fail, before it took effect or after.
#[async_trait]
impl ListMembers for MemoryCrm {
    async fn among(&self, list: Uuid, people: &[Uuid]) -> Result<BTreeSet<Uuid>, ListError> {
        self.list_may_fail(false)?;
        step().await;
        let members = self.lists.lock().unwrap().get(&list).cloned().unwrap_or_default();
        Ok(people.iter().filter(|person| members.contains(person)).copied().collect())
    }

    async fn add(&self, list: Uuid, _: PersonTable, people: &[Uuid]) -> Result<(), ListError> {
        self.change(ListCall { list, people: people.to_vec(), joins: true }).await
    }

    async fn remove(&self, list: Uuid, people: &[Uuid]) -> Result<(), ListError> {
        self.change(ListCall { list, people: people.to_vec(), joins: false }).await
    }
}
