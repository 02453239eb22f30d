//! Loads what a batch needs to see, applies the plan, and repeats over fresh rows until nothing is left to write.
//!
//! That last look is what makes simultaneous batches safe without locks: of two that touch each other's rows, the one that wrote
//! last sees the other's rows when it looks again.

mod batch;
mod completion;
mod in_flight;
mod learnt;
mod pace;

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::Arc,
    time::Duration,
};

pub use super::plan::Scope;
use batch::{Batch, Stop, Task};
use futures_util::future::{BoxFuture, Either, select};
use in_flight::InFlight;
use jiff::Timestamp;
use learnt::Learnt;
use uuid::Uuid;

use super::{
    claims::{self, Asked, Claim, Claims},
    closings::{self, Closed, Closings, Conclusion},
    crm::{Action, Crm, Wanted, Write},
    current::{CurrentSettings, NoRules},
    lists::Lists,
    outcome::Report,
    plan::{Context, EventParticipant, Plan, Refused, plan, wanted},
    rows::{AttendanceRow, Form, PersonTable, Table},
    rules::Rules,
};
use crate::{
    dataverse::Failure,
    model::{Address, ParticipantEvent},
    store::Store,
};

/// How often a batch is planned anew before it goes back to the queue. Each round that fails has lost a race to another batch.
const MAX_ROUNDS: usize = 12;
/// How often a plan may lack something that must be read first.
const MAX_LOOKS: usize = 24;
/// Participants whose rows are looked at together when an event or session is swept.
const SWEPT: usize = 500;

/// Writes batches of events to the CRM.
#[derive(Clone)]
pub struct Engine {
    crm: Arc<dyn Crm>,
    store: Arc<dyn Store>,
    tenant: String,
    settings: Arc<CurrentSettings>,
    conclusion: Conclusion,
    clock: fn() -> Timestamp,
    pause: Pause,
    lists: Option<Lists>,
    in_flight: Arc<InFlight>,
}

/// What waits for so long.
pub type Pause = fn(Duration) -> BoxFuture<'static, ()>;

impl Engine {
    /// `tenant` keeps the ids of several InEvent tenants in one CRM apart; it never changes.
    pub fn new(crm: Arc<dyn Crm>, store: Arc<dyn Store>, tenant: String) -> Self {
        let (settings, conclusion) = (Arc::new(CurrentSettings::defaults()), Conclusion::default());
        let (clock, in_flight): (fn() -> Timestamp, _) = (Timestamp::now, Arc::default());
        let pause: Pause = |duration| Box::pin(tokio::time::sleep(duration));
        Self { crm, store, tenant, settings, conclusion, clock, pause, lists: None, in_flight }
    }

    /// The same with settings of its own instead of the defaults.
    pub fn with_settings(self, settings: CurrentSettings) -> Self {
        Self { settings: Arc::new(settings), ..self }
    }

    /// The same, with the marketing lists that the rules put people on.
    pub fn with_lists(self, lists: Lists) -> Self {
        Self { lists: Some(lists), ..self }
    }

    /// The same, concluding from closings when this says.
    pub fn with_conclusion(self, conclusion: Conclusion) -> Self {
        Self { conclusion, ..self }
    }

    /// The same with another clock, and what waits by it.
    pub fn with_clock(self, clock: fn() -> Timestamp, pause: Pause) -> Self {
        Self { clock, pause, ..self }
    }

    /// The calls that the CRM takes at the same time.
    pub fn calls_at_once(&self) -> usize {
        self.crm.calls_at_once()
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
        let mut batch = Batch::new(events);
        let stopped = self.settle(scope, &mut batch).await.err();
        batch.report(stopped)
    }

    /// What a batch would write, over the rows as they are: its first step, of which others may follow. Nothing is written.
    ///
    /// # Errors
    /// Why that cannot be told, in words for an administrator.
    pub async fn preview(&self, events: &[ParticipantEvent]) -> Result<Plan, String> {
        let planned = async {
            let context = self.context().await?;
            let about_people = |event: &&ParticipantEvent| event.participant.is_some() && synced(event, &context.rules);
            let events: Vec<ParticipantEvent> = events.iter().filter(about_people).cloned().collect();
            let named = events.iter().map(|event| event.event.id.as_str()).collect();
            let known = closings::load(&*self.store, &named).await?;
            Ok(self
                .look_and_plan((&events, BTreeSet::new()), &BTreeSet::new(), &known, &context, &mut Learnt::default())
                .await?)
        };
        planned.await.map_err(|stop: Stop| stop.to_string())
    }

    /// Plans the rows of an event or session anew, some hundred participants at a time, once it is concluded that it is over.
    /// No batch may run in this process at the same time.
    pub async fn sweep(&self, closed: &Closed) -> Report {
        let mut batch = Batch::sweeping(&closed.event);
        let swept = async {
            let context = self.context().await?;
            let engine = self.at_pace_of([closed.event.as_str()].into_iter(), &context.rules)?;
            engine.sweep_rows(&mut batch, closed, &[0], &context).await
        };
        let stopped = swept.await.err();
        batch.report(stopped)
    }

    async fn context(&self) -> Result<Context, Stop> {
        let rules = self.rules().await?;
        self.crm.keep_pace(&rules.pace);
        let (tenant, now) = (self.tenant.clone(), (self.clock)());
        let scope = Scope::default();
        Ok(Context { tenant, me: self.crm.me().await?, rules, scope, now, unfit: BTreeSet::new() })
    }

    async fn settle(&self, scope: Scope, batch: &mut Batch<'_>) -> Result<(), Stop> {
        let mut closed: BTreeMap<Closed, Vec<usize>> = BTreeMap::new();
        let closings = |event: &ParticipantEvent| scope == Scope::Everything && event.participant.is_none();
        for (index, closing) in batch.events.iter().enumerate().filter(|(_, event)| closings(event)) {
            if closings::record(&*self.store, closing, (self.clock)(), self.conclusion).await? {
                closed.entry(Closed::of(closing)).or_default().push(index);
            }
        }
        let context = self.context().await?;
        let engine = self.at_pace_of(batch.events.iter().map(|event| event.event.id.as_str()), &context.rules)?;
        let about_people = |event: &ParticipantEvent| event.participant.is_some() && synced(event, &context.rules);
        let statements: Vec<usize> =
            (0..batch.events.len()).filter(|index| about_people(&batch.events[*index])).collect();
        if !statements.is_empty() {
            engine.write(batch, &Task { scope, statements, ..Task::default() }, &context).await?;
        }
        for (closed, closings) in closed {
            engine.sweep_rows(batch, &closed, &closings, &context).await?;
        }
        Ok(())
    }

    async fn sweep_rows(
        &self,
        batch: &mut Batch<'_>,
        closed: &Closed,
        closings: &[usize],
        context: &Context,
    ) -> Result<(), Stop> {
        if !context.rules.of_event(&closed.event).sync {
            return Ok(());
        }
        let table = context.rules.of_event(&closed.event).activity.table;
        if table.form == Form::Plain {
            return Ok(());
        }
        let participants = self.crm.participants(table, &closed.event, closed.session.as_deref()).await?;
        let participants: Vec<EventParticipant> = participants
            .into_iter()
            .map(|participant| EventParticipant { event: closed.event.clone(), participant })
            .collect();
        for page in participants.chunks(SWEPT) {
            let swept = page.iter().cloned().collect();
            self.write(batch, &Task { swept, closings: closings.to_vec(), ..Task::default() }, context).await?;
        }
        Ok(())
    }

    /// Plans and writes until nothing is left to write; what the batch reads and changes is its own meanwhile.
    async fn write(&self, batch: &mut Batch<'_>, task: &Task, context: &Context) -> Result<(), Stop> {
        let claims = Claims::new(&*self.store, self.clock);
        let renewed = async {
            loop {
                (self.pause)(claims::RENEWED).await;
                if let Err(error) = claims.renew().await {
                    tracing::warn!(%error, "what a batch claims could not be renewed");
                }
            }
        };
        let written = match select(pin!(self.write_alone(&claims, batch, task, context)), pin!(renewed)).await {
            Either::Left((written, _)) => written,
            Either::Right((never, _)) => never,
        };
        if let Err(error) = claims.end().await {
            tracing::warn!(%error, "what a batch claimed could not be given up");
        }
        written
    }

    async fn write_alone(
        &self,
        claims: &Claims<'_>,
        batch: &mut Batch<'_>,
        task: &Task,
        context: &Context,
    ) -> Result<(), Stop> {
        let claimed = |index: &usize| (*index, claims::of(&batch.events[*index], Some(&context.rules)));
        let claimed: BTreeMap<usize, Vec<Claim>> = task.statements.iter().map(claimed).collect();
        if !claimed.is_empty() {
            let taken = claims.read(claimed.values().flatten().copied().collect()).await?;
            batch.leave(claimed.iter().filter(|(_, claims)| claims.iter().any(|claim| taken.contains(claim))));
        }
        let mut learnt = Learnt::default();
        for _ in 0..MAX_ROUNDS {
            let open = task.statements.iter().copied().filter(|index| batch.outcomes[*index].is_none());
            let open: Vec<usize> = open.collect();
            let events: Vec<ParticipantEvent> = open.iter().map(|index| batch.events[*index].clone()).collect();
            let mut named: BTreeSet<&str> = events.iter().map(|event| event.event.id.as_str()).collect();
            named.extend(task.swept.iter().map(|participant| participant.event.as_str()));
            // Before the rows: who concludes from a closing sweeps the rows afterwards.
            let known = closings::load(&*self.store, &named).await?;
            let context = Context { scope: task.scope, unfit: batch.unfit.clone(), ..context.clone() };
            let settled = open.iter().enumerate().filter(|(_, index)| learnt.settled.contains(index));
            let settled = settled.map(|(place, _)| place).collect();
            let mut planned =
                self.look_and_plan((&events, settled), &task.swept, &known, &context, &mut learnt).await?;
            learnt.settled.extend(planned.settled.iter().map(|place| open[*place]));
            planned.writes.retain(|write| !batch.refused.contains(&write.id));
            batch.refuse(&open, &planned.refused);
            batch.note(&planned, &open);
            let concerned = concerned(task, &events, &planned.refused, &context.rules);
            if planned.writes.is_empty() && planned.waiting.is_empty() {
                return self.keep_lists(concerned, &context).await;
            }
            learnt.duplicates.retain(|who, _| !planned.alike.contains(who));
            match claims.change(&planned.changes.values().flatten().copied().collect()).await? {
                Asked::Granted => {}
                Asked::LookAgain => continue,
                Asked::Taken(taken) => {
                    let changes = planned.changes.iter().filter(|(_, changes)| !changes.is_disjoint(&taken));
                    batch.leave(changes.map(|(index, changes)| (&open[*index], changes)));
                    continue;
                }
                Asked::Lost => return Err(Stop::Failed(Failure::Transient { retry_after: None })),
            }
            let clean = self.apply((batch, claims), task, &open, &planned.writes, &mut learnt).await?;
            let done = clean
                && planned.waiting.is_empty()
                && (task.scope == Scope::People
                    || !planned.confirm && self.nothing_closed_since(&known, &named).await?);
            if done {
                return self.keep_lists(concerned, &context).await;
            }
        }
        Err(Stop::Failed(Failure::Conflict))
    }

    /// Plans over fresh rows, reading on as long as the plan lacks something.
    async fn look_and_plan(
        &self,
        (events, settled): (&[ParticipantEvent], BTreeSet<usize>),
        swept: &BTreeSet<EventParticipant>,
        known: &Closings,
        context: &Context,
        learnt: &mut Learnt,
    ) -> Result<Plan, Failure> {
        let first = wanted(events, swept, context);
        let mut rows = self.crm.load(&first).await?;
        let (columns, tables) = (first.columns.clone(), first.tables.clone());
        rows.asked = first;
        let duplicates = learnt.duplicates.values().flat_map(|found| &found.people).copied().collect();
        (rows.duplicates, rows.refused, rows.settled) = (learnt.duplicates.clone(), learnt.refused.clone(), settled);
        let mut lacking = Wanted { people: duplicates, ..Wanted::default() };
        for _ in 0..MAX_LOOKS {
            if lacking != Wanted::default() {
                (lacking.columns, lacking.tables) = (columns.clone(), tables.clone());
                let more = self.crm.load(&lacking).await?;
                rows.extend(std::mem::take(&mut lacking), more);
            }
            rows.hidden = learnt.hidden(&rows);
            let planned = plan(events, swept, &rows, known, context);
            if planned.lacking == Wanted::default() {
                return Ok(planned);
            }
            lacking = planned.lacking;
        }
        // Merges and conversions that go on and on while they are read.
        Err(Failure::Conflict)
    }

    /// Keeps the marketing lists for participants whose rows have settled.
    async fn keep_lists(&self, concerned: BTreeSet<EventParticipant>, context: &Context) -> Result<(), Stop> {
        let Some(lists) = self.lists.as_ref().filter(|_| !concerned.is_empty()) else { return Ok(()) };
        for _ in 0..MAX_ROUNDS {
            let rows = self.rows_of(&concerned, context).await?;
            if !lists.keep(&rows, &context.rules, false, (self.clock)()).await?.look_again {
                return Ok(());
            }
        }
        Err(Stop::Failed(Failure::Conflict))
    }

    async fn rows_of(
        &self,
        participants: &BTreeSet<EventParticipant>,
        context: &Context,
    ) -> Result<Vec<AttendanceRow>, Failure> {
        let mut rows = self.crm.load(&wanted(&[], participants, context)).await?.attendance;
        rows.retain(|row| {
            let (event, participant) = (row.key.event.clone(), row.key.participant.clone());
            participants.contains(&EventParticipant { event, participant })
        });
        Ok(rows)
    }

    async fn nothing_closed_since(&self, known: &Closings, events: &BTreeSet<&str>) -> Result<bool, Stop> {
        Ok(closings::load(&*self.store, events).await? == *known)
    }

    /// Applies the writes: new people and those whom rows wait for, then new rows, then updates. Returns whether each one took effect as planned.
    async fn apply(
        &self,
        (batch, claims): (&mut Batch<'_>, &Claims<'_>),
        task: &Task,
        open: &[usize],
        writes: &[Write],
        learnt: &mut Learnt,
    ) -> Result<bool, Stop> {
        let (creates, updates): (Vec<&Write>, Vec<&Write>) =
            writes.iter().partition(|write| write.action == Action::Create);
        let mut missing: BTreeSet<Uuid> = BTreeSet::new();
        // What did not take effect is planned anew, and so is all that is said together with it: whom it is about may have changed, and of
        // somebody whom a rule refused to create it is not decided yet whether anything is written.
        let mut undecided: BTreeSet<usize> = BTreeSet::new();
        let mut clean = true;
        let people = [PersonTable::Lead, PersonTable::Contact].map(PersonTable::table);
        // In the order of the plan: rows are planned after those that they are bound to.
        let mut others: Vec<Table> = Vec::new();
        for table in creates.iter().map(|write| write.table) {
            if !people.contains(&table) && !others.contains(&table) {
                others.push(table);
            }
        }
        let of = |table: Table| (creates.iter().filter(|write| write.table == table).copied().collect(), true);
        let mut steps: Vec<(Vec<&Write>, bool)> = people.into_iter().map(of).collect();
        let awaited: BTreeSet<Uuid> = writes.iter().filter_map(|write| write.after).collect();
        let (first, rest): (Vec<&Write>, Vec<&Write>) =
            updates.into_iter().partition(|write| awaited.contains(&write.id));
        steps.push((first, false));
        steps.extend(others.into_iter().map(of));
        steps.push((rest, false));
        for (step, create) in steps {
            spread(&mut undecided, writes);
            let is_due = |write: &&Write| {
                write.after.is_none_or(|person| !missing.contains(&person)) && write.events.is_disjoint(&undecided)
            };
            let step: Vec<&Write> = step.into_iter().filter(is_due).collect();
            if step.is_empty() {
                continue;
            }
            let held = self.in_flight.hold(step.iter().map(|write| write.id).collect()).await;
            if !claims.hold().await {
                return Err(Stop::Failed(Failure::Transient { retry_after: None }));
            }
            let results = if create { self.crm.create(&step).await? } else { self.crm.update(&step).await? };
            drop(held);
            for (write, result) in step.into_iter().zip(results) {
                let result = match result {
                    Ok(()) => Ok(()),
                    Err(failure) => {
                        clean = false;
                        missing.insert(write.id);
                        let failure = learnt.from(write, failure, &*self.crm).await?;
                        if !matches!(failure, Failure::Refused { .. }) {
                            undecided.extend(&write.events);
                        }
                        Err(failure)
                    }
                };
                batch.record(task, open, write, result)?;
            }
        }
        Ok(clean)
    }
}

/// Adds the statements that are written together with one of these, so that a look writes all that is left of a statement or nothing.
fn spread(undecided: &mut BTreeSet<usize>, writes: &[Write]) {
    let mut all = 0;
    while undecided.len() > all {
        all = undecided.len();
        for write in writes {
            if !write.events.is_disjoint(undecided) {
                undecided.extend(&write.events);
            }
        }
    }
}

/// The participants of a task at whose event list rules are set.
fn concerned(
    task: &Task,
    events: &[ParticipantEvent],
    refused: &[Refused],
    rules: &Rules,
) -> BTreeSet<EventParticipant> {
    if task.scope == Scope::People {
        return BTreeSet::new();
    }
    let refused: BTreeSet<usize> = refused.iter().map(|refused| refused.event).collect();
    let stated = events.iter().enumerate().filter(|(index, _)| !refused.contains(index));
    let all = stated.filter_map(|(_, event)| participant_of(event)).chain(task.swept.iter().cloned());
    all.filter(|participant| !rules.of_event(&participant.event).list_rules.is_empty()).collect()
}

/// Whom an event is about; `None` for a closing.
fn participant_of(event: &ParticipantEvent) -> Option<EventParticipant> {
    let participant = event.participant.as_ref()?.id.clone();
    Some(EventParticipant { event: event.event.id.clone(), participant })
}

/// Whether anything at all is written about an event.
fn synced(event: &ParticipantEvent, rules: &Rules) -> bool {
    let rules = rules.of(event);
    let address = || Address::parse(event.participant.as_ref()?.email.as_deref()?).ok();
    rules.sync && rules.activity.level.takes(event) && !address().is_some_and(|address| rules.excludes(&address))
}
