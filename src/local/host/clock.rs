//! The time as the local host sees it, so that a test can own it.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;

/// What tells the time to timers and to the texts sent to the handler. Queue and process timing use the real time always.
#[async_trait]
pub trait Clock: Send + Sync + Debug {
    fn now(&self) -> Timestamp;

    /// Returns as soon as [`Clock::now`] is not before `moment`.
    async fn sleep_until(&self, moment: Timestamp);
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep_until(&self, moment: Timestamp) {
        // In short steps: a sleep does not notice when the machine was suspended or its clock was set.
        const STEP: Duration = Duration::from_secs(1);
        loop {
            let left = Duration::try_from(moment.duration_since(self.now())).unwrap_or_default();
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(STEP)).await;
        }
    }
}
