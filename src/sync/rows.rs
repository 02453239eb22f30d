//! The rows of Dynamics that the connector reads and writes, between their columns and the model.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    dataverse::Columns,
    model::{
        Address, SourceTime,
        attendance::{self, Outcome, Presence, State},
        event::{Attendance, Registration},
        stamp::{Fingerprint, Ledger},
    },
    settings::document::Template,
};

/// Logical name, set name and primary key of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    pub name: &'static str,
    pub set: &'static str,
    pub key: &'static str,
}

/// The activity table, one row per participant and event and per participant, event and session.
pub const ATTENDANCE: Table = Table { name: "new_eventattendance", set: "new_eventattendances", key: "activityid" };

/// Where people are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PersonTable {
    Contact,
    Lead,
}

impl PersonTable {
    pub fn table(self) -> Table {
        match self {
            Self::Contact => Table { name: "contact", set: "contacts", key: "contactid" },
            Self::Lead => Table { name: "lead", set: "leads", key: "leadid" },
        }
    }

    /// The columns of every person that are read whatever the settings say.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Contact => &[
                "contactid",
                "emailaddress1",
                "statecode",
                "modifiedon",
                "_ownerid_value",
                "merged",
                "_masterid_value",
                "_originatingleadid_value",
                "_parentcustomerid_value",
                PROFILE_STAMP,
            ],
            Self::Lead => &[
                "leadid",
                "emailaddress1",
                "statecode",
                "modifiedon",
                "_ownerid_value",
                "merged",
                "_masterid_value",
                "_parentcontactid_value",
                PROFILE_STAMP,
            ],
        }
    }

    pub fn of(logical_name: &str) -> Option<Self> {
        [Self::Contact, Self::Lead].into_iter().find(|table| table.table().name == logical_name)
    }
}

/// A contact or lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonRef {
    pub table: PersonTable,
    pub id: Uuid,
}

/// A user or team, as the path that a bind names it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner(String);

impl Owner {
    pub fn user(id: Uuid) -> Self {
        Self(format!("/systemusers({id})"))
    }

    pub fn bind(&self) -> Value {
        self.0.clone().into()
    }

    fn read(columns: &Columns) -> Option<Self> {
        let id = guid(columns, "_ownerid_value")?;
        let set = if lookup_table(columns, "_ownerid_value") == Some("team") { "teams" } else { "systemusers" };
        Some(Self(format!("/{set}({id})")))
    }
}

/// `statecode` of a lead that became somebody.
const QUALIFIED: i64 = 1;

/// The column of contact and lead that keeps the profile's stamps.
pub const PROFILE_STAMP: &str = "new_ineventprofilestamp";

/// The name of a contact's account: a navigation property and a column of its table.
pub const COMPANY_NAME: &str = "parentcustomerid_account/name";

/// A contact or lead as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonRow {
    pub person: PersonRef,
    pub etag: String,
    pub address: Option<Address>,
    /// An active contact, an open lead.
    pub active: bool,
    pub modified: Option<Timestamp>,
    pub owner: Option<Owner>,
    /// Into whom this one was merged.
    pub master: Option<Uuid>,
    /// A lead that was qualified.
    pub qualified: bool,
    /// The contact that a qualified lead became, where the lead names it.
    pub converted: Option<Uuid>,
    /// The lead that a contact was made of.
    pub origin: Option<Uuid>,
    pub ledger: Ledger,
    pub columns: Columns,
}

impl PersonRow {
    /// Of several the one modified last comes first, then the smaller id.
    pub fn precedence(&self) -> impl Ord + use<> {
        (std::cmp::Reverse(self.modified), self.person.id)
    }

    /// A column, or one of a row that is read along, as `navigation/column`.
    pub fn value(&self, column: &str) -> Option<&Value> {
        match column.split_once('/') {
            None => self.columns.get(column),
            Some((navigation, column)) => self.columns.get(navigation)?.get(column),
        }
    }

    pub fn read(table: PersonTable, columns: Columns) -> Option<Self> {
        let state = columns.get("statecode").and_then(Value::as_i64);
        let merged = columns.get("merged").and_then(Value::as_bool) == Some(true);
        let qualified = table == PersonTable::Lead && state == Some(QUALIFIED);
        Some(Self {
            person: PersonRef { table, id: guid(&columns, table.table().key)? },
            etag: text(&columns, "@odata.etag")?.to_owned(),
            address: text(&columns, "emailaddress1").and_then(|address| Address::parse(address).ok()),
            active: state == Some(0),
            modified: text(&columns, "modifiedon").and_then(|time| time.parse().ok()),
            owner: Owner::read(&columns),
            master: guid(&columns, "_masterid_value").filter(|_| merged),
            qualified,
            converted: guid(&columns, "_parentcontactid_value").filter(|_| qualified),
            origin: guid(&columns, "_originatingleadid_value"),
            ledger: Ledger::parse(text(&columns, PROFILE_STAMP).unwrap_or_default()),
            columns,
        })
    }
}

/// Which row: an event's participant, or one of a session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    pub event: String,
    pub participant: String,
    pub session: Option<String>,
}

/// An attendance row as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct AttendanceRow {
    pub id: Uuid,
    pub etag: String,
    pub key: RowKey,
    pub state: State,
    pub details: Details,
    pub regarding: Option<PersonRef>,
    pub owner: Option<Owner>,
    pub columns: Columns,
}

/// What the row remembers of names, times and of whom it regards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// By column; the participant's matching keys stand there under their names.
    pub ledger: Ledger,
    /// The key for which `regarding` was set. It differs from the latest key until the row has moved.
    pub regards: Option<Fingerprint>,
}

const REGARDS: &str = "regards:";

impl Details {
    pub fn parse(stamp: &str) -> Self {
        let regards = stamp.split(' ').find_map(|token| Fingerprint::from_digits(token.strip_prefix(REGARDS)?));
        Self { ledger: Ledger::parse(stamp), regards }
    }
}

impl std::fmt::Display for Details {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.ledger.fmt(f)?;
        self.regards.map_or(Ok(()), |regards| write!(f, " {REGARDS}{regards}"))
    }
}

/// The columns of an attendance row that the connector reads.
pub const ATTENDANCE_COLUMNS: &[&str] = &[
    "activityid",
    "subject",
    "new_eventid",
    "new_eventname",
    "new_sessionid",
    "new_sessionname",
    "new_participantid",
    "new_registrationstatus",
    "new_attendancestatus",
    "new_checkintime",
    "new_checkouttime",
    "new_engagementscore",
    "scheduledstart",
    "scheduledend",
    "new_registrationstamp",
    "new_attendancestamp",
    "new_scorestamp",
    "new_detailsstamp",
    "_regardingobjectid_value",
    "_ownerid_value",
];

impl AttendanceRow {
    pub fn read(columns: Columns) -> Option<Self> {
        let stamp = |column| text(&columns, column).unwrap_or_default();
        let regarding = guid(&columns, "_regardingobjectid_value")
            .zip(lookup_table(&columns, "_regardingobjectid_value").and_then(PersonTable::of))
            .map(|(id, table)| PersonRef { table, id });
        Some(Self {
            id: guid(&columns, ATTENDANCE.key)?,
            etag: text(&columns, "@odata.etag")?.to_owned(),
            key: RowKey {
                event: text(&columns, "new_eventid")?.to_owned(),
                participant: text(&columns, "new_participantid")?.to_owned(),
                session: text(&columns, "new_sessionid").map(str::to_owned),
            },
            state: State {
                registration: attendance::parse_registration(stamp("new_registrationstamp")),
                presence: Presence::parse(stamp("new_attendancestamp")),
                score: attendance::parse_score(stamp("new_scorestamp")),
            },
            details: Details::parse(stamp("new_detailsstamp")),
            regarding,
            owner: Owner::read(&columns),
            columns,
        })
    }
}

/// The columns that tell whose row regards whom.
pub const USER_COLUMNS: &[&str] = &["_regardingobjectid_value", "new_participantid"];

/// Who is regarded, and the participant whose row it is.
pub fn user(columns: &Columns) -> Option<(Uuid, String)> {
    Some((guid(columns, "_regardingobjectid_value")?, text(columns, "new_participantid")?.to_owned()))
}

/// The columns that keep the state.
pub fn stamps(state: &State, details: &Details) -> [(&'static str, Value); 4] {
    [
        ("new_registrationstamp", state.registration.map(attendance::print_registration).into()),
        ("new_attendancestamp", blank_is_null(state.presence.to_string())),
        ("new_scorestamp", state.score.map(attendance::print_score).into()),
        ("new_detailsstamp", blank_is_null(details.to_string())),
    ]
}

/// The columns that people and reports read.
pub fn outcome(outcome: &Outcome, name: &str, template: &Template) -> [(&'static str, Value); 6] {
    [
        ("subject", subject(outcome, name, template).into()),
        ("new_registrationstatus", registration_choice(outcome.registration).into()),
        ("new_attendancestatus", outcome.attendance.map(attendance_choice).into()),
        ("new_checkintime", outcome.check_in.map(whole_seconds).into()),
        ("new_checkouttime", outcome.check_out.map(whole_seconds).into()),
        // Hundredths over a hundred print as the decimal they are.
        ("new_engagementscore", outcome.score.map(|hundredths| hundredths as f64 / 100.0).into()),
    ]
}

/// Publisher option prefix 72700 (see the solution), then the option.
fn registration_choice(registration: Registration) -> i64 {
    match registration {
        Registration::Registered => 727_000_000,
        Registration::Cancelled => 727_000_001,
    }
}

fn attendance_choice(attendance: Attendance) -> i64 {
    match attendance {
        Attendance::Attended => 727_000_000,
        Attendance::NoShow => 727_000_001,
        Attendance::Partial => 727_000_002,
    }
}

/// The longest subject, in characters. The platform's own activities allow 200, an exported custom one 400.
const MAX_SUBJECT: usize = 200;

fn subject(outcome: &Outcome, name: &str, template: &Template) -> String {
    let status = match (outcome.attendance, outcome.registration) {
        (Some(Attendance::Attended), _) => "Attended",
        (Some(Attendance::Partial), _) => "Partial",
        (_, Registration::Cancelled) => "Cancelled",
        (Some(Attendance::NoShow), _) => "No show",
        (None, Registration::Registered) => "Registered for",
    };
    template.fill(status, name).chars().take(MAX_SUBJECT).collect()
}

/// Dataverse keeps whole seconds.
pub fn whole_seconds(time: SourceTime) -> String {
    instant(time.timestamp())
}

/// An instant as Dataverse writes it: `2026-05-12T09:00:00Z`.
pub fn instant(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

fn blank_is_null(text: String) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

/// Whether the CRM holds this value already. Numbers are compared as numbers: 90 is 90.00.
pub fn same(stored: Option<&Value>, value: &Value) -> bool {
    match (stored.unwrap_or(&Value::Null), value) {
        (Value::Number(stored), Value::Number(value)) => stored.as_f64() == value.as_f64(),
        (stored, value) => stored == value,
    }
}

pub fn text<'a>(columns: &'a Columns, column: &str) -> Option<&'a str> {
    columns.get(column)?.as_str()
}

fn guid(columns: &Columns, column: &str) -> Option<Uuid> {
    text(columns, column)?.parse().ok()
}

fn lookup_table<'a>(columns: &'a Columns, column: &str) -> Option<&'a str> {
    text(columns, &format!("{column}@Microsoft.Dynamics.CRM.lookuplogicalname"))
}
