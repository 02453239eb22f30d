//! Back to the queue: what is parked is tried again.

use jiff::Timestamp;
use serde_json::Value;

use super::record::{Found, Original};
use crate::{
    inevent::decode::Delivery,
    model::validate,
    queue::{
        Bodies, PutOptions, Queue, QueueError,
        envelope::{self, Envelope, EnvelopeError, History},
    },
    store::{Store, StoreError},
};

/// What became of an entry that was to be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// It is in the queue, and not parked any more.
    Queued,
    /// It is in the queue, and was parked anew meanwhile.
    QueuedAndParkedAnew,
    /// It is neither an event, nor a webhook, nor a message of the connector's, and stays parked.
    NotAnEvent,
    /// Somebody else removed it.
    Gone,
}

/// Why an entry could not be replayed. It is still parked; it may be queued as well, which does no harm.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The queues that parked things come from.
#[derive(Clone, Copy)]
pub struct Origins<'a> {
    pub events: &'a dyn Queue,
    /// `inevent-hydrate`.
    pub webhooks: &'a dyn Queue,
}

/// Puts it into its queue, as a message of its own and with a history that begins anew, and removes it once that is durable.
pub async fn replay(
    store: &dyn Store,
    queues: Origins<'_>,
    bodies: &dyn Bodies,
    found: &Found,
    now: Timestamp,
) -> Result<Replayed, ReplayError> {
    let Some(original) = found.original(store).await? else { return Ok(Replayed::Gone) };
    let history = History::new(now, None);
    match original {
        Original::Event(event) => {
            envelope::put(queues.events, bodies, &history, &[*event], PutOptions::default()).await?;
        }
        Original::Raw(text) => {
            match (Envelope::parse(&text), event(&text, now), serde_json::from_str::<Delivery>(&text)) {
                // What an older binary could not read, this one may.
                (Ok(_) | Err(EnvelopeError::Newer(_)), ..) => queues.events.put(&text, PutOptions::default()).await?,
                (_, Some(event), _) => {
                    envelope::put(queues.events, bodies, &history, &[event], PutOptions::default()).await?;
                }
                (.., Ok(webhook)) => {
                    envelope::put(queues.webhooks, bodies, &history, &[webhook], PutOptions::default()).await?;
                }
                _ => return Ok(Replayed::NotAnEvent),
            }
        }
    }
    Ok(if found.remove(store).await? { Replayed::Queued } else { Replayed::QueuedAndParkedAnew })
}

fn event(text: &str, now: Timestamp) -> Option<crate::model::ParticipantEvent> {
    let json: Value = serde_json::from_str(text).ok()?;
    validate::read(&json, now).ok()
}
