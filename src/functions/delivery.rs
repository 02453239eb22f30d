//! One queue message: its events are written, and each is settled by its own outcome. Done is dropped, refused is parked,
//! postponed goes back as a smaller message. One bad event never takes its neighbours along.

use std::time::{Duration, Instant};

use super::{
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
        outcome::{Held, Outcome, Postponement},
    },
};

/// How long a message of a newer release waits before it is looked at again.
const NEWER_WAITS: Duration = Duration::from_secs(5 * 60);

/// Why a message was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    #[error(transparent)]
    Queue(#[from] QueueError),
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
            Self::Queue(error) => matches!(error, QueueError::Unavailable(_) | QueueError::Denied(_)),
            Self::Broken(_) => false,
        }
    }
}

/// Delivers a message. On success nothing of it is left to do, and it may be removed.
///
/// `alone`: it was received so often that it may be what brings the process down.
pub async fn deliver(services: &Services, queue: &dyn Queue, message: Message, alone: bool) -> Result<(), Undelivered> {
    let Envelope { history, content, .. } = match message {
        Message::Envelope(envelope) => envelope,
        Message::Undecodable { raw, error: EnvelopeError::Newer(version) } => {
            tracing::warn!(version, "a newer release wrote this message; it waits until that is back");
            return Ok(queue.put(&raw, PutOptions::after(NEWER_WAITS)).await?);
        }
        Message::Undecodable { raw, error: EnvelopeError::NotAnEnvelope } => {
            let reason = "the message is not one that the connector writes";
            return Ok(park_raw(services, raw, reason, None).await?);
        }
    };
    let body = content.body().map(str::to_owned);
    let Some(items) = items(services, content, history.trace_id()).await? else { return Ok(()) };
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
    let forgotten = services.forgotten.current(Instant::now()).await?;
    events.retain(|event| !forgotten.concerns(event) || dropped(event));
    let outcomes = match &services.dataverse {
        _ if events.is_empty() => Vec::new(),
        Ok(access) if alone => access.writer.alone(events.clone()).await?,
        Ok(access) => access.writer.submit(events.clone()).await?,
        Err(held) => vec![Outcome::Postponed(Postponement::Held(held.clone())); events.len()],
    };
    settle(services, queue, &history, &events, outcomes).await?;
    match body {
        Some(key) => settle_body(services, &key).await,
        None => Ok(()),
    }
}

/// Puts a message back that was not delivered because storage failed, so that an outage does not use up its dequeue count.
/// Afterwards the one received may be removed.
///
/// # Errors
/// When that failed as well, or the failure is not storage's: the message stays where it is.
pub async fn put_back(queue: &dyn Queue, text: &str, why: Undelivered) -> Result<(), Undelivered> {
    if !why.is_outage() {
        return Err(why);
    }
    tracing::warn!(error = %why, "storage failed; the message goes back to the queue");
    let (text, attempt) = match Envelope::parse(text) {
        Ok(envelope) => {
            let envelope = envelope.postponed("storage");
            (envelope.to_text(), envelope.history.attempt)
        }
        Err(_) => (text.to_owned(), 1),
    };
    Ok(queue.put(&text, PutOptions::after(backoff::delay(attempt, jitter()))).await?)
}

async fn settle(
    services: &Services,
    queue: &dyn Queue,
    history: &History,
    events: &[ParticipantEvent],
    outcomes: Vec<Outcome>,
) -> Result<(), Undelivered> {
    let mut postponed: Vec<&ParticipantEvent> = Vec::new();
    let mut why = None;
    for (event, outcome) in events.iter().zip(outcomes) {
        match outcome {
            Outcome::Settled { .. } => {}
            Outcome::Refused(refusal) => park_refused(services, event, refusal, history.trace_id()).await?,
            Outcome::Postponed(postponement) => {
                postponed.push(event);
                why = Some(postponement);
            }
        }
    }
    let Some(why) = why else { return Ok(()) };
    let history = history.postponed(why.name());
    let mut delay = backoff::delay(history.attempt, jitter());
    if let Postponement::Transient { retry_after: Some(asked) } = why {
        delay = delay.max(asked);
    }
    if let Postponement::Held(Held { name, remedy }) = &why {
        tracing::warn!(hold = name, remedy, events = postponed.len(), "events are held");
    }
    envelope::put(queue, &*services.bodies, &history, &postponed, PutOptions::after(delay)).await?;
    Ok(())
}

/// Says that an event of somebody who was forgotten is not kept.
fn dropped(event: &ParticipantEvent) -> bool {
    tracing::info!(event = event.id, "event of a forgotten person dropped");
    false
}

/// Between 0 and 1. That waiting messages spread is all it is for.
fn jitter() -> f64 {
    f64::from(uuid::Uuid::new_v4().as_u128() as u16) / f64::from(u16::MAX)
}
