//! How webhooks look and fare.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Trigger;

/// How webhooks look and fare. InEvent publishes none of it; `ASSUMPTIONS.md` says why each default was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::inevent) struct Settings {
    pub(super) body: Shape,
    /// The field that says what happened; none if empty.
    pub(super) type_field: String,
    /// What it says, and what `webhook.create` takes, where that differs from the trigger's name here.
    pub(super) types: BTreeMap<Trigger, String>,
    /// The key of the nested shape.
    pub(super) data_key: String,
    /// Whether ids are numbers in JSON.
    pub(super) ids_as_numbers: bool,
    /// How likely a delivery never leaves.
    pub(super) loss: f64,
    /// How likely it leaves twice.
    pub(super) duplication: f64,
    /// How long every delivery waits.
    pub(super) delay_ms: u64,
    /// How much longer it may wait, at random: this shuffles the order.
    pub(super) shuffle_ms: u64,
    /// How often a delivery that failed is tried again.
    pub(super) retries: u32,
    pub(super) retry_ms: u64,
    /// How many are on their way at once.
    pub(super) parallel: usize,
    /// How long an answer is waited for.
    pub(super) timeout_ms: u64,
    /// Where the random numbers begin.
    pub(super) seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body: Shape::Thin,
            type_field: "type".to_owned(),
            types: BTreeMap::new(),
            data_key: "data".to_owned(),
            ids_as_numbers: false,
            loss: 0.0,
            duplication: 0.0,
            delay_ms: 0,
            shuffle_ms: 0,
            retries: 0,
            retry_ms: 1000,
            parallel: 1,
            timeout_ms: 10_000,
            seed: 1,
        }
    }
}

impl Settings {
    /// What the field of the type says.
    pub(super) fn literal(&self, trigger: Trigger) -> String {
        self.types.get(&trigger).map_or_else(|| trigger.guess().to_owned(), Clone::clone)
    }
}

/// What a body looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::inevent) enum Shape {
    /// Ids and a time.
    Thin,
    /// These, and what `event.person.get` or `activity.get` or `event.get` gives.
    Rich,
    /// The same under one key.
    Nested,
    /// The rich one as a form.
    Form,
}
