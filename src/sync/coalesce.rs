//! Group commit: invocations that run at the same time are written as one batch, and each is answered by its own outcomes.
//!
//! One batch is under way at a time, so two calls of one process never touch the same row; what arrives meanwhile is the next batch.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{Mutex, mpsc, oneshot};

use super::{
    breaker::Breaker,
    engine::Engine,
    outcome::{Outcome, Report},
};
use crate::model::ParticipantEvent;

/// The most events written as one batch.
const MAX_BATCH: usize = 1_000;
/// How long the first event of a batch waits for company. The host hands over a fetched batch of messages within a few milliseconds.
const LINGER: Duration = Duration::from_millis(8);

/// Events waiting for their outcomes.
struct Ticket {
    events: Vec<ParticipantEvent>,
    answer: oneshot::Sender<Vec<Outcome>>,
}

/// What is told of every batch that was written, and how long it took.
pub type Observer = Arc<dyn Fn(&Report, Duration) + Send + Sync>;

/// The batch brought its writer down: a defect. The message is delivered again.
#[derive(Debug, thiserror::Error)]
#[error("writing the batch failed unexpectedly")]
pub struct Broken;

/// Gathers events for one [`Engine`].
pub struct Coalescer {
    tickets: mpsc::UnboundedSender<Ticket>,
    writer: Arc<Writer>,
}

struct Writer {
    engine: Engine,
    breaker: Mutex<Breaker>,
    observe: Observer,
}

impl Coalescer {
    /// Starts the writer; it ends with the coalescer.
    pub fn start(engine: Engine, observe: Observer) -> Self {
        let writer = Arc::new(Writer { engine, breaker: Mutex::new(Breaker::default()), observe });
        let (tickets, waiting) = mpsc::unbounded_channel();
        tokio::spawn(gather(writer.clone(), waiting));
        Self { tickets, writer }
    }

    /// Writes the events together with whatever else is waiting; the outcomes come in their order.
    pub async fn submit(&self, events: Vec<ParticipantEvent>) -> Result<Vec<Outcome>, Broken> {
        let (answer, outcomes) = oneshot::channel();
        self.tickets.send(Ticket { events, answer }).map_err(|_| Broken)?;
        outcomes.await.map_err(|_| Broken)
    }

    /// Writes the events as a batch of their own: if they bring the writer down, they take no others along.
    pub async fn alone(&self, events: Vec<ParticipantEvent>) -> Result<Vec<Outcome>, Broken> {
        let writer = self.writer.clone();
        tokio::spawn(async move { writer.write(&events).await }).await.map_err(|_| Broken)
    }
}

impl Writer {
    /// The lock is held through the write: it is what keeps batches one after the other.
    async fn write(&self, events: &[ParticipantEvent]) -> Vec<Outcome> {
        let mut breaker = self.breaker.lock().await;
        if let Some(why) = breaker.open(Instant::now()) {
            return vec![Outcome::Postponed(why); events.len()];
        }
        let begun = Instant::now();
        let report = self.engine.run(events).await;
        breaker.record(&report, Instant::now());
        (self.observe)(&report, begun.elapsed());
        report.outcomes
    }
}

async fn gather(writer: Arc<Writer>, mut waiting: mpsc::UnboundedReceiver<Ticket>) {
    while let Some(first) = waiting.recv().await {
        let mut size = first.events.len();
        let mut tickets = vec![first];
        let linger = tokio::time::sleep(LINGER);
        tokio::pin!(linger);
        while size < MAX_BATCH {
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
            let writer = writer.clone();
            async move { writer.write(&events).await }
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
