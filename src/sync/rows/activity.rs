//! The tables that attendance can be written to, and what a row shows there.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;
use uuid::Uuid;

use super::{Names, PersonTable, RowKey, Table, attendance, plain};
use crate::{
    dataverse::{Columns, definition::TableDefinition},
    model::{attendance::State, ids},
    settings::document::Template,
};

/// A table that attendance is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActivityTable {
    pub table: Table,
    pub form: Form,
    /// What the connector's columns are called, here as in its own table.
    pub names: &'static Names,
    /// The navigation properties that bind what a row regards.
    contact: &'static str,
    lead: &'static str,
}

/// What columns a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Those of the connector's own table.
    Stamped,
    /// Only those that the platform gives an appointment or a phone call.
    Plain,
}

/// The activity tables of the platform that can be written to.
const PLAIN: [&str; 2] = ["appointment", "phonecall"];

/// What is read and written of a row in every table.
const SHARED: &[&str] =
    &["activityid", "subject", "scheduledstart", "scheduledend", "actualstart", "actualend", "statecode"];
/// The table whose rows' ids do not speak of it.
const UNNAMED: &str = "new_eventattendance";
/// Lookups, as they are read.
const LOOKUPS: &[&str] = &["_regardingobjectid_value", "_ownerid_value"];
impl Form {
    /// The form that rows have in the table of this name.
    pub fn of(table: &str) -> Self {
        if PLAIN.contains(&table) { Self::Plain } else { Self::Stamped }
    }

    /// The columns that rows need, beside lookups.
    pub fn columns(self, names: &Names) -> impl Iterator<Item = &'static str> + use<> {
        let own = match self {
            Self::Stamped => names.of_rows().to_vec(),
            Self::Plain => vec!["description"],
        };
        SHARED.iter().copied().chain(own)
    }
}

/// The connector's own under the prefix `new`.
impl Default for ActivityTable {
    fn default() -> Self {
        Self::ours(<&Names>::default())
    }
}

impl ActivityTable {
    /// The table of the connector's solution, whose names are known: one row per participant and event and per participant, event and
    /// session.
    pub fn ours(names: &'static Names) -> Self {
        let name = names.table;
        let regarding = |person| interned(&format!("regardingobjectid_{person}_{name}@odata.bind"));
        let table = Table { name, set: interned(&format!("{name}s")), key: "activityid" };
        Self { table, form: Form::Stamped, names, contact: regarding("contact"), lead: regarding("lead") }
    }

    /// Another table, by its definition; `None` where a row cannot regard contacts and leads.
    pub fn new(name: &str, definition: &TableDefinition, names: &'static Names) -> Option<Self> {
        let regarding = |table| {
            let navigation = definition.navigation("regardingobjectid", table)?;
            Some(interned(&format!("{navigation}@odata.bind")))
        };
        let table = Table::defined(name, definition);
        Some(Self { table, form: Form::of(name), names, contact: regarding("contact")?, lead: regarding("lead")? })
    }

    /// What binds a person of this table.
    pub fn regarding(self, person: PersonTable) -> &'static str {
        match person {
            PersonTable::Contact => self.contact,
            PersonTable::Lead => self.lead,
        }
    }

    /// The row's id. All activities of an environment share their ids, so those of different tables must not meet: only the table of the
    /// prefix `new` is left unnamed in them.
    pub fn row_id(self, tenant: &str, key: &RowKey) -> Uuid {
        let table = if self.table.name == UNNAMED { "" } else { self.table.name };
        ids::attendance(table, tenant, &key.event, &key.participant, key.session.as_deref())
    }

    /// The columns to read of a row.
    pub fn reads(self) -> Vec<&'static str> {
        self.form.columns(self.names).chain(LOOKUPS.iter().copied()).collect()
    }

    /// The columns that tell whose row regards whom.
    pub fn user_columns(self) -> [&'static str; 2] {
        let participant = if self.form == Form::Stamped { self.names.participant_id } else { "description" };
        ["_regardingobjectid_value", participant]
    }

    /// Who is regarded, and the participant whose row it is.
    pub fn user(self, columns: &Columns) -> Option<(Uuid, String)> {
        let [regarding, participant] = self.user_columns();
        let text = super::text(columns, participant)?;
        let participant = if self.form == Form::Stamped { text } else { plain::participant(text)? };
        Some((super::guid(columns, regarding)?, participant.to_owned()))
    }

    /// What a row shows of a state: columns that people read, and those that keep the state.
    pub fn shows(self, shown: &Shown<'_>) -> Vec<(&'static str, Value)> {
        let outcome = shown.state.outcome();
        let times = attendance::times(&outcome, shown.name(), shown.subject).into_iter();
        match self.form {
            Form::Stamped => {
                let stamps = attendance::stamps(self.names, shown.state, shown.details);
                times.chain(attendance::outcome(self.names, &outcome)).chain(stamps).collect()
            }
            Form::Plain => times.chain([("description", plain::write(shown).into())]).collect(),
        }
    }
}

/// All that a row shows.
pub struct Shown<'a> {
    pub key: &'a RowKey,
    pub state: &'a State,
    pub details: &'a attendance::Details,
    pub event_name: Option<&'a str>,
    pub session_name: Option<&'a str>,
    pub subject: &'a Template,
    /// What the description held before.
    pub description: &'a str,
}

impl Shown<'_> {
    /// The name that the subject speaks of: the session's, else the event's; its id where no name was ever stated.
    fn name(&self) -> &str {
        match &self.key.session {
            Some(session) => self.session_name.unwrap_or(session),
            None => self.event_name.unwrap_or(&self.key.event),
        }
    }
}

/// The columns that name a row, for a new one.
pub fn naming(names: &Names, key: &RowKey) -> Columns {
    let mut columns = Columns::new();
    columns.insert(names.event_id.to_owned(), key.event.clone().into());
    columns.insert(names.participant_id.to_owned(), key.participant.clone().into());
    columns.extend(key.session.clone().map(|session| (names.session_id.to_owned(), session.into())));
    columns
}

/// A name out of a settings document or made of a prefix, for as long as the process lives: it sees a handful of them, however often they are read.
pub(super) fn interned(name: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(name) {
        return known;
    }
    let kept: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.insert(kept);
    kept
}
