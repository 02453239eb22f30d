//! What a row shows of registration and attendance.

use std::collections::{BTreeMap, BTreeSet};

use inevent_d365::{
    dataverse::Columns,
    model::{
        Kind, ParticipantEvent,
        event::{Attendance, Registration},
    },
};
use serde_json::Value;

use super::{
    settings::{Level, Rules},
    statements::{latest, second},
    words,
};

/// What people read off a row. Where two statements of one time say different things, either may stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub registration: Registration,
    pub attendance: Option<Attendance>,
    check_in: Option<i64>,
    check_out: Option<i64>,
    score: Option<f64>,
    end: Option<i64>,
    /// Open, completed, canceled.
    state: i64,
    names: BTreeSet<String>,
    session_names: BTreeSet<String>,
}

/// By session; the event's own row has none.
pub type Rows = BTreeMap<Option<String>, Shown>;

/// Seconds from check-ins to check-outs: from the first check-in of each stay to the last check-out before the next one.
fn present(ins: &[i64], outs: &[i64], end: Option<i64>) -> Option<i64> {
    let first = *ins.iter().min()?;
    // At one time the check-in comes first.
    if outs.iter().any(|out| *out < first) {
        return None;
    }
    let left_between = |from: i64, to: i64| outs.iter().copied().filter(|out| from <= *out && *out < to).max();
    let mut begins = ins.to_vec();
    begins.sort_unstable();
    begins.dedup();
    let (mut sum, mut from) = (0, first);
    for (at, begin) in begins.iter().enumerate() {
        let next = begins.get(at + 1).copied();
        match left_between(*begin, next.unwrap_or(i64::MAX)) {
            Some(out) => {
                sum += out - from;
                from = next.unwrap_or(from);
            }
            // They were still there when they checked in again.
            None if next.is_some() => {}
            None => sum += end.filter(|end| *end > from)? - from,
        }
    }
    Some(sum)
}

/// The row of one key, from what was said of it. `sessions`: in how many they were there, and of how many.
fn shown(said: &[&ParticipantEvent], rules: Rules, over: bool, sessions: (usize, usize)) -> Shown {
    let registered = latest(said, |event| match event.kind {
        Kind::Registered | Kind::SessionEnrolled => Some(Registration::Registered),
        Kind::Cancelled | Kind::SessionLeft => Some(Registration::Cancelled),
        _ => event.status.unwrap_or_default().registration,
    });
    let cancelled = registered.contains(&Registration::Cancelled);
    let registration = if cancelled { Registration::Cancelled } else { Registration::Registered };

    let heeded =
        |event: &&&ParticipantEvent| rules.level > Level::Registrations && !event.kind.eq(&Kind::CheckInTakenBack);
    let back = said.iter().filter(|event| event.kind == Kind::CheckInTakenBack).map(|event| second(event)).max();
    let holds: Vec<&ParticipantEvent> =
        said.iter().filter(heeded).filter(|event| back.is_none_or(|back| second(event) > back)).copied().collect();
    let times = |kind| holds.iter().filter(|event| event.kind == kind).map(|event| second(event)).collect::<Vec<_>>();
    let (ins, outs) = (times(Kind::CheckedIn), times(Kind::CheckedOut));
    let stated = latest(&holds, |event| event.status.unwrap_or_default().attendance);
    let stated =
        [Attendance::Attended, Attendance::Partial, Attendance::NoShow].into_iter().find(|one| stated.contains(one));
    let end =
        latest(said, |event| Some(event.session.as_ref().unwrap_or(&event.event).end?.as_second())).first().copied();

    let seen = !ins.is_empty() || !outs.is_empty();
    let there = seen || over && sessions.0 > 0;
    let stayed = present(&ins, &outs, end.filter(|_| over));
    let short = rules.below_minutes.zip(stayed).is_some_and(|(minutes, stayed)| stayed < minutes * 60);
    let few = rules.below_percent.is_some_and(|least| over && sessions.0 * 100 < least * sessions.1);
    let attendance = match stated {
        _ if rules.level == Level::Registrations => None,
        Some(Attendance::Attended | Attendance::Partial) => stated,
        Some(Attendance::NoShow) if !seen => stated,
        _ if there && (short || few) => Some(Attendance::Partial),
        _ if there => Some(Attendance::Attended),
        _ if over && registration == Registration::Registered => Some(Attendance::NoShow),
        _ => None,
    };

    let last = said.iter().map(|event| second(event)).max();
    let settled = (over || end.is_some_and(|end| last >= Some(end)))
        && (attendance.is_some() || rules.level == Level::Registrations);
    let state = match () {
        () if rules.leave_open => 0,
        () if cancelled && matches!(attendance, None | Some(Attendance::NoShow)) => 2,
        () if settled => 1,
        () => 0,
    };
    let scores = latest(said, |event| event.score.filter(|_| rules.level > Level::Registrations));
    Shown {
        registration,
        attendance,
        check_in: ins.iter().min().copied(),
        check_out: outs.iter().max().copied(),
        score: scores.into_iter().reduce(f64::max).map(|score| score * rules.points),
        end,
        state,
        names: latest(said, |event| words(event.event.name.as_deref())).into_iter().collect(),
        session_names: latest(said, |event| words(event.session.as_ref()?.name.as_deref())).into_iter().collect(),
    }
}

/// Whether an event, or a session of it, was said to be over.
fn is_over(events: &[ParticipantEvent], event: &str, session: Option<&String>) -> bool {
    events.iter().filter(|one| one.event.id == event).any(|one| match one.kind {
        Kind::EventClosed => true,
        Kind::SessionClosed => session.is_some() && one.session.as_ref().map(|session| &session.id) == session,
        _ => false,
    })
}

/// All rows of one participant of an event, from what was said of them. `events` holds the closings.
pub fn rows(said: &[&ParticipantEvent], events: &[ParticipantEvent], rules: Rules) -> Rows {
    let mut of: BTreeMap<Option<String>, Vec<&ParticipantEvent>> = BTreeMap::new();
    for event in said {
        of.entry(event.session.as_ref().map(|session| session.id.clone())).or_default().push(event);
    }
    let mut rows = Rows::new();
    let mut sessions = (0, 0);
    // Sessions first: what they come to decides over the event's row.
    for (session, of_row) in of.into_iter().rev() {
        let over = is_over(events, &of_row[0].event.id, session.as_ref());
        let row = shown(&of_row, rules, over, if session.is_none() { sessions } else { (0, 0) });
        let there = matches!(row.attendance, Some(Attendance::Attended | Attendance::Partial));
        sessions.0 += usize::from(there);
        sessions.1 += usize::from(there || row.registration == Registration::Registered);
        rows.insert(session, row);
    }
    rows
}

/// Holds a row of the CRM against what it must show.
pub fn compare(row: &Columns, expected: &Shown, rules: Rules) -> Result<(), String> {
    let text = |column: &str| row.get(column).and_then(Value::as_str).map(str::to_owned);
    let time = |column: &str| text(column).map(|time| time.parse::<jiff::Timestamp>().unwrap().as_second());
    let choice = |column: &str| row.get(column).and_then(Value::as_i64).map(|value| value - 727_000_000);
    let shown = Shown {
        registration: match choice("new_registrationstatus") {
            Some(1) => Registration::Cancelled,
            _ => Registration::Registered,
        },
        attendance: choice("new_attendancestatus")
            .map(|value| [Attendance::Attended, Attendance::NoShow, Attendance::Partial][value as usize]),
        check_in: time("new_checkintime"),
        check_out: time("new_checkouttime"),
        score: row.get("new_engagementscore").and_then(Value::as_f64),
        end: time("scheduledend"),
        state: row.get("statecode").and_then(Value::as_i64).unwrap_or_default(),
        ..expected.clone()
    };
    let (name, session_name) = (text("new_eventname"), text("new_sessionname"));
    let one_of = |names: &BTreeSet<String>, name: &Option<String>| match name {
        Some(name) => names.contains(name),
        None => names.is_empty(),
    };
    let word = match (expected.attendance, expected.registration) {
        (Some(Attendance::Attended), _) => "Attended",
        (Some(Attendance::Partial), _) => "Partial",
        (_, Registration::Cancelled) => "Cancelled",
        (Some(Attendance::NoShow), _) => "No show",
        (None, Registration::Registered) => "Registered for",
    };
    // Of a session its own name; the id where nobody ever said one.
    let spoken = match text("new_sessionid") {
        Some(session) => session_name.clone().unwrap_or(session),
        None => name.clone().or(text("new_eventid")).unwrap(),
    };
    let subject = if rules.name_first { format!("{spoken} ({word})") } else { format!("{word}: {spoken}") };
    match () {
        () if shown != *expected => Err(format!("shows {shown:?}, not {expected:?}")),
        () if !one_of(&expected.names, &name) => Err(format!("has the name {name:?}, not {:?}", expected.names)),
        () if !one_of(&expected.session_names, &session_name) => Err(format!("has the name {session_name:?}")),
        () if (time("actualstart"), time("actualend")) != (expected.check_in, expected.check_out) => {
            Err("began or ended at another time".to_owned())
        }
        () if text("subject").as_ref() != Some(&subject) => Err(format!("{:?} is not {subject:?}", text("subject"))),
        () => Ok(()),
    }
}
