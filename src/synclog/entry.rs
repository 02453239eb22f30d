//! One outcome.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    model::{Kind, ParticipantEvent},
    sync::{
        closings::Closed,
        outcome::{Outcome, Postponement},
    },
};

/// The longest id that is kept, in characters.
const MAX_ID: usize = 100;

/// What became of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub at: Timestamp,
    pub step: Step,
    pub result: Verdict,
    /// InEvent's id of the event; empty where it cannot be told.
    #[serde(default)]
    pub event: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// InEvent's id of the participant, never the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    /// The id that the statement has in its source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// What the statement says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Dataverse's error code, as `0x80040203`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// A short name: what holds it, why it is parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How many: statements that followed from a webhook or a look, people invited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The trace of the request that brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A statement was brought to Dynamics.
    Sync,
    /// A webhook was completed through InEvent's API.
    Webhook,
    /// An event was looked at in InEvent.
    Look,
    /// Members of marketing lists were invited.
    Invitations,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Something was written or sent.
    Written,
    /// Everything was there already.
    Unchanged,
    /// The person is written; the attendance row waits for its batch.
    Gathered,
    /// Dynamics refuses it: it is parked.
    Refused,
    /// It cannot be read, or was delivered too often: it is parked.
    Parked,
    /// Somebody must mend something first.
    Held,
    /// It is tried again.
    Postponed,
    /// It is about somebody who is forgotten.
    Dropped,
}

impl Verdict {
    pub const ALL: [Self; 8] = [
        Self::Written,
        Self::Unchanged,
        Self::Gathered,
        Self::Refused,
        Self::Parked,
        Self::Held,
        Self::Postponed,
        Self::Dropped,
    ];

    /// As it stands in the records, and as it is searched for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Unchanged => "unchanged",
            Self::Gathered => "gathered",
            Self::Refused => "refused",
            Self::Parked => "parked",
            Self::Held => "held",
            Self::Postponed => "postponed",
            Self::Dropped => "dropped",
        }
    }
}

impl Step {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Webhook => "webhook",
            Self::Look => "look",
            Self::Invitations => "invitations",
        }
    }
}

impl Entry {
    pub fn new(at: Timestamp, step: Step, result: Verdict, event: &str) -> Self {
        Self {
            at,
            step,
            result,
            event: id(event),
            session: None,
            participant: None,
            statement: None,
            kind: None,
            code: None,
            why: None,
            count: None,
            trace_id: None,
        }
    }

    /// What became of a statement.
    pub fn of_statement(
        at: Timestamp,
        statement: &ParticipantEvent,
        result: Verdict,
        why: Option<&str>,
        trace_id: Option<&str>,
    ) -> Self {
        Self {
            session: statement.session.as_ref().map(|session| id(&session.id)),
            participant: statement.participant.as_ref().map(|participant| id(&participant.id)),
            statement: Some(id(&statement.id)),
            kind: Some(statement.kind),
            why: why.map(str::to_owned),
            trace_id: trace_id.map(str::to_owned),
            ..Self::new(at, Step::Sync, result, &statement.event.id)
        }
    }

    /// What became of the rows of an event or session once it was concluded that it is over.
    pub fn of_closing(at: Timestamp, closed: &Closed, outcome: &Outcome) -> Self {
        let kind = if closed.session.is_some() { Kind::SessionClosed } else { Kind::EventClosed };
        let (result, code) = result(outcome);
        let session = closed.session.as_deref().map(id);
        Self { kind: Some(kind), session, code, ..Self::new(at, Step::Sync, result, &closed.event) }
    }

    /// What a batch made of a statement. `last` is why it went back to the queue before: the same once more is no news, and
    /// `None`.
    pub fn of_outcome(
        at: Timestamp,
        statement: &ParticipantEvent,
        outcome: &Outcome,
        gathered: bool,
        last: Option<&str>,
        trace_id: Option<&str>,
    ) -> Option<Self> {
        let why = match outcome {
            Outcome::Postponed(why) if last == Some(why.name()) => return None,
            Outcome::Postponed(why) => Some(why.name()),
            _ => None,
        };
        let (result, code) = match outcome {
            Outcome::Settled { .. } if gathered => (Verdict::Gathered, None),
            outcome => result(outcome),
        };
        Some(Self { code, ..Self::of_statement(at, statement, result, why, trace_id) })
    }
}

/// What an outcome came to, with Dynamics' error code.
fn result(outcome: &Outcome) -> (Verdict, Option<String>) {
    match outcome {
        Outcome::Settled { changed: true } => (Verdict::Written, None),
        Outcome::Settled { changed: false } => (Verdict::Unchanged, None),
        Outcome::Refused(refusal) => (Verdict::Refused, refusal.code.map(|code| format!("0x{code:08x}"))),
        Outcome::Postponed(Postponement::Held(_)) => (Verdict::Held, None),
        Outcome::Postponed(Postponement::Transient { .. } | Postponement::Claimed) => (Verdict::Postponed, None),
    }
}

/// An id as it is kept: not too long, and no address, which somebody may use for an id.
pub(super) fn id(text: &str) -> String {
    if text.contains('@') {
        return "(address)".to_owned();
    }
    text.chars().take(MAX_ID).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sync::outcome::{Held, Refusal};

    #[test]
    fn outcomes_are_told_once_and_without_addresses() {
        let statement: ParticipantEvent = serde_json::from_value(json!({
            "id": "ana@x.example-1", "time": "2026-05-01T09:00:00Z", "kind": "registered", "event": { "id": "4711" },
            "participant": { "id": "ana@x.example", "email": "ana@x.example" },
        }))
        .unwrap();
        let told = |outcome: Outcome, gathered, last| {
            Entry::of_outcome(Timestamp::UNIX_EPOCH, &statement, &outcome, gathered, last, None)
        };
        let held = || Outcome::Postponed(Postponement::Held(Held { name: "secret", remedy: "…".into() }));
        let refused = Outcome::Refused(Refusal { code: Some(0x8004_0203), reason: "ana@x.example exists".into() });
        let refused = told(refused, false, None).unwrap();
        assert_eq!((refused.result, refused.code.as_deref()), (Verdict::Refused, Some("0x80040203")));
        assert!(!json!(refused).to_string().contains("ana"));
        assert_eq!(told(Outcome::Settled { changed: true }, true, None).unwrap().result, Verdict::Gathered);
        assert_eq!(told(held(), false, None).unwrap().why.as_deref(), Some("secret"));
        assert_eq!(told(held(), false, Some("secret")), None, "that it still waits is no news");
        assert!(told(held(), false, Some("transient")).is_some());
    }

    #[test]
    fn names_are_those_of_the_records() {
        for verdict in Verdict::ALL {
            assert_eq!(json!(verdict), verdict.name());
        }
        for step in [Step::Sync, Step::Webhook, Step::Look, Step::Invitations] {
            assert_eq!(json!(step), step.name());
        }
    }
}
