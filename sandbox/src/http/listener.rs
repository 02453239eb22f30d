//! The accept loop.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::route::{Answer, Incoming as Received, Outcome, answer};
use crate::admin::Entry;
use crate::state::State;

/// A server that runs until it is stopped or dropped.
pub(crate) struct Running {
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Running {
    /// Closes the listener and every connection.
    pub(crate) async fn stop(self) {
        // The loop also ends when the sender is gone, so a failure to send changes nothing.
        self.stop.send(true).ok();
        self.accepting.await.ok();
    }
}

/// Serves connections of `listener`.
pub(crate) fn run(listener: TcpListener, state: Arc<State>) -> Running {
    let (stop, mut stopped) = watch::channel(false);
    let accepting = tokio::spawn(async move {
        // Dropped at the end, which aborts the connections.
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        connections.spawn(connection(stream, Arc::clone(&state)));
                    }
                }
                Some(_) = connections.join_next() => {}
                _ = stopped.changed() => break,
            }
        }
    });
    Running { stop, accepting }
}

async fn connection(stream: TcpStream, state: Arc<State>) {
    stream.set_nodelay(true).ok();
    let service = service_fn(move |request| handle(request, Arc::clone(&state)));
    // A connection that ends early is the client's business, or a fault's.
    hyper::server::conn::http1::Builder::new()
        .max_buf_size(1 << 20)
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

/// The connection is to be cut without an answer.
#[derive(Debug, thiserror::Error)]
#[error("connection reset on demand")]
struct Cut;

async fn handle(request: hyper::Request<Incoming>, state: Arc<State>) -> Result<hyper::Response<Full<Bytes>>, Cut> {
    let started = Instant::now();
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let received = Received {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers,
        body: body.to_vec(),
    };
    let (method, path, web_api) = (received.method.clone(), received.path.clone(), received.is_web_api());
    let logged = !received.is_admin();
    // SQLite blocks; the runtime's workers must not.
    let working = Arc::clone(&state);
    let outcome = tokio::task::spawn_blocking(move || answer(&working, received)).await.map_err(|_| Cut)?;
    let status = match &outcome {
        Outcome::Answer(answer) => answer.status,
        Outcome::Cut { .. } => 0,
    };
    let parts = match &outcome {
        Outcome::Answer(answer) => answer.parts,
        Outcome::Cut { parts } => *parts,
    };
    if logged {
        let ms = (started.elapsed().as_secs_f64() * 100_000.0).round() / 100.0;
        state.log.record(Entry { at: state.clock.now(), method, path, status, ms, parts }, web_api);
    }
    match outcome {
        Outcome::Answer(answer) => Ok(to_hyper(answer)),
        Outcome::Cut { .. } => Err(Cut),
    }
}

fn to_hyper(answer: Answer) -> hyper::Response<Full<Bytes>> {
    let mut builder = hyper::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        builder = builder.header(*name, value);
    }
    let build = |body: Vec<u8>| Full::new(Bytes::from(body));
    builder.body(build(answer.body)).unwrap_or_else(|_| {
        // A header that HTTP does not allow; there is nothing better to say.
        let mut response = hyper::Response::new(build(Vec::new()));
        *response.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}
