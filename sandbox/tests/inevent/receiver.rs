//! A place that webhooks are sent to.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use crate::world::{EVENT, World};

/// What came: content type and body.
type Received = Arc<Mutex<Vec<(String, String)>>>;

pub struct Receiver {
    pub url: String,
    received: Received,
    /// How many of the next deliveries are answered with 500.
    failing: Arc<Mutex<u32>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?code=secret", listener.local_addr().unwrap());
        let (received, failing) = (Received::default(), Arc::new(Mutex::new(0)));
        let (kept, fails) = (received.clone(), failing.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (kept, fails) = (kept.clone(), fails.clone());
                let service = hyper::service::service_fn(move |request| take(request, kept.clone(), fails.clone()));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { url, received, failing }
    }

    pub fn fail(&self, deliveries: u32) {
        *self.failing.lock().unwrap() = deliveries;
    }

    /// Has the stand-in tell of these types.
    pub async fn register(&self, world: &World, types: &[&str]) {
        for kind in types {
            let body = [("type", *kind), ("url", self.url.as_str())];
            let reply = world.post("webhook.create", &[("eventID", EVENT)], &body).await;
            assert_eq!(reply.status, 200, "{kind}: {reply:?}");
        }
    }

    /// Everything that came, once nothing is under way any more.
    pub async fn all(&self, world: &World) -> Vec<(String, String)> {
        let begun = Instant::now();
        while world.admin("GET", "deliveries/counts", json!(null)).await.json()["pending"] != 0 {
            assert!(begun.elapsed() < Duration::from_secs(60), "deliveries are left");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.received.lock().unwrap().clone()
    }

    /// The JSON bodies of these.
    pub async fn bodies(&self, world: &World) -> Vec<Value> {
        self.all(world).await.iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect()
    }

    /// The types of these, in the order in which they came.
    pub async fn types(&self, world: &World) -> Vec<String> {
        let bodies = self.bodies(world).await;
        bodies.iter().map(|body| body["type"].as_str().unwrap().to_owned()).collect()
    }
}

async fn take(
    request: Request<Incoming>,
    received: Received,
    failing: Arc<Mutex<u32>>,
) -> hyper::Result<Response<Full<Bytes>>> {
    let kind = request.headers()["content-type"].to_str().unwrap().to_owned();
    let body = request.into_body().collect().await?.to_bytes();
    received.lock().unwrap().push((kind, String::from_utf8(body.to_vec()).unwrap()));
    let mut answer = Response::new(Full::default());
    let mut failing = failing.lock().unwrap();
    if *failing > 0 {
        *failing -= 1;
        *answer.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
    }
    Ok(answer)
}
