//! One organisation, and the few kinds of call that the connector makes.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use futures_util::future::try_join_all;
use reqwest::{
    Method, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::Instrument;
use uuid::Uuid;

use super::{
    Columns, Error, Failure, Part, ServiceError, TokenSource,
    batch::{self, Answer, MAX_PARTS},
    concurrency::{Drawn, Limiter, Share, Verdict},
};
use crate::telemetry::dependency;

/// How a [`Client`] behaves.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The organisation's URL, such as `https://contoso.crm4.dynamics.com`.
    pub organisation: String,
    /// Whole time of one call, answer included.
    pub timeout: Duration,
    /// How often a call that may pass is made again within the call; what lasts longer is the queue's business.
    pub retries: usize,
    /// The longest wait before such a repetition; a longer `Retry-After` is handed to the caller.
    pub longest_wait: Duration,
}

impl ClientOptions {
    pub fn new(organisation: &str) -> Self {
        Self {
            organisation: organisation.trim_end_matches('/').to_owned(),
            timeout: Duration::from_secs(120),
            retries: 2,
            longest_wait: Duration::from_secs(5),
        }
    }
}

/// A Dataverse organisation. Cheap to share; holds no cookie, so that calls spread over the organisation's servers.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
    /// The limits that its calls count in beside those of all.
    part: Option<Arc<Drawn>>,
}

/// What the clients of all parts share.
#[derive(Debug)]
struct Shared {
    http: reqwest::Client,
    tokens: Arc<dyn TokenSource>,
    options: ClientOptions,
    /// `/api/data/v9.2/`
    root: &'static str,
    host: String,
    calls: AtomicU64,
    throttled: AtomicU64,
    limiter: Limiter,
    /// Of parts, by name. Nothing of what was spent is forgotten.
    parts: Mutex<BTreeMap<String, Arc<Limiter>>>,
}

/// Who the connector is in the organisation.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WhoAmI {
    pub user_id: Uuid,
    pub business_unit_id: Uuid,
    pub organization_id: Uuid,
}

impl Client {
    pub fn new(http: reqwest::Client, tokens: Arc<dyn TokenSource>, options: ClientOptions) -> Self {
        let host = Url::parse(&options.organisation).ok().and_then(|url| url.host_str().map(str::to_owned));
        let (calls, throttled, limiter) = (AtomicU64::new(0), AtomicU64::new(0), Limiter::default());
        let host = host.unwrap_or_default();
        let (root, parts) = ("/api/data/v9.2/", Mutex::default());
        let shared = Shared { http, tokens, options, root, host, calls, throttled, limiter, parts };
        Self { shared: Arc::new(shared), part: None }
    }

    /// Tells with whom the parallelism that Dataverse recommends, and what [`Client::allow`] and [`Client::part`] allow, is shared.
    pub fn share(&self, share: Share) {
        let parts = self.shared.parts.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.limiter.share(share);
        parts.values().for_each(|limiter| limiter.share(share));
    }

    /// The same organisation for a part of the calls. Beside the limits of all it has some of its own, by its name: the most calls at
    /// the same time, and in five minutes, of all processes together. Some calls are drawn from the five minutes' in advance. So none
    /// waits because they are used up; what more are made than were drawn, whoever comes next waits for.
    ///
    /// # Errors
    /// How long until there are some to draw.
    pub fn part(&self, name: &str, concurrency: Option<usize>, requests: Option<u32>) -> Result<Self, Duration> {
        let limiter = {
            let mut parts = self.shared.parts.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Limiter::of_part(&self.shared.limiter));
            parts.entry(name.to_owned()).or_insert_with(new).clone()
        };
        limiter.allow(concurrency, requests);
        Ok(Self { shared: self.shared.clone(), part: Some(Arc::new(Drawn::from(limiter)?)) })
    }

    /// The most calls at the same time, and in five minutes, of all processes together.
    pub fn allow(&self, concurrency: Option<usize>, requests: Option<u32>) {
        self.shared.limiter.allow(concurrency, requests);
    }

    /// The calls that may be made at the same time, as things stand.
    pub fn at_once(&self) -> usize {
        let of_all = self.shared.limiter.at_once();
        self.part.as_ref().map_or(of_all, |part| of_all.min(part.at_once()))
    }

    /// The address of a page that people see.
    pub fn page(&self, path: &str) -> String {
        format!("{}/{path}", self.shared.options.organisation)
    }

    /// The address of something in the Web API, as a link names it.
    pub fn url(&self, path: &str) -> String {
        format!("{}{}{path}", self.shared.options.organisation, self.shared.root)
    }

    /// HTTP calls made so far to the Web API; a batch is one.
    pub fn calls(&self) -> u64 {
        self.shared.calls.load(Ordering::Relaxed)
    }

    /// Those of them that Dataverse answered with 429, as a whole or in a part.
    pub fn throttled(&self) -> u64 {
        self.shared.throttled.load(Ordering::Relaxed)
    }

    /// The cheapest call there is: proves URL, token and application user.
    pub async fn who_am_i(&self) -> Result<WhoAmI, Error> {
        let answer = self.send(Method::GET, "WhoAmI", HeaderMap::new(), Bytes::new()).await?;
        serde_json::from_slice(&answer.body).map_err(|_| Error::Protocol("WhoAmI"))
    }

    /// Runs requests in as few `$batch` calls as possible, each on its own (continue on error): one outcome for each, in order.
    /// Several calls are made at the same time, as far as the organisation bears it.
    ///
    /// # Errors
    /// When a call as a whole failed. The others of a long list may have taken effect.
    pub async fn batch(&self, parts: &[Part]) -> Result<Vec<Answer>, Error> {
        let calls = parts.chunks(MAX_PARTS).map(|parts| self.batch_once(parts));
        Ok(try_join_all(calls).await?.concat())
    }

    async fn batch_once(&self, parts: &[Part]) -> Result<Vec<Answer>, Error> {
        let boundary = format!("batch_{}", Uuid::new_v4().simple());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, header(&format!("multipart/mixed; boundary={boundary}")));
        headers.insert(HeaderName::from_static("prefer"), HeaderValue::from_static("odata.continue-on-error"));
        let body = batch::write(&boundary, self.shared.root, parts);
        let answer = self.send(Method::POST, "$batch", headers, body.into()).await?;
        let read = batch::read(&answer.content_type, answer.body).await?;
        if read.len() != parts.len() {
            return Err(Error::Protocol("the batch answer has another number of parts than the request"));
        }
        // A throttled batch may answer as a whole or part by part.
        let throttled = read.iter().filter_map(|answer| answer.as_ref().err()).find(|error| error.status == 429);
        if let Some(error) = throttled {
            self.shared.throttled.fetch_add(1, Ordering::Relaxed);
            self.shared.limiter.learn(Verdict::Throttled { retry_after: error.retry_after });
        }
        Ok(read)
    }

    /// The rows of one page of a query, and where the next one is. `path` is a query or the place that the page before gave.
    pub async fn read_page(&self, path: String) -> Result<(Vec<Columns>, Option<String>), Error> {
        let answer = self.batch(&[Part::page(path, PAGE)]).await?.into_iter().next();
        let page: RowPage = rows_of(answer.ok_or(Error::Protocol(NO_ROWS))??)?;
        Ok((page.value, page.next))
    }

    /// The rows of one page of FetchXML, and what leads to the next one.
    pub async fn fetch(&self, set: &str, xml: &str) -> Result<(Vec<Columns>, Option<FetchCookie>), Error> {
        let answer = self.batch(&[Part::fetch(set, xml)]).await?.into_iter().next();
        let page: RowPage = rows_of(answer.ok_or(Error::Protocol(NO_ROWS))??)?;
        Ok((page.value, page.more.then_some(FetchCookie(page.cookie))))
    }

    /// Reads all pages of queries, inside `$batch` so that nothing that is searched for stands in a URL.
    ///
    /// # Errors
    /// When a call or any one query failed.
    pub async fn read(&self, queries: Vec<String>) -> Result<Vec<Vec<Columns>>, Error> {
        let mut rows: Vec<Vec<Columns>> = vec![Vec::new(); queries.len()];
        let mut open: Vec<(usize, String)> = queries.into_iter().enumerate().collect();
        while !open.is_empty() {
            let parts: Vec<Part> = open.iter().map(|(_, path)| Part::page(path.clone(), PAGE)).collect();
            let answers = self.batch(&parts).await?;
            let asked = std::mem::take(&mut open);
            for ((index, _), answer) in asked.into_iter().zip(answers) {
                let mut page = rows_of(answer?)?;
                rows[index].append(&mut page.value);
                open.extend(page.next.map(|next| (index, next)));
            }
        }
        Ok(rows)
    }

    /// Creates rows by the bulk message, all or none (Microsoft: "Use bulk operation messages").
    pub async fn create_multiple(&self, set: &str, table: &str, rows: Vec<Columns>) -> Result<(), Error> {
        let targets: Vec<Value> = rows
            .into_iter()
            .map(|mut row| {
                row.insert("@odata.type".into(), format!("Microsoft.Dynamics.CRM.{table}").into());
                Value::Object(row)
            })
            .collect();
        self.post(&format!("{set}/Microsoft.Dynamics.CRM.CreateMultiple"), &json!({ "Targets": targets })).await
    }

    /// Calls an action that answers nothing.
    pub async fn post(&self, path: &str, body: &Value) -> Result<(), Error> {
        self.call(path, body).await.map(drop)
    }

    /// Calls an action that answers with JSON.
    pub async fn ask(&self, path: &str, body: &Value) -> Result<Value, Error> {
        let answer = self.call(path, body).await?;
        serde_json::from_slice(&answer.body).map_err(|_| Error::Protocol("an action's answer is not JSON"))
    }

    async fn call(&self, path: &str, body: &Value) -> Result<Received, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        self.send(Method::POST, path, headers, body.to_string().into()).await
    }

    /// Makes a definition, or a row that belongs to one, as a component of a solution (Microsoft: "Create and update table definitions
    /// using the Web API").
    pub async fn define(&self, path: &str, solution: &str, body: &Value) -> Result<(), Error> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        headers.insert(HeaderName::from_static("mscrm.solutionuniquename"), header(solution));
        self.send(Method::POST, path, headers, body.to_string().into()).await.map(drop)
    }

    /// Replaces a definition by the whole that it is to be. Labels in other languages stay.
    pub async fn redefine(&self, path: &str, whole: &Value) -> Result<(), Error> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        headers.insert(HeaderName::from_static("mscrm.mergelabels"), HeaderValue::from_static("true"));
        self.send(Method::PUT, path, headers, whole.to_string().into()).await.map(drop)
    }

    async fn send(&self, method: Method, path: &str, headers: HeaderMap, body: Bytes) -> Result<Received, Error> {
        let longest_wait = self.shared.options.longest_wait;
        let attempt = || self.attempt(method.clone(), path, headers.clone(), body.clone());
        let pause = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(longest_wait)
            .with_jitter()
            .with_max_times(self.shared.options.retries);
        let mut renewed = false;
        loop {
            let result = attempt
                .retry(pause)
                .when(|error| !error.took_too_long() && matches!(error.failure(), Failure::Transient { retry_after } if retry_after.is_none_or(|wait| wait <= longest_wait)))
                .adjust(|error, pause| match error.failure() {
                    Failure::Transient { retry_after: Some(wait) } => pause.map(|_| wait),
                    _ => pause,
                })
                .await;
            match result {
                // A token can be revoked before its end: once, a fresh one is tried.
                Err(Error::Service(error)) if error.status == 401 && !renewed => {
                    renewed = true;
                    self.shared.tokens.forget().await;
                }
                result => return result,
            }
        }
    }

    async fn attempt(&self, method: Method, path: &str, headers: HeaderMap, body: Bytes) -> Result<Received, Error> {
        let shared = &*self.shared;
        let token = shared.tokens.token().await?;
        let mut authorization = header(&format!("Bearer {}", token.expose_secret()));
        authorization.set_sensitive(true);
        // Who waits for its part takes no place of the others'.
        let _of_part = match &self.part {
            Some(part) => Some(part.admit().await.map_err(Error::Paused)?),
            None => None,
        };
        let permit = shared.limiter.admit(shared.options.longest_wait).await.map_err(Error::Paused)?;
        self.part.iter().for_each(|part| part.count());
        shared.calls.fetch_add(1, Ordering::Relaxed);
        let span = dependency::call("Dataverse", operation(path), &shared.host);
        let request = shared
            .http
            .request(method, self.url(path))
            .headers(headers)
            .header(AUTHORIZATION, authorization)
            .header(ACCEPT, "application/json")
            .header("OData-MaxVersion", "4.0")
            .header("OData-Version", "4.0")
            .header("If-None-Match", "null")
            .timeout(shared.options.timeout);
        let result = self.receive(request.body(body)).instrument(span.clone()).await;
        dependency::ended(&span, status(&result));
        if status(&result) == Some(429) {
            shared.throttled.fetch_add(1, Ordering::Relaxed);
        }
        permit.learn(match &result {
            Ok(_) => Verdict::Answered,
            Err(Error::Service(error)) if error.status == 429 => Verdict::Throttled { retry_after: error.retry_after },
            Err(Error::Service(error)) if error.status < 500 => Verdict::Answered,
            Err(_) => Verdict::Neither,
        });
        result
    }

    async fn receive(&self, request: reqwest::RequestBuilder) -> Result<Received, Error> {
        let answer = request.send().await?;
        let status = answer.status();
        let text = |name: &str| {
            answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        if let Ok(hint) = text("x-ms-dop-hint").trim().parse() {
            self.shared.limiter.hint(hint);
        }
        let (content_type, wait) = (text(CONTENT_TYPE.as_str()), retry_after(&text(RETRY_AFTER.as_str())));
        let body = answer.bytes().await?;
        // A batch that stops at an error carries its status outside and the parts inside.
        if status.is_success()
            || (status != StatusCode::TOO_MANY_REQUESTS && content_type.starts_with("multipart/mixed"))
        {
            return Ok(Received { content_type, body });
        }
        Err(ServiceError::read(status.as_u16(), wait, &body).into())
    }
}

/// The HTTP status that a call ended with, if it was answered.
fn status(result: &Result<Received, Error>) -> Option<u16> {
    match result {
        Ok(_) => Some(200),
        Err(Error::Service(error)) => Some(error.status),
        Err(_) => None,
    }
}

/// What a path calls, without keys and query: `$batch`, `WhoAmI`, a set or an action.
fn operation(path: &str) -> &str {
    let name = path.split(['?', '(']).next().unwrap_or_default();
    name.rsplit('/').next().unwrap_or_default()
}

struct Received {
    content_type: String,
    body: Bytes,
}

/// Rows of a page.
const PAGE: u32 = 5_000;

const NO_ROWS: &str = "a query's answer holds no rows";

#[derive(Deserialize)]
struct RowPage {
    value: Vec<Columns>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
    #[serde(default, rename = "@Microsoft.Dynamics.CRM.morerecords")]
    more: bool,
    #[serde(rename = "@Microsoft.Dynamics.CRM.fetchxmlpagingcookie")]
    cookie: Option<String>,
}

/// What leads to the next page of FetchXML: a cookie element as Dataverse gave it, or none where pages are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchCookie(pub Option<String>);

fn rows_of(answer: Value) -> Result<RowPage, Error> {
    serde_json::from_value(answer).map_err(|_| Error::Protocol(NO_ROWS))
}

/// `Retry-After` in seconds, as Dataverse sends it.
pub(super) fn retry_after(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Duration::from_secs)
}

/// Text that is known to hold visible ASCII; anything else becomes an empty header.
fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
