//! One queue message: its events are written, and each is settled by its own outcome. Done is dropped, refused is parked,
//! postponed goes back as a smaller message. One bad event never takes its neighbours along.
//!
//! Of events that are gathered, the people are written at once; the events themselves go to `inevent-activities`, to be planned
//! again when they are flushed. A crash before the message is removed delivers it once more, which writes nothing twice.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    backlog::{self, When},
    conclusion::{self, OutOfSight},
    dataverse_access::DataverseAccess,
    gather::NotQueued,
    invocation::Message,
    parking::{items, park_raw, park_refused, settle_body},
    services::Services,
};
use crate::{
    model::ParticipantEvent,
    queue::{
        PutOptions, Queue, QueueError, backoff,
        envelope::{self, Envelope, EnvelopeError, History},
    },
    store::StoreError,
    sync::{
        coalesce::Broken,
        engine::Scope,
        outcome::{Held, Outcome, Postponement},
    },
    synclog::{Entry, Step, Verdict},
    telemetry::metrics::metrics,
};

/// How long a message of a newer release waits before it is looked at again.
const NEWER_WAITS: Duration = Duration::from_secs(5 * 60);
/// How long one stays out of sight at most of which that could not be noted.
const UNNOTED_WAITS: Duration = Duration::from_secs(60);

/// Why a message was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Gathering(#[from] NotQueued),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The message may be the reason: it stays where it is, and is parked when it was delivered too often.
    #[error(transparent)]
    Broken(#[from] Broken),
}

impl Undelivered {
    /// Whether storage is what failed, whatever the message holds.
    fn is_outage(&self) -> bool {
        match self {
            Self::Store(error) => matches!(error, StoreError::Unavailable(_) | StoreError::Denied(_)),
            Self::Queue(error) => is_outage(error),
            Self::Gathering(NotQueued::Queue(error)) => is_outage(error),
            Self::Gathering(NotQueued::Broken) | Self::Broken(_) => false,
        }
    }
}

fn is_outage(error: &QueueError) -> bool {
    matches!(error, QueueError::Unavailable(_) | QueueError::Denied(_))
}

/// How a message is delivered.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// It was received so often that it may be what brings the process down.
    pub alone: bool,
    /// Its events were gathered before: now they are written, whatever the settings say.
    pub flushed: bool,
}

/// Delivers a message. On success nothing of it is left to do, and it may be removed.
pub async fn deliver(services: &Services, queue: &dyn Queue, message: Message, how: How) -> Result<(), Undelivered> {
    let Some(Opened { history, items, body }) = open(services, queue, message).await? else { return Ok(()) };
    let mut events = Vec::with_capacity(items.len());
    for item in items {
        match serde_json::from_value::<ParticipantEvent>(item.clone()) {
            Ok(event) => events.push(event),
            Err(_) => {
                let reason = "an item of the message is not a participant event";
                park_raw(services, item.to_string(), reason, history.trace_id()).await?;
            }
        }
    }
    metrics().events(events.len());
    let mut forgotten = services.forgotten.current(Instant::now()).await?;
    let unknown = forgotten.unknown_participants(&events);
    if !unknown.is_empty() {
        forgotten = services.forgotten.learn(&unknown, Instant::now()).await?;
    }
    let concerned = |event: &ParticipantEvent| forgotten.concerns(event);
    events.retain(|event| !concerned(event) || dropped(services, event));
    match &services.dataverse {
        _ if events.is_empty() => {}
        Ok(access) => write(services, access, queue, &history, events, how).await?,
        Err(held) => {
            let outcomes = vec![Outcome::Postponed(Postponement::Held(held.clone())); events.len()];
            settle(services, queue, &history, &events, outcomes, false).await?;
        }
    }
    match body {
        Some(key) => settle_body(services, &key).await,
        None => Ok(()),
    }
}

/// What a message holds.
pub(super) struct Opened {
    pub(super) history: History,
    pub(super) items: Vec<Value>,
    /// The key of the body that the items were in.
    pub(super) body: Option<String>,
}

/// Opens a message. `None`: nothing of it is left to do, it waits for a newer release, or is parked as a whole.
pub(super) async fn open(
    services: &Services,
    queue: &dyn Queue,
    message: Message,
) -> Result<Option<Opened>, Undelivered> {
    let Envelope { history, content, .. } = match message {
        Message::Envelope(envelope) => envelope,
        Message::Undecodable { raw, error: EnvelopeError::Newer(version) } => {
            tracing::warn!(version, "a newer release wrote this message; it waits until that is back");
            services.put_back.note_ids(None, out_of_sight(Timestamp::UNIX_EPOCH, NEWER_WAITS)).await?;
            queue.put(&raw, PutOptions::after(NEWER_WAITS)).await?;
            return Ok(None);
        }
        Message::Undecodable { raw, error: EnvelopeError::NotAnEnvelope } => {
            park_raw(services, raw, "the message is not one that the connector writes", None).await?;
            return Ok(None);
        }
    };
    let body = content.body().map(str::to_owned);
    Ok(items(services, content, history.trace_id()).await?.map(|items| Opened { history, items, body }))
}

/// Puts a message back that was not delivered because storage failed, so that an outage does not use up its dequeue count.
/// Afterwards the one received may be removed.
///
/// # Errors
/// When that failed as well, or the failure is not storage's: the message stays where it is.
pub async fn put_back(services: &Services, queue: &dyn Queue, text: &str, why: Undelivered) -> Result<(), Undelivered> {
    if !why.is_outage() {
        return Err(why);
    }
    tracing::warn!(error = %why, "storage failed; the message goes back to the queue");
    let (text, attempt, since) = match Envelope::parse(text) {
        Ok(envelope) => {
            let envelope = envelope.postponed("storage");
            (envelope.to_text(), envelope.history.attempt, envelope.history.first_seen)
        }
        Err(_) => (text.to_owned(), 1, Timestamp::UNIX_EPOCH),
    };
    let mut delay = backoff::delay(attempt, jitter());
    let events = conclusion::events_in(&text);
    if let Err(error) = services.put_back.note_ids(events.as_deref(), out_of_sight(since, delay)).await {
        // The tables failed, too. In the queue's front it is seen how old it is.
        tracing::warn!(%error, "that the message waits could not be noted");
        delay = delay.min(UNNOTED_WAITS);
    }
    Ok(queue.put(&text, PutOptions::after(delay)).await?)
}

/// Writes events, or the people of those that are gathered.
async fn write(
    services: &Services,
    access: &DataverseAccess,
    queue: &dyn Queue,
    history: &History,
    events: Vec<ParticipantEvent>,
    how: How,
) -> Result<(), Undelivered> {
    access.join_writers().await;
    let now = Timestamp::now();
    let when = match access.writer.rules().await {
        Ok(rules) if !how.flushed => backlog::when(&events, &rules, &services.backlog, now).await,
        // Without rules nothing is written, and the writer says why.
        _ => vec![When::Now; events.len()],
    };
    let mut runs: BTreeMap<When, Vec<ParticipantEvent>> = BTreeMap::new();
    for (when, event) in when.into_iter().zip(events) {
        runs.entry(when).or_default().push(event);
    }
    for (when, events) in runs {
        let scope = if when == When::Now { Scope::Everything } else { Scope::People };
        let outcomes = match how.alone {
            true => access.writer.alone(scope, events.clone()).await?,
            false => access.writer.submit(scope, events.clone()).await?,
        };
        if when == When::Now {
            tell_delays(&events, &outcomes);
        }
        if let When::After(delay) = when {
            let settled = |outcome: &Outcome| matches!(outcome, Outcome::Settled { .. });
            let gathered = events.iter().zip(&outcomes).filter(|(_, outcome)| settled(outcome));
            let gathered: Vec<Value> =
                gathered.map(|(event, _)| serde_json::to_value(event).unwrap_or_default()).collect();
            if !gathered.is_empty() {
                services.put_back.note(&events, out_of_sight(history.first_seen, delay)).await?;
                services.gather.put(history.clone(), gathered, PutOptions::after(delay)).await?;
            }
        }
        settle(services, queue, history, &events, outcomes, when != When::Now).await?;
    }
    Ok(())
}

/// `gathered`: of what is settled, the rows are still to be written.
async fn settle(
    services: &Services,
    queue: &dyn Queue,
    history: &History,
    events: &[ParticipantEvent],
    outcomes: Vec<Outcome>,
    gathered: bool,
) -> Result<(), Undelivered> {
    let (now, last, trace) = (Timestamp::now(), history.last_error.as_deref(), history.trace_id());
    let told = events.iter().zip(&outcomes);
    services
        .sync_log
        .note(told.filter_map(|(event, outcome)| Entry::of_outcome(now, event, outcome, gathered, last, trace)));
    // What waits for the pace of one event comes again by itself: nothing else waits so long.
    let mut postponed: BTreeMap<Option<&str>, (Vec<&ParticipantEvent>, Postponement)> = BTreeMap::new();
    for (event, outcome) in events.iter().zip(outcomes) {
        match outcome {
            Outcome::Settled { .. } => {}
            Outcome::Refused(refusal) => park_refused(services, event, refusal, history.trace_id()).await?,
            Outcome::Postponed(why) => {
                let paced = matches!(why, Postponement::Paced { .. }).then_some(event.event.id.as_str());
                let (events, told) = postponed.entry(paced).or_insert_with(|| (Vec::new(), why.clone()));
                events.push(event);
                // What another batch is about says nothing of the rest.
                if why != Postponement::Claimed {
                    *told = why;
                }
            }
        }
    }
    for (events, why) in postponed.into_values() {
        let history = history.postponed(why.name());
        // Another batch is done in seconds, or its process died.
        let attempt = if why == Postponement::Claimed { 1 } else { history.attempt };
        let delay = backoff::delay(attempt, jitter()).max(why.least());
        if let Postponement::Held(Held { name, remedy }) = &why {
            tracing::warn!(hold = name, remedy, events = events.len(), "events are held");
        }
        services.put_back.note(events.iter().copied(), out_of_sight(history.first_seen, delay)).await?;
        envelope::put(queue, &*services.bodies, &history, &events, PutOptions::after(delay)).await?;
    }
    Ok(())
}

/// How long it took from what happened to its row, where something was written.
fn tell_delays(events: &[ParticipantEvent], outcomes: &[Outcome]) {
    let now = Timestamp::now();
    for (event, outcome) in events.iter().zip(outcomes) {
        if matches!(outcome, Outcome::Settled { changed: true }) {
            // A source whose clock is ahead of ours.
            let delay = now.duration_since(event.time.timestamp()).max(jiff::SignedDuration::ZERO);
            metrics().delay(delay.unsigned_abs());
        }
    }
}

/// What goes out of sight now for so long, and came to the connector then.
pub(super) fn out_of_sight(since: Timestamp, delay: Duration) -> OutOfSight {
    OutOfSight { since, until: Timestamp::now().checked_add(delay).unwrap_or(Timestamp::MAX) }
}

/// Says that an event of somebody who was forgotten is not kept; not whose it was.
fn dropped(services: &Services, event: &ParticipantEvent) -> bool {
    tracing::info!(event = event.id, "event of a forgotten person dropped");
    services.sync_log.note([Entry::new(Timestamp::now(), Step::Sync, Verdict::Dropped, &event.event.id)]);
    false
}

/// Between 0 and 1. That waiting messages spread is all it is for.
pub(super) fn jitter() -> f64 {
    f64::from(uuid::Uuid::new_v4().as_u128() as u16) / f64::from(u16::MAX)
}

#[cfg(all(test, feature = "local"))]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
