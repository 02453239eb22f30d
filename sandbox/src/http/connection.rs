//! One connection: TLS if it is https, then requests and their answers.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::casing::Cased;
use super::route::{Answer, Incoming as Received, Outcome, answer};
use crate::admin::Entry;
use crate::organization::Organization;
use crate::state::{Site, State};

/// How a port is spoken to.
#[derive(Clone)]
pub(super) enum Scheme {
    Http,
    Https(TlsAcceptor),
}

/// Serves a connection to its end. One that a fault cuts ends with a reset (RST), not with an orderly close.
pub(super) async fn serve(stream: TcpStream, scheme: Scheme, state: Arc<State>, organization: Arc<Organization>) {
    let answering = |scheme: &'static str| {
        move |request| Box::pin(handle(request, scheme, Arc::clone(&state), Arc::clone(&organization)))
    };
    match scheme {
        Scheme::Http => serve_plain(stream, answering("http")).await,
        Scheme::Https(acceptor) => {
            // A client that does not trust the certificate goes away here.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            if let Some(stream) = talk(stream, answering("https")).await {
                stream.into_inner().0.set_zero_linger().ok();
            }
        }
    }
}

/// Serves a connection without TLS to its end, with whatever answers its requests.
pub(crate) async fn serve_plain<F, A>(stream: TcpStream, answer: F)
where
    F: Fn(hyper::Request<Incoming>) -> A + Unpin,
    A: Future<Output = Result<hyper::Response<Full<Bytes>>, Cut>> + Unpin,
{
    if let Some(stream) = talk(stream, answer).await {
        stream.set_zero_linger().ok();
    }
}

/// Answers requests until the client goes away, or gives the stream back to be cut.
async fn talk<S, F, A>(stream: S, answer: F) -> Option<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(hyper::Request<Incoming>) -> A + Unpin,
    A: Future<Output = Result<hyper::Response<Full<Bytes>>, Cut>> + Unpin,
{
    let service = service_fn(answer);
    let mut connection = hyper::server::conn::http1::Builder::new()
        .max_buf_size(1 << 20)
        .serve_connection(TokioIo::new(Cased::new(stream)), service);
    let served = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    if served.is_err_and(|error| error.is_user()) {
        return Some(connection.into_parts().io.into_inner().into_inner());
    }
    // The orderly end, which the stream has to be told.
    let mut stream = connection.into_parts().io.into_inner().into_inner();
    tokio::io::AsyncWriteExt::shutdown(&mut stream).await.ok();
    None
}

/// The connection is to be cut without an answer.
#[derive(Debug, thiserror::Error)]
#[error("connection reset on demand")]
pub(crate) struct Cut;

async fn handle(
    request: hyper::Request<Incoming>,
    scheme: &'static str,
    state: Arc<State>,
    organization: Arc<Organization>,
) -> Result<hyper::Response<Full<Bytes>>, Cut> {
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
    let host = received.header("host").unwrap_or("127.0.0.1").to_owned();
    let organization = state.organizations.of_host(&host).unwrap_or(organization);
    let origin = format!("{scheme}://{host}");
    let (method, path, web_api) = (received.method.clone(), received.path.clone(), received.is_web_api());
    let logged = !received.is_admin();
    // SQLite blocks; the runtime's workers must not.
    let (working, worked_on) = (Arc::clone(&state), Arc::clone(&organization));
    let work = move || answer(&Site { state: &working, organization: &worked_on, origin }, received);
    let outcome = tokio::task::spawn_blocking(work).await.map_err(|_| Cut)?;
    if let Outcome::Answer(answer) = &outcome
        && !answer.delay.is_zero()
    {
        tokio::time::sleep(answer.delay).await;
    }
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
        organization.log.record(Entry { at: state.clock.now(), method, path, status, ms, parts }, web_api);
    }
    match outcome {
        Outcome::Answer(answer) => Ok(to_hyper(answer)),
        Outcome::Cut { .. } => Err(Cut),
    }
}

fn to_hyper(answer: Answer) -> hyper::Response<Full<Bytes>> {
    drop(answer.pass);
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
