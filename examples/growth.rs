//! Counts what an event costs at the level of plans while a CRM fills: the engine as it is, over rows in memory that are found by
//! index. No HTTP, no Dataverse: a call is what the engine's step would take of them (`DataverseCrm::calls_to_load`,
//! `calls_to_write`).
//!
//! ```sh
//! cargo run --release --example growth -- 1000000
//! ```
//!
//! Prints one line of JSON for each stretch. `cargo xtask bench --only plan` shows them as a table.

use std::{
    collections::{BTreeSet, HashMap},
    env,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use inevent_d365::{
    dataverse::{
        Columns, Failure,
        definition::{LookupDefinition, TableDefinition},
        metadata::TableColumns,
    },
    model::ParticipantEvent,
    store::SqliteStore,
    sync::{
        DataverseCrm,
        crm::{Action, Crm, Duplicates, Rows, Wanted, Write},
        engine::Engine,
        outcome::Outcome,
        rows::{ActivityTable, AttendanceRow, Form, PersonRow, PersonTable},
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

/// How many participants the CRM holds at the end of each stretch.
const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// The most events that the connector writes as one batch.
const BATCH: usize = 1_000;
const ME: Uuid = Uuid::from_u128(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let most: usize = env::args().nth(1).context("say how many participants")?.parse()?;
    let folder = tempfile::tempdir()?;
    let store = Arc::new(SqliteStore::open(folder.path().join("store.db"))?);
    let crm = Arc::new(IndexedCrm::default());
    let engine = Engine::new(crm.clone(), store, "t".into());
    let mut from = 0;
    for to in SIZES.into_iter().filter(|size| *size <= most) {
        let (begun, calls) = (Instant::now(), crm.calls.load(Ordering::Relaxed));
        for first in (from..to).step_by(BATCH) {
            let events: Vec<ParticipantEvent> =
                (first..first + BATCH).map(registered).collect::<Result<_, serde_json::Error>>()?;
            let report = engine.run(&events).await;
            let written = report.outcomes.iter().all(|outcome| *outcome == Outcome::Settled { changed: true });
            ensure!(written, "not every event was written: {:?}", report.outcomes.first());
        }
        let calls = crm.calls.load(Ordering::Relaxed) - calls;
        let (seconds, rows) = (begun.elapsed().as_secs_f64(), crm.rows().by_id.len());
        println!("{}", json!({ "from": from, "to": to, "calls": calls, "seconds": seconds, "rows": rows }));
        from = to;
    }
    Ok(())
}

/// Somebody whom the CRM doesn't know registers.
fn registered(number: usize) -> Result<ParticipantEvent, serde_json::Error> {
    serde_json::from_value(json!({
        "id": format!("growth-{number}"), "time": "2026-05-12T09:00:00Z", "kind": "registered",
        "event": { "id": "growth", "name": "Annual conference" },
        "participant": {
            "id": format!("p{number}"), "email": format!("p{number}@example.com"),
            "first_name": "Ada", "last_name": format!("Number {number}"),
        },
    }))
}

/// Leads and attendance rows, as they are read.
#[derive(Default)]
struct IndexedCrm {
    rows: Mutex<Indexed>,
    calls: AtomicUsize,
}

#[derive(Default)]
struct Indexed {
    /// As JSON: a million of them are to fit.
    by_id: HashMap<Uuid, Box<str>>,
    leads: HashMap<String, Uuid>,
    attendances: HashMap<String, Uuid>,
}

impl IndexedCrm {
    fn rows(&self) -> MutexGuard<'_, Indexed> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, calls: usize) {
        self.calls.fetch_add(calls, Ordering::Relaxed);
    }
}

impl Indexed {
    fn read(&self, id: &Uuid) -> Option<Columns> {
        serde_json::from_str(self.by_id.get(id)?).ok()
    }

    fn create(&mut self, write: &Write) -> Result<(), Failure> {
        if self.by_id.contains_key(&write.id) {
            return Err(Failure::Conflict);
        }
        let mut row = stored(write);
        let text = |row: &Columns, column: &str| row.get(column).and_then(Value::as_str).map(str::to_owned);
        match PersonTable::of(write.table.name) {
            Some(_) => _ = text(&row, "emailaddress1").map(|address| self.leads.insert(address, write.id)),
            None => {
                _ = text(&row, "new_participantid").map(|participant| self.attendances.insert(participant, write.id))
            }
        }
        row.insert(write.table.key.into(), write.id.to_string().into());
        self.by_id.insert(write.id, Value::Object(row).to_string().into());
        Ok(())
    }
}

/// A new row as it is read: open, owned by the application user, with lookups where it is bound.
fn stored(write: &Write) -> Columns {
    let (lookup_table, mut row) = ("@Microsoft.Dynamics.CRM.lookuplogicalname", Columns::new());
    row.insert("@odata.etag".into(), "W/\"1\"".into());
    row.insert("statecode".into(), 0.into());
    row.insert("statuscode".into(), 1.into());
    row.insert("_ownerid_value".into(), ME.to_string().into());
    row.insert(format!("_ownerid_value{lookup_table}"), "systemuser".into());
    for (column, value) in &write.columns {
        let bound = column.strip_suffix("@odata.bind").zip(value.as_str());
        let Some((navigation, target)) = bound.and_then(|(navigation, path)| Some((navigation, path.split_once('(')?)))
        else {
            row.insert(column.clone(), value.clone());
            continue;
        };
        let (set, id) = target;
        let lookup = navigation.split('_').next().unwrap_or(navigation);
        row.insert(format!("_{lookup}_value"), id.trim_end_matches(')').into());
        row.insert(format!("_{lookup}_value{lookup_table}"), set.trim_matches('/').trim_end_matches('s').into());
    }
    row
}

#[async_trait]
impl Crm for IndexedCrm {
    async fn me(&self) -> Result<Uuid, Failure> {
        Ok(ME)
    }

    async fn columns(&self, _: &str) -> Result<TableColumns, Failure> {
        Ok(TableColumns::new())
    }

    async fn table(&self, name: &str) -> Result<Option<TableDefinition>, Failure> {
        let lookup = |table: &str| LookupDefinition {
            column: "regardingobjectid".into(),
            table: table.into(),
            navigation: format!("regardingobjectid_{table}_{name}"),
        };
        Ok(Some(TableDefinition {
            set: format!("{name}s"),
            key: "activityid".into(),
            is_activity: true,
            columns: Form::Stamped.columns(self.names()).map(str::to_owned).collect(),
            lookups: vec![lookup("contact"), lookup("lead")],
        }))
    }

    async fn named(&self, _: &str, _: &str, _: &str) -> Result<Vec<Uuid>, Failure> {
        Ok(Vec::new())
    }

    async fn load(&self, wanted: &Wanted) -> Result<Rows, Failure> {
        self.count(DataverseCrm::calls_to_load(wanted));
        let (held, mut found) = (self.rows(), Rows::default());
        let addresses = wanted.keyed.values().flatten();
        let leads: BTreeSet<Uuid> = addresses.filter_map(|address| held.leads.get(address).copied()).collect();
        let asked = wanted.people.iter().map(|person| person.id);
        let leads = leads.into_iter().chain(asked).collect::<BTreeSet<_>>();
        found
            .people
            .extend(leads.iter().filter_map(|id| PersonRow::read(PersonTable::Lead, held.read(id)?, self.names())));
        for participants in wanted.participants.values() {
            let ids = participants.ids.iter().filter_map(|participant| held.attendances.get(participant));
            found.attendance.extend(ids.filter_map(|id| AttendanceRow::read(participants.table, held.read(id)?)));
        }
        Ok(found)
    }

    async fn participants(&self, _: ActivityTable, _: &str, _: Option<&str>) -> Result<BTreeSet<String>, Failure> {
        Ok(BTreeSet::new())
    }

    async fn create(&self, writes: &[&Write]) -> Result<Vec<Result<(), Failure>>, Failure> {
        self.count(DataverseCrm::calls_to_write(writes));
        let mut held = self.rows();
        Ok(writes.iter().map(|write| held.create(write)).collect())
    }

    /// Nobody changes here.
    async fn update(&self, writes: &[&Write]) -> Result<Vec<Result<(), Failure>>, Failure> {
        let refused = |write: &Write| Failure::Refused { code: None, reason: format!("{:?}", write.action) };
        Ok(writes
            .iter()
            .map(|write| if write.action == Action::Create { Ok(()) } else { Err(refused(write)) })
            .collect())
    }

    async fn duplicates(&self, _: &Write) -> Result<Duplicates, Failure> {
        Ok(Duplicates::default())
    }
}
