//! The circuit breaker: while Dataverse fails, the process doesn't hammer it with every message that comes along.
//!
//! Several batches are under way at the same time. One failure that meets all of them counts once.

use std::time::{Duration, Instant};

use super::outcome::{Outcome, Postponement, Report};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Closed while batches succeed; after a batch that was postponed, open for a pause that doubles with every further one.
#[derive(Debug, Default)]
pub struct Breaker {
    failures: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    since: Instant,
    until: Instant,
    why: Postponement,
}

impl Breaker {
    /// Why nothing may be tried now; `None` when something may.
    pub fn open(&self, now: Instant) -> Option<Postponement> {
        self.open.as_ref().filter(|open| now < open.until).map(|open| open.why.clone())
    }

    /// Whether the last batch failed: the next one is a try, and needs no company.
    pub fn is_trying(&self) -> bool {
        self.failures > 0
    }

    /// Learns from a batch.
    pub fn record(&mut self, report: &Report, begun: Instant, now: Instant) {
        let postponed = report.outcomes.iter().find_map(|outcome| match outcome {
            // That another batch is about the same people is no failure.
            Outcome::Postponed(Postponement::Claimed) => None,
            Outcome::Postponed(why) => Some(why.clone()),
            _ => None,
        });
        let known = self.open.as_ref().filter(|open| begun < open.since);
        let (since, until) = known.map_or((now, now), |open| (open.since, open.until));
        match postponed {
            Some(why) => {
                self.failures += u32::from(known.is_none());
                let pause = FIRST_PAUSE.saturating_mul(1 << (self.failures - 1).min(10)).min(LONGEST_PAUSE);
                let asked = match &why {
                    Postponement::Transient { retry_after } => retry_after.unwrap_or_default(),
                    Postponement::Held(_) | Postponement::Claimed => Duration::ZERO,
                };
                self.open = Some(Open { since, until: until.max(now + asked).max(since + pause), why });
            }
            // What began before the failure says nothing about what comes after it.
            None if known.is_some() => {}
            None => *self = Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_on_failure_and_closes_on_success() {
        let report = |outcome| Report { outcomes: vec![outcome], ..Report::default() };
        let transient = |retry_after| report(Outcome::Postponed(Postponement::Transient { retry_after }));
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let mut breaker = Breaker::default();
        breaker.record(&transient(None), now, now);
        assert!(breaker.open(now).is_some());
        assert!(breaker.open(now + second).is_none());
        breaker.record(&transient(None), now + second, now + second);
        assert!(breaker.open(now + second * 2).is_some());
        assert!(breaker.open(now + second * 3).is_none());
        breaker.record(&transient(Some(second * 300)), now + second * 3, now + second * 3);
        assert!(breaker.open(now + second * 302).is_some());
        breaker.record(&report(Outcome::Settled { changed: true }), now + second * 303, now + second * 303);
        assert!(breaker.open(now + second * 303).is_none());
    }

    #[test]
    fn a_failure_that_meets_several_batches_counts_once() {
        let report = |outcome| Report { outcomes: vec![outcome], ..Report::default() };
        let transient = || report(Outcome::Postponed(Postponement::Transient { retry_after: None }));
        let begun = Instant::now();
        let (failed, second) = (begun + Duration::from_millis(100), Duration::from_secs(1));
        let mut breaker = Breaker::default();
        (0..5).for_each(|_| breaker.record(&transient(), begun, failed));
        assert!(breaker.open(failed + second).is_none());
        breaker.record(&report(Outcome::Settled { changed: true }), begun, failed);
        assert!(breaker.is_trying() && breaker.open(failed).is_some());
        breaker.record(&transient(), failed + second, failed + second);
        assert!(breaker.open(failed + second * 2).is_some());
    }
}
