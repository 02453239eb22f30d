//! How many calls are in flight at once: up by one while calls succeed, halved when Dataverse throttles, never beyond the degree of
//! parallelism that it recommends (`x-ms-dop-hint`; Microsoft: "Send parallel requests"), of which this process takes its share; and
//! how many calls there are in five minutes.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::budget::Budget;

/// Before Dataverse has recommended anything.
const FIRST_CEILING: usize = 4;

/// What became of a call, as far as the limit is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Answered,
    Throttled {
        retry_after: Option<Duration>,
    },
    /// It did not come through, or failed on the server: it says nothing about load.
    Neither,
}

/// This process among those that write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// How many there are, at least 1.
    pub processes: usize,
    /// The place of this one in an order that all of them know, from 0: who stands first gets what cannot be divided.
    pub place: usize,
    /// The others may not have noticed it yet, and use what is its share: it makes one call at a time.
    pub is_new: bool,
}

impl Share {
    pub const WHOLE: Self = Self { processes: 1, place: 0, is_new: false };

    /// What this process gets of a number of calls at the same time: one at least.
    fn of(self, calls: usize) -> usize {
        if self.is_new {
            return 1;
        }
        let processes = self.processes.max(1);
        (calls / processes + usize::from(self.place < calls % processes)).max(1)
    }
}

/// Admits calls.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    state: Mutex<Limit>,
    freed: Notify,
}

/// The limit as a pure state machine.
#[derive(Debug)]
struct Limit {
    limit: usize,
    /// Calls answered since the limit last moved.
    answered: usize,
    in_flight: usize,
    hint: usize,
    /// What the settings allow, all processes together.
    most: Option<usize>,
    /// Calls in five minutes, all processes together.
    requests: Option<u32>,
    share: Share,
    budget: Budget,
    paused_until: Option<Instant>,
}

impl Default for Limit {
    fn default() -> Self {
        Self {
            limit: 1,
            answered: 0,
            in_flight: 0,
            hint: FIRST_CEILING,
            most: None,
            requests: None,
            share: Share::WHOLE,
            budget: Budget::default(),
            paused_until: None,
        }
    }
}

impl Limit {
    fn ceiling(&self) -> usize {
        self.share.of(self.most.map_or(self.hint, |most| most.min(self.hint)))
    }

    /// How long no call may be made: Dataverse asked for it, or the budget is spent.
    fn pause(&mut self, now: Instant) -> Option<Duration> {
        let asked = self.paused_until.and_then(|until| until.checked_duration_since(now));
        asked.filter(|pause| !pause.is_zero()).max(self.budget.wait(now))
    }

    fn divide(&mut self) {
        let processes = self.share.processes.max(1) as f64;
        self.budget.set(self.requests.map(|requests| f64::from(requests) / processes));
    }

    fn at_once(&self) -> usize {
        self.limit.min(self.ceiling())
    }

    fn admits(&self) -> bool {
        self.in_flight < self.at_once()
    }

    fn learn(&mut self, verdict: Verdict, now: Instant) {
        match verdict {
            Verdict::Neither => {}
            Verdict::Answered => {
                self.answered += 1;
                if self.answered >= self.limit {
                    self.answered = 0;
                    self.limit = (self.limit + 1).min(self.ceiling());
                }
            }
            Verdict::Throttled { retry_after } => {
                self.answered = 0;
                self.limit = (self.limit.min(self.ceiling()) / 2).max(1);
                let until = retry_after.map(|wait| now + wait);
                self.paused_until = self.paused_until.max(until);
            }
        }
    }
}

impl Limiter {
    /// Waits until a call may be made. It counts until the permit is dropped.
    ///
    /// # Errors
    /// How long Dataverse asked to be left alone, when that is longer than `patience`.
    pub(super) async fn admit(&self, patience: Duration) -> Result<Permit<'_>, Duration> {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // Registered before the look, so that no place freed in between is missed.
            freed.as_mut().enable();
            let pause = {
                let mut state = self.lock();
                let pause = state.pause(Instant::now());
                if pause.is_none() && state.admits() {
                    state.in_flight += 1;
                    state.budget.spend();
                    return Ok(Permit { limiter: self });
                }
                pause
            };
            match pause {
                Some(pause) if pause > patience => return Err(pause),
                Some(pause) => tokio::time::sleep(pause).await,
                None => freed.await,
            }
        }
    }

    /// Takes note of what a call told beside its own outcome.
    pub(super) fn learn(&self, verdict: Verdict) {
        self.lock().learn(verdict, Instant::now());
    }

    /// The calls that may be under way together, as things stand.
    pub(super) fn at_once(&self) -> usize {
        self.lock().at_once()
    }

    /// What Dataverse recommends for the whole organisation.
    pub(super) fn hint(&self, hint: usize) {
        self.lock().hint = hint.max(1);
        self.freed.notify_waiters();
    }

    /// What the settings allow all processes together: calls at the same time, and in five minutes.
    pub(super) fn allow(&self, most: Option<usize>, requests: Option<u32>) {
        let mut limit = self.lock();
        (limit.most, limit.requests) = (most, requests);
        limit.divide();
        drop(limit);
        self.freed.notify_waiters();
    }

    /// With whom recommendation and budget are shared.
    pub(super) fn share(&self, share: Share) {
        let mut limit = self.lock();
        limit.share = share;
        limit.divide();
        drop(limit);
        self.freed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Limit> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call under way.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    limiter: &'a Limiter,
}

impl Permit<'_> {
    pub(super) fn learn(&self, verdict: Verdict) {
        self.limiter.learn(verdict);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.limiter.lock().in_flight -= 1;
        self.limiter.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_climbs_by_one_is_halved_and_never_exceeds_its_share() {
        let now = Instant::now();
        let mut limit = Limit { hint: 10, ..Limit::default() };
        let answered = |limit: &mut Limit, calls: usize| (0..calls).for_each(|_| limit.learn(Verdict::Answered, now));
        answered(&mut limit, 1);
        assert_eq!(limit.limit, 2);
        answered(&mut limit, 2);
        assert_eq!(limit.limit, 3);
        answered(&mut limit, 200);
        assert_eq!(limit.limit, 10);
        limit.learn(Verdict::Throttled { retry_after: Some(Duration::from_secs(3)) }, now);
        assert_eq!((limit.limit, limit.pause(now)), (5, Some(Duration::from_secs(3))));
        assert_eq!(limit.pause(now + Duration::from_secs(3)), None);
        for _ in 0..9 {
            limit.learn(Verdict::Throttled { retry_after: None }, now);
        }
        assert_eq!(limit.limit, 1);
        limit.share = Share { processes: 4, place: 2, is_new: false };
        answered(&mut limit, 200);
        assert_eq!(limit.limit, 2);
        limit.learn(Verdict::Neither, now);
        assert_eq!(limit.limit, 2);
        limit.share = Share { processes: 4, place: 1, is_new: false };
        answered(&mut limit, 200);
        assert_eq!(limit.limit, 3);
        limit.most = Some(4);
        assert_eq!(limit.ceiling(), 1);
    }

    #[test]
    fn all_shares_together_are_the_whole() {
        for (calls, processes) in [(4, 3), (52, 5), (7, 7), (1, 1)] {
            let shares = (0..processes).map(|place| Share { processes, place, is_new: false }.of(calls));
            assert_eq!(shares.sum::<usize>(), calls);
        }
        assert_eq!(Share { processes: 9, place: 8, is_new: false }.of(4), 1);
        assert_eq!(Share { is_new: true, ..Share::WHOLE }.of(52), 1);
    }

    #[tokio::test]
    async fn who_waits_is_admitted_when_a_call_ends() {
        let limiter = Limiter::default();
        let first = limiter.admit(Duration::ZERO).await.unwrap();
        let waiting = limiter.admit(Duration::ZERO);
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(first);
        let _second = waiting.await.unwrap();
        limiter.hint(3);
        assert_eq!(limiter.lock().in_flight, 1);
        limiter.learn(Verdict::Throttled { retry_after: Some(Duration::from_secs(60)) });
        assert!(limiter.admit(Duration::from_secs(5)).await.is_err());
    }
}
