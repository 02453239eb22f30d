//! Group commit: invocations that run at the same time are written as one batch, and each is answered by its own outcomes.
//!
//! One batch is under way at a time, so two calls of one process never touch the same row; what arrives meanwhile is the next batch.
//! Events of which only the people are written are gathered by themselves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Mutex, mpsc, oneshot};
use tracing::{Instrument, Span};

use super::{
    breaker::Breaker,
    closings::Closed,
    current::NoRules,
    engine::{Engine, Scope},
    outcome::{Outcome, Report},
    rules::Rules,
};
use crate::{model::ParticipantEvent, telemetry::invocation::shared};

/// The most events written as one batch, before the settings were read.
const MAX_BATCH: usize = 1_000;
/// How long the first event of a batch waits for company. The host hands over a fetched batch of messages within a few milliseconds.
const LINGER: Duration = Duration::from_millis(8);

/// Events waiting for their outcomes.
struct Ticket {
    events: Vec<ParticipantEvent>,
    answer: oneshot::Sender<Vec<Outcome>>,
    /// Whose they are, for traces.
    span: Span,
}

/// What is told of every batch that was written, and how long it took.
pub type Observer = Arc<dyn Fn(Scope, &Report, Duration) + Send + Sync>;

/// The batch brought its writer down: a defect. The message is delivered again.
#[derive(Debug, thiserror::Error)]
#[error("writing the batch failed unexpectedly")]
pub struct Broken;

/// Gathers events for one [`Engine`].
pub struct Coalescer {
    whole: mpsc::UnboundedSender<Ticket>,
    people: mpsc::UnboundedSender<Ticket>,
    writer: Arc<Writer>,
}

struct Writer {
    engine: Engine,
    breaker: Mutex<Breaker>,
    /// The most events of a batch.
    most: AtomicUsize,
    observe: Observer,
}

impl Coalescer {
    /// Starts the writer; it ends with the coalescer.
    pub fn start(engine: Engine, observe: Observer) -> Self {
        let (breaker, most) = (Mutex::new(Breaker::default()), AtomicUsize::new(MAX_BATCH));
        let writer = Arc::new(Writer { engine, breaker, most, observe });
        let lane = |scope| {
            let (tickets, waiting) = mpsc::unbounded_channel();
            tokio::spawn(gather(scope, writer.clone(), waiting));
            tickets
        };
        let (whole, people) = (lane(Scope::Everything), lane(Scope::People));
        Self { whole, people, writer }
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
        let (answer, outcomes) = oneshot::channel();
        let lane = match scope {
            Scope::People => &self.people,
            Scope::Everything => &self.whole,
        };
        lane.send(Ticket { events, answer, span: Span::current() }).map_err(|_| Broken)?;
        outcomes.await.map_err(|_| Broken)
    }

    /// Writes the events as a batch of their own: if they bring the writer down, they take no others along.
    pub async fn alone(&self, scope: Scope, events: Vec<ParticipantEvent>) -> Result<Vec<Outcome>, Broken> {
        let writer = self.writer.clone();
        let write = async move { writer.write(scope, &events).await };
        tokio::spawn(write.in_current_span()).await.map_err(|_| Broken)
    }

    /// Keeps the marketing lists of those for whom it could not be done before.
    ///
    /// # Errors
    /// Why it was not done now, in a word.
    pub async fn complete_lists(&self) -> Result<(usize, usize), &'static str> {
        let breaker = self.writer.breaker.lock().await;
        match breaker.open(Instant::now()) {
            Some(why) => Err(why.name()),
            None => self.writer.engine.complete_lists().await,
        }
    }

    /// Plans the rows of an event or session anew, once it is concluded that it is over.
    pub async fn sweep(&self, closed: &Closed) -> Outcome {
        let mut breaker = self.writer.breaker.lock().await;
        if let Some(why) = breaker.open(Instant::now()) {
            return Outcome::Postponed(why);
        }
        let begun = Instant::now();
        let mut report = self.writer.engine.sweep(closed).await;
        breaker.record(&report, Instant::now());
        (self.writer.observe)(Scope::Everything, &report, begun.elapsed());
        report.outcomes.pop().unwrap_or(Outcome::Settled { changed: false })
    }
}

impl Writer {
    /// The lock is held through the write: it is what keeps batches one after the other.
    async fn write(&self, scope: Scope, events: &[ParticipantEvent]) -> Vec<Outcome> {
        let mut breaker = self.breaker.lock().await;
        let mut outcomes = Vec::with_capacity(events.len());
        for events in events.chunks(self.most.load(Ordering::Relaxed)) {
            if let Some(why) = breaker.open(Instant::now()) {
                outcomes.extend(vec![Outcome::Postponed(why); events.len()]);
                continue;
            }
            let begun = Instant::now();
            let report = self.engine.run_within(scope, events).await;
            breaker.record(&report, Instant::now());
            (self.observe)(scope, &report, begun.elapsed());
            outcomes.extend(report.outcomes);
            if let Ok(rules) = self.engine.rules().await {
                self.most.store(usize::from(rules.pace.batch_size).max(1), Ordering::Relaxed);
            }
        }
        outcomes
    }
}

async fn gather(scope: Scope, writer: Arc<Writer>, mut waiting: mpsc::UnboundedReceiver<Ticket>) {
    while let Some(first) = waiting.recv().await {
        let mut size = first.events.len();
        let mut tickets = vec![first];
        let linger = tokio::time::sleep(LINGER);
        tokio::pin!(linger);
        while size < writer.most.load(Ordering::Relaxed) {
            tokio::select! {
                biased;
                Some(ticket) = waiting.recv() => {
                    size += ticket.events.len();
                    tickets.push(ticket);
                }
                () = &mut linger => break,
            }
        }
        let (counts, events): (Vec<usize>, Vec<Vec<ParticipantEvent>>) =
            tickets.iter_mut().map(|ticket| (ticket.events.len(), std::mem::take(&mut ticket.events))).unzip();
        let events = events.concat();
        let write = tokio::spawn({
            let (writer, span) = (writer.clone(), shared("write batch", tickets.iter().map(|ticket| &ticket.span)));
            async move { writer.write(scope, &events).await }.instrument(span)
        });
        // A panic drops the tickets, which answers them as broken; the next batch is none the worse for it.
        let Ok(outcomes) = write.await else { continue };
        let mut outcomes = outcomes.into_iter();
        for (ticket, count) in tickets.into_iter().zip(counts) {
            // Nobody waits any more where the invocation ran into its deadline; the message is delivered again.
            let _ = ticket.answer.send(outcomes.by_ref().take(count).collect());
        }
    }
}
