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
    outcome::{Outcome, Postponement, Refusal, Report, Tally},
    plan::{Context, people, plan},
    rows::{PersonTable, Table},
};
use crate::{
    dataverse::Failure,
    model::{Address, Kind, ParticipantEvent, ids},
    store::{Store, StoreError},
};

/// How often a batch is planned anew before it goes back to the queue. Each round that fails has lost a race to another batch.
const MAX_ROUNDS: usize = 12;

/// Writes batches of events to the CRM.
pub struct Engine {
    crm: Arc<dyn Crm>,
    store: Arc<dyn Store>,
    tenant: String,
}

/// Why a batch stopped as a whole.
enum Stop {
    Failed(Failure),
    Store,
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
        Self { crm, store, tenant }
    }

    /// Writes a batch; every event gets an outcome.
    pub async fn run(&self, events: &[ParticipantEvent]) -> Report {
        let mut batch =
            Batch { events, outcomes: vec![None; events.len()], changed: BTreeSet::new(), tally: Tally::default() };
        let rest = match self.settle(&mut batch).await {
            Ok(()) => None,
            Err(Stop::Failed(Failure::Held(hold))) => Some(Postponement::Held(hold.into())),
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

    async fn settle(&self, batch: &mut Batch<'_>) -> Result<(), Stop> {
        for closing in batch.events.iter().filter(|event| event.participant.is_none()) {
            closings::record(&*self.store, closing).await?;
        }
        let context = Context { tenant: self.tenant.clone(), me: self.crm.me().await? };
        for _ in 0..MAX_ROUNDS {
            let open: Vec<usize> = (0..batch.events.len()).filter(|index| batch.outcomes[*index].is_none()).collect();
            let events: Vec<ParticipantEvent> = open.iter().map(|index| batch.events[*index].clone()).collect();
            let named: BTreeSet<&str> = events.iter().map(|event| event.event.id.as_str()).collect();
            // Before the rows: who records a closing sweeps the rows afterwards.
            let known = closings::load(&*self.store, &named).await?;
            let rows = self.load(&events).await?;
            let planned = plan(&events, &rows, &known, &context);
            if planned.writes.is_empty() {
                return Ok(());
            }
            let clean = self.apply(batch, &open, &planned.writes).await?;
            let done = clean && !planned.confirm && self.nothing_closed_since(&known, &named).await?;
            if done {
                return Ok(());
            }
        }
        Err(Stop::Failed(Failure::Conflict))
    }

    async fn nothing_closed_since(&self, known: &Closings, events: &BTreeSet<&str>) -> Result<bool, Stop> {
        Ok(closings::load(&*self.store, events).await? == *known)
    }

    async fn load(&self, events: &[ParticipantEvent]) -> Result<Rows, Failure> {
        let mut wanted = wanted(events);
        let mut guesses: BTreeMap<Address, u32> = BTreeMap::new();
        for address in &wanted.addresses {
            guesses.insert(address.clone(), 0);
            wanted.leads.insert(ids::lead(&self.tenant, address, 0));
        }
        let mut rows = self.crm.load(&wanted).await?;
        // Seldom: the lead that once had this address was closed or re-addressed; the ids that follow it are looked at too.
        loop {
            let matched = |address: &Address| {
                [PersonTable::Contact, PersonTable::Lead]
                    .into_iter()
                    .any(|table| rows.matching(table, address).is_some())
            };
            guesses.retain(|address, generation| {
                rows.lead(ids::lead(&self.tenant, address, *generation)).is_some() && !matched(address)
            });
            if guesses.is_empty() {
                return Ok(rows);
            }
            let mut more = Wanted::default();
            for (address, generation) in &mut guesses {
                let next = *generation + 1..=*generation + 8;
                more.leads.extend(next.map(|generation| ids::lead(&self.tenant, address, generation)));
                *generation += 8;
            }
            rows.people.extend(self.crm.load(&more).await?.people);
        }
    }

    /// Applies the writes: leads, then rows, then updates. Returns whether each one took effect as planned.
    async fn apply(&self, batch: &mut Batch<'_>, open: &[usize], writes: &[Write]) -> Result<bool, Stop> {
        let lead = PersonTable::Lead.table();
        let (creates, updates): (Vec<&Write>, Vec<&Write>) =
            writes.iter().partition(|write| write.action == Action::Create);
        let mut missing: BTreeSet<Uuid> = BTreeSet::new();
        let mut clean = true;
        let is = |table: Table| move |write: &&&Write| write.table == table;
        let (leads, rows): (Vec<&Write>, Vec<&Write>) = (
            creates.iter().filter(is(lead)).copied().collect(),
            creates.iter().filter(|write| !is(lead)(write)).copied().collect(),
        );
        for (step, create) in [(leads, true), (rows, true), (updates, false)] {
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

fn wanted(events: &[ParticipantEvent]) -> Wanted {
    let mut wanted = Wanted::default();
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
