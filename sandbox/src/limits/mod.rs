//! Service protection limits ("Service protection API limits"): requests, execution time and concurrency, counted for
//! each user over a sliding window, told in headers, and enforced.

mod settings;
mod window;

pub(crate) use settings::{Latency, Settings};

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::errors::ApiError;
use window::Window;

/// What is left to a user: requests, and execution time in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Remaining {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
}

#[derive(Debug, Default)]
struct Counters {
    settings: Settings,
    users: HashMap<Uuid, Window>,
}

/// The limits of an organisation and how far its users have used them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits(Arc<Mutex<Counters>>);

impl Limits {
    pub(crate) fn settings(&self) -> Settings {
        self.lock().settings.clone()
    }

    /// Sets the limits; what was used up under the old ones is forgotten, but not what is under way.
    pub(crate) fn set(&self, settings: Settings) {
        let mut counters = self.lock();
        counters.settings = settings;
        counters.users.retain(|_, window| {
            window.forget_use();
            window.running > 0
        });
    }

    /// Lets a user's request in, or says why not.
    pub(crate) fn enter(&self, user: Uuid, now: i64) -> Result<Pass, ApiError> {
        let mut counters = self.lock();
        let Counters { settings, users } = &mut *counters;
        let window = users.entry(user).or_default();
        window.forget(now, settings.window_s);
        let refused = settings.enforce.then(|| window.exceeded(now, settings)).flatten();
        match refused {
            Some(error) => {
                window.rejected += 1;
                Err(error)
            }
            None => {
                window.rejected = 0;
                window.running += 1;
                window.working += 1;
                Ok(Pass { limits: self.clone(), user, counted: false })
            }
        }
    }

    /// What is left to a user; without one, what everybody starts with.
    pub(crate) fn remaining(&self, user: Option<Uuid>, now: i64) -> Remaining {
        let mut counters = self.lock();
        let Counters { settings, users } = &mut *counters;
        let (requests, execution) = match user.and_then(|user| users.get_mut(&user)) {
            Some(window) => {
                window.forget(now, settings.window_s);
                window.used()
            }
            None => (0, Duration::ZERO),
        };
        Remaining {
            requests: settings.requests.saturating_sub(requests),
            seconds: Duration::from_secs(settings.execution_s).saturating_sub(execution).as_secs_f64(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that was let in. It is under way until this is dropped: an answer that is held back still holds its place.
#[derive(Debug)]
pub(crate) struct Pass {
    limits: Limits,
    user: Uuid,
    /// Whether its work is done and counted.
    counted: bool,
}

impl Pass {
    /// Counts the request, whose work is done: the operations it carried and how long it took.
    pub(crate) fn count(&mut self, now: i64, operations: usize, took: Duration) {
        let mut counters = self.limits.lock();
        let Counters { settings, users } = &mut *counters;
        let requests = if settings.count_batch_parts { operations as u64 } else { 1 };
        let cost = Duration::from_millis(settings.execution_ms).saturating_mul(u32::try_from(operations).unwrap_or(1));
        let window = users.entry(self.user).or_default();
        // Requests wait for each other here as they would not on a server farm: each is charged with its share.
        let share = took / u32::try_from(window.working.max(1)).unwrap_or(1);
        window.count(now, requests, share + cost);
        window.working = window.working.saturating_sub(1);
        self.counted = true;
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(window) = self.limits.lock().users.get_mut(&self.user) {
            window.running = window.running.saturating_sub(1);
            window.working = window.working.saturating_sub(u64::from(!self.counted));
        }
    }
}
