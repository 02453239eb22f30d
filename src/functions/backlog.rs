//! Which events are written now and which are gathered for the next flush of `inevent-activities`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::{
    model::ParticipantEvent,
    queue::Queue,
    settings::document::Writing,
    sync::rules::{EventRules, Rules},
};

/// How long a count of the waiting messages is relied on.
const COUNT_LASTS: Duration = Duration::from_secs(10);

/// How many messages wait in `inevent-events`, looked at rarely.
#[derive(Debug)]
pub struct Backlog {
    queue: Arc<dyn Queue>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    at: Option<Instant>,
    waiting: u64,
    /// The largest threshold that gathering goes on for: it was exceeded, and less than half of it has not been seen since.
    gathering: u64,
}

impl Seen {
    fn counted(&mut self, waiting: u64, at: Instant) {
        *self = Self { at: Some(at), waiting, gathering: self.gathering.min(waiting.saturating_mul(2)).max(waiting) };
    }

    fn is_above(&self, threshold: u64) -> bool {
        self.gathering > threshold
    }
}

impl Backlog {
    pub fn new(queue: Arc<dyn Queue>) -> Self {
        Self { queue, seen: Mutex::default() }
    }

    /// Whether more messages wait than this, or did and half as many still do.
    pub async fn is_above(&self, threshold: u64, now: Instant) -> bool {
        let mut seen = self.seen.lock().await;
        if seen.at.is_none_or(|at| now >= at + COUNT_LASTS) {
            let before = seen.waiting;
            match self.queue.approximate_len().await {
                Ok(waiting) => seen.counted(waiting, now),
                Err(error) => {
                    tracing::warn!(%error, "the backlog could not be counted; what was known holds");
                    seen.counted(before, now);
                }
            }
        }
        seen.is_above(threshold)
    }
}

/// When an event's rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    Now,
    /// After so much time, with all else that was gathered.
    After(Duration),
}

/// Decides for each event of a message.
pub async fn when(events: &[ParticipantEvent], rules: &Rules, backlog: &Backlog, now: Timestamp) -> Vec<When> {
    let mut all = Vec::with_capacity(events.len());
    for event in events {
        let rules = rules.of(event);
        let gathered = match rules.writing {
            _ if !rules.sync => false,
            Writing::NearRealTime => false,
            Writing::Batched => true,
            Writing::Automatic => backlog.is_above(rules.backlog_threshold, Instant::now()).await,
        };
        all.push(if gathered { When::After(until_flush(rules, now)) } else { When::Now });
    }
    all
}

/// The time until the clock's minute is a multiple of the interval, the same moment for every process.
fn until_flush(rules: &EventRules, now: Timestamp) -> Duration {
    let interval = u64::from(rules.batch_minutes).max(1) * 60_000;
    let past = u64::try_from(now.as_millisecond()).unwrap_or_default() % interval;
    Duration::from_millis(interval - past)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathering_begins_above_the_threshold_and_ends_below_half_of_it() {
        let now = Instant::now();
        let mut seen = Seen::default();
        let mut above = |waiting| {
            seen.counted(waiting, now);
            seen.is_above(100)
        };
        let told: Vec<bool> = [0, 100, 101, 60, 51, 50, 60, 100, 500, 51, 40].into_iter().map(&mut above).collect();
        assert_eq!(told, [false, false, true, true, true, false, false, false, true, true, false]);
    }

    #[test]
    fn flushes_are_at_round_minutes() {
        let rules = Rules::default();
        let until = |time: &str| until_flush(rules.of_event(""), time.parse().unwrap()).as_millis();
        assert_eq!(until("2026-05-12T16:00:00Z"), 300_000);
        assert_eq!(until("2026-05-12T16:04:59.5Z"), 500);
        assert_eq!(until("2026-05-12T16:05:00.001Z"), 299_999);
    }
}
