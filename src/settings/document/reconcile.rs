//! What the connector looks up in InEvent by itself, beside what webhooks tell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an event is reconciled: what InEvent knows of it is compared with the rows, and what they lack is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Reconcile {
    /// Whether the event is looked at at all. Off, webhooks alone tell of it, and what they lose is lost.
    pub enabled: bool,
    /// How far a look at what changed goes back before the last one, in hours.
    #[schemars(range(min = 1, max = 720))]
    pub overlap_hours: u16,
    /// How many days before it begins an event is first looked at.
    #[schemars(range(min = 1, max = 730))]
    pub days_before: u16,
    /// How many hours after its end an event is still looked at.
    #[schemars(range(min = 1, max = 8760))]
    pub grace_hours: u16,
    /// What counts as the engagement score, where the setting `score` does not say otherwise.
    pub score: ScoreSource,
}

/// Where an engagement score is read: InEvent has none of that name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScoreSource {
    /// Gamification points.
    #[default]
    Points,
    /// Minutes of video watched.
    TimeSpent,
    /// Points of the event's quizzes, added up.
    Quizzes,
    /// No score is read.
    None,
}

impl Default for Reconcile {
    fn default() -> Self {
        Self { enabled: true, overlap_hours: 48, days_before: 180, grace_hours: 72, score: ScoreSource::default() }
    }
}
