//! `FlushActivities` (timer, every minute): writes what is due in the queue of batched mode, in full bulks; concludes from closings
//! that nothing older is waited for any more; puts on marketing lists who could not be put on before; removes what was kept long enough.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use tracing::Instrument;

use super::{
    DEADLINE, MAX_DEQUEUE_COUNT,
    answer::Ran,
    conclusion,
    delivery::{How, deliver, put_back},
    held::{self, Way},
    invocation::Message,
    parking::park_poison,
    retention::{self, Pruned},
    services::{App, Services},
};
use crate::{
    parked,
    queue::{
        self, QueueError,
        envelope::{Content, Envelope},
    },
    store::StoreError,
    telemetry::{invocation::part, metrics::metrics},
};

/// Messages taken in one go, and the events after which no more are: a few full bulks.
const MESSAGES: usize = 960;
const EVENTS: usize = 2_000;
/// Parked events are counted up to here.
const COUNTED: usize = 1_000;
/// Messages that a call to the queue gives at most.
const FETCH: usize = 32;
/// Longer than a run takes, so that no message comes again while it is under way.
pub(super) const INVISIBLE: Duration = Duration::from_secs(15 * 60);

pub async fn run(app: &App) -> Ran {
    let services = app.services().await?;
    let flushed = flush(services).await;
    if let Ok(access) = &services.dataverse {
        if let Err(error) = conclusion::run(services, access, Timestamp::now()).await {
            tracing::warn!(%error, "not every closing was looked at; the next run does");
        }
        match access.writer.complete_lists().await {
            Ok((0, 0)) => {}
            Ok((added, removed)) => tracing::info!(target: "outcome", added, removed, "marketing lists completed"),
            Err(why) => tracing::warn!(why, "the marketing lists were not completed; the next run does"),
        }
    }
    if let Err(error) = prune(services).await {
        tracing::warn!(%error, "what is past its time was not removed; the next run goes on");
    }
    tell_what_waits(services).await;
    match flushed {
        Ok(()) => Ok(()),
        Err(error) => {
            tracing::warn!(%error, "the activities queue was not flushed");
            Err("the activities queue was not flushed".to_owned())
        }
    }
}

/// Once a minute, by the one process that runs this timer.
async fn tell_what_waits(services: &Services) {
    let metrics = metrics();
    for queue in [&services.events, &services.activities, &services.hydrate] {
        if let Ok(messages) = queue.approximate_len().await {
            metrics.backlog(queue.name(), messages);
        }
    }
    if let Ok(parked) = parked::count(&*services.store, COUNTED).await {
        metrics.parked(parked);
    }
    for way in [Way::Dataverse, Way::InEvent] {
        if let Ok(hold) = held::read(&*services.store, way).await {
            metrics.held(way.name(), hold.as_ref().map(|hold| hold.name.as_str()));
        }
    }
}

async fn prune(services: &Services) -> Result<(), StoreError> {
    let forgotten = services.forgotten.current(Instant::now()).await?;
    let now = Timestamp::now();
    let pruned = retention::run(&*services.store, services.parked_for, &forgotten, now).await?;
    if pruned != Pruned::default() {
        tracing::info!(parked = pruned.parked, notes = pruned.notes, "removed what is past its time");
    }
    let logged = retention::prune_sync_log(&*services.store, services.sync_log_for, now).await?;
    if logged > 0 {
        tracing::info!(records = logged, "removed from the sync log what is past its time");
    }
    Ok(())
}

async fn flush(services: &Services) -> Result<(), QueueError> {
    let begun = Instant::now();
    while begun.elapsed() < DEADLINE / 2 {
        let (mut messages, mut events) = (Vec::new(), 0);
        while messages.len() < MESSAGES && events < EVENTS {
            let fetched = services.activities.receive(FETCH, INVISIBLE).await?;
            if fetched.is_empty() {
                break;
            }
            events += fetched.iter().map(|message| count(&message.text)).sum::<usize>();
            messages.extend(fetched);
        }
        if messages.is_empty() {
            return Ok(());
        }
        let mut deliveries: FuturesUnordered<_> =
            messages.into_iter().map(|message| deliver_one(services, message)).collect();
        while deliveries.next().await.is_some() {}
    }
    Ok(())
}

/// What is not delivered becomes visible again by itself. No host keeps count here: what comes too often is parked.
async fn deliver_one(services: &Services, message: queue::Message) {
    let queue = &*services.activities;
    let delivered = match message.dequeue_count > MAX_DEQUEUE_COUNT {
        true => park_poison(services, &message.text).await,
        false => {
            let how = How { alone: message.dequeue_count >= super::SUSPICIOUS, flushed: true };
            let decoded = decode(&message.text);
            let span = part("FlushActivities", decoded.traceparent());
            match deliver(services, queue, decoded, how).instrument(span).await {
                Err(why) => put_back(services, queue, &message.text, why).await,
                delivered => delivered,
            }
        }
    };
    let removed = match delivered {
        Ok(()) => queue.delete(&message.receipt).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = removed {
        tracing::warn!(error, dequeue_count = message.dequeue_count, "message not flushed; it comes again");
    }
}

/// The events that a message carries inline.
fn count(text: &str) -> usize {
    match Envelope::parse(text).map(|envelope| envelope.content) {
        Ok(Content::Items(items)) => items.len(),
        _ => 1,
    }
}

fn decode(text: &str) -> Message {
    match Envelope::parse(text) {
        Ok(envelope) => Message::Envelope(envelope),
        Err(error) => Message::Undecodable { raw: text.to_owned(), error },
    }
}
