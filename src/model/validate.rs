//! What an event must hold beyond its shape, and how a sender learns what is wrong with it.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::{Address, Kind, ParticipantEvent};

/// How far a source time may lie ahead of the connector's clock.
pub const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// The longest id, in characters: what the CRM's id columns hold.
const MAX_ID: usize = 100;
/// The longest event or session name, in characters: what the CRM's name columns hold.
const MAX_NAME: usize = 300;
/// The longest tracks of a session together, in characters: what the CRM's column holds.
pub const MAX_TRACKS: usize = 1_000;
/// The longest value of a profile field or answer, in characters. Shorter columns cut, they don't refuse.
const MAX_VALUE: usize = 4_000;
/// Beyond this the CRM's decimal column refuses.
pub const MAX_SCORE: f64 = 100_000_000_000.0;

/// One thing that is wrong with an event; never carries a value, only where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where, as a dotted path into the event; empty for the event itself.
    pub path: String,
    pub problem: String,
}

impl Problem {
    pub fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

/// Reads one event and checks it.
///
/// # Errors
/// Everything that is wrong with it (of its shape, only the first thing).
pub fn read(json: &Value, now: Timestamp) -> Result<ParticipantEvent, Vec<Problem>> {
    let event: ParticipantEvent = serde_path_to_error::deserialize(json).map_err(|error| {
        let path = error.path().to_string();
        vec![Problem::new(if path == "." { String::new() } else { path }, without_values(&error.inner().to_string()))]
    })?;
    let problems = check(&event, now);
    if problems.is_empty() { Ok(event) } else { Err(problems) }
}

/// serde names the offending value of a wrong type; it may be personal.
fn without_values(message: &str) -> String {
    match message.split_once(", expected ") {
        Some((head, expected)) if head.starts_with("invalid ") => format!("expected {expected}"),
        _ => message.to_owned(),
    }
}

/// Everything that is wrong with an event of the right shape.
pub fn check(event: &ParticipantEvent, now: Timestamp) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut wrong = |path: &str, problem: &str| problems.push(Problem::new(path, problem));

    for (path, id) in [
        ("id", Some(&event.id)),
        ("event.id", Some(&event.event.id)),
        ("session.id", event.session.as_ref().map(|s| &s.id)),
        ("participant.id", event.participant.as_ref().map(|p| &p.id)),
    ] {
        match id.map(|id| id.chars().count()) {
            Some(0) => wrong(path, "must not be empty"),
            Some(length) if length > MAX_ID => wrong(path, "is longer than 100 characters"),
            _ => {}
        }
        if id.is_some_and(|id| id.chars().any(char::is_control)) {
            wrong(path, "contains control characters");
        }
    }
    if event.time.timestamp() > now + CLOCK_TOLERANCE {
        wrong("time", "lies more than five minutes ahead; check the sender's clock and time zone");
    }
    for (path, occasion) in [("event", Some(&event.event)), ("session", event.session.as_ref())] {
        let Some(occasion) = occasion else { continue };
        if occasion.name.as_ref().is_some_and(|name| name.chars().count() > MAX_NAME) {
            wrong(&format!("{path}.name"), "is longer than 300 characters");
        }
        for track in &occasion.tracks {
            if track.trim().is_empty() || track.contains(';') || track.chars().any(char::is_control) {
                wrong(
                    &format!("{path}.tracks"),
                    "holds a name that is empty or holds a semicolon or control characters",
                );
            }
        }
        if occasion.tracks().is_some_and(|tracks| tracks.chars().count() > MAX_TRACKS) {
            wrong(&format!("{path}.tracks"), "are longer than 1,000 characters together");
        }
        if let (Some(begin), Some(end)) = (occasion.begin, occasion.end)
            && end < begin
        {
            wrong(&format!("{path}.end"), "lies before the begin");
        }
    }
    if !event.event.tracks.is_empty() {
        wrong("event.tracks", "is not allowed: sessions have tracks");
    }
    check_kind(event, &mut wrong);
    check_participant(event, &mut wrong);
    for (question, answer) in &event.answers {
        let path = format!("answers.{question}");
        match answer {
            Value::Object(_) => wrong(&path, "must be text, a number, true, false, or a list of those"),
            other if other.to_string().chars().count() > MAX_VALUE => wrong(&path, "is longer than 4,000 characters"),
            _ => {}
        }
    }
    problems
}

fn check_kind(event: &ParticipantEvent, wrong: &mut impl FnMut(&str, &str)) {
    match (event.kind, &event.session) {
        (Kind::SessionEnrolled | Kind::SessionLeft | Kind::SessionClosed, None) => {
            wrong("session", "is required for this kind")
        }
        (Kind::Registered | Kind::Cancelled | Kind::EventClosed, Some(_)) => {
            wrong("session", "is not allowed for this kind, which is about the event as a whole");
        }
        _ => {}
    }
    match (event.kind, event.score) {
        (Kind::Scored, None) => wrong("score", "is required for the kind scored"),
        (Kind::Scored, Some(score)) if score.abs() > MAX_SCORE => {
            wrong("score", "is beyond what the CRM's decimal column holds")
        }
        (Kind::Scored, Some(_)) | (_, None) => {}
        (_, Some(_)) => wrong("score", "is allowed only with the kind scored"),
    }
    if event.status.is_some() && event.kind != Kind::Updated {
        wrong("status", "is allowed only with the kind updated");
    }
}

fn check_participant(event: &ParticipantEvent, wrong: &mut impl FnMut(&str, &str)) {
    let closing = matches!(event.kind, Kind::EventClosed | Kind::SessionClosed);
    let Some(person) = &event.participant else {
        if !closing {
            wrong("participant", "is required for this kind");
        }
        return;
    };
    if closing {
        return wrong("participant", "is not allowed with a closing, which is about everybody");
    }
    // A guest may have no address; an address that is none is a mistake.
    if let Some(Err(why)) = person.email.as_deref().filter(|written| !written.trim().is_empty()).map(Address::parse) {
        wrong("participant.email", why);
    }
    for (path, value) in [
        ("first_name", &person.first_name),
        ("last_name", &person.last_name),
        ("company", &person.company),
        ("job_title", &person.job_title),
        ("phone", &person.phone),
        ("country", &person.country),
        ("external_id", &person.external_id),
    ] {
        if value.as_ref().is_some_and(|value| value.chars().count() > MAX_VALUE) {
            wrong(&format!("participant.{path}"), "is longer than 4,000 characters");
        }
    }
}
