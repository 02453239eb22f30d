//! What became of an event.

use std::{collections::BTreeSet, time::Duration};

use super::decision::Decision;
use crate::dataverse::Hold;

/// What became of one event of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the CRM; `changed` is false when there was nothing to write.
    Settled { changed: bool },
    /// Never, as it is: to be parked with the reason.
    Refused(Refusal),
    /// Later: back to the queue.
    Postponed(Postponement),
}

/// Why a row was refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Dataverse's error code.
    pub code: Option<u32>,
    /// In Dataverse's words; may be personal.
    pub reason: String,
}

/// Why an event waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Postponement {
    /// It may pass by itself.
    Transient { retry_after: Option<Duration> },
    /// Another batch is about whom it is about.
    Claimed,
    /// Somebody must mend it first.
    Held(Held),
}

/// What keeps everything from being written, and how it is mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// A short name, for records and alerts.
    pub name: &'static str,
    pub remedy: String,
}

impl From<Hold> for Held {
    fn from(hold: Hold) -> Self {
        Self { name: hold.name(), remedy: hold.remedy().to_owned() }
    }
}

impl Postponement {
    /// A short name, for the envelope and the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Transient { .. } => "transient",
            Self::Claimed => "claimed",
            Self::Held(held) => held.name,
        }
    }
}

/// What a batch did, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub created: u64,
    pub updated: u64,
}

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order of its events.
    pub outcomes: Vec<Outcome>,
    pub tally: Tally,
    /// InEvent's ids of the events that it was about.
    pub about: BTreeSet<String>,
    pub decisions: BTreeSet<Decision>,
}
