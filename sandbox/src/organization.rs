//! One organisation ("environment"): its tables, rows and settings.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::admin::{Faults, RequestLog};
use crate::clock::Clock;
use crate::limits::{Limits, Settings};
use crate::metadata::{Key, KeyIndex, Schema, shipped};
use crate::records::{Rights, Session};
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
    /// Whether a row can only be given to those who may read rows of its table.
    pub(crate) owners_need_read: bool,
    /// Over how many rows groups and sums are computed at most.
    pub(crate) aggregate_record_limit: i64,
    /// HTTP status of 0x80040333: the documentation has both 412 and 500.
    pub(crate) duplicates_status: u16,
    /// Whether closed rows count as duplicates even where a rule leaves them out.
    pub(crate) duplicates_among_closed: bool,
    /// Seconds until the index behind a new alternate key is made; 0 makes it at once.
    pub(crate) key_index_seconds: i64,
    /// The longest body of a request, in bytes.
    pub(crate) request_limit_bytes: usize,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            create_state: CreateState::Ignore,
            closed_activities_are_read_only: false,
            rewrite_times_in_text: false,
            owners_need_read: true,
            aggregate_record_limit: 50_000,
            duplicates_status: 412,
            duplicates_among_closed: false,
            key_index_seconds: 0,
            request_limit_bytes: 128 << 20,
        }
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
    fn open(seed: Seed) -> rusqlite::Result<Self> {
        let schema = Schema::new(shipped(seed.has_connector()));
        let store = Store::open(&schema)?;
        Ok(Self { schema, store, version: Cell::new(FIRST_VERSION) })
    }

    /// What a file holds; nothing if it is new.
    fn open_file(path: &Path) -> anyhow::Result<(Self, bool)> {
        let (store, kept) = Store::open_file(path).with_context(|| format!("can't open {}", path.display()))?;
        let known = kept.is_some();
        let schema = match kept {
            Some(kept) => Schema::from_json(&kept).with_context(|| format!("{} is of no use here", path.display()))?,
            None => Schema::default(),
        };
        // Versions of rows that are gone must not be given out again.
        let version = store.highest_version(&schema)?.max(FIRST_VERSION) + 1000;
        Ok((Self { schema, store, version: Cell::new(version) }, known))
    }

    /// Makes the indexes of alternate keys whose time has come.
    fn make_due_keys(&mut self, now: i64) {
        let due = |key: &Key| matches!(key.index, KeyIndex::Pending(at) if at <= now);
        // Nearly always there are none, and this is asked with every request.
        if !self.schema.keys_pending {
            return;
        }
        let tables: Vec<_> = self.schema.tables.iter().filter(|table| table.keys.iter().any(due)).cloned().collect();
        for table in tables {
            let mut changed = (*table).clone();
            for key in changed.keys.iter_mut().filter(|key| due(key)) {
                key.index = self.store.try_key(&table, key).unwrap_or(KeyIndex::Failed);
            }
            self.schema.put(changed);
        }
    }

    /// The same tables and rows once more, in memory.
    fn copy(&self) -> rusqlite::Result<Self> {
        Ok(Self { schema: self.schema.clone(), store: self.store.copy()?, version: self.version.clone() })
    }

    /// Takes over the tables and rows of another one.
    fn become_like(&mut self, other: &Self) -> rusqlite::Result<()> {
        self.store.become_like(&other.store)?;
        self.schema = other.schema.clone();
        // Versions go on growing: a client that saw one must not meet it again on another state of the row.
        self.version.set(self.version.get().max(other.version.get()));
        Ok(())
    }
}

/// The version before that of the first row.
const FIRST_VERSION: i64 = 1_000_000;

/// An organisation.
pub(crate) struct Organization {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    data: Mutex<Data>,
    /// Says which definitions were written to the file last.
    kept: Mutex<Option<(i64, bool)>>,
    switches: RwLock<Switches>,
    seed: Seed,
    clock: Arc<Clock>,
    pub(crate) faults: Faults,
    pub(crate) log: RequestLog,
    pub(crate) limits: Limits,
    /// Where it is reached; known once its listeners are there.
    doors: OnceLock<Doors>,
    snapshots: Mutex<BTreeMap<String, Data>>,
}

/// The ports at which an organisation, and no other, is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Doors {
    pub(crate) http: u16,
    pub(crate) https: u16,
}

impl Doors {
    pub(crate) fn http_origin(self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    /// By name: some clients compare it with the certificate only as a name.
    pub(crate) fn https_origin(self) -> String {
        format!("https://localhost:{}", self.https)
    }
}

impl Organization {
    /// An organisation with the rows of its seed, or with those that it has in a file of its own in `folder`.
    pub(crate) fn new(name: &str, seed: Seed, clock: Arc<Clock>, folder: Option<&Path>) -> anyhow::Result<Self> {
        let (data, known) = match folder {
            Some(folder) => Data::open_file(&folder.join(format!("{name}.sqlite")))?,
            None => (Data::open(seed)?, false),
        };
        let organization = Self {
            kept: Mutex::new(known.then(|| data.schema.mark())),
            id: Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("organization:{name}").as_bytes()),
            name: name.to_owned(),
            data: Mutex::new(data),
            switches: RwLock::default(),
            seed,
            clock,
            faults: Faults::default(),
            log: RequestLog::default(),
            limits: Limits::default(),
            doors: OnceLock::new(),
            snapshots: Mutex::default(),
        };
        if !known {
            organization.reset()?;
        }
        Ok(organization)
    }

    /// Back to the seed: tables, rows, switches, faults and log.
    pub(crate) fn reset(&self) -> anyhow::Result<()> {
        let fresh = Data::open(self.seed)?;
        seed::plant(&fresh, self.seed, self.clock.now(), (self.id, &self.name))?;
        let mut data = self.data();
        data.become_like(&fresh)?;
        data.version.set(fresh.version.get());
        data.store.keep(&data.schema)?;
        drop(data);
        self.set_switches(Switches::default());
        self.limits.set(Settings::default());
        self.faults.clear();
        self.log.clear();
        Ok(())
    }

    /// Writes the definitions to the file, if there is one and they have changed.
    pub(crate) fn settle(&self) -> anyhow::Result<()> {
        let data = self.data();
        let mark = Some(data.schema.mark());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if *kept != mark {
            data.store.keep(&data.schema)?;
            *kept = mark;
        }
        Ok(())
    }

    /// Keeps the tables and rows as they are now under a name; an older snapshot of that name is gone.
    pub(crate) fn take_snapshot(&self, name: String) -> rusqlite::Result<()> {
        let copy = self.data().copy()?;
        self.kept_snapshots().insert(name, copy);
        Ok(())
    }

    /// Back to a snapshot, which is kept; says whether there is one of this name.
    pub(crate) fn restore_snapshot(&self, name: &str) -> anyhow::Result<bool> {
        let kept = self.kept_snapshots();
        let Some(snapshot) = kept.get(name) else { return Ok(false) };
        let mut data = self.data();
        data.become_like(snapshot)?;
        data.store.keep(&data.schema)?;
        Ok(true)
    }

    pub(crate) fn drop_snapshot(&self, name: &str) -> bool {
        self.kept_snapshots().remove(name).is_some()
    }

    /// The names of all snapshots.
    pub(crate) fn snapshots(&self) -> Vec<String> {
        self.kept_snapshots().keys().cloned().collect()
    }

    fn kept_snapshots(&self) -> MutexGuard<'_, BTreeMap<String, Data>> {
        self.snapshots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says where the organisation is reached, once.
    pub(crate) fn open_doors(&self, doors: Doors) {
        self.doors.get_or_init(|| doors);
    }

    pub(crate) fn doors(&self) -> Doors {
        self.doors.get().copied().unwrap_or(Doors { http: 0, https: 0 })
    }

    /// The tables and rows. A request that panicked leaves them as they were: writes stand in transactions.
    pub(crate) fn data(&self) -> MutexGuard<'_, Data> {
        let mut data = self.data.lock().unwrap_or_else(PoisonError::into_inner);
        data.make_due_keys(self.clock.now());
        data
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
        data.store.id_where(users, &[(column, Value::Id(client))])
    }

    /// Seconds since 1970, by the sandbox's clock.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now()
    }

    /// Work on behalf of a user, now.
    pub(crate) fn session<'a>(&self, data: &'a Data, caller: Uuid) -> Session<'a> {
        // What can't be told is not allowed.
        let rights = Rights::of_user(data, caller).unwrap_or_default();
        Session {
            data,
            caller,
            behalf: None,
            rights,
            now: self.clock.now(),
            switches: self.switches(),
            detect_duplicates: false,
            units: RefCell::default(),
        }
    }
}
