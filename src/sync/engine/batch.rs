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
        decision::Decision,
        outcome::{Held, Outcome, Postponement, Refusal, Report, Tally},
        plan::{ColumnProblem, EventParticipant, Plan, Refused},
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
    /// InEvent's ids of the events that it is about.
    about: BTreeSet<String>,
    decisions: BTreeSet<Decision>,
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
    pub(super) fn new(events: &'a [ParticipantEvent]) -> Self {
        let about = events.iter().map(|event| event.event.id.clone()).collect();
        Self::about(about, events, events.len())
    }

    /// Of no statements: the rows of an event or session are planned anew.
    pub(super) fn sweeping(event: &str) -> Self {
        Self::about(BTreeSet::from([event.to_owned()]), &[], 1)
    }

    fn about(about: BTreeSet<String>, events: &'a [ParticipantEvent], outcomes: usize) -> Self {
        Self {
            events,
            outcomes: vec![None; outcomes],
            changed: BTreeSet::new(),
            tally: Tally::default(),
            refused: BTreeSet::new(),
            unfit: BTreeSet::new(),
            about,
            decisions: BTreeSet::new(),
        }
    }

    /// Notes what a plan decided that a person may want to look at, and says it once. Ids only.
    pub(super) fn note(&mut self, planned: &Plan, open: &[usize]) {
        let statement = |index: usize| self.events[open[index]].id.clone();
        let mut noted = Vec::new();
        for problem in &planned.left_out {
            let column = format!("{}.{}", problem.table, problem.column);
            let decision = Decision::LeftOut { statement: statement(problem.event), column };
            noted.push((decision, Some(problem)));
        }
        noted.extend(
            planned.ambiguous.iter().map(|(person, of)| (Decision::Ambiguous { person: *person, of: *of }, None)),
        );
        noted.extend(planned.adopted.iter().map(|person| (Decision::Adopted { person: *person }, None)));
        noted.extend(planned.unmatched.iter().map(|row| (Decision::Unmatched { row: *row }, None)));
        let ignored =
            planned.ignored.union(&planned.excluded).map(|event| Decision::Ignored { statement: statement(*event) });
        noted.extend(ignored.map(|decision| (decision, None)));
        for (decision, problem) in noted {
            if self.decisions.insert(decision.clone()) {
                say(&decision, problem);
            }
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
        Report { outcomes, tally: self.tally, about: self.about, decisions: self.decisions }
    }

    /// Leaves events to a later batch, because another one is about whom they are about.
    pub(super) fn leave<'e, T: 'e>(&mut self, events: impl Iterator<Item = (&'e usize, T)>) {
        for (event, _) in events {
            self.outcomes[*event].get_or_insert(Outcome::Postponed(Postponement::Claimed));
        }
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
                    let decision = Decision::UnfitOwner { row: write.id, owner: owner.clone() };
                    say(&decision, None);
                    self.decisions.insert(decision);
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

/// A line for what a person may want to look at. What the settings leave out is counted only.
fn say(decision: &Decision, problem: Option<&ColumnProblem>) {
    match decision {
        Decision::Ambiguous { person, of } => {
            let table = person.table.table().name;
            tracing::warn!(table, id = %person.id, of, "several match; the one modified last was taken");
        }
        Decision::Adopted { person } => {
            let table = person.table.table().name;
            tracing::warn!(table, id = %person.id, "whom a duplicate detection rule named was taken");
        }
        Decision::LeftOut { statement, .. } => {
            tracing::warn!(event = statement, problem = problem.map(tracing::field::display), "a column is left out");
        }
        Decision::UnfitOwner { row, owner } => {
            tracing::warn!(%row, %owner, "the owner of the contact or lead cannot own the activity");
        }
        Decision::Unmatched { row } => {
            tracing::warn!(%row, "the row regards nobody: nobody was found or created for its participant");
        }
        Decision::Ignored { .. } => {}
    }
}
