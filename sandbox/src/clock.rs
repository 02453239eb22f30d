//! The time as the sandbox sees it: the machine's, moved forward at will.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// A clock that can be set ahead, so that tests need not wait for a token to expire.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    ahead: AtomicI64,
}

impl Clock {
    /// Seconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        Self::machine() + self.ahead.load(Ordering::Relaxed)
    }

    /// The same by the machine's clock, which clients go by too.
    pub(crate) fn machine() -> i64 {
        Timestamp::now().as_second()
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::Relaxed);
    }
}
