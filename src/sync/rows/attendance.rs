//! An attendance row, between its columns and the model.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::{ActivityTable, Form, Names, Owner, PersonRef, PersonTable, guid, lookup_table, plain, text};
use crate::{
    dataverse::Columns,
    model::{
        SourceTime,
        attendance::{self, Outcome, State},
        event::{Attendance, Registration},
        presence::Presence,
        stamp::{Fingerprint, Ledger},
    },
    settings::document::Template,
};

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
    pub table: ActivityTable,
    pub etag: String,
    pub key: RowKey,
    pub state: State,
    pub details: Details,
    pub regarding: Option<PersonRef>,
    pub owner: Option<Owner>,
    pub life: Life,
    pub columns: Columns,
}

/// Whether an activity is still to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Life {
    /// Open, or scheduled.
    #[default]
    Open,
    Completed,
    Canceled,
}

/// What the row remembers of names, times and of what it was bound to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// By column; the participant's matching keys stand there under their names.
    pub ledger: Ledger,
    /// The key for which `regarding` was set. It differs from the latest key until the row has moved.
    pub regards: Option<Fingerprint>,
    /// When the event or session is to end, as the ledger's latest `scheduledend` says it.
    pub ends: Option<SourceTime>,
    /// The owner of the person, when the row got it.
    pub owner: Option<Fingerprint>,
    /// What the lookups were bound to.
    pub lookups: Option<Fingerprint>,
    /// What the connector last made of the row. Somebody may have made something else of it since.
    pub life: Life,
    /// The row was opened only to be written: what it is to become again.
    pub reopened: Option<Life>,
}

impl Life {
    fn of(statecode: Option<i64>) -> Self {
        match statecode {
            Some(1) => Self::Completed,
            Some(2) => Self::Canceled,
            _ => Self::Open,
        }
    }

    /// The columns that make a row this. The platform's own tables have status reasons of their own, and choose one by themselves.
    pub fn columns(self, form: Form) -> Columns {
        let (state, reason) = match self {
            Self::Open => (0, 1),
            Self::Completed => (1, 2),
            Self::Canceled => (2, 3),
        };
        let mut columns = Columns::from_iter([("statecode".to_owned(), state.into())]);
        if form == Form::Stamped {
            columns.insert("statuscode".to_owned(), reason.into());
        }
        columns
    }

    fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Completed => "completed",
            Self::Canceled => "canceled",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Open, Self::Completed, Self::Canceled].into_iter().find(|life| life.word() == word)
    }
}

impl Details {
    pub fn parse(stamp: &str) -> Self {
        let mut details = Self { ledger: Ledger::parse(stamp), ..Self::default() };
        for (name, value) in stamp.split(' ').filter_map(|token| token.split_once(':')) {
            match name {
                "regards" => details.regards = Fingerprint::from_digits(value),
                "ends" => details.ends = SourceTime::from_digits(value),
                "owner" => details.owner = Fingerprint::from_digits(value),
                "lookups" => details.lookups = Fingerprint::from_digits(value),
                "life" => details.life = Life::parse(value).unwrap_or_default(),
                "reopened" => details.reopened = Life::parse(value),
                _ => {}
            }
        }
        details
    }
}

/// The ledger, then `regards:… ends:… owner:… lookups:… life:… reopened:…`, as far as there is each.
impl std::fmt::Display for Details {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let life = Some(self.life).filter(|life| *life != Life::Open);
        let ledger = self.ledger.to_string();
        let tokens = [
            (!ledger.is_empty()).then_some(ledger),
            self.regards.map(|regards| format!("regards:{regards}")),
            self.ends.map(|ends| format!("ends:{}", ends.digits())),
            self.owner.map(|owner| format!("owner:{owner}")),
            self.lookups.map(|lookups| format!("lookups:{lookups}")),
            life.map(|life| format!("life:{}", life.word())),
            self.reopened.map(|life| format!("reopened:{}", life.word())),
        ];
        f.write_str(&tokens.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}

impl AttendanceRow {
    /// Reads a row of a table with the connector's columns.
    pub fn read(table: ActivityTable, columns: Columns) -> Option<Self> {
        let names = table.names;
        let stamp = |column| text(&columns, column).unwrap_or_default();
        let key = RowKey {
            event: text(&columns, names.event_id)?.to_owned(),
            participant: text(&columns, names.participant_id)?.to_owned(),
            session: text(&columns, names.session_id).map(str::to_owned),
        };
        let state = State {
            registration: attendance::parse_registration(stamp(names.registration_stamp)),
            presence: Presence::parse(stamp(names.attendance_stamp)),
            score: attendance::parse_score(stamp(names.score_stamp)),
        };
        let details = Details::parse(stamp(names.details_stamp));
        Self::new(table, key, state, details, columns)
    }

    /// Reads a row of one of the platform's own tables, which says by its id alone what it is.
    pub fn read_plain(table: ActivityTable, key: RowKey, mut columns: Columns) -> Option<Self> {
        let kept = plain::read(text(&columns, "description").unwrap_or_default(), &key, table.names);
        columns.extend(kept.names);
        Self::new(table, key, kept.state, kept.details, columns)
    }

    fn new(table: ActivityTable, key: RowKey, state: State, details: Details, columns: Columns) -> Option<Self> {
        let regarding = guid(&columns, "_regardingobjectid_value")
            .zip(lookup_table(&columns, "_regardingobjectid_value").and_then(PersonTable::of))
            .map(|(id, table)| PersonRef { table, id });
        Some(Self {
            id: guid(&columns, table.table.key)?,
            table,
            etag: text(&columns, "@odata.etag")?.to_owned(),
            key,
            state,
            details,
            regarding,
            owner: Owner::read(&columns),
            life: Life::of(columns.get("statecode").and_then(Value::as_i64)),
            columns,
        })
    }
}

/// The columns that keep the state.
pub(super) fn stamps(names: &Names, state: &State, details: &Details) -> [(&'static str, Value); 4] {
    [
        (names.registration_stamp, state.registration.map(attendance::print_registration).into()),
        (names.attendance_stamp, blank_is_null(state.presence.to_string())),
        (names.score_stamp, state.score.map(attendance::print_score).into()),
        (names.details_stamp, blank_is_null(details.to_string())),
    ]
}

/// The columns of every activity table that people read.
pub(super) fn times(outcome: &Outcome, name: &str, template: &Template) -> [(&'static str, Value); 3] {
    [
        ("subject", subject(outcome, name, template).into()),
        ("actualstart", outcome.check_in.map(whole_seconds).into()),
        ("actualend", outcome.check_out.map(whole_seconds).into()),
    ]
}

/// The connector's columns that people and reports read.
pub(super) fn outcome(names: &Names, outcome: &Outcome) -> [(&'static str, Value); 5] {
    [
        (names.registration_status, registration_choice(outcome.registration).into()),
        (names.attendance_status, outcome.attendance.map(attendance_choice).into()),
        (names.check_in_time, outcome.check_in.map(whole_seconds).into()),
        (names.check_out_time, outcome.check_out.map(whole_seconds).into()),
        (names.engagement_score, outcome.score.map(points).into()),
    ]
}

/// Hundredths over a hundred print as the decimal they are.
pub(super) fn points(hundredths: attendance::Score) -> f64 {
    hundredths as f64 / 100.0
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
    template.fill(outcome.word(), name).chars().take(MAX_SUBJECT).collect()
}

/// Dataverse keeps whole seconds.
pub(super) fn whole_seconds(time: SourceTime) -> String {
    instant(time.timestamp())
}

/// An instant as Dataverse writes it: `2026-05-12T09:00:00Z`.
pub fn instant(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

fn blank_is_null(text: String) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_survive_their_text() {
        let mut details = Details { life: Life::Completed, reopened: Some(Life::Canceled), ..Details::default() };
        assert_eq!(Details::parse(&details.to_string()), details);
        let time = SourceTime::from_digits("1778576400000000001").unwrap();
        details.ledger.offer("scheduledend", time, "2026-05-12T09:00:00Z");
        (details.ends, details.owner) = (Some(time), Some(Fingerprint::of("a")));
        (details.regards, details.lookups) = (Some(Fingerprint::of("b")), Some(Fingerprint::of("c")));
        assert_eq!(Details::parse(&details.to_string()), details);
        assert_eq!(Details::parse("life:x reopened: ends:1 owner:é regards"), Details::default());
        assert_eq!(Details::default().to_string(), "");
    }
}
