//! Service protection limits: counted and told in headers; nobody is turned away unless a fault says so.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Requests allowed within [`WINDOW`] seconds ("Service protection API limits").
const REQUESTS: u64 = 6000;
/// Combined execution time allowed within [`WINDOW`] seconds.
const EXECUTION: Duration = Duration::from_secs(1200);
/// Length of the sliding window, in seconds.
const WINDOW: i64 = 300;
/// What `x-ms-dop-hint` recommends.
pub(crate) const PARALLELISM: u32 = 48;

/// Use within one second.
#[derive(Debug)]
struct Second {
    at: i64,
    requests: u64,
    execution: Duration,
}

/// Use within the last five minutes.
#[derive(Debug, Default)]
pub(crate) struct Window(Mutex<VecDeque<Second>>);

impl Window {
    /// Counts a request and returns what is left: requests, and execution time in seconds.
    pub(crate) fn count(&self, now: i64, execution: Duration) -> (u64, f64) {
        let mut seconds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while seconds.front().is_some_and(|second| second.at <= now - WINDOW) {
            seconds.pop_front();
        }
        match seconds.back_mut() {
            Some(second) if second.at == now => {
                second.requests += 1;
                second.execution += execution;
            }
            _ => seconds.push_back(Second { at: now, requests: 1, execution }),
        }
        let requests: u64 = seconds.iter().map(|second| second.requests).sum();
        let used: Duration = seconds.iter().map(|second| second.execution).sum();
        (REQUESTS.saturating_sub(requests), EXECUTION.saturating_sub(used).as_secs_f64())
    }
}
