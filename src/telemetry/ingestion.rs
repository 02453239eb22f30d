//! Posts items to Application Insights with a token of Entra's, on the runtime of the connector, whichever thread exports them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::{
    StatusCode, Url,
    header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER},
};
use tokio::{runtime::Handle, sync::OnceCell};

/// Whole time of one post.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest that a `Retry-After` is heeded.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);

#[derive(Debug, Clone)]
pub(super) struct Ingestion(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    http: OnceCell<reqwest::Client>,
    track: Url,
    identity: Option<Arc<dyn TokenCredential>>,
    scope: String,
    runtime: Handle,
    /// Until when nothing is posted, and what was answered.
    pause: Mutex<Option<(Instant, StatusCode)>>,
}

impl Ingestion {
    pub(super) fn new(track: Url, identity: Option<Arc<dyn TokenCredential>>, scope: String) -> Self {
        let (http, runtime, pause) = (OnceCell::new(), Handle::current(), Mutex::default());
        Self(Arc::new(Shared { http, track, identity, scope, runtime, pause }))
    }
}

#[async_trait]
impl HttpClient for Ingestion {
    /// The exporter's address is not used: it knows no version that takes tokens, and no address without TLS.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (shared, body) = (self.0.clone(), request.into_body());
        self.0.runtime.spawn(async move { shared.post(body).await }).await?
    }
}

impl Shared {
    async fn post(&self, body: Bytes) -> Result<Response<Bytes>, HttpError> {
        if let Some(status) = self.paused(Instant::now()) {
            return Ok(Response::builder().status(status).body(Bytes::new())?);
        }
        let http = self.http.get_or_try_init(|| async { client() }).await?;
        let mut post = http.post(self.track.clone()).header(CONTENT_TYPE, "application/json").body(body);
        post = post.header(CONTENT_ENCODING, "gzip").timeout(TIMEOUT);
        if let Some(identity) = &self.identity {
            let token = identity.get_token(&[&self.scope], None).await?;
            post = post.bearer_auth(token.token.secret());
        }
        let answer = post.send().await?;
        let status = answer.status();
        let wait = answer.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.trim().parse().ok());
        if let Some(wait) = wait.map(Duration::from_secs).filter(|_| !status.is_success()) {
            let until = Instant::now() + wait.min(LONGEST_PAUSE);
            *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = Some((until, status));
        }
        Ok(Response::builder().status(status).body(answer.bytes().await?)?)
    }

    fn paused(&self, now: Instant) -> Option<StatusCode> {
        let pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        pause.filter(|(until, _)| now < *until).map(|(_, status)| status)
    }
}

fn client() -> reqwest::Result<reqwest::Client> {
    let agent = concat!("inevent-d365/", env!("CARGO_PKG_VERSION"));
    // Never to another address with the token.
    reqwest::Client::builder()
        .connect_timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(agent)
        .build()
}
