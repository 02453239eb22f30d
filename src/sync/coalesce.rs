//! Group commit: invocations that run at the same time are written as one batch, and each is answered by its own outcomes.
//!
//! One batch is under way at a time, so two calls of one process never touch the same row; what arrives meanwhile is the next batch.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Mutex, mpsc, oneshot};

use super::{
    engine::Engine,
    outcome::{Outcome, Report},
};
use crate::model::ParticipantEvent;

/// The most events written as one batch.
const MAX_BATCH: usize = 1_000;
/// How long the first event of a batch waits for company. The host hands over a fetched batch of messages within a few milliseconds.
const LINGER: Duration = Duration::from_millis(8);

type Ticket = (Vec<ParticipantEvent>, oneshot::Sender<Vec<Outcome>>);

/// What is told of every batch that was written.
pub type Observer = Arc<dyn Fn(&[ParticipantEvent], &Report) + Send + Sync>;

/// Gathers events for one [`Engine`].
pub struct Coalescer {
    tickets: mpsc::UnboundedSender<Ticket>,
    engine: Arc<Mutex<Engine>>,
    observe: Observer,
}

impl Coalescer {
    /// Starts the writer; it ends with the coalescer.
    pub fn start(engine: Engine, observe: Observer) -> Self {
        let engine = Arc::new(Mutex::new(engine));
        let (tickets, waiting) = mpsc::unbounded_channel();
        tokio::spawn(write(engine.clone(), waiting, observe.clone()));
        Self { tickets, engine, observe }
    }

    /// Writes the events together with whatever else is waiting; the outcomes come in their order.
    pub async fn submit(&self, events: Vec<ParticipantEvent>) -> Vec<Outcome> {
        let (answer, outcomes) = oneshot::channel();
        // Both ends fail only while the process is being torn down; then the host delivers the message again.
        if self.tickets.send((events, answer)).is_err() {
            return std::future::pending().await;
        }
        match outcomes.await {
            Ok(outcomes) => outcomes,
            Err(_) => std::future::pending().await,
        }
    }

    /// Writes the events as a batch of their own: if they bring the process down, they take no others along.
    pub async fn alone(&self, events: Vec<ParticipantEvent>) -> Vec<Outcome> {
        let report = self.engine.lock().await.run(&events).await;
        (self.observe)(&events, &report);
        report.outcomes
    }
}

async fn write(engine: Arc<Mutex<Engine>>, mut waiting: mpsc::UnboundedReceiver<Ticket>, observe: Observer) {
    while let Some(first) = waiting.recv().await {
        let mut tickets = vec![first];
        let mut size = tickets[0].0.len();
        let engine = {
            let linger = tokio::time::sleep(LINGER);
            tokio::pin!(linger);
            while size < MAX_BATCH {
                tokio::select! {
                    biased;
                    ticket = waiting.recv() => match ticket {
                        Some(ticket) => { size += ticket.0.len(); tickets.push(ticket); }
                        None => break,
                    },
                    () = &mut linger => break,
                }
            }
            engine.lock().await
        };
        let events: Vec<ParticipantEvent> = tickets.iter().flat_map(|(events, _)| events.iter().cloned()).collect();
        let report = engine.run(&events).await;
        drop(engine);
        observe(&events, &report);
        let mut outcomes = report.outcomes.into_iter();
        for (events, answer) in tickets {
            // Nobody waits any more where the invocation ran into its deadline; the message is delivered again.
            let _ = answer.send(outcomes.by_ref().take(events.len()).collect());
        }
    }
}
