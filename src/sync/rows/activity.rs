//! The tables that attendance can be written to, and what a row shows there.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;
use uuid::Uuid;

use super::{PersonTable, RowKey, Table, attendance, plain};
use crate::{
    dataverse::{Columns, definition::TableDefinition},
    model::{attendance::State, ids},
    settings::document::Template,
};

/// The connector's own activity table, one row per participant and event and per participant, event and session.
pub const ATTENDANCE: Table = Table { name: "new_eventattendance", set: "new_eventattendances", key: "activityid" };

/// A table that attendance is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActivityTable {
    pub table: Table,
    pub form: Form,
    /// The navigation properties that bind what a row regards.
    contact: &'static str,
    lead: &'static str,
}

/// What columns a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Those of [`ATTENDANCE`].
    Stamped,
    /// Only those that the platform gives an appointment or a phone call.
    Plain,
}

/// The activity tables of the platform that can be written to.
const PLAIN: [&str; 2] = ["appointment", "phonecall"];

/// What is read and written of a row in every table.
const SHARED: &[&str] =
    &["activityid", "subject", "scheduledstart", "scheduledend", "actualstart", "actualend", "statecode"];
/// Lookups, as they are read.
const LOOKUPS: &[&str] = &["_regardingobjectid_value", "_ownerid_value"];
/// The connector's own columns.
const OWN: &[&str] = &[
    "new_eventid",
    "new_eventname",
    "new_sessionid",
    "new_sessionname",
    "new_sessiontracks",
    "new_participantid",
    "new_registrationstatus",
    "new_attendancestatus",
    "new_checkintime",
    "new_checkouttime",
    "new_engagementscore",
    "new_registrationstamp",
    "new_attendancestamp",
    "new_scorestamp",
    "new_detailsstamp",
];

impl Form {
    /// The form that rows have in the table of this name.
    pub fn of(table: &str) -> Self {
        if PLAIN.contains(&table) { Self::Plain } else { Self::Stamped }
    }

    /// The columns that rows need, beside lookups.
    pub fn columns(self) -> impl Iterator<Item = &'static str> {
        let own = match self {
            Self::Stamped => OWN,
            Self::Plain => &["description"],
        };
        SHARED.iter().chain(own).copied()
    }
}

impl ActivityTable {
    /// The table of the connector's solution, whose names are known.
    pub const OURS: Self = Self {
        table: ATTENDANCE,
        form: Form::Stamped,
        contact: "regardingobjectid_contact_new_eventattendance@odata.bind",
        lead: "regardingobjectid_lead_new_eventattendance@odata.bind",
    };

    /// Another table, by its definition; `None` where a row cannot regard contacts and leads.
    pub fn new(name: &str, definition: &TableDefinition) -> Option<Self> {
        let regarding = |table| {
            let navigation = definition.navigation("regardingobjectid", table)?;
            Some(interned(&format!("{navigation}@odata.bind")))
        };
        let table = Table::defined(name, definition);
        Some(Self { table, form: Form::of(name), contact: regarding("contact")?, lead: regarding("lead")? })
    }

    /// What binds a person of this table.
    pub fn regarding(self, person: PersonTable) -> &'static str {
        match person {
            PersonTable::Contact => self.contact,
            PersonTable::Lead => self.lead,
        }
    }

    /// The row's id. All activities of an environment share their ids, so those of different tables must not meet.
    pub fn row_id(self, tenant: &str, key: &RowKey) -> Uuid {
        let table = if self.table == ATTENDANCE { "" } else { self.table.name };
        ids::attendance(table, tenant, &key.event, &key.participant, key.session.as_deref())
    }

    /// The columns to read of a row.
    pub fn reads(self) -> Vec<&'static str> {
        self.form.columns().chain(LOOKUPS.iter().copied()).collect()
    }

    /// The columns that tell whose row regards whom.
    pub fn user_columns(self) -> [&'static str; 2] {
        let participant = if self.form == Form::Stamped { "new_participantid" } else { "description" };
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
                let stamps = attendance::stamps(shown.state, shown.details);
                times.chain(attendance::outcome(&outcome)).chain(stamps).collect()
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
pub fn naming(key: &RowKey) -> Columns {
    let mut columns = Columns::new();
    columns.insert("new_eventid".to_owned(), key.event.clone().into());
    columns.insert("new_participantid".to_owned(), key.participant.clone().into());
    columns.extend(key.session.clone().map(|session| ("new_sessionid".to_owned(), session.into())));
    columns
}

/// A name out of a settings document, for as long as the process lives: it sees a handful of them, however often they are read.
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
