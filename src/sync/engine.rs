//! Loads what a batch needs to see, applies the plan, and repeats over fresh rows until nothing is left to write.
//!
//! That last look is what makes simultaneous batches safe without locks: of two that touch each other's rows, the one that wrote
//! last sees the other's rows when it looks again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use uuid::Uuid;

use super::{
    closings::{self, Closings},
    crm::{Action, Crm, Duplicates, Rows, Wanted, Write},
    current::{CurrentSettings, NoRules},
    matching::Who,
    outcome::{Held, Outcome, Postponement, Refusal, Report, Tally},
    plan::{Context, Plan, Refused, plan, wanted},
    rows::{ATTENDANCE, PersonRef, PersonTable, Table},
    rules::Rules,
};
use crate::{
    dataverse::Failure,
    model::{Address, ParticipantEvent},
    store::{Store, StoreError},
};

/// How often a batch is planned anew before it goes back to the queue. Each round that fails has lost a race to another batch.
const MAX_ROUNDS: usize = 12;
/// How often a plan may lack something that must be read first.
const MAX_LOOKS: usize = 24;

/// Writes batches of events to the CRM.
pub struct Engine {
    crm: Arc<dyn Crm>,
    store: Arc<dyn Store>,
    tenant: String,
    settings: CurrentSettings,
}

/// Why a batch stopped as a whole.
enum Stop {
    Failed(Failure),
    Held(Held),
    Store,
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
struct Batch<'a> {
    events: &'a [ParticipantEvent],
    outcomes: Vec<Option<Outcome>>,
    changed: BTreeSet<usize>,
    tally: Tally,
}

impl Engine {
    /// `tenant` keeps the ids of several InEvent tenants in one CRM apart; it never changes.
    pub fn new(crm: Arc<dyn Crm>, store: Arc<dyn Store>, tenant: String) -> Self {
        Self { crm, store, tenant, settings: CurrentSettings::defaults() }
    }

    /// The same with settings of its own instead of the defaults.
    pub fn with_settings(self, settings: CurrentSettings) -> Self {
        Self { settings, ..self }
    }

    /// Writes a batch; every event gets an outcome.
    pub async fn run(&self, events: &[ParticipantEvent]) -> Report {
        let mut batch =
            Batch { events, outcomes: vec![None; events.len()], changed: BTreeSet::new(), tally: Tally::default() };
        let rest = match self.settle(&mut batch).await {
            Ok(()) => None,
            Err(Stop::Failed(Failure::Held(hold))) => Some(Postponement::Held(hold.into())),
            Err(Stop::Held(held)) => Some(Postponement::Held(held)),
            Err(Stop::Failed(Failure::Transient { retry_after })) => Some(Postponement::Transient { retry_after }),
            Err(
                Stop::Failed(Failure::Conflict | Failure::Duplicate { .. } | Failure::Refused { .. }) | Stop::Store,
            ) => Some(Postponement::Transient { retry_after: None }),
        };
        let settled = |index| Outcome::Settled { changed: batch.changed.contains(&index) };
        let outcomes = batch
            .outcomes
            .into_iter()
            .enumerate()
            .map(|(index, outcome)| outcome.or(rest.clone().map(Outcome::Postponed)).unwrap_or_else(|| settled(index)))
            .collect();
        Report { outcomes, tally: batch.tally }
    }

    async fn settle(&self, batch: &mut Batch<'_>) -> Result<(), Stop> {
        for closing in batch.events.iter().filter(|event| event.participant.is_none()) {
            closings::record(&*self.store, closing).await?;
        }
        let rules = self.settings.rules(&*self.crm).await?;
        let context = Context { tenant: self.tenant.clone(), me: self.crm.me().await?, rules };
        let synced = |event: &ParticipantEvent| synced(event, &context.rules);
        let mut learnt = Learnt::default();
        for _ in 0..MAX_ROUNDS {
            let open = |index: &usize| batch.outcomes[*index].is_none() && synced(&batch.events[*index]);
            let open: Vec<usize> = (0..batch.events.len()).filter(open).collect();
            let events: Vec<ParticipantEvent> = open.iter().map(|index| batch.events[*index].clone()).collect();
            let named: BTreeSet<&str> = events.iter().map(|event| event.event.id.as_str()).collect();
            // Before the rows: who records a closing sweeps the rows afterwards.
            let known = closings::load(&*self.store, &named).await?;
            let planned = self.look_and_plan(&events, &known, &context, &mut learnt).await?;
            batch.refuse(&open, &planned.refused);
            learnt.report(&planned, &events, &open);
            if planned.writes.is_empty() {
                return Ok(());
            }
            let clean = self.apply(batch, &open, &planned.writes, &mut learnt).await?;
            let done = clean && !planned.confirm && self.nothing_closed_since(&known, &named).await?;
            if done {
                return Ok(());
            }
        }
        Err(Stop::Failed(Failure::Conflict))
    }

    /// Plans over fresh rows, reading on as long as the plan lacks something.
    async fn look_and_plan(
        &self,
        events: &[ParticipantEvent],
        known: &Closings,
        context: &Context,
        learnt: &mut Learnt,
    ) -> Result<Plan, Failure> {
        let first = wanted(events, context);
        let mut rows = self.crm.load(&first).await?;
        let columns = first.columns.clone();
        rows.asked = first;
        let duplicates = learnt.duplicates.values().flat_map(|found| &found.people).copied().collect();
        rows.duplicates = learnt.duplicates.clone();
        let mut lacking = Wanted { people: duplicates, ..Wanted::default() };
        for _ in 0..MAX_LOOKS {
            if lacking != Wanted::default() {
                lacking.columns = columns.clone();
                let more = self.crm.load(&lacking).await?;
                rows.extend(std::mem::take(&mut lacking), more);
            }
            rows.hidden = learnt.hidden(&rows);
            let planned = plan(events, &rows, known, context);
            if planned.lacking == Wanted::default() {
                return Ok(planned);
            }
            lacking = planned.lacking;
        }
        // Merges and conversions that go on and on while they are read.
        Err(Failure::Conflict)
    }

    async fn nothing_closed_since(&self, known: &Closings, events: &BTreeSet<&str>) -> Result<bool, Stop> {
        Ok(closings::load(&*self.store, events).await? == *known)
    }

    /// Applies the writes: new people and those whom rows wait for, then new rows, then updates. Returns whether each one took effect as planned.
    async fn apply(
        &self,
        batch: &mut Batch<'_>,
        open: &[usize],
        writes: &[Write],
        learnt: &mut Learnt,
    ) -> Result<bool, Stop> {
        let (creates, updates): (Vec<&Write>, Vec<&Write>) =
            writes.iter().partition(|write| write.action == Action::Create);
        let mut missing: BTreeSet<Uuid> = BTreeSet::new();
        let mut clean = true;
        let of =
            |table: Table| -> Vec<&Write> { creates.iter().filter(|write| write.table == table).copied().collect() };
        let [leads, contacts, rows] = [PersonTable::Lead.table(), PersonTable::Contact.table(), ATTENDANCE].map(of);
        let awaited: BTreeSet<Uuid> = writes.iter().filter_map(|write| write.after).collect();
        let (first, rest): (Vec<&Write>, Vec<&Write>) =
            updates.into_iter().partition(|write| awaited.contains(&write.id));
        for (step, create) in [(leads, true), (contacts, true), (first, false), (rows, true), (rest, false)] {
            let step: Vec<&Write> =
                step.into_iter().filter(|write| write.after.is_none_or(|person| !missing.contains(&person))).collect();
            if step.is_empty() {
                continue;
            }
            let results = if create { self.crm.create(&step).await? } else { self.crm.update(&step).await? };
            for (write, result) in step.into_iter().zip(results) {
                if let Err(failure) = &result {
                    clean = false;
                    missing.insert(write.id);
                    learnt.from(write, failure, &*self.crm).await?;
                }
                batch.record(open, write, result)?;
            }
        }
        Ok(clean)
    }
}

impl Batch<'_> {
    fn refuse(&mut self, open: &[usize], refused: &[Refused]) {
        for Refused { event, reason } in refused {
            let refusal = Refusal { code: None, reason: reason.clone() };
            self.outcomes[open[*event]].get_or_insert(Outcome::Refused(refusal));
        }
    }

    fn record(&mut self, open: &[usize], write: &Write, result: Result<(), Failure>) -> Result<(), Stop> {
        let events = write.events.iter().map(|index| open[*index]);
        match result {
            Ok(()) => {
                self.changed.extend(events);
                match write.action {
                    Action::Create => self.tally.created += 1,
                    Action::Update { .. } => self.tally.updated += 1,
                }
            }
            Err(Failure::Conflict | Failure::Duplicate { .. }) => {}
            Err(Failure::Refused { code, reason }) => {
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

/// What a batch learnt from writes that were refused, and what it told already.
#[derive(Default)]
struct Learnt {
    duplicates: BTreeMap<Who, Duplicates>,
    /// Ids of people whose creation collided.
    taken: BTreeSet<PersonRef>,
    reported: BTreeSet<(usize, String)>,
}

impl Learnt {
    async fn from(&mut self, write: &Write, failure: &Failure, crm: &dyn Crm) -> Result<(), Failure> {
        let person = PersonTable::of(write.table.name).map(|table| PersonRef { table, id: write.id });
        match (failure, &write.detect) {
            (Failure::Duplicate { .. }, Some(who)) => {
                self.duplicates.insert(who.clone(), crm.duplicates(write).await?);
            }
            (Failure::Conflict, _) if write.action == Action::Create => self.taken.extend(person),
            _ => {}
        }
        Ok(())
    }

    /// Of the ids that collided, those at which nobody is seen although they were asked for.
    fn hidden(&self, rows: &Rows) -> BTreeSet<Uuid> {
        let seen: BTreeSet<PersonRef> = rows.people.iter().map(|row| row.person).collect();
        let hidden = self.taken.iter().filter(|person| rows.asked.people.contains(person) && !seen.contains(person));
        hidden.map(|person| person.id).collect()
    }

    /// Says once what a person may want to look at. Ids only.
    fn report(&mut self, planned: &Plan, events: &[ParticipantEvent], open: &[usize]) {
        for problem in &planned.left_out {
            if self.reported.insert((open[problem.event], problem.column.clone())) {
                tracing::warn!(event = events[problem.event].id, %problem, "a column is left out");
            }
        }
        for (person, of) in &planned.ambiguous {
            if self.reported.insert((*of, person.id.to_string())) {
                let table = person.table.table().name;
                tracing::warn!(table, id = %person.id, of, "several match; the one modified last was taken");
            }
        }
        for row in &planned.unmatched {
            if self.reported.insert((0, row.to_string())) {
                tracing::warn!(row = %row, "the row regards nobody: nobody was found or created for its participant");
            }
        }
    }
}

/// Whether anything at all is written about an event.
fn synced(event: &ParticipantEvent, rules: &Rules) -> bool {
    let rules = rules.of(event);
    let address = || Address::parse(event.participant.as_ref()?.email.as_deref()?).ok();
    rules.sync && !address().is_some_and(|address| rules.excludes(&address))
}
