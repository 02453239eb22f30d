//! Which request goes to which function. The paths of the HTTP functions are those of their `function.json`.

use std::{convert::Infallible, future::Future, sync::Arc};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use warp::{
    Filter, Rejection, Reply,
    filters::BoxedFilter,
    http::{HeaderMap, Method, StatusCode},
    path::Tail,
    reply::Response,
};

use super::{
    DEADLINE,
    answer::{self, Ran},
    flush_activities, health, hydrate_events, inevent_webhook, ingest_events,
    invocation::{self, QueueInvocation},
    manage,
    park_poisoned_events::{self, Poisoned},
    pull_marketing_lists, reconcile_events,
    services::App,
    sync_events,
};
use crate::telemetry::invocation::{Invocation, Origin, Trigger};

/// An invocation carries one queue message, at most 64 KiB, as base64, and its metadata.
const MAX_INVOCATION: usize = 1024 * 1024;

/// The name of the queue binding in every `function.json` that has one.
const BINDING: &str = "msg";

/// All routes.
pub fn routes(app: Arc<App>) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone {
    let queue = Trigger::Queue;
    let [first, others @ ..] = [
        triggered("SyncEvents", queue, &app, |app, call| async move { sync_events::run(&app, call.message).await }),
        triggered("ParkPoisonedEvents", queue, &app, |app, call| async move {
            park_poisoned_events::run(&app, Poisoned::Events, call.message, &call.body).await
        }),
        triggered(
            "HydrateEvents",
            queue,
            &app,
            |app, call| async move { hydrate_events::run(&app, call.message).await },
        ),
        triggered("ParkPoisonedWebhooks", queue, &app, |app, call| async move {
            park_poisoned_events::run(&app, Poisoned::Webhooks, call.message, &call.body).await
        }),
        triggered("FlushActivities", Trigger::Timer, &app, |app, _| async move { flush_activities::run(&app).await }),
        triggered("ReconcileEvents", Trigger::Timer, &app, |app, _| async move { reconcile_events::run(&app).await }),
        triggered(
            "PullMarketingLists",
            Trigger::Timer,
            &app,
            |app, _| async move { pull_marketing_lists::run(&app).await },
        ),
    ];
    let triggers = others.into_iter().fold(first, |one, other| one.or(other).unify().boxed());
    let app = warp::any().map(move || app.clone());
    // The host pings it for as long as it lives: cheap, and never logged.
    let ping = warp::path::end().and(warp::get()).map(|| "inevent-d365".into_response()).boxed();

    let ingest = warp::path!("api" / "events")
        .and(warp::method())
        .and(caller())
        .and(app.clone())
        .and(warp::query())
        .and(warp::header::optional("content-type"))
        .and(warp::header::optional("content-length"))
        .and(warp::body::stream())
        .then(
            |method: Method,
             caller: Caller,
             app: Arc<App>,
             query: IngestQuery,
             content_type: Option<String>,
             length,
             body| async move {
                let answer = async |traceparent| {
                    if method != Method::POST {
                        return answer::error(StatusCode::METHOD_NOT_ALLOWED, "send events by POST");
                    }
                    if !content_type.is_some_and(|content_type| is_json(&content_type)) {
                        return answer::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send events as application/json");
                    }
                    match read_capped(length, body, ingest_events::MAX_BODY).await {
                        Ok(body) => ingest_events::run(&app, &body, query.partial(), traceparent).await,
                        Err(answer) => answer,
                    }
                };
                caller.answered("IngestEvents", Trigger::Http { method: "POST", route: "/api/events" }, answer).await
            },
        )
        .boxed();

    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let webhook = warp::path!("api" / "inevent" / "webhook" / String)
        .and(warp::method())
        .and(caller())
        .and(app.clone())
        .and(query)
        .and(warp::header::optional("content-length"))
        .and(warp::body::stream())
        .then(|source, method, caller: Caller, app: Arc<App>, query, length, body| async move {
            let answer = async |traceparent| match read_capped(length, body, inevent_webhook::MAX_BODY).await {
                Ok(body) => {
                    let request = inevent_webhook::Request { method, source, query, traceparent };
                    inevent_webhook::run(&app, request, &body).await
                }
                Err(answer) => answer,
            };
            let route = "/api/inevent/webhook/{source}";
            caller.answered("InEventWebhook", Trigger::Http { method: "POST", route }, answer).await
        })
        .boxed();

    let health = warp::path!("api" / "health")
        .and(warp::get())
        .and(caller())
        .and(app.clone())
        .and(warp::header::optional("accept"))
        .then(|caller: Caller, app: Arc<App>, accept: Option<String>| async move {
            let answer = async |_| health::run(&app, accept.as_deref()).await;
            caller.answered("Health", Trigger::Http { method: "GET", route: "/api/health" }, answer).await
        })
        .boxed();

    let manage = warp::path!("api" / "manage" / ..)
        .and(warp::path::tail())
        .and(warp::method())
        .and(caller())
        .and(app.clone())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(|path: Tail, method: Method, caller: Caller, app: Arc<App>, headers: HeaderMap, body| async move {
            let answer = async |_| {
                // Who asks is looked at before what they send.
                let asked = match manage::allowed(&app, path.as_str(), &method, &headers) {
                    Ok(asked) => asked,
                    Err(answer) => return answer,
                };
                match read_capped(None, body, manage::MAX_BODY).await {
                    Ok(body) => manage::run(&app, asked, &body).await,
                    Err(answer) => answer,
                }
            };
            caller.answered("Manage", Trigger::Http { method: "POST", route: "/api/manage" }, answer).await
        })
        .boxed();

    let http = ping.or(ingest).unify().or(webhook).unify().or(manage).unify().or(health).unify();
    http.or(triggers).unify().recover(no_route).unify()
}

/// What the host says of itself with every call.
#[derive(Debug)]
struct Caller {
    invocation: Option<String>,
    traceparent: Option<String>,
}

fn caller() -> impl Filter<Extract = (Caller,), Error = Rejection> + Clone {
    warp::header::optional("x-azure-functions-invocationid")
        .and(warp::header::optional("traceparent"))
        .map(|invocation, traceparent| Caller { invocation, traceparent })
}

impl Caller {
    fn origin<'a>(&'a self, message: Option<&'a str>) -> Origin<'a> {
        Origin { invocation: self.invocation.as_deref(), host: self.traceparent.as_deref(), message }
    }

    /// Answers a request of HTTP; what goes on from it carries the `traceparent` that is given.
    async fn answered(
        &self,
        function: &'static str,
        trigger: Trigger,
        answer: impl AsyncFnOnce(String) -> Response,
    ) -> Response {
        let invocation = Invocation::begin(function, trigger, self.origin(None));
        let answer = invocation.run(answer(invocation.traceparent().to_owned())).await;
        invocation.end(answer.status().as_u16());
        answer
    }
}

/// What a function that is not HTTP is called with.
struct Call {
    body: Bytes,
    /// The queue message in it, where there is one.
    message: Result<QueueInvocation, &'static str>,
}

/// What the host calls when a message or a time has come.
fn triggered<R>(
    name: &'static str,
    trigger: Trigger,
    app: &Arc<App>,
    run: impl Fn(Arc<App>, Call) -> R + Clone + Send + Sync + 'static,
) -> BoxedFilter<(Response,)>
where
    R: Future<Output = Ran> + Send,
{
    let app = app.clone();
    let call = move |caller: Caller, body| {
        let (app, run) = (app.clone(), run.clone());
        async move {
            let body = match read_capped(None, body, MAX_INVOCATION).await {
                Ok(body) => body,
                Err(answer) => return answer,
            };
            let message = invocation::read(&body, BINDING);
            let traceparent = message.as_ref().ok().and_then(|read| read.message.traceparent()).map(str::to_owned);
            let invocation = Invocation::begin(name, trigger, caller.origin(traceparent.as_deref()));
            invocation.collect_lines();
            let ran = invocation.run(async {
                let ran = tokio::time::timeout(DEADLINE, run(app.clone(), Call { body, message })).await;
                let ran = ran.unwrap_or_else(|_| Err("the invocation ran into its deadline".to_owned()));
                if let Err(why) = &ran {
                    tracing::warn!(why, "the invocation failed; the host tries again");
                }
                ran
            });
            let answer = match ran.await {
                Ok(()) => answer::succeeded(invocation.lines()),
                Err(why) => answer::failed(&why),
            };
            app.tell_calls();
            invocation.end(answer.status().as_u16());
            answer
        }
    };
    warp::path(name).and(warp::path::end()).and(warp::post()).and(caller()).and(warp::body::stream()).then(call).boxed()
}

#[derive(Debug, Deserialize)]
struct IngestQuery {
    partial: Option<String>,
}

impl IngestQuery {
    fn partial(&self) -> bool {
        matches!(self.partial.as_deref(), Some("true" | "1" | ""))
    }
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads a body up to a limit, whether or not the request names its length.
async fn read_capped<B: Buf>(
    length: Option<u64>,
    body: impl Stream<Item = Result<B, warp::Error>>,
    limit: usize,
) -> Result<Bytes, Response> {
    let too_large = || {
        answer::error(
            StatusCode::PAYLOAD_TOO_LARGE,
            &format!("the body is too large: send at most {} MiB at a time", limit >> 20),
        )
    };
    if length.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let mut body = std::pin::pin!(body);
    let mut read = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let mut chunk = chunk.map_err(|_| answer::error(StatusCode::BAD_REQUEST, "the body was cut off"))?;
        if read.len() + chunk.remaining() > limit {
            return Err(too_large());
        }
        while chunk.has_remaining() {
            let bytes = chunk.chunk();
            read.extend_from_slice(bytes);
            let length = bytes.len();
            chunk.advance(length);
        }
    }
    Ok(read.freeze())
}

async fn no_route(rejection: Rejection) -> Result<Response, Infallible> {
    let (status, message) = if rejection.is_not_found() {
        (StatusCode::NOT_FOUND, "there is no such function")
    } else if rejection.find::<warp::reject::MethodNotAllowed>().is_some() {
        (StatusCode::METHOD_NOT_ALLOWED, "the function does not take this method")
    } else {
        (StatusCode::BAD_REQUEST, "the request could not be read")
    };
    Ok(answer::error(status, message))
}
