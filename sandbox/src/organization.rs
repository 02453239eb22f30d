//! One organisation ("environment"): its tables, rows and settings.

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Clock;
use crate::metadata::{Schema, shipped};
use crate::records::Session;
use crate::seed::{self, Seed};
use crate::store::Store;
use crate::value::Value;

/// Behaviour that Microsoft's documentation leaves open. `ASSUMPTIONS.md` says why each default was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Switches {
    /// What a `statecode` other than the first does in a create.
    pub(crate) create_state: CreateState,
    /// Whether a completed or cancelled activity refuses changes of other columns.
    pub(crate) closed_activities_are_read_only: bool,
    /// Whether text that looks like a point in time comes back in the platform's own notation.
    pub(crate) rewrite_times_in_text: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self { create_state: CreateState::Ignore, closed_activities_are_read_only: false, rewrite_times_in_text: false }
    }
}

/// What a create does with a state other than the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CreateState {
    /// The row is created in its first state.
    Ignore,
    /// The row is created in the state asked for.
    Honour,
    /// The create is refused.
    Refuse,
}

/// Tables and rows; locked as a whole, so that every request sees and leaves a consistent state.
pub(crate) struct Data {
    pub(crate) schema: Schema,
    pub(crate) store: Store,
    /// The row version given out last.
    pub(crate) version: Cell<i64>,
}

impl Data {
    fn open() -> rusqlite::Result<Self> {
        let schema = Schema::new(shipped());
        let store = Store::open(&schema)?;
        Ok(Self { schema, store, version: Cell::new(1_000_000) })
    }
}

/// An organisation.
pub(crate) struct Organization {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    data: Mutex<Data>,
    switches: RwLock<Switches>,
    seed: Seed,
    clock: Arc<Clock>,
}

impl Organization {
    pub(crate) fn new(name: &str, seed: Seed, clock: Arc<Clock>) -> anyhow::Result<Self> {
        let organization = Self {
            id: Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("organization:{name}").as_bytes()),
            name: name.to_owned(),
            data: Mutex::new(Data::open()?),
            switches: RwLock::default(),
            seed,
            clock,
        };
        organization.reset()?;
        Ok(organization)
    }

    /// Back to the seed: tables, rows and switches.
    pub(crate) fn reset(&self) -> anyhow::Result<()> {
        let mut data = self.data();
        *data = Data::open()?;
        seed::plant(&data, self.seed, self.clock.now())?;
        self.set_switches(Switches::default());
        Ok(())
    }

    /// The tables and rows. A request that panicked leaves them as they were: writes stand in transactions.
    pub(crate) fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn switches(&self) -> Switches {
        *self.switches.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_switches(&self, switches: Switches) {
        *self.switches.write().unwrap_or_else(PoisonError::into_inner) = switches;
    }

    /// `systemuserid` of a client's application user, if it has one here.
    pub(crate) fn member(&self, client: Uuid) -> rusqlite::Result<Option<Uuid>> {
        let data = self.data();
        let Some(users) = data.schema.table("systemuser") else { return Ok(None) };
        let Some(column) = users.column("applicationid") else { return Ok(None) };
        let user = data.store.get_where(users, &[(column, Value::Id(client))])?;
        Ok(user.and_then(|row| row[users.id].id()))
    }

    /// Work on behalf of a user, now.
    pub(crate) fn session<'a>(&self, data: &'a Data, caller: Uuid) -> Session<'a> {
        Session { data, caller, now: self.clock.now(), switches: self.switches() }
    }
}
