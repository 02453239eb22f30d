//! The circuit breaker: while Dataverse fails, the process doesn't hammer it with every message that comes along.

use std::time::{Duration, Instant};

use super::outcome::{Outcome, Postponement, Report};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Closed while batches succeed; after a batch that was postponed, open for a pause that doubles with every further one.
#[derive(Debug, Default)]
pub struct Breaker {
    failures: u32,
    open: Option<(Instant, Postponement)>,
}

impl Breaker {
    /// Why nothing may be tried now; `None` when something may.
    pub fn open(&self, now: Instant) -> Option<Postponement> {
        self.open.as_ref().filter(|(until, _)| now < *until).map(|(_, why)| why.clone())
    }

    /// Learns from a batch.
    pub fn record(&mut self, report: &Report, now: Instant) {
        let postponed = report.outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Postponed(why) => Some(why.clone()),
            _ => None,
        });
        let Some(why) = postponed else {
            *self = Self::default();
            return;
        };
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(10)).min(LONGEST_PAUSE);
        let asked = match &why {
            Postponement::Transient { retry_after } => retry_after.unwrap_or_default(),
            Postponement::Held(_) => Duration::ZERO,
        };
        self.failures += 1;
        self.open = Some((now + pause.max(asked), why));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::outcome::Tally;

    #[test]
    fn opens_on_failure_and_closes_on_success() {
        let report = |outcome| Report { outcomes: vec![outcome], tally: Tally::default() };
        let transient = |retry_after| report(Outcome::Postponed(Postponement::Transient { retry_after }));
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let mut breaker = Breaker::default();
        breaker.record(&transient(None), now);
        assert!(breaker.open(now).is_some());
        assert!(breaker.open(now + second).is_none());
        breaker.record(&transient(None), now);
        assert!(breaker.open(now + second).is_some());
        breaker.record(&transient(Some(second * 300)), now);
        assert!(breaker.open(now + second * 299).is_some());
        breaker.record(&report(Outcome::Settled { changed: true }), now);
        assert!(breaker.open(now).is_none());
    }
}
