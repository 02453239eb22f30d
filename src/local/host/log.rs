//! What the local host says, and what the handler prints.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use tokio::sync::broadcast;

/// How many lines are kept for [`Host::lines`](super::Host::lines); older ones are dropped.
const KEPT: usize = 20_000;

/// One line of the host's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub source: LogSource,
    pub text: String,
}

/// Who said a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogSource {
    /// The local host, in the words of the real one where those are known.
    Host,
    /// The handler's standard output; the real host logs it as information, category `Host.Function.Console`.
    Stdout,
    /// The handler's standard error; the real host logs it as an error.
    Stderr,
    /// An entry of `Logs` in the answer to a call of this function; category `Function.<name>.User`.
    Function(String),
}

#[derive(Debug)]
pub(super) struct HostLog {
    kept: Mutex<VecDeque<LogLine>>,
    listeners: broadcast::Sender<LogLine>,
}

impl HostLog {
    pub(super) fn new() -> Self {
        Self { kept: Mutex::default(), listeners: broadcast::channel(1024).0 }
    }

    pub(super) fn say(&self, text: impl Into<String>) {
        self.add(LogSource::Host, text.into());
    }

    pub(super) fn add(&self, source: LogSource, text: String) {
        let line = LogLine { source, text };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(line.clone());
        // That nobody listens is no error.
        let _ = self.listeners.send(line);
    }

    pub(super) fn lines(&self) -> Vec<LogLine> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<LogLine> {
        self.listeners.subscribe()
    }
}
