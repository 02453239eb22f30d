//! `IngestEvents` (`POST /api/events`): one event or an array of them, durably queued before it is answered.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;
use warp::{http::StatusCode, reply::Response};

use super::{answer, services::App};
use crate::{
    model::validate::{self, Problem},
    queue::{PutOptions, envelope::History},
};

/// The most that one request may weigh, in bytes.
pub const MAX_BODY: usize = 4 * 1024 * 1024;

/// Proof that events are queued.
#[derive(Debug, Serialize)]
struct Receipt {
    receipt: Uuid,
    accepted: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<BadItem>,
}

/// An item that cannot be accepted.
#[derive(Debug, Serialize)]
struct BadItem {
    /// Its place in the array, from 0.
    index: usize,
    /// Its id, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Value>,
    problems: Vec<Problem>,
}

#[derive(Debug, Serialize)]
struct Refusal {
    error: &'static str,
    items: Vec<BadItem>,
}

/// `partial`: queue the good items of an array that holds bad ones.
pub async fn run(app: &App, body: &Bytes, partial: bool, traceparent: String) -> Response {
    let Ok(_permit) = app.ingest_permits.try_acquire() else {
        return answer::retry_later(
            StatusCode::TOO_MANY_REQUESTS,
            "too many requests at once; send again after a second",
            1,
        );
    };
    let now = Timestamp::now();
    let (events, bad) = match read(body, now) {
        Ok(read) => read,
        Err(why) => return answer::error(StatusCode::BAD_REQUEST, why),
    };
    if !bad.is_empty() && (!partial || events.is_empty()) {
        let error = "nothing was queued: mend the items named, or send with ?partial=true to queue the others";
        return answer::with_json(StatusCode::BAD_REQUEST, &Refusal { error, items: bad });
    }
    let services = match app.services().await {
        Ok(services) => services,
        Err(why) => {
            tracing::error!(why, "storage is not available");
            return answer::retry_later(
                StatusCode::SERVICE_UNAVAILABLE,
                "the connector's storage is not available",
                30,
            );
        }
    };
    let history = History::new(now, Some(traceparent));
    let accepted = events.len();
    if let Err(error) = services.ingest.put(history, events, PutOptions::default()).await {
        tracing::error!(%error, "events could not be queued");
        return answer::retry_later(
            StatusCode::SERVICE_UNAVAILABLE,
            "the events could not be queued; send them again",
            5,
        );
    }
    let status = if bad.is_empty() { StatusCode::ACCEPTED } else { StatusCode::MULTI_STATUS };
    answer::with_json(status, &Receipt { receipt: Uuid::now_v7(), accepted, refused: bad })
}

/// The good events, in the form in which they are queued, and the bad items of a body.
fn read(body: &[u8], now: Timestamp) -> Result<(Vec<Value>, Vec<BadItem>), &'static str> {
    let json: Value = serde_json::from_slice(body).map_err(|_| "the body is not JSON")?;
    let items = match json {
        Value::Array(items) if items.is_empty() => return Err("the array holds no event"),
        Value::Array(items) => items,
        object @ Value::Object(_) => vec![object],
        _ => return Err("the body must be an event or an array of events"),
    };
    let (mut events, mut bad) = (Vec::with_capacity(items.len()), Vec::new());
    for (index, item) in items.iter().enumerate() {
        match validate::read(item, now) {
            Ok(event) => events.push(serde_json::to_value(event).unwrap_or_default()),
            Err(problems) => bad.push(BadItem {
                index,
                id: item.get("id").filter(|id| id.is_string() || id.is_number()).cloned(),
                problems,
            }),
        }
    }
    Ok((events, bad))
}
