//! Requests that come faster than the queue takes messages share them: what arrives while all puts are under way is the next message.
//!
//! Each request is still answered only when its own events are durable. A message that several requests share carries the trace of
//! the first.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tokio::sync::{Mutex, mpsc, oneshot};
use tracing::{Instrument, Span};

use crate::{
    queue::{
        Bodies, PutOptions, Queue, QueueError,
        envelope::{self, History},
    },
    telemetry::invocation::shared,
};

/// Puts under way at the same time.
const PUTS: usize = 8;
/// The most events that are gathered into one put, which may be several messages.
const MOST_EVENTS: usize = 2_000;

/// How far the delays of messages that are shared may be apart.
const NEAR: Duration = Duration::from_secs(5);

/// The events of one request.
struct Ticket {
    history: History,
    items: Vec<Value>,
    options: PutOptions,
    answer: oneshot::Sender<Result<(), Arc<QueueError>>>,
    /// Whose they are, for traces.
    span: Span,
}

/// Puts events of concurrent requests into one queue.
pub struct Gatherer {
    tickets: mpsc::UnboundedSender<Ticket>,
}

/// Why events are not, or not surely, queued.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotQueued {
    #[error(transparent)]
    Queue(#[from] Arc<QueueError>),
    #[error("the writer of the queue ended unexpectedly")]
    Broken,
}

impl Gatherer {
    /// Starts the writers; they end with the gatherer.
    pub fn start(queue: Arc<dyn Queue>, bodies: Arc<dyn Bodies>) -> Self {
        let (tickets, waiting) = mpsc::unbounded_channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..PUTS {
            tokio::spawn(write(queue.clone(), bodies.clone(), waiting.clone()));
        }
        Self { tickets }
    }

    /// Returns when the items are durable.
    pub async fn put(&self, history: History, items: Vec<Value>, options: PutOptions) -> Result<(), NotQueued> {
        let (answer, outcome) = oneshot::channel();
        self.tickets
            .send(Ticket { history, items, options, answer, span: Span::current() })
            .map_err(|_| NotQueued::Broken)?;
        Ok(outcome.await.map_err(|_| NotQueued::Broken)??)
    }
}

async fn write(queue: Arc<dyn Queue>, bodies: Arc<dyn Bodies>, waiting: Arc<Mutex<mpsc::UnboundedReceiver<Ticket>>>) {
    loop {
        let mut tickets = Vec::new();
        {
            let mut waiting = waiting.lock().await;
            let Some(first) = waiting.recv().await else { return };
            let mut events = first.items.len();
            tickets.push(first);
            while events < MOST_EVENTS
                && let Ok(ticket) = waiting.try_recv()
            {
                events += ticket.items.len();
                tickets.push(ticket);
            }
        }
        tickets.sort_by_key(|ticket| ticket.options.visible_after);
        while let Some(first) = tickets.first() {
            let near = first.options.visible_after + NEAR;
            let shared = tickets.partition_point(|ticket| ticket.options.visible_after <= near);
            let rest = tickets.split_off(shared);
            put(&*queue, &*bodies, std::mem::replace(&mut tickets, rest)).await;
        }
    }
}

/// Puts the events of some requests, the latest delay of all: nothing appears too early.
async fn put(queue: &dyn Queue, bodies: &dyn Bodies, mut tickets: Vec<Ticket>) {
    let (Some(first), Some(last)) = (tickets.first(), tickets.last()) else { return };
    let (history, options) = (first.history.clone(), last.options);
    let items: Vec<Value> = tickets.iter_mut().flat_map(|ticket| std::mem::take(&mut ticket.items)).collect();
    let put = envelope::put(queue, bodies, &history, &items, options);
    let span = shared("queue events", tickets.iter().map(|ticket| &ticket.span));
    let outcome = put.instrument(span).await.map(drop).map_err(Arc::new);
    for ticket in tickets {
        // Nobody waits any more where the sender hung up; its events are queued all the same.
        let _ = ticket.answer.send(outcome.clone());
    }
}

#[cfg(all(test, feature = "local"))]
mod tests {
    use super::*;
    use crate::queue::{Queues, SqliteBodies, SqliteQueues, envelope::Content, envelope::Envelope};

    #[tokio::test(flavor = "multi_thread")]
    async fn what_comes_at_once_shares_messages_and_none_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("db");
        let queue = SqliteQueues::open(&file).unwrap().queue("inevent-events").unwrap();
        queue.create().await.unwrap();
        let gatherer = Gatherer::start(queue.clone(), Arc::new(SqliteBodies::open(&file).unwrap()));
        let history = History::new(jiff::Timestamp::UNIX_EPOCH, None);
        let puts = (0..500).map(|n| gatherer.put(history.clone(), vec![Value::from(n)], PutOptions::default()));
        futures_util::future::try_join_all(puts).await.unwrap();
        let (mut messages, mut items) = (0, Vec::new());
        loop {
            let received = queue.receive(32, std::time::Duration::from_secs(60)).await.unwrap();
            if received.is_empty() {
                break;
            }
            messages += received.len();
            for message in received {
                let Content::Items(mut more) = Envelope::parse(&message.text).unwrap().content else { panic!() };
                items.append(&mut more);
            }
        }
        items.sort_by_key(Value::as_i64);
        assert_eq!(items, (0..500).map(Value::from).collect::<Vec<_>>());
        assert!(messages < 100, "{messages} messages for 500 requests");
    }
}
