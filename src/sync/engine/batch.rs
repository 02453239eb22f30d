//! A batch under way: what is planned together, and what became of each event.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Scope;
use crate::{
    dataverse::{Failure, Hold},
    model::ParticipantEvent,
    store::StoreError,
    sync::{
        crm::{Action, Write},
        current::NoRules,
        outcome::{Held, Outcome, Postponement, Refusal, Report, Tally},
        plan::{EventParticipant, Refused},
        rows::Owner,
    },
};

/// Why a batch stopped as a whole.
pub(super) enum Stop {
    Failed(Failure),
    Held(Held),
    Store,
}

/// In words for an administrator.
impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Held(held) => f.write_str(&held.remedy),
            Self::Failed(Failure::Held(hold)) => f.write_str(hold.remedy()),
            Self::Failed(_) => f.write_str("Dataverse does not answer"),
            Self::Store => f.write_str("the connector's storage does not answer"),
        }
    }
}

impl From<NoRules> for Stop {
    fn from(why: NoRules) -> Self {
        match why {
            NoRules::Failed(failure) => Self::Failed(failure),
            NoRules::Held(held) => Self::Held(held),
        }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<StoreError> for Stop {
    fn from(_: StoreError) -> Self {
        Self::Store
    }
}

/// A batch under way.
pub(super) struct Batch<'a> {
    pub(super) events: &'a [ParticipantEvent],
    pub(super) outcomes: Vec<Option<Outcome>>,
    pub(super) changed: BTreeSet<usize>,
    pub(super) tally: Tally,
    /// Rows of a sweep that Dataverse refused.
    pub(super) refused: BTreeSet<Uuid>,
    /// Users and teams that cannot own what they were to get.
    pub(super) unfit: BTreeSet<Owner>,
}

/// What is planned together.
#[derive(Default)]
pub(super) struct Task {
    pub(super) scope: Scope,
    /// Events about participants, by their place in the batch.
    pub(super) statements: Vec<usize>,
    /// Participants whose rows are planned anew although nothing was said of them.
    pub(super) swept: BTreeSet<EventParticipant>,
    /// The outcomes, by their place in the batch, that the swept rows decide.
    pub(super) closings: Vec<usize>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(events: &'a [ParticipantEvent], outcomes: usize) -> Self {
        Self {
            events,
            outcomes: vec![None; outcomes],
            changed: BTreeSet::new(),
            tally: Tally::default(),
            refused: BTreeSet::new(),
            unfit: BTreeSet::new(),
        }
    }

    /// What became of each; what a stop left open is postponed.
    pub(super) fn report(self, stopped: Option<Stop>) -> Report {
        let rest = stopped.map(|stop| match stop {
            Stop::Failed(Failure::Held(hold)) => Postponement::Held(hold.into()),
            Stop::Held(held) => Postponement::Held(held),
            Stop::Failed(Failure::Transient { retry_after }) => Postponement::Transient { retry_after },
            Stop::Failed(
                Failure::Conflict | Failure::Duplicate { .. } | Failure::UnfitOwner | Failure::Refused { .. },
            )
            | Stop::Store => Postponement::Transient { retry_after: None },
        });
        let settled = |index| Outcome::Settled { changed: self.changed.contains(&index) };
        let outcomes = self
            .outcomes
            .iter()
            .enumerate()
            .map(|(index, outcome)| {
                let postponed = || rest.clone().map(Outcome::Postponed);
                outcome.clone().or_else(postponed).unwrap_or_else(|| settled(index))
            })
            .collect();
        Report { outcomes, tally: self.tally }
    }

    pub(super) fn refuse(&mut self, open: &[usize], refused: &[Refused]) {
        for Refused { event, reason } in refused {
            let refusal = Refusal { code: None, reason: reason.clone() };
            self.outcomes[open[*event]].get_or_insert(Outcome::Refused(refusal));
        }
    }

    pub(super) fn record(
        &mut self,
        task: &Task,
        open: &[usize],
        write: &Write,
        result: Result<(), Failure>,
    ) -> Result<(), Stop> {
        // A row of which nothing was said is there because of the closings.
        let swept = write.events.is_empty();
        let events: Vec<usize> =
            if swept { task.closings.clone() } else { write.events.iter().map(|index| open[*index]).collect() };
        match result {
            Ok(()) => {
                self.changed.extend(events);
                match write.action {
                    Action::Create => self.tally.created += 1,
                    Action::Update { .. } => self.tally.updated += 1,
                }
            }
            Err(Failure::Conflict | Failure::Duplicate { .. }) => {}
            // It is planned again, with another owner.
            Err(Failure::UnfitOwner) => match Owner::bound(&write.columns) {
                Some(owner) => {
                    tracing::warn!(row = %write.id, %owner, "the owner of the contact or lead cannot own the activity");
                    self.unfit.insert(owner);
                }
                None => return Err(Failure::Held(Hold::Privilege).into()),
            },
            Err(Failure::Refused { code, reason }) => {
                self.refused.extend(swept.then_some(write.id));
                for index in events {
                    let refusal = Refusal { code, reason: reason.clone() };
                    self.outcomes[index].get_or_insert(Outcome::Refused(refusal));
                }
            }
            // One row of a batch that meets a throttle or a missing role speaks for all that follow.
            Err(failure) => return Err(failure.into()),
        }
        Ok(())
    }
}
