//! What the conditions of list rules speak of: the merged attendance of one participant at one event.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{
    model::{
        SourceTime,
        attendance::Outcome,
        event::{Attendance, Registration, TRACKS},
    },
    sync::rows::{self, AttendanceRow, PersonRef},
};

/// Whom the rows of one participant regard: that of the event's row, else of the first session's that has somebody.
pub fn person(rows: &[&AttendanceRow]) -> Option<PersonRef> {
    let of_event = rows.iter().filter(|row| row.key.session.is_none());
    let of_sessions = rows.iter().filter(|row| row.key.session.is_some());
    of_event.chain(of_sessions).find_map(|row| row.regarding)
}

/// The rows of one participant, as an expression sees them.
pub fn standing(rows: &[&AttendanceRow]) -> Value {
    let event = rows.iter().find(|row| row.key.session.is_none());
    let mut sessions: Vec<&&AttendanceRow> = rows.iter().filter(|row| row.key.session.is_some()).collect();
    sessions.sort_by_key(|row| &row.key.session);
    let session = |row: &&AttendanceRow| {
        let mut told = attendance(Some(row));
        told.insert("id".to_owned(), row.key.session.clone().into());
        name(row, row.table.names.session_name).map(|name| told.insert("name".to_owned(), name));
        told.insert("tracks".to_owned(), tracks(row).collect());
        Value::Object(told)
    };
    let mut all = attendance(event.copied());
    if let Some(any) = rows.first() {
        all.insert("participant".to_owned(), json!({ "id": any.key.participant }));
        let mut told = Map::from_iter([("id".to_owned(), Value::from(any.key.event.clone()))]);
        let name = rows.iter().find_map(|row| name(row, row.table.names.event_name));
        name.map(|name| told.insert("name".to_owned(), name));
        all.insert("event".to_owned(), told.into());
    }
    let there = sessions.iter().filter(|row| row.state.outcome().attendance == Some(Attendance::Attended));
    let tracks: BTreeSet<&str> = there.flat_map(|row| tracks(row)).collect();
    all.insert("tracks_attended".to_owned(), tracks.into_iter().collect());
    all.insert("sessions".to_owned(), sessions.into_iter().map(session).collect());
    all.into()
}

fn tracks(row: &AttendanceRow) -> impl Iterator<Item = &str> {
    rows::text(&row.columns, row.table.names.session_tracks)
        .into_iter()
        .flat_map(|all| all.split(TRACKS))
        .filter(|track| !track.is_empty())
}

fn name(row: &AttendanceRow, column: &str) -> Option<Value> {
    rows::text(&row.columns, column).map(Value::from)
}

/// Who has no row was not registered and not seen. What is not known is left out.
fn attendance(row: Option<&AttendanceRow>) -> Map<String, Value> {
    let outcome = row.map(|row| row.state.outcome());
    let registration = outcome.map(|outcome| outcome.registration);
    let attendance = outcome.and_then(|outcome| outcome.attendance);
    let mut told = Map::new();
    for (name, holds) in [
        ("registered", registration == Some(Registration::Registered)),
        ("cancelled", registration == Some(Registration::Cancelled)),
        ("attended", attendance == Some(Attendance::Attended)),
        ("partial", attendance == Some(Attendance::Partial)),
        ("no_show", attendance == Some(Attendance::NoShow)),
        ("checked_in", outcome.is_some_and(|outcome| outcome.check_in.is_some())),
        ("checked_out", outcome.is_some_and(|outcome| outcome.check_out.is_some())),
    ] {
        told.insert(name.to_owned(), holds.into());
    }
    let time = |of: fn(&Outcome) -> Option<SourceTime>| {
        outcome.as_ref().and_then(of).map(|time| rows::instant(time.timestamp()))
    };
    for (name, value) in [
        ("check_in", time(|outcome| outcome.check_in).map(Value::from)),
        ("check_out", time(|outcome| outcome.check_out).map(Value::from)),
        ("score", outcome.and_then(|outcome| outcome.score).map(|score| (score as f64 / 100.0).into())),
    ] {
        value.map(|value| told.insert(name.to_owned(), value));
    }
    told
}
