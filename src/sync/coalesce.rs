//! Group commit: invocations that run at the same time are written as one batch, and each is answered by its own outcomes.
//!
//! Several batches are under way at the same time, as far as Dataverse bears it and they have nothing to do with each other
//! ([`lanes`]); so two calls of one process never touch the same row. Events of which only the people are written are batches of
//! their own, and so are those of an event that has a pace of its own.

pub mod lanes;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use lanes::{Lanes, Like, Needs, Room, Taken, lanes};
use tokio::sync::{mpsc, oneshot};
use tracing::{Instrument, Span};

use super::{
    breaker::Breaker,
    closings::Closed,
    current::NoRules,
    engine::{Engine, Scope},
    outcome::{Outcome, Report},
    rules::Rules,
};
use crate::{dataverse::draws_at_once, model::ParticipantEvent, telemetry::invocation::shared};

/// How long a batch waits for company after the last that came. The host hands over a fetched batch of messages within a few
/// milliseconds.
const LINGER: Duration = Duration::from_millis(8);
/// After a batch it waits for a part of the time that this one took: the host hands over the next messages once it removed those.
const LINGER_PART: u32 = 16;
const LONGEST_LINGER: Duration = Duration::from_millis(50);
/// While there is always somebody who comes, it waits for so many times that.
const PATIENCE: u32 = 4;

/// What comes in.
enum Arrival {
    Events { events: Vec<(Like, Needs, ParticipantEvent)>, answer: oneshot::Sender<Vec<Outcome>>, span: Span },
    Turn(oneshot::Sender<Turn>),
}

/// While it lives, nothing else is written.
struct Turn {
    _ended: oneshot::Sender<()>,
}

/// What is told of every batch that was written, and how long it took.
pub type Observer = Arc<dyn Fn(Scope, &Report, Duration) + Send + Sync>;

/// The batch brought its writer down: a defect. The message is delivered again.
#[derive(Debug, thiserror::Error)]
#[error("writing the batch failed unexpectedly")]
pub struct Broken;

/// Gathers events for one [`Engine`].
pub struct Coalescer {
    arrivals: mpsc::UnboundedSender<Arrival>,
    writer: Arc<Writer>,
}

struct Writer {
    engine: Engine,
    breaker: Mutex<Breaker>,
    /// As they were when events came last.
    rules: Mutex<Arc<Rules>>,
    observe: Observer,
}

impl Coalescer {
    /// Starts the writer; it ends with the coalescer.
    pub fn start(engine: Engine, observe: Observer) -> Self {
        let (breaker, rules) = (Mutex::default(), Mutex::default());
        let writer = Arc::new(Writer { engine, breaker, rules, observe });
        let (arrivals, arriving) = mpsc::unbounded_channel();
        tokio::spawn(Dispatcher::new(writer.clone()).run(arriving));
        Self { arrivals, writer }
    }

    /// The rules in force.
    ///
    /// # Errors
    /// As when a batch is written.
    pub async fn rules(&self) -> Result<Arc<Rules>, NoRules> {
        self.writer.engine.rules().await
    }

    /// Writes the events together with whatever else is waiting; the outcomes come in their order.
    pub async fn submit(&self, scope: Scope, events: Vec<ParticipantEvent>) -> Result<Vec<Outcome>, Broken> {
        let open = self.writer.breaker().open(Instant::now());
        let rules = if open.is_none() { self.rules().await.ok() } else { None };
        if let Some(rules) = &rules {
            *self.writer.lock_rules() = rules.clone();
        }
        let own = |event: &ParticipantEvent| own(event, rules.as_deref()?).map(Arc::from);
        let needs = |event| (Like { scope, own: own(&event) }, Needs::of(&event, rules.as_deref()), event);
        let events = events.into_iter().map(needs).collect();
        let (answer, outcomes) = oneshot::channel();
        self.arrivals.send(Arrival::Events { events, answer, span: Span::current() }).map_err(|_| Broken)?;
        outcomes.await.map_err(|_| Broken)
    }

    /// Writes the events as a batch of their own: if they bring the writer down, they take no others along.
    pub async fn alone(&self, scope: Scope, events: Vec<ParticipantEvent>) -> Result<Vec<Outcome>, Broken> {
        let (turn, writer) = (self.turn().await?, self.writer.clone());
        let write = async move {
            let outcomes = writer.write(scope, &events).await;
            drop(turn);
            outcomes
        };
        tokio::spawn(write.in_current_span()).await.map_err(|_| Broken)
    }

    /// Keeps the marketing lists of those for whom it could not be done before.
    ///
    /// # Errors
    /// Why it was not done now, in a word.
    pub async fn complete_lists(&self) -> Result<(usize, usize), &'static str> {
        let _turn = self.turn().await.map_err(|_| "the writer ended")?;
        let open = self.writer.breaker().open(Instant::now());
        match open {
            Some(why) => Err(why.name()),
            None => self.writer.engine.complete_lists().await,
        }
    }

    /// Plans the rows of an event or session anew, once it is concluded that it is over.
    pub async fn sweep(&self, closed: &Closed) -> Result<Outcome, Broken> {
        let _turn = self.turn().await?;
        let begun = Instant::now();
        if let Some(why) = self.writer.breaker().open(begun) {
            return Ok(Outcome::Postponed(why));
        }
        let mut report = self.writer.engine.sweep(closed).await;
        self.writer.learn(Scope::Everything, &report, begun);
        Ok(report.outcomes.pop().unwrap_or(Outcome::Settled { changed: false }))
    }

    /// Waits until nothing is under way.
    async fn turn(&self) -> Result<Turn, Broken> {
        let (granted, turn) = oneshot::channel();
        self.arrivals.send(Arrival::Turn(granted)).map_err(|_| Broken)?;
        turn.await.map_err(|_| Broken)
    }
}

impl Writer {
    async fn write(&self, scope: Scope, events: &[ParticipantEvent]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(events.len());
        let rules = self.rules();
        let together = |run: &[ParticipantEvent]| rules.batch_size(run.first().and_then(|event| own(event, &rules)));
        let runs = events.chunk_by(|one, next| own(one, &rules) == own(next, &rules));
        for events in runs.flat_map(|run| run.chunks(together(run))) {
            let begun = Instant::now();
            let open = self.breaker().open(begun);
            if let Some(why) = open {
                outcomes.extend(vec![Outcome::Postponed(why); events.len()]);
                continue;
            }
            let report = self.engine.run_within(scope, events).await;
            self.learn(scope, &report, begun);
            outcomes.extend(report.outcomes);
        }
        outcomes
    }

    fn learn(&self, scope: Scope, report: &Report, begun: Instant) {
        self.breaker().record(report, begun, Instant::now());
        (self.observe)(scope, report, begun.elapsed());
    }

    fn rules(&self) -> Arc<Rules> {
        self.lock_rules().clone()
    }

    fn lock_rules(&self) -> MutexGuard<'_, Arc<Rules>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is room for at the pace of an event's own, or that of all others.
    fn room(&self, own: Option<&str>) -> Room {
        let (rules, calls) = (self.rules(), self.engine.calls_at_once());
        let (most, pace) = (rules.batch_size(own), own.and_then(|event| rules.own_pace(event)));
        let calls = calls.min(pace.and_then(|own| own.concurrency).map_or(usize::MAX, usize::from));
        // More of them would not begin.
        let draws = pace.and_then(|own| own.requests_per_five_minutes).map_or(usize::MAX, draws_at_once);
        Room { most, enough: most.div_ceil(2), lanes: lanes(calls).min(draws) }
    }
}

/// The id of the event that a statement is about, where that has a pace of its own.
fn own<'a>(event: &'a ParticipantEvent, rules: &Rules) -> Option<&'a str> {
    let id = event.event.id.as_str();
    rules.own_pace(id).map(|_| id)
}

/// Who gets the outcome of an event: a ticket, and the event's place in it.
type Place = (u64, usize);

/// Work that waits.
enum Work {
    Event(Place, Box<ParticipantEvent>),
    Turn(oneshot::Sender<Turn>),
}

/// Events that came together, and what became of them so far.
struct Ticket {
    outcomes: Vec<Option<Outcome>>,
    open: usize,
    answer: oneshot::Sender<Vec<Outcome>>,
    /// Whose they are, for traces.
    span: Span,
}

/// A batch that is no longer under way.
struct Written {
    taken: Taken<Work>,
    begun: Instant,
    places: Vec<Place>,
    /// None of a batch that brought its writer down.
    outcomes: Vec<Outcome>,
}

/// Begins batches, and answers tickets.
struct Dispatcher {
    writer: Arc<Writer>,
    waiting: Lanes<Work>,
    tickets: HashMap<u64, Ticket>,
    last_ticket: u64,
    under_way: FuturesUnordered<BoxFuture<'static, Written>>,
    /// Since when the next batch gathers, and when something last happened that may bring it company.
    gathers_since: Instant,
    last_news: Instant,
    /// How long the next batch waits for company.
    linger: Duration,
}

impl Dispatcher {
    fn new(writer: Arc<Writer>) -> Self {
        Self {
            writer,
            waiting: Lanes::default(),
            tickets: HashMap::new(),
            last_ticket: 0,
            under_way: FuturesUnordered::new(),
            gathers_since: Instant::now(),
            last_news: Instant::now(),
            linger: LINGER,
        }
    }

    async fn run(mut self, mut arriving: mpsc::UnboundedReceiver<Arrival>) {
        loop {
            let complete_at = self.complete_at();
            if complete_at <= Instant::now() {
                self.begin_batches();
            }
            let gathers = self.waiting.waiting() > 0 && complete_at > Instant::now();
            tokio::select! {
                Some(written) = self.under_way.next() => self.end(written),
                arrival = arriving.recv() => match arrival {
                    Some(arrival) => self.receive(arrival),
                    None => return,
                },
                () = tokio::time::sleep_until(complete_at.into()), if gathers => {}
            }
        }
    }

    /// When the batch that gathers waits no longer for company.
    fn complete_at(&self) -> Instant {
        match self.waiting.waiting() >= self.writer.room(None).most {
            true => self.gathers_since,
            false => (self.last_news + self.linger).min(self.gathers_since + PATIENCE * self.linger),
        }
    }

    fn receive(&mut self, arrival: Arrival) {
        let now = Instant::now();
        if self.waiting.waiting() == 0 {
            self.gathers_since = now;
            if now > self.last_news + PATIENCE * self.linger {
                self.linger = LINGER;
            }
        }
        self.last_news = now;
        match arrival {
            Arrival::Turn(granted) => {
                self.waiting.push(Like::all(Scope::Everything), Needs::Solitude, Work::Turn(granted))
            }
            // Nobody waits any more where the invocation ran into its deadline; the message is delivered again.
            Arrival::Events { events, answer, .. } if events.is_empty() => _ = answer.send(Vec::new()),
            Arrival::Events { events, answer, span } => {
                self.last_ticket += 1;
                let ticket = Ticket { outcomes: vec![None; events.len()], open: events.len(), answer, span };
                self.tickets.insert(self.last_ticket, ticket);
                for (place, (like, needs, event)) in events.into_iter().enumerate() {
                    self.waiting.push(like, needs, Work::Event((self.last_ticket, place), Box::new(event)));
                }
            }
        }
    }

    fn begin_batches(&mut self) {
        let writer = self.writer.clone();
        // After a failure one batch tries whether it is over.
        let may_begin = |batches| batches == 0 || !writer.breaker().is_trying();
        while may_begin(self.waiting.batches())
            && let Some(taken) = self.waiting.take(|own| writer.room(own))
        {
            self.begin(taken);
        }
    }

    fn begin(&mut self, mut taken: Taken<Work>) {
        let (mut places, mut events, begun) = (Vec::new(), Vec::new(), Instant::now());
        for work in std::mem::take(&mut taken.work) {
            match work {
                Work::Event(place, event) => {
                    places.push(place);
                    events.push(*event);
                }
                Work::Turn(granted) => {
                    let (ended, end) = oneshot::channel();
                    // A turn that nobody waits for any more ends at once.
                    drop(granted.send(Turn { _ended: ended }));
                    self.under_way.push(Box::pin(async move {
                        let _ = end.await;
                        Written { taken, begun, places: Vec::new(), outcomes: Vec::new() }
                    }));
                    return;
                }
            }
        }
        let (writer, scope) = (self.writer.clone(), taken.like.scope);
        let tickets: BTreeSet<u64> = places.iter().map(|(ticket, _)| *ticket).collect();
        let span = shared("write batch", tickets.iter().filter_map(|id| Some(&self.tickets.get(id)?.span)));
        let write = tokio::spawn(async move { writer.write(scope, &events).await }.instrument(span));
        self.under_way
            .push(Box::pin(async move { Written { taken, begun, places, outcomes: write.await.unwrap_or_default() } }));
    }

    fn end(&mut self, Written { taken, begun, places, outcomes }: Written) {
        self.waiting.done(&taken);
        self.linger = (begun.elapsed() / LINGER_PART).clamp(LINGER, LONGEST_LINGER);
        (self.gathers_since, self.last_news) = (Instant::now(), Instant::now());
        let mut outcomes = outcomes.into_iter();
        for (ticket, place) in places {
            match (self.tickets.get_mut(&ticket), outcomes.next()) {
                (Some(ticket), Some(outcome)) => {
                    ticket.outcomes[place] = Some(outcome);
                    ticket.open -= 1;
                }
                // A panic drops the tickets, which answers them as broken; the next batch is none the worse for it.
                (_, None) => _ = self.tickets.remove(&ticket),
                (None, _) => {}
            }
            if self.tickets.get(&ticket).is_some_and(|ticket| ticket.open == 0)
                && let Some(ticket) = self.tickets.remove(&ticket)
            {
                let _ = ticket.answer.send(ticket.outcomes.into_iter().flatten().collect());
            }
        }
    }
}
