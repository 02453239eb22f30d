//! `InEventWebhook` (`/api/inevent/webhook/{source}`): what InEvent sends, durably queued as it came before it is answered. Nothing of
//! it is understood here, so nothing that InEvent may send is lost.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;
use warp::{
    http::{Method, StatusCode},
    reply::Response,
};

use super::{answer, services::App};
use crate::{
    inevent::decode::Delivery,
    queue::{PutOptions, envelope::History},
};

/// The most that a body may weigh, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// Attributes of the URL that are the connector's or the host's; the others may be InEvent's.
const OURS: [&str; 4] = ["key", "code", "clientId", "trigger"];

/// A request, its body apart.
pub struct Request {
    pub method: Method,
    /// The last part of the path.
    pub source: String,
    pub query: String,
    /// What it queues is part of this trace.
    pub traceparent: String,
}

pub async fn run(app: &App, request: Request, body: &Bytes) -> Response {
    let attributes: Vec<(String, String)> = form_urlencoded::parse(request.query.as_bytes()).into_owned().collect();
    let attribute = |name: &str| attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let unavailable = |message| answer::retry_later(StatusCode::SERVICE_UNAVAILABLE, message, 30);
    let services = match app.services().await {
        Ok(services) => services,
        Err(why) => {
            tracing::error!(why, "storage is not available");
            return unavailable("the connector's storage is not available");
        }
    };
    let keys = match &services.webhook_keys {
        Ok(keys) => keys.are_with(attribute("key").unwrap_or_default()).await.map_err(|withheld| withheld.to_string()),
        Err(held) => Err(held.remedy.clone()),
    };
    match keys {
        Ok(true) => {}
        Ok(false) => return answer::error(StatusCode::UNAUTHORIZED, "not allowed"),
        Err(why) => {
            tracing::error!(why, "a webhook came, and its key could not be checked");
            return unavailable("the connector cannot check the key");
        }
    }
    let theirs: Vec<&(String, String)> = attributes.iter().filter(|(name, _)| !OURS.contains(&name.as_str())).collect();
    let text = match body.is_empty() {
        false => String::from_utf8_lossy(body).into_owned(),
        true => form_urlencoded::Serializer::new(String::new()).extend_pairs(theirs).finish(),
    };
    if text.trim().is_empty() {
        // Somebody tries whether there is anything at this URL.
        return answer::with_json(StatusCode::OK, &json!({ "ready": true }));
    }
    let (received, trigger) = (Timestamp::now(), attribute("trigger").map(str::to_owned));
    let delivery = Delivery { delivered_to: request.source, trigger, received, body: text };
    let history = History::new(received, Some(request.traceparent));
    if let Err(error) = services.hints.put(history, vec![json!(delivery)], PutOptions::default()).await {
        tracing::error!(%error, "a webhook could not be queued");
        return answer::retry_later(StatusCode::SERVICE_UNAVAILABLE, "it could not be queued; send it again", 5);
    }
    tracing::debug!(method = %request.method, bytes = body.len(), "webhook queued");
    answer::with_json(StatusCode::ACCEPTED, &json!({ "accepted": 1 }))
}
