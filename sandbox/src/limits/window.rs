//! What one user has used within the window.

use std::collections::VecDeque;
use std::time::Duration;

use super::Settings;
use crate::errors::ApiError;

/// Use within one second.
#[derive(Debug)]
struct Second {
    at: i64,
    requests: u64,
    execution: Duration,
}

/// A user's use.
#[derive(Debug, Default)]
pub(super) struct Window {
    seconds: VecDeque<Second>,
    requests: u64,
    execution: Duration,
    /// Requests under way, up to the moment when their answers leave.
    pub(super) running: u64,
    /// Those of them that are being worked on, and not yet counted.
    pub(super) working: u64,
    /// Requests turned away since the last one that was let in: who keeps pushing waits longer.
    pub(super) rejected: u64,
}

impl Window {
    /// Drops what lies before the window.
    pub(super) fn forget(&mut self, now: i64, length: i64) {
        while let Some(second) = self.seconds.front().filter(|second| second.at <= now - length) {
            self.requests = self.requests.saturating_sub(second.requests);
            self.execution = self.execution.saturating_sub(second.execution);
            self.seconds.pop_front();
        }
    }

    /// Drops all use, but not what is under way.
    pub(super) fn forget_use(&mut self) {
        *self = Self { running: self.running, working: self.working, ..Self::default() };
    }

    pub(super) fn count(&mut self, now: i64, requests: u64, execution: Duration) {
        self.requests += requests;
        self.execution += execution;
        match self.seconds.back_mut() {
            Some(second) if second.at == now => {
                second.requests += requests;
                second.execution += execution;
            }
            _ => self.seconds.push_back(Second { at: now, requests, execution }),
        }
    }

    pub(super) fn used(&self) -> (u64, Duration) {
        (self.requests, self.execution)
    }

    /// The limit that one more request would exceed.
    pub(super) fn exceeded(&self, now: i64, settings: &Settings) -> Option<ApiError> {
        let oldest = self.seconds.front().map_or(1, |second| second.at + settings.window_s - now);
        let wait = |base: i64| u64::try_from(base.max(1)).unwrap_or(1) + self.rejected.min(300);
        if self.running >= settings.concurrent {
            return Some(ApiError::too_concurrent(settings.concurrent, wait(1)));
        }
        // Requests are counted when their work is done, so those that are worked on are added here.
        if self.requests + self.working >= settings.requests {
            return Some(ApiError::too_many_requests(settings.requests, settings.window_s, wait(oldest)));
        }
        if self.execution >= Duration::from_secs(settings.execution_s) {
            return Some(ApiError::too_much_time(settings.execution_s, settings.window_s, wait(oldest)));
        }
        None
    }
}
