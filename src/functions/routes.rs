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
    DEADLINE, answer, flush_activities, health, hydrate_events, inevent_webhook, ingest_events, manage,
    park_poisoned_events::{self, Poisoned},
    pull_marketing_lists, reconcile_events,
    services::App,
    sync_events,
};

/// An invocation carries one queue message, at most 64 KiB, as base64, and its metadata.
const MAX_INVOCATION: usize = 1024 * 1024;

/// All routes.
pub fn routes(app: Arc<App>) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone {
    let [first, others @ ..] = [
        triggered("SyncEvents", &app, |app, body| async move { sync_events::run(&app, &body).await }),
        triggered("ParkPoisonedEvents", &app, |app, body| async move {
            park_poisoned_events::run(&app, Poisoned::Events, &body).await
        }),
        triggered("HydrateEvents", &app, |app, body| async move { hydrate_events::run(&app, &body).await }),
        triggered("ParkPoisonedWebhooks", &app, |app, body| async move {
            park_poisoned_events::run(&app, Poisoned::Webhooks, &body).await
        }),
        triggered("FlushActivities", &app, |app, _| async move { flush_activities::run(&app).await }),
        triggered("ReconcileEvents", &app, |app, _| async move { reconcile_events::run(&app).await }),
        triggered("PullMarketingLists", &app, |app, _| async move { pull_marketing_lists::run(&app).await }),
    ];
    let triggers = others.into_iter().fold(first, |one, other| one.or(other).unify().boxed());
    let app = warp::any().map(move || app.clone());
    // The host pings it for as long as it lives: cheap, and never logged.
    let ping = warp::path::end().and(warp::get()).map(|| "inevent-d365".into_response()).boxed();

    let ingest = warp::path!("api" / "events")
        .and(warp::method())
        .and(app.clone())
        .and(warp::query())
        .and(warp::header::optional("content-type"))
        .and(warp::header::optional("traceparent"))
        .and(warp::header::optional("content-length"))
        .and(warp::body::stream())
        .then(
            |method: Method,
             app: Arc<App>,
             query: IngestQuery,
             content_type: Option<String>,
             traceparent,
             length,
             body| async move {
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
            },
        )
        .boxed();

    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let webhook = warp::path!("api" / "inevent" / "webhook" / String)
        .and(warp::method())
        .and(app.clone())
        .and(query)
        .and(warp::header::optional("traceparent"))
        .and(warp::header::optional("content-length"))
        .and(warp::body::stream())
        .then(|source, method, app: Arc<App>, query, traceparent: Option<String>, length, body| async move {
            match read_capped(length, body, inevent_webhook::MAX_BODY).await {
                Ok(body) => {
                    let request = inevent_webhook::Request { method, source, query, traceparent };
                    inevent_webhook::run(&app, request, &body).await
                }
                Err(answer) => answer,
            }
        })
        .boxed();

    let health = warp::path!("api" / "health")
        .and(warp::get())
        .and(app.clone())
        .and(warp::header::optional("accept"))
        .then(|app: Arc<App>, accept: Option<String>| async move { health::run(&app, accept.as_deref()).await })
        .boxed();

    let manage = warp::path!("api" / "manage" / ..)
        .and(warp::path::tail())
        .and(warp::method())
        .and(app.clone())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(|path: Tail, method: Method, app: Arc<App>, headers: HeaderMap, body| async move {
            // Who asks is looked at before what they send.
            let asked = match manage::allowed(&app, path.as_str(), &method, &headers) {
                Ok(asked) => asked,
                Err(answer) => return answer,
            };
            match read_capped(None, body, manage::MAX_BODY).await {
                Ok(body) => manage::run(&app, asked, &body).await,
                Err(answer) => answer,
            }
        })
        .boxed();

    let http = ping.or(ingest).unify().or(webhook).unify().or(manage).unify().or(health).unify();
    http.or(triggers).unify().recover(no_route).unify()
}

/// What the host calls when a message or a time has come.
fn triggered<R>(
    name: &'static str,
    app: &Arc<App>,
    run: impl Fn(Arc<App>, Bytes) -> R + Clone + Send + Sync + 'static,
) -> BoxedFilter<(Response,)>
where
    R: Future<Output = Response> + Send,
{
    let app = app.clone();
    let call = move |body| {
        let (app, run) = (app.clone(), run.clone());
        async move {
            match read_capped(None, body, MAX_INVOCATION).await {
                Ok(body) => within_deadline(run(app, body)).await,
                Err(answer) => answer,
            }
        }
    };
    warp::path(name).and(warp::path::end()).and(warp::post()).and(warp::body::stream()).then(call).boxed()
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

async fn within_deadline(run: impl Future<Output = Response>) -> Response {
    tokio::time::timeout(DEADLINE, run).await.unwrap_or_else(|_| answer::failed("the invocation ran into its deadline"))
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
