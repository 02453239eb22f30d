//! How many calls are in flight at once: up by one while calls succeed, halved when Dataverse throttles, never beyond the degree of
//! parallelism that it recommends (`x-ms-dop-hint`; Microsoft: "Send parallel requests"), of which this process takes its share; and
//! how many calls there are in five minutes. A part of the calls may have limits of its own beside those of all.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::budget::{AT_ONCE, Budget};

/// Before Dataverse has recommended anything.
const FIRST_CEILING: usize = 4;
/// The calls that are drawn in advance: more than a thousand new people take.
const DRAWN: i64 = 20;

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
    /// Whether the budget is drawn from in advance instead of with each call.
    in_advance: bool,
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
            in_advance: false,
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
        let spent = if self.in_advance { None } else { self.budget.wait(1.0, now) };
        asked.filter(|pause| !pause.is_zero()).max(spent)
    }

    fn begin_call(&mut self) {
        self.in_flight += 1;
        if !self.in_advance {
            self.budget.spend(1.0);
        }
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
    /// One that knows no bounds but what the settings allow: of a part of the calls, which count in another one as well. Its budget is
    /// drawn from by [`Drawn`].
    pub(super) fn of_part(of: &Self) -> Self {
        let share = of.lock().share;
        let limit = Limit { limit: usize::MAX, hint: usize::MAX, share, in_advance: true, ..Limit::default() };
        Self { state: Mutex::new(limit), freed: Notify::new() }
    }

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
                    state.begin_call();
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

/// How many may have drawn from so many calls in five minutes at the same time: one at least.
pub fn draws_at_once(requests: u32) -> usize {
    ((f64::from(requests) * AT_ONCE / DRAWN as f64) as usize).max(1)
}

/// Calls drawn in advance from the budget of a part, so that who has begun with them never waits for more: what is made beyond them is
/// spent at once, and paid back before anybody draws again. What is left of them goes back.
#[derive(Debug)]
pub(super) struct Drawn {
    limiter: Arc<Limiter>,
    left: AtomicI64,
}

impl Drawn {
    /// # Errors
    /// How long until there is enough to draw.
    pub(super) fn from(limiter: Arc<Limiter>) -> Result<Self, Duration> {
        let mut limit = limiter.lock();
        if let Some(wait) = limit.budget.wait(DRAWN as f64, Instant::now()) {
            return Err(wait);
        }
        limit.budget.spend(DRAWN as f64);
        drop(limit);
        Ok(Self { limiter, left: AtomicI64::new(DRAWN) })
    }

    /// Waits until no more calls of the part are under way than may be.
    pub(super) async fn admit(&self) -> Result<Permit<'_>, Duration> {
        self.limiter.admit(Duration::ZERO).await
    }

    /// A call is made.
    pub(super) fn count(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) <= 0 {
            self.limiter.lock().budget.spend(1.0);
        }
    }

    pub(super) fn at_once(&self) -> usize {
        self.limiter.at_once()
    }
}

impl Drop for Drawn {
    fn drop(&mut self) {
        self.limiter.lock().budget.spend(-self.left.load(Ordering::Relaxed).max(0) as f64);
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

    #[tokio::test]
    async fn a_part_has_its_share_of_limits_of_its_own() {
        let all = Limiter::default();
        all.share(Share { processes: 2, place: 1, is_new: false });
        let part = Arc::new(Limiter::of_part(&all));
        assert!(part.at_once() > 1_000, "without settings it has no bounds");
        part.allow(Some(3), Some(200));
        let drawn = Drawn::from(part.clone()).unwrap();
        assert_eq!(drawn.at_once(), 1);
        part.share(Share { processes: 2, place: 0, is_new: false });
        assert_eq!(drawn.at_once(), 2);
        let (first, _second) = (drawn.admit().await.unwrap(), drawn.admit().await.unwrap());
        let third = drawn.admit();
        tokio::pin!(third);
        assert!(futures_util::poll!(&mut third).is_pending());
        drop(first);
        third.await.unwrap();
    }

    #[test]
    fn a_part_that_has_drawn_its_calls_goes_on_and_those_after_it_wait() {
        let part = Arc::new(Limiter::of_part(&Limiter::default()));
        part.allow(None, Some(100));
        let unused = Drawn::from(part.clone()).unwrap();
        let wait = Drawn::from(part.clone()).unwrap_err();
        assert!(wait > Duration::from_secs(70) && wait < Duration::from_secs(76), "{wait:?}");
        assert_eq!([100, 599, 600].map(draws_at_once), [1, 5, 6]);
        drop(unused);
        let first = Drawn::from(part.clone()).unwrap();
        (0..4).for_each(|_| first.count());
        drop(first);
        let wait = Drawn::from(part.clone()).unwrap_err();
        assert!(wait > Duration::from_secs(14) && wait < Duration::from_secs(16), "four calls are paid back: {wait:?}");
        part.allow(None, None);
        let second = Drawn::from(part.clone()).unwrap();
        part.allow(None, Some(100));
        (0..30).for_each(|_| second.count());
        drop(second);
        let wait = Drawn::from(part).unwrap_err();
        assert!(wait > Duration::from_secs(30), "what is beyond the drawn is paid back: {wait:?}");
    }
}
