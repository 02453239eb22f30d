//! Calls under way, counted and logged.

use std::{sync::Arc, time::Instant};

use tokio::sync::watch;
use uuid::Uuid;

use super::{failure::Failure, log::HostLog};

/// How much the host has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Calls under way now.
    pub running: usize,
    /// The most calls that were under way at once.
    pub most_running: usize,
    pub succeeded: u64,
    pub failed: u64,
    /// How often the handler was started, the first time included.
    pub handler_starts: u32,
}

#[derive(Debug)]
pub(super) struct Calls {
    stats: watch::Sender<Stats>,
    log: Arc<HostLog>,
}

/// One execution of a function, from its trigger to the last output.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) id: Uuid,
    pub(super) function: &'a str,
    started: Instant,
    calls: &'a Calls,
    settled: bool,
}

impl Calls {
    pub(super) fn new(log: Arc<HostLog>) -> Self {
        Self { stats: watch::channel(Stats::default()).0, log }
    }

    pub(super) fn begin<'a>(&'a self, function: &'a str, id: Uuid, reason: &str) -> Call<'a> {
        self.log.say(format!("Executing 'Functions.{function}' (Reason='{reason}', Id={id})"));
        self.stats.send_modify(|stats| {
            stats.running += 1;
            stats.most_running = stats.most_running.max(stats.running);
        });
        Call { id, function, started: Instant::now(), calls: self, settled: false }
    }

    pub(super) fn stats(&self) -> Stats {
        *self.stats.borrow()
    }
}

impl Call<'_> {
    pub(super) fn finish<T>(mut self, result: Result<T, Failure>) -> Result<T, Failure> {
        self.settled = true;
        let (outcome, succeeded) = if result.is_ok() { ("Succeeded", true) } else { ("Failed", false) };
        self.calls.log.say(format!(
            "Executed 'Functions.{}' ({outcome}, Id={}, Duration={}ms)",
            self.function,
            self.id,
            self.started.elapsed().as_millis()
        ));
        if let Err(failure) = &result {
            failure.lines().into_iter().for_each(|line| self.calls.log.say(line));
        }
        self.calls.stats.send_modify(|stats| {
            if succeeded {
                stats.succeeded += 1;
            } else {
                stats.failed += 1;
            }
        });
        result
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let abandoned = u64::from(!self.settled);
        self.calls.stats.send_modify(|stats| {
            stats.running -= 1;
            stats.failed += abandoned;
        });
    }
}
