//! How many calls may be made in five minutes: the connector's own pace, below the service protection limit that Dataverse sets
//! (Microsoft: "Service protection API limits").

use std::time::{Duration, Instant};

/// The window that Dataverse counts in.
const WINDOW: Duration = Duration::from_secs(300);
/// The part of the budget that may be spent at once. The rest comes back evenly, so that no window holds more than the budget.
pub(super) const AT_ONCE: f64 = 0.2;

/// A bucket that fills as time passes. Without a limit it never runs dry.
#[derive(Debug, Default)]
pub(super) struct Budget {
    calls: Option<f64>,
    left: f64,
    filled: Option<Instant>,
}

impl Budget {
    /// Sets the calls of a window. A change keeps what was spent.
    pub(super) fn set(&mut self, calls: Option<f64>) {
        if self.calls == calls {
            return;
        }
        self.left = match (self.calls, calls) {
            (Some(before), Some(after)) => self.left.min(after * AT_ONCE) + (after - before).max(0.0) * AT_ONCE,
            (_, after) => after.unwrap_or_default() * AT_ONCE,
        };
        self.calls = calls;
    }

    /// How long until so many calls may be made, or as many as may be at once; `None`: now.
    pub(super) fn wait(&mut self, calls: f64, now: Instant) -> Option<Duration> {
        let all = self.calls?;
        let (a_second, most) = (all * (1.0 - AT_ONCE) / WINDOW.as_secs_f64(), (all * AT_ONCE).max(1.0));
        let since = self.filled.replace(now).map_or(Duration::ZERO, |filled| now.saturating_duration_since(filled));
        self.left = (self.left + since.as_secs_f64() * a_second).min(most);
        let lacking = calls.min(most) - self.left;
        (lacking > 0.0).then(|| Duration::from_secs_f64(lacking / a_second) + Duration::from_millis(1))
    }

    /// Calls were made; less than none: they were not, after all.
    pub(super) fn spend(&mut self, calls: f64) {
        self.left -= calls;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_window_holds_more_than_the_budget_and_nearly_all_of_it_can_be_spent() {
        let begun = Instant::now();
        let mut budget = Budget::default();
        budget.set(Some(1_000.0));
        let mut calls = Vec::new();
        let mut now = begun;
        while now < begun + 3 * WINDOW {
            match budget.wait(1.0, now) {
                Some(wait) => now += wait,
                None => {
                    budget.spend(1.0);
                    calls.push(now);
                }
            }
        }
        for (index, first) in calls.iter().enumerate() {
            let held = calls[index..].iter().take_while(|call| **call < *first + WINDOW).count();
            assert!(held <= 1_000, "{held}");
        }
        assert!(calls.len() > 2_500, "{}", calls.len());
        assert_eq!(calls.iter().filter(|call| **call == begun).count(), 200);
    }

    #[test]
    fn without_a_budget_nothing_waits_and_a_smaller_one_holds_at_once() {
        let now = Instant::now();
        let mut budget = Budget::default();
        (0..10_000).for_each(|_| budget.spend(1.0));
        assert_eq!(budget.wait(1.0, now), None);
        budget.set(Some(300.0));
        (0..60).for_each(|_| {
            assert_eq!(budget.wait(1.0, now), None);
            budget.spend(1.0);
        });
        assert!(budget.wait(1.0, now).is_some());
        budget.set(Some(100.0));
        assert!(budget.wait(1.0, now).is_some());
    }

    #[test]
    fn what_is_wanted_together_waits_until_it_is_there_and_what_was_spent_beyond_is_paid_back() {
        let now = Instant::now();
        let mut budget = Budget::default();
        budget.set(Some(100.0));
        assert_eq!(budget.wait(50.0, now), None, "all that may be made at once");
        budget.spend(4.0);
        assert_eq!(budget.wait(16.0, now), None);
        let wait = budget.wait(20.0, now).unwrap();
        assert!(wait >= Duration::from_secs(15) && wait < Duration::from_secs(16), "{wait:?}");
        assert_eq!(budget.wait(20.0, now + wait), None);
        budget.spend(30.0);
        let wait = budget.wait(1.0, now + wait).unwrap();
        assert!(wait >= Duration::from_secs(41) && wait < Duration::from_secs(42), "{wait:?}");
    }
}
