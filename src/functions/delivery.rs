//! One queue message: its events are written, and each is settled by its own outcome. Done is dropped, refused is parked,
//! postponed goes back as a smaller message. One bad event never takes its neighbours along.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{invocation::Message, services::Services};
use crate::{
    model::ParticipantEvent,
    queue::{
        PutOptions, Queue, QueueError, backoff,
        envelope::{self, Content, Envelope, EnvelopeError, History},
    },
    store::{Key, Store, StoreError},
    sync::{
        coalesce::Broken,
        outcome::{Held, Outcome, Postponement, Refusal},
        parked::{self, Parked},
    },
};

/// Notes that a body was settled and removed, for a message that comes again after that.
const SETTLED_BODY: &str = "settledbody";

/// How long a message of a newer release waits before it is looked at again.
const NEWER_WAITS: Duration = Duration::from_secs(5 * 60);

/// Why a message stays with the host, which delivers it again.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Broken(#[from] Broken),
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
            return park_raw(services, &raw, "the message is not one that the connector writes").await;
        }
    };
    let body = match &content {
        Content::Items(_) => None,
        Content::Body(key) => Some(key.clone()),
    };
    let Some(items) = items(services, content).await? else { return Ok(()) };
    let mut events = Vec::with_capacity(items.len());
    for item in items {
        match serde_json::from_value::<ParticipantEvent>(item.clone()) {
            Ok(event) => events.push(event),
            Err(_) => {
                park_raw(services, &item.to_string(), "an item of the message is not a participant event").await?
            }
        }
    }
    let outcomes = match &services.dataverse {
        Ok(access) if alone => access.writer.alone(events.clone()).await?,
        Ok(access) => access.writer.submit(events.clone()).await?,
        Err(held) => vec![Outcome::Postponed(Postponement::Held(held.clone())); events.len()],
    };
    settle(services, queue, &history, &events, outcomes).await?;
    if let Some(key) = body {
        services.store.put(&settled(&key), &Value::Bool(true)).await?;
        services.bodies.delete(&key).await?;
    }
    Ok(())
}

/// The items of a message; `None` when they were settled before.
async fn items(services: &Services, content: Content) -> Result<Option<Vec<Value>>, Undelivered> {
    let key = match content {
        Content::Items(items) => return Ok(Some(items)),
        Content::Body(key) => key,
    };
    match services.bodies.get(&key).await? {
        Some(bytes) => match envelope::read_body(&bytes) {
            Some(items) => Ok(Some(items)),
            None => {
                park_raw(services, &String::from_utf8_lossy(&bytes), "the body of the message is not readable").await?;
                Ok(None)
            }
        },
        None if services.store.get(&settled(&key)).await?.is_some() => Ok(None),
        None => {
            park_raw(services, &key, "the body of the message is gone, without having been settled").await?;
            Ok(None)
        }
    }
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
            Outcome::Refused(refusal) => park_refused(&*services.store, event, &refusal).await?,
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

async fn park_refused(store: &dyn Store, event: &ParticipantEvent, refusal: &Refusal) -> Result<(), StoreError> {
    tracing::warn!(event = event.id, code = refusal.code.map(|code| format!("0x{code:08x}")), "event parked");
    parked::park(store, &Parked::Refused { event, refusal }, Timestamp::now()).await
}

async fn park_raw(services: &Services, raw: &str, reason: &'static str) -> Result<(), Undelivered> {
    tracing::warn!(reason, "message parked");
    Ok(parked::park(&*services.store, &Parked::Undecoded { raw, reason }, Timestamp::now()).await?)
}

fn settled(body: &str) -> Key {
    Key::new(SETTLED_BODY, "body", body)
}

/// Between 0 and 1. That waiting messages spread is all it is for.
fn jitter() -> f64 {
    f64::from(uuid::Uuid::new_v4().as_u128() as u16) / f64::from(u16::MAX)
}
