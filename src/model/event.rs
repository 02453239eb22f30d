//! What InEvent (or whoever feeds the connector) says about a participant: the connector's own event schema.
//!
//! It is published as JSON Schema in `docs/participant-event.schema.json`, which is generated from these types.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{SourceTime, stamp::Told};

/// One thing that happened to a participant, or the end of an event or session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParticipantEvent {
    /// Identifies this statement in the source; the same statement sent again carries the same id.
    #[serde(deserialize_with = "text_or_number")]
    #[schemars(schema_with = "id_schema")]
    pub id: String,
    /// When it happened, by the source's clock, with offset (RFC 3339). It decides over order, not the time of delivery.
    pub time: SourceTime,
    pub kind: Kind,
    /// That this is the source's state as it was seen at `time`, not something that happened then. It counts only where it differs from
    /// what is known, makes nobody known whom it says to be gone, and a check-in or check-out of which only this is known yields to one
    /// whose time is known.
    #[serde(default, skip_serializing_if = "is_false")]
    pub read: bool,
    /// The InEvent event.
    pub event: Occasion,
    /// The session, where the statement is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Occasion>,
    /// Whom it is about; required for every kind but the two closings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<Participant>,
    /// Answers to custom questions, by question. An absent or blank answer erases nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<String, Value>,
    /// The statuses that the source states outright; only with the kind `updated`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<StatedStatus>,
    /// Engagement score; required with the kind `scored`, allowed only there. Two decimals are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Registered for the event.
    Registered,
    /// Profile, answers, names or stated statuses changed.
    Updated,
    /// Cancelled the registration for the event.
    Cancelled,
    /// Checked in at the event, or at the session if one is named.
    CheckedIn,
    /// Checked out of the event, or of the session if one is named.
    CheckedOut,
    /// The check-in (and check-out) up to this time did not happen.
    CheckInTakenBack,
    /// The engagement score is now `score`.
    Scored,
    /// Enrolled in the session.
    SessionEnrolled,
    /// Left the session's list.
    SessionLeft,
    /// The event is over: who is registered and was not seen is a no-show. It ends all of the event's sessions too.
    EventClosed,
    /// The session is over.
    SessionClosed,
}

/// An event or a session: something with a name that begins and ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Occasion {
    #[serde(deserialize_with = "text_or_number")]
    #[schemars(schema_with = "id_schema")]
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 300))]
    pub name: Option<String>,
    /// With offset (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<SourceTime>")]
    pub begin: Option<Timestamp>,
    /// With offset (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<SourceTime>")]
    pub end: Option<Timestamp>,
    /// The tracks of a session, by name; no event has any. An absent or empty list says nothing.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(inner(length(min = 1, max = 100)))]
    pub tracks: BTreeSet<String>,
}

impl Occasion {
    /// The tracks as one text, as a row keeps them: between them stands `; `, which none of them holds.
    pub fn tracks(&self) -> Option<String> {
        let all: Vec<&str> = self.tracks.iter().map(String::as_str).collect();
        (!all.is_empty()).then(|| all.join(TRACKS))
    }
}

/// What stands between the tracks of a row.
pub const TRACKS: &str = "; ";

/// A participant as InEvent knows them. An absent or blank value erases nothing in the CRM.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Participant {
    /// InEvent's id of the participant.
    #[serde(deserialize_with = "text_or_number")]
    #[schemars(schema_with = "id_schema")]
    pub id: String,
    /// What a contact or lead is found by, unless the settings name other keys. At most 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The participant's id in another system, as configured in InEvent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

/// A profile is personal: only the id is printed.
impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Participant").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Statuses that the source states outright, instead of the connector concluding them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatedStatus {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attendance: Option<Attendance>,
}

/// Whether the participant is on the list. The order is that of precedence at equal times: the later variant wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    Registered,
    Cancelled,
}

/// Whether the participant was there. The order is that of precedence at equal times: the later variant wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Attendance {
    NoShow,
    Partial,
    Attended,
}

impl ParticipantEvent {
    /// When it was stated, and how.
    pub fn told(&self) -> Told {
        Told { time: self.time, read: self.read }
    }

    /// Whether the participant is said to be on no list any more.
    pub fn is_departure(&self) -> bool {
        matches!(self.kind, Kind::Cancelled | Kind::SessionLeft)
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

/// InEvent's ids are numbers that it sends as text: both are taken.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected text or a whole number")]
    enum Id {
        Text(String),
        Number(u64),
    }
    Ok(match Id::deserialize(deserializer)? {
        Id::Text(text) => text.trim().to_owned(),
        Id::Number(number) => number.to_string(),
    })
}

fn id_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": ["string", "integer"], "minLength": 1, "maxLength": 100, "minimum": 0 })
}

/// The JSON Schema of [`ParticipantEvent`], as text.
pub fn json_schema() -> String {
    let schema = schemars::schema_for!(ParticipantEvent);
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}
