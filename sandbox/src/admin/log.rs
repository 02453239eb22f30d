//! The request log: what was asked, not what was in it. Paths are kept without their query, bodies not at all.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Older entries are dropped beyond this number.
const KEPT: usize = 10_000;

/// One HTTP request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Entry {
    /// Seconds since 1970, by the sandbox's clock.
    pub(crate) at: i64,
    pub(crate) method: String,
    pub(crate) path: String,
    /// 0 if the connection was cut instead.
    pub(crate) status: u16,
    pub(crate) ms: f64,
    /// Operations it carried: more than one for a batch.
    pub(crate) parts: usize,
}

/// The log and its counters.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Log {
    /// Web API requests since the last reset; a batch counts as one.
    pub(crate) calls: u64,
    /// Web API operations since the last reset; those in a batch count one by one.
    pub(crate) parts: u64,
    pub(crate) requests: VecDeque<Entry>,
}

/// The log, shared.
#[derive(Debug, Default)]
pub(crate) struct RequestLog(Mutex<Log>);

impl RequestLog {
    pub(crate) fn record(&self, entry: Entry, web_api: bool) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if web_api {
            log.calls += 1;
            log.parts += entry.parts as u64;
        }
        if log.requests.len() == KEPT {
            log.requests.pop_front();
        }
        log.requests.push_back(entry);
    }

    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Log::default();
    }

    pub(crate) fn snapshot(&self) -> Log {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
