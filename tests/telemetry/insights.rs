//! A stand-in for the ingestion endpoint of Application Insights, and for the managed identity that signs in there.
//!
//! After <https://learn.microsoft.com/azure/azure-monitor/app/azure-ad-authentication>, and the exporters of OpenTelemetry for Azure
//! Monitor: `POST /v2.1/track`, items as a JSON array in gzip, an answer that counts them and names those that were not taken.

use std::{
    collections::VecDeque,
    io::Read,
    sync::{Arc, Mutex},
};

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use warp::{Filter, http::StatusCode};

/// The header by which the platform knows that it is the app that asks.
pub const IDENTITY_HEADER: &str = "zyx-identity-header-0123456789abcdefABCDEF";
/// The token that the identity is given.
pub const TOKEN: &str = "zyx-ingestion-token-0123456789abcdefABCDEF";
/// The identity's client id.
pub const CLIENT_ID: &str = "11111111-2222-3333-4444-555555555555";
const KEY: &str = "99999999-2222-3333-4444-555555555555";

/// What the endpoint does with a post.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// Refused as a whole, with a time to wait where there is one.
    Status(u16, Option<u64>),
    /// 206: only these items are not taken, with this status.
    Not(&'static [usize], u16),
}

#[derive(Debug, Default)]
struct Seen {
    answers: VecDeque<Answer>,
    /// Items that were taken.
    taken: Vec<Value>,
    /// Every post: its `Authorization` and its items.
    posts: Vec<(String, Vec<Value>)>,
    tokens: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Insights {
    seen: Arc<Mutex<Seen>>,
    base: String,
}

impl Insights {
    pub async fn start() -> Self {
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let state = seen.clone();
        let track = warp::path!("v2.1" / "track")
            .and(warp::post())
            .and(warp::header::exact("content-encoding", "gzip"))
            .and(warp::header::optional("authorization"))
            .and(warp::body::bytes())
            .map(move |authorization: Option<String>, body: bytes::Bytes| {
                let mut text = String::new();
                GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
                let items: Vec<Value> = serde_json::from_str(&text).unwrap();
                let (status, wait, body) = track(&mut state.lock().unwrap(), authorization.unwrap_or_default(), items);
                let reply = warp::reply::with_status(warp::reply::json(&body), StatusCode::from_u16(status).unwrap());
                match wait {
                    Some(seconds) => {
                        warp::reply::Reply::into_response(warp::reply::with_header(reply, "retry-after", seconds))
                    }
                    None => warp::reply::Reply::into_response(reply),
                }
            });
        let state = seen.clone();
        let identity = warp::path!("identity")
            .and(warp::header::exact("x-identity-header", IDENTITY_HEADER))
            .and(warp::query::raw())
            .map(move |query: String| {
                state.lock().unwrap().tokens.push(query);
                warp::reply::json(&json!({
                    "access_token": TOKEN, "expires_on": "4102444800", "resource": "https://monitor.azure.com", "token_type": "Bearer",
                    "client_id": CLIENT_ID,
                }))
            });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(warp::serve(track.or(identity)).incoming(listener).run());
        Self { seen, base }
    }

    /// The settings that name it.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            (
                "APPLICATIONINSIGHTS_CONNECTION_STRING",
                format!("InstrumentationKey={KEY};IngestionEndpoint={}/;", self.base),
            ),
            ("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", format!("ClientId={CLIENT_ID};Authorization=AAD")),
            ("IDENTITY_ENDPOINT", format!("{}/identity", self.base)),
            ("IDENTITY_HEADER", IDENTITY_HEADER.to_owned()),
        ]
    }

    /// What is answered to the next posts; after that all is taken.
    pub fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.seen.lock().unwrap().answers = answers.into_iter().collect();
    }

    /// Items that were taken.
    pub fn taken(&self) -> Vec<Value> {
        self.seen.lock().unwrap().taken.clone()
    }

    /// Items of this type that were taken: their `baseData`.
    pub fn of(&self, kind: &str) -> Vec<Value> {
        self.taken().into_iter().filter(|item| item["data"]["baseType"] == kind).collect()
    }

    /// Everything that was ever posted.
    pub fn posts(&self) -> Vec<(String, Vec<Value>)> {
        self.seen.lock().unwrap().posts.clone()
    }

    /// The queries by which tokens were asked for.
    pub fn tokens(&self) -> Vec<String> {
        self.seen.lock().unwrap().tokens.clone()
    }
}

fn track(seen: &mut Seen, authorization: String, items: Vec<Value>) -> (u16, Option<u64>, Value) {
    let count = items.len();
    seen.posts.push((authorization.clone(), items.clone()));
    if authorization != format!("Bearer {TOKEN}") {
        return (401, None, json!({}));
    }
    match seen.answers.pop_front() {
        Some(Answer::Status(status, wait)) => (status, wait, json!({})),
        Some(Answer::Not(which, status)) => {
            let (mut taken, mut errors) = (0, Vec::new());
            for (index, item) in items.into_iter().enumerate() {
                if which.contains(&index) {
                    errors.push(json!({ "index": index, "statusCode": status, "message": "not now" }));
                } else {
                    taken += 1;
                    seen.taken.push(item);
                }
            }
            (206, None, json!({ "itemsReceived": count, "itemsAccepted": taken, "errors": errors }))
        }
        None => {
            seen.taken.extend(items);
            (200, None, json!({ "itemsReceived": count, "itemsAccepted": count, "errors": [] }))
        }
    }
}
