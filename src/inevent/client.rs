//! One API: `POST /?action=module.method&attributes`, form body, `{"count", "data": […]}` (developers.inevent.com, getting started).
//!
//! Every call is a POST, as InEvent's own SDKs make them. The token goes in the header. Nothing personal goes into the URL: an address
//! by which somebody is looked up goes in the body, where InEvent's documents name it as a query attribute; that InEvent takes it there
//! is assumed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use backon::{ExponentialBuilder, Retryable};
use hyper::ext::ReasonPhrase;
use jiff::fmt::rfc2822;
use reqwest::{
    StatusCode, Url,
    header::{AUTHORIZATION, DATE, HeaderValue, RETRY_AFTER},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use tracing::Instrument;

use super::{
    Error, Pacer, Priority, Row, Token,
    error::Message,
    row::{self, text},
};
use crate::{model::SourceTime, telemetry::dependency};

/// Attributes of a call, in the query or in the body.
pub type Attributes<'a> = &'a [(&'a str, &'a str)];

/// How a [`Client`] behaves.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// `https://api.inevent.com`, or `https://api.inevent.uk` for Europe.
    pub url: String,
    /// InEvent's id of the company.
    pub company: Option<String>,
    /// Whole time of one call, answer included.
    pub timeout: Duration,
    /// How often a read that may pass is made again within the call; what lasts longer is the queue's business.
    pub retries: usize,
    /// The first wait before such a repetition.
    pub first_wait: Duration,
    /// The longest wait before such a repetition; a longer `Retry-After` is handed to the caller.
    pub longest_wait: Duration,
    /// How long a call waits for its turn before it gives up with [`Error::Busy`].
    pub patience: Duration,
}

impl ClientOptions {
    pub fn new(url: &str, company: Option<String>) -> Self {
        Self {
            url: url.to_owned(),
            company,
            timeout: Duration::from_secs(60),
            retries: 2,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(10),
            patience: Duration::from_secs(60),
        }
    }
}

/// What InEvent answered.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Whether it counts this answer or everything there is, InEvent does not say.
    pub count: Option<u64>,
    pub data: Vec<Row>,
    /// When InEvent answered, by its own clock.
    pub date: Option<SourceTime>,
}

/// InEvent's API. Cheap to clone; all clones share the token and the pace.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
    priority: Priority,
}

#[derive(Debug)]
struct Shared {
    http: reqwest::Client,
    url: Url,
    token: Token,
    pacer: Pacer,
    options: ClientOptions,
    calls: AtomicU64,
    throttled: AtomicU64,
    /// One sign-in at a time.
    signing_in: Mutex<()>,
}

impl Client {
    /// # Errors
    /// When the URL is none.
    pub fn new(http: reqwest::Client, token: Token, pacer: Pacer, options: ClientOptions) -> Result<Self, String> {
        let url = Url::parse(&options.url).map_err(|_| format!("{} is not a URL", options.url))?;
        let (calls, throttled, signing_in) = (AtomicU64::new(0), AtomicU64::new(0), Mutex::default());
        let shared = Shared { http, url, token, pacer, options, calls, throttled, signing_in };
        Ok(Self { shared: Arc::new(shared), priority: Priority::Live })
    }

    /// The same API for calls of another urgency.
    pub fn at(&self, priority: Priority) -> Self {
        Self { shared: self.shared.clone(), priority }
    }

    /// Lets other processes call at once. To be called by one that ends.
    pub async fn rest(&self) {
        self.shared.pacer.rest().await;
    }

    /// HTTP calls made so far, by all clones.
    pub fn calls(&self) -> u64 {
        self.shared.calls.load(Ordering::Relaxed)
    }

    /// Those of them that InEvent answered with 429.
    pub fn throttled(&self) -> u64 {
        self.shared.throttled.load(Ordering::Relaxed)
    }

    /// InEvent's id of the company.
    ///
    /// # Errors
    /// [`Error::NoCompany`] where none is set.
    pub fn company(&self) -> Result<&str, Error> {
        self.shared.options.company.as_deref().ok_or(Error::NoCompany)
    }

    /// A call that changes nothing: made again when it fails in a way that may pass.
    pub async fn read(
        &self,
        action: &'static str,
        query: Attributes<'_>,
        body: Attributes<'_>,
    ) -> Result<Answer, Error> {
        let options = &self.shared.options;
        let pause = ExponentialBuilder::default()
            .with_min_delay(options.first_wait)
            .with_max_delay(options.longest_wait)
            .with_jitter()
            .with_max_times(options.retries);
        let again = |error: &Error| match error {
            Error::RateLimited { retry_after } => retry_after.is_none_or(|wait| wait <= options.longest_wait),
            Error::Unavailable(_) | Error::Unreadable(_) => true,
            _ => false,
        };
        (|| self.call(action, query, body)).retry(pause).when(again).await
    }

    /// A call that changes something: made once. After [`Error::Unavailable`] and [`Error::Unreadable`] nobody knows whether it took
    /// effect.
    pub async fn write(
        &self,
        action: &'static str,
        query: Attributes<'_>,
        body: Attributes<'_>,
    ) -> Result<Answer, Error> {
        self.call(action, query, body).await
    }

    /// Whether InEvent takes the token at all: after [`Error::Unauthorized`] for one person or event, whose fault it is.
    ///
    /// # Errors
    /// When InEvent does not tell.
    pub async fn is_known(&self) -> Result<bool, Error> {
        let asked = match self.company() {
            Ok(company) => {
                let one = [("companyID", company), ("selection", "all"), ("limit", "1"), ("offset", "0")];
                self.read("company.event.find", &one, &[]).await
            }
            // The person to whom the token belongs.
            Err(_) => self.read("person.get", &[], &[]).await,
        };
        match asked {
            Ok(_) | Err(Error::Refused { .. } | Error::NotFound { .. }) => Ok(true),
            Err(Error::Unauthorized { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// One call; with a fresh token once more when the one known is refused, for then it had no effect.
    async fn call(&self, action: &'static str, query: Attributes<'_>, body: Attributes<'_>) -> Result<Answer, Error> {
        let token = self.token().await?;
        match self.send(action, query, body, Some(&token)).await {
            Err(Error::Unauthorized { .. }) => {
                self.shared.token.forget(&token).await;
                let token = self.token().await?;
                self.send(action, query, body, Some(&token)).await
            }
            result => result,
        }
    }

    async fn token(&self) -> Result<SecretString, Error> {
        match &self.shared.token {
            Token::Kept(secret) => secret.current().await.map_err(Error::from),
            Token::SignIn { username, password, signed_in } => {
                let _alone = self.shared.signing_in.lock().await;
                if let Some(token) = signed_in.lock().await.clone() {
                    return Ok(token);
                }
                let known = password.current().await?;
                let token = match self.sign_in(username, &known).await {
                    Err(Error::NoToken(_)) => {
                        let fresh = password.anew().await?;
                        self.sign_in(username, &fresh).await?
                    }
                    signed => signed?,
                };
                *signed_in.lock().await = Some(token.clone());
                Ok(token)
            }
        }
    }

    /// The user name, which may be an address, goes in the body with the password; in the query, as it is documented, only where
    /// InEvent does not take it there.
    async fn sign_in(&self, username: &str, password: &SecretString) -> Result<SecretString, Error> {
        let refused =
            || Error::NoToken("InEvent does not sign the user in; check INEVENT_USERNAME and its password".to_owned());
        let (user, secret) = (("username", username), ("password", password.expose_secret()));
        let answer = match self.send("person.signIn", &[], &[user, secret], None).await {
            Err(Error::Refused { .. }) => self.send("person.signIn", &[user], &[secret], None).await,
            answer => answer,
        };
        match answer {
            Ok(answer) => {
                let token = answer.data.first().and_then(|person| person.text(&["tokenID"]));
                token.map(SecretString::from).ok_or_else(refused)
            }
            Err(
                Error::Unauthorized { .. } | Error::Forbidden { .. } | Error::Refused { .. } | Error::NotFound { .. },
            ) => Err(refused()),
            Err(error) => Err(error),
        }
    }

    async fn send(
        &self,
        action: &'static str,
        query: Attributes<'_>,
        body: Attributes<'_>,
        token: Option<&SecretString>,
    ) -> Result<Answer, Error> {
        let shared = &self.shared;
        let mut url = shared.url.clone();
        // With it InEvent was seen to say in the body what is wrong.
        url.query_pairs_mut().append_pair("action", action).extend_pairs(query).append_pair("format", "json");
        let mut request = shared.http.post(url).form(body).timeout(shared.options.timeout);
        if let Some(token) = token {
            let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
                .map_err(|_| Error::NoToken("the token holds characters that no token has".to_owned()))?;
            bearer.set_sensitive(true);
            request = request.header(AUTHORIZATION, bearer);
        }
        let permit = shared.pacer.admit(self.priority, shared.options.patience).await?;
        shared.calls.fetch_add(1, Ordering::Relaxed);
        let span = dependency::call("InEvent", action, shared.url.host_str().unwrap_or_default());
        let result = receive(action, request).instrument(span.clone()).await;
        dependency::ended(&span, status(&result));
        match &result {
            Err(Error::RateLimited { retry_after }) => {
                shared.throttled.fetch_add(1, Ordering::Relaxed);
                permit.throttled(*retry_after);
            }
            Err(Error::Forbidden { .. }) => permit.throttled(None),
            _ => {}
        }
        result
    }
}

/// The HTTP status that a call ended with, as far as it is known.
fn status(result: &Result<Answer, Error>) -> Option<u16> {
    match result {
        Ok(_) => Some(200),
        Err(Error::Refused { status, .. }) => Some(*status),
        Err(Error::Unauthorized { .. }) => Some(401),
        Err(Error::Forbidden { .. }) => Some(403),
        Err(Error::NotFound { .. }) => Some(404),
        Err(Error::RateLimited { .. }) => Some(429),
        Err(_) => None,
    }
}

async fn receive(action: &'static str, request: reqwest::RequestBuilder) -> Result<Answer, Error> {
    let answer = request.send().await?;
    let status = answer.status();
    let header = |name| answer.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let date = header(DATE).and_then(read_date);
    let retry_after = header(RETRY_AFTER).and_then(|wait| wait.trim().parse().ok()).map(Duration::from_secs);
    let reason =
        answer.extensions().get::<ReasonPhrase>().map(|reason| String::from_utf8_lossy(reason.as_bytes()).into_owned());
    let body = answer.bytes().await?;
    if status.is_success() {
        return read_answer(action, status, &body, date);
    }
    let message = || Message(message(&body).or(reason).unwrap_or_default());
    Err(match status.as_u16() {
        401 => Error::Unauthorized { action, date },
        403 => Error::Forbidden { action },
        404 | 410 => Error::NotFound { action, date },
        429 => Error::RateLimited { retry_after },
        408 => Error::Unavailable("it answered 408".to_owned()),
        // 501 said of old that there is no such module.
        status @ (400..=499 | 501) => Error::Refused { action, status, message: message() },
        status => Error::Unavailable(format!("it answered {status}")),
    })
}

fn read_answer(
    action: &'static str,
    status: StatusCode,
    body: &[u8],
    date: Option<SourceTime>,
) -> Result<Answer, Error> {
    let json: Map<String, Value> = serde_json::from_slice(body).map_err(|_| Error::Unreadable(action))?;
    let rows = match json.get("data") {
        Some(Value::Array(rows)) => rows.clone(),
        Some(row @ Value::Object(_)) => vec![row.clone()],
        Some(Value::Null | Value::String(_) | Value::Bool(_)) => Vec::new(),
        Some(Value::Number(_)) => return Err(Error::Unreadable(action)),
        None if json.contains_key("error") => {
            let message = Message(message(body).unwrap_or_default());
            return Err(Error::Refused { action, status: status.as_u16(), message });
        }
        None if json.contains_key("count") => Vec::new(),
        None => return Err(Error::Unreadable(action)),
    };
    let data =
        rows.into_iter().map(Row::try_from).collect::<Result<_, ()>>().map_err(|()| Error::Unreadable(action))?;
    let count = json.get("count").and_then(text).and_then(|count| count.parse().ok());
    Ok(Answer { count, data, date })
}

/// `{"error": {"message": …}}` (seen live), `{"error": …}`, `{"message": …}`, or plain text; nothing for a page of HTML.
fn message(body: &[u8]) -> Option<String> {
    const LONGEST: usize = 500;
    let plain = || {
        let text = String::from_utf8_lossy(body).trim().to_owned();
        Some(text).filter(|text| !text.is_empty() && !text.starts_with('<'))
    };
    let words = match serde_json::from_slice::<Value>(body) {
        Ok(json) => [&json["error"]["message"], &json["error"], &json["message"]].into_iter().find_map(row::text),
        Err(_) => plain(),
    };
    words.map(|words| words.chars().take(LONGEST).collect())
}

/// An HTTP date (RFC 9110, 5.6.7), which is one of RFC 2822 but for the zone's name.
fn read_date(text: &str) -> Option<SourceTime> {
    let time = rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    SourceTime::new(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_of_errors_are_read_and_pages_are_not() {
        for (body, expected) in [
            (
                &b"{\"error\":{\"message\":\"attribute is a required parameter\",\"x\":1}}"[..],
                Some("attribute is a required parameter"),
            ),
            (b"{\"error\":\"no\"}", Some("no")),
            (b"{\"message\":\"no\"}", Some("no")),
            (b"attribute cannot be empty\n", Some("attribute cannot be empty")),
            (b"<html>Bad gateway</html>", None),
            (b"", None),
            (b"[1]", None),
        ] {
            assert_eq!(message(body).as_deref(), expected);
        }
    }

    #[test]
    fn dates_of_answers_are_read() {
        let expected = SourceTime::new("1994-11-06T08:49:37Z".parse().unwrap());
        assert_eq!(read_date("Sun, 06 Nov 1994 08:49:37 GMT"), expected);
        assert_eq!(read_date("yesterday"), None);
    }

    #[test]
    fn answers_are_read_tolerantly() {
        let read = |body: &str| read_answer("event.get", StatusCode::OK, body.as_bytes(), None);
        let rows = |body: &str| read(body).unwrap().data.len();
        assert_eq!(rows(r#"{"count":2,"data":[{"a":"1"},{}]}"#), 2);
        assert_eq!(rows(r#"{"count":"1","data":{"a":1}}"#), 1);
        assert_eq!((rows(r#"{"count":0}"#), rows(r#"{"data":""}"#), rows(r#"{"data":null}"#)), (0, 0, 0));
        assert_eq!(read(r#"{"count":"3","data":[]}"#).unwrap().count, Some(3));
        for unreadable in ["", "[]", "{}", "<html>", r#"{"data":[1]}"#, r#"{"data":1}"#] {
            assert_eq!(read(unreadable).unwrap_err(), Error::Unreadable("event.get"), "{unreadable}");
        }
        assert!(matches!(read(r#"{"error":{"message":"no"}}"#), Err(Error::Refused { status: 200, .. })));
    }
}
