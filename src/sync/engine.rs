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
    crm::{Action, Crm, Rows, Wanted, Write},
    current::{CurrentSettings, NoRules},
    outcome::{Held, Outcome, Postponement, Refusal, Report, Tally},
    plan::{ColumnProblem, Context, people, plan, plan_people},
    rows::{ATTENDANCE, PersonTable, Table},
    rules::Rules,
};
use crate::{
    dataverse::Failure,
    model::{Address, Kind, ParticipantEvent},
    store::{Store, StoreError},
};

/// How often a batch is planned anew before it goes back to the queue. Each round that fails has lost a race to another batch.
const MAX_ROUNDS: usize = 12;

/// How much of a batch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Contacts and leads. Attendance rows and closings wait until the same events come again, in full.
    People,
    Everything,
}

impl Scope {
    /// For the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Everything => "everything",
        }
    }
}

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

    /// The rules in force.
    ///
    /// # Errors
    /// As when a batch is written.
    pub async fn rules(&self) -> Result<Arc<Rules>, NoRules> {
        self.settings.rules(&*self.crm).await
    }

    /// Writes a batch; every event gets an outcome.
    pub async fn run(&self, events: &[ParticipantEvent]) -> Report {
        self.run_within(Scope::Everything, events).await
    }

    /// Writes a batch, or a part of what it says.
    pub async fn run_within(&self, scope: Scope, events: &[ParticipantEvent]) -> Report {
        let mut batch =
            Batch { events, outcomes: vec![None; events.len()], changed: BTreeSet::new(), tally: Tally::default() };
        let rest = match self.settle(scope, &mut batch).await {
            Ok(()) => None,
            Err(Stop::Failed(Failure::Held(hold))) => Some(Postponement::Held(hold.into())),
            Err(Stop::Held(held)) => Some(Postponement::Held(held)),
            Err(Stop::Failed(Failure::Transient { retry_after })) => Some(Postponement::Transient { retry_after }),
            Err(Stop::Failed(Failure::Conflict | Failure::Refused { .. }) | Stop::Store) => {
                Some(Postponement::Transient { retry_after: None })
            }
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

    async fn settle(&self, scope: Scope, batch: &mut Batch<'_>) -> Result<(), Stop> {
        let whole = scope == Scope::Everything;
        for closing in batch.events.iter().filter(|event| whole && event.participant.is_none()) {
            closings::record(&*self.store, closing).await?;
        }
        let rules = self.rules().await?;
        self.crm.keep_pace(&rules.pace);
        let context = Context { tenant: self.tenant.clone(), me: self.crm.me().await?, rules };
        let synced = |event: &ParticipantEvent| synced(event, &context.rules);
        let mut reported = BTreeSet::new();
        for _ in 0..MAX_ROUNDS {
            let within = |event: &ParticipantEvent| whole || event.participant.is_some();
            let open = |index: &usize| {
                let event = &batch.events[*index];
                batch.outcomes[*index].is_none() && within(event) && synced(event)
            };
            let open: Vec<usize> = (0..batch.events.len()).filter(open).collect();
            let events: Vec<ParticipantEvent> = open.iter().map(|index| batch.events[*index].clone()).collect();
            let named: BTreeSet<&str> = events.iter().map(|event| event.event.id.as_str()).collect();
            // Before the rows: who records a closing sweeps the rows afterwards.
            let known = if whole { closings::load(&*self.store, &named).await? } else { Closings::default() };
            let rows = self.load(scope, &events, &context.rules).await?;
            let planned = match scope {
                Scope::People => plan_people(&events, &rows, &context),
                Scope::Everything => plan(&events, &rows, &known, &context),
            };
            batch.refuse(&open, &planned.refused);
            for problem in planned.left_out {
                if reported.insert((open[problem.event], problem.column.clone())) {
                    tracing::warn!(event = events[problem.event].id, %problem, "a column is left out");
                }
            }
            if planned.writes.is_empty() {
                return Ok(());
            }
            let clean = self.apply(batch, &open, &planned.writes).await?;
            let done = clean && !planned.confirm && (!whole || self.nothing_closed_since(&known, &named).await?);
            if done {
                return Ok(());
            }
        }
        Err(Stop::Failed(Failure::Conflict))
    }

    async fn nothing_closed_since(&self, known: &Closings, events: &BTreeSet<&str>) -> Result<bool, Stop> {
        Ok(closings::load(&*self.store, events).await? == *known)
    }

    async fn load(&self, scope: Scope, events: &[ParticipantEvent], rules: &Rules) -> Result<Rows, Failure> {
        let mut wanted = wanted(events, rules);
        if scope == Scope::People {
            wanted.participants.clear();
        }
        let mut guesses: BTreeMap<(PersonTable, Address), u32> = BTreeMap::new();
        for event in events {
            let created = people::created_in(rules.of(event).unmatched);
            guesses.extend(created.zip(people::address(event)).map(|who| (who, 0)));
        }
        let id = |table, address: &Address, generation| people::person(table, &self.tenant, address, generation);
        wanted.people.extend(guesses.keys().map(|(table, address)| id(*table, address, 0)));
        let mut rows = self.crm.load(&wanted).await?;
        // Seldom: whom the connector once made for this address was closed or re-addressed; the ids that follow it are looked at too.
        loop {
            let matched = |address: &Address| {
                [PersonTable::Contact, PersonTable::Lead]
                    .into_iter()
                    .any(|table| rows.matching(table, address).is_some())
            };
            guesses.retain(|(table, address), generation| {
                rows.person(id(*table, address, *generation)).is_some() && !matched(address)
            });
            if guesses.is_empty() {
                return Ok(rows);
            }
            let mut more = Wanted { columns: wanted.columns.clone(), ..Wanted::default() };
            for ((table, address), generation) in &mut guesses {
                let next = *generation + 1..=*generation + 8;
                more.people.extend(next.map(|generation| id(*table, address, generation)));
                *generation += 8;
            }
            rows.people.extend(self.crm.load(&more).await?.people);
        }
    }

    /// Applies the writes: people, then rows, then updates. Returns whether each one took effect as planned.
    async fn apply(&self, batch: &mut Batch<'_>, open: &[usize], writes: &[Write]) -> Result<bool, Stop> {
        let (creates, updates): (Vec<&Write>, Vec<&Write>) =
            writes.iter().partition(|write| write.action == Action::Create);
        let mut missing: BTreeSet<Uuid> = BTreeSet::new();
        let mut clean = true;
        let of =
            |table: Table| -> Vec<&Write> { creates.iter().filter(|write| write.table == table).copied().collect() };
        let [leads, contacts, rows] = [PersonTable::Lead.table(), PersonTable::Contact.table(), ATTENDANCE].map(of);
        for (step, create) in [(leads, true), (contacts, true), (rows, true), (updates, false)] {
            let step: Vec<&Write> =
                step.into_iter().filter(|write| write.after.is_none_or(|lead| !missing.contains(&lead))).collect();
            if step.is_empty() {
                continue;
            }
            let results = if create { self.crm.create(&step).await? } else { self.crm.update(&step).await? };
            for (write, result) in step.into_iter().zip(results) {
                if result.is_err() {
                    clean = false;
                    missing.insert(write.id);
                }
                batch.record(open, write, result)?;
            }
        }
        Ok(clean)
    }
}

impl Batch<'_> {
    /// What the mappings refuse.
    fn refuse(&mut self, open: &[usize], problems: &[ColumnProblem]) {
        for problem in problems {
            let refusal = Refusal { code: None, reason: format!("{problem}; the mapping is required") };
            self.outcomes[open[problem.event]] = Some(Outcome::Refused(refusal));
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
            Err(Failure::Conflict) => {}
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

/// Whether anything at all is written about an event.
fn synced(event: &ParticipantEvent, rules: &Rules) -> bool {
    let rules = rules.of(event);
    rules.sync && !people::address(event).is_some_and(|address| rules.excludes(&address))
}

fn wanted(events: &[ParticipantEvent], rules: &Rules) -> Wanted {
    let mut wanted = Wanted::default();
    for table in [PersonTable::Contact, PersonTable::Lead] {
        let mapped = events.iter().flat_map(|event| rules.of(event).mapped(table));
        let columns = mapped.map(|mapped| mapped.column.clone()).collect();
        wanted.columns.insert(table, columns);
    }
    for event in events {
        match &event.participant {
            Some(participant) => {
                wanted.addresses.extend(people::address(event));
                wanted.participants.entry(event.event.id.clone()).or_default().insert(participant.id.clone());
            }
            None => {
                let session = match event.kind {
                    Kind::SessionClosed => event.session.as_ref().map(|session| session.id.clone()),
                    _ => None,
                };
                wanted.undecided.insert((event.event.id.clone(), session));
            }
        }
    }
    wanted
}
