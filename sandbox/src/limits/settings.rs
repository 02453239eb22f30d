//! The numbers.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What is allowed, and how long things take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Whether users beyond a limit are turned away.
    pub(crate) enforce: bool,
    /// Length of the sliding window.
    pub(crate) window_s: i64,
    /// Requests of a user within it.
    pub(crate) requests: u64,
    /// Combined execution time of a user's requests within it.
    pub(crate) execution_s: u64,
    /// A user's requests at the same time.
    pub(crate) concurrent: u64,
    /// What `x-ms-dop-hint` recommends.
    pub(crate) dop_hint: u32,
    /// Whether the parts of a batch count one by one.
    pub(crate) count_batch_parts: bool,
    /// Execution time that every operation is charged with on top of what it takes.
    pub(crate) execution_ms: u64,
    /// How long every Web API answer is held back, and holds its place among the concurrent requests.
    pub(crate) latency: Latency,
}

/// Evenly distributed between two bounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Latency {
    min_ms: u64,
    max_ms: u64,
}

impl Latency {
    /// One value of the distribution.
    pub(crate) fn draw(self) -> Duration {
        let span = self.max_ms.saturating_sub(self.min_ms);
        // Version 4 identifiers are random; nothing here needs better numbers.
        let (random, _) = Uuid::new_v4().as_u64_pair();
        let extra = if span == 0 { 0 } else { random % (span + 1) };
        Duration::from_millis(self.min_ms + extra)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enforce: true,
            window_s: 300,
            requests: 6000,
            execution_s: 1200,
            concurrent: 52,
            dop_hint: 48,
            count_batch_parts: false,
            execution_ms: 0,
            latency: Latency::default(),
        }
    }
}
