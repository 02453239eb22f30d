//! From a message into the parked store: what is refused, what cannot be read, what was delivered too often.

use std::time::Instant;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{delivery::Undelivered, services::Services};
use crate::{
    model::ParticipantEvent,
    parked::{self, Kind, Original, Parked},
    queue::{
        QueueError,
        envelope::{self, Content, Envelope},
    },
    store::{Key, StoreError},
    sync::outcome::Refusal,
    synclog::{Entry, Step, Verdict},
};

/// Notes that a body was settled and removed, for a message that comes again after that.
pub(super) const SETTLED_BODY: &str = "settledbody";

const TOO_OFTEN: &str = "it was delivered as often as the queue allows, and never settled";

pub(super) async fn park_refused(
    services: &Services,
    event: &ParticipantEvent,
    refusal: Refusal,
    trace_id: Option<&str>,
) -> Result<(), StoreError> {
    tracing::warn!(event = event.id, code = refusal.code.map(|code| format!("0x{code:08x}")), "event parked");
    let parked = Parked::refused(event.clone(), refusal, trace_id.map(str::to_owned));
    parked::park(&*services.store, &parked, Timestamp::now()).await
}

pub(super) async fn park_raw(
    services: &Services,
    raw: String,
    reason: &'static str,
    trace_id: Option<&str>,
) -> Result<(), StoreError> {
    park(services, Kind::Undecoded, Original::Raw(raw), reason, trace_id).await
}

/// A webhook that nothing follows from. The reason may be personal.
pub(super) async fn park_hint(
    services: &Services,
    delivery: &Value,
    reason: String,
    trace_id: Option<&str>,
) -> Result<(), StoreError> {
    park(services, Kind::Webhook, Original::Raw(delivery.to_string()), &reason, trace_id).await
}

/// Parks everything that a message holds, a body beside it included; afterwards the message may be removed.
pub(super) async fn park_poison(services: &Services, text: &str) -> Result<(), Undelivered> {
    let Ok(Envelope { history, content, .. }) = Envelope::parse(text) else {
        return Ok(park(services, Kind::Poison, Original::Raw(text.to_owned()), TOO_OFTEN, None).await?);
    };
    let body = content.body().map(str::to_owned);
    let Some(items) = items(services, content, history.trace_id()).await? else { return Ok(()) };
    for item in items {
        let original = match serde_json::from_value(item.clone()) {
            Ok(event) => Original::Event(Box::new(event)),
            Err(_) => Original::Raw(item.to_string()),
        };
        park(services, Kind::Poison, original, TOO_OFTEN, history.trace_id()).await?;
    }
    match body {
        Some(key) => settle_body(services, &key).await,
        None => Ok(()),
    }
}

/// The items of a message; `None` when they were settled before, or are parked now because they cannot be read.
pub(super) async fn items(
    services: &Services,
    content: Content,
    trace_id: Option<&str>,
) -> Result<Option<Vec<Value>>, Undelivered> {
    let key = match content {
        Content::Items(items) => return Ok(Some(items)),
        Content::Body(key) => key,
    };
    match services.bodies.get(&key).await {
        Ok(Some(bytes)) => match envelope::read_body(&bytes) {
            Some(items) => return Ok(Some(items)),
            None => {
                let raw = String::from_utf8_lossy(&bytes).into_owned();
                park_raw(services, raw, "the body of the message is not readable", trace_id).await?;
                settle_body(services, &key).await?;
            }
        },
        Ok(None) if services.store.get(&settled(&key)).await?.is_some() => {}
        Ok(None) => {
            park_raw(services, key, "the body of the message is gone, without having been settled", trace_id).await?;
        }
        Err(QueueError::BadKey(_)) => {
            park_raw(services, key, "the message names a body that there cannot be", trace_id).await?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(None)
}

/// Removes a body of which every item is settled.
pub(super) async fn settle_body(services: &Services, key: &str) -> Result<(), Undelivered> {
    services.store.put(&settled(key), &json!({ "at": Timestamp::now() })).await?;
    Ok(services.bodies.delete(key).await?)
}

async fn park(
    services: &Services,
    kind: Kind,
    original: Original,
    reason: &str,
    trace_id: Option<&str>,
) -> Result<(), StoreError> {
    let forgotten = services.forgotten.current(Instant::now()).await?;
    let concerned = match &original {
        Original::Event(event) => forgotten.concerns(event),
        Original::Raw(text) => forgotten.named_in(text),
    };
    if concerned {
        tracing::info!(kind = ?kind, "message of a forgotten person dropped");
        return Ok(());
    }
    tracing::warn!(kind = ?kind, "message parked");
    services.sync_log.note([logged(kind, &original, trace_id)]);
    let parked =
        Parked { kind, code: None, reason: reason.to_owned(), trace_id: trace_id.map(str::to_owned), original };
    parked::park(&*services.store, &parked, Timestamp::now()).await
}

fn logged(kind: Kind, original: &Original, trace_id: Option<&str>) -> Entry {
    let (now, why) = (Timestamp::now(), Some(kind.name()));
    match original {
        Original::Event(event) => Entry::of_statement(now, event, Verdict::Parked, why, trace_id),
        Original::Raw(_) => {
            let step = if kind == Kind::Webhook { Step::Webhook } else { Step::Sync };
            let (why, trace_id) = (why.map(str::to_owned), trace_id.map(str::to_owned));
            Entry { why, trace_id, ..Entry::new(now, step, Verdict::Parked, "") }
        }
    }
}

fn settled(body: &str) -> Key {
    Key::new(SETTLED_BODY, "body", body)
}
