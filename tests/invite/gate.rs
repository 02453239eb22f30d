//! What stands between the connector and InEvent: it holds calls back, loses answers, or refuses.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use warp::{Filter, Reply, http::StatusCode, reply::Response};

use crate::world::World;

/// What becomes of calls to `event.invite.create`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invites {
    Pass,
    /// They never arrive, and are never answered.
    HeldBefore,
    /// They arrive, and are never answered.
    HeldAfter,
    /// They arrive, and the answer is that of a broken gateway.
    AnswerLost,
}

pub struct Gate {
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    http: reqwest::Client,
    behind: String,
    invites: Mutex<Invites>,
    /// Whether InEvent tells who is invited.
    blind: Mutex<bool>,
    /// A call is held.
    held: Notify,
}

impl Gate {
    pub async fn before(world: &World) -> Self {
        let shared = Arc::new(Shared {
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            behind: world.standin.connection().url.clone(),
            invites: Mutex::new(Invites::Pass),
            blind: Mutex::new(false),
            held: Notify::new(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let behind = shared.clone();
        let routes = warp::post()
            .and(warp::query::raw())
            .and(warp::header("authorization"))
            .and(warp::body::bytes())
            .then(move |query: String, token: String, body| behind.clone().answer(query, token, body));
        tokio::spawn(warp::serve(routes).incoming(listener).run());
        Self { url, shared }
    }

    pub fn invites(&self, invites: Invites) {
        *self.shared.invites.lock().unwrap() = invites;
    }

    pub fn blind(&self, blind: bool) {
        *self.shared.blind.lock().unwrap() = blind;
    }

    /// Waits until a call is held.
    pub async fn held(&self) {
        tokio::time::timeout(std::time::Duration::from_secs(60), self.shared.held.notified()).await.unwrap();
    }
}

impl Shared {
    async fn answer(self: Arc<Self>, query: String, token: String, body: bytes::Bytes) -> Response {
        let invites = match query.contains("event.invite.create") {
            true => *self.invites.lock().unwrap(),
            false => Invites::Pass,
        };
        let asks = query.contains("event.invite.get") || query.contains("event.invite.find");
        if asks && *self.blind.lock().unwrap() {
            return StatusCode::BAD_REQUEST.into_response();
        }
        if invites == Invites::HeldBefore {
            self.held.notify_one();
            return std::future::pending().await;
        }
        let request = self.http.post(format!("{}/?{query}", self.behind)).header("authorization", token);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        match invites {
            Invites::HeldAfter => {
                self.held.notify_one();
                std::future::pending().await
            }
            Invites::AnswerLost => StatusCode::BAD_GATEWAY.into_response(),
            _ => warp::reply::with_status(text, StatusCode::from_u16(status).unwrap()).into_response(),
        }
    }
}
