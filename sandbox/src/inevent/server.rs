//! From a request to its answer: the admin API, faults, the limit, the call, and the two shapes of errors.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper::header::{CONTENT_TYPE, DATE};
use hyper::{Request, Response, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::actions;
use super::admin;
use super::call::Call;
use super::envelope::Problem;
use super::meter::Entry;
use super::state::State;
use super::turn::Turn;
use crate::admin::{Fault, FaultKind};
use crate::http::Cut;

/// Where the admin API is.
const ADMIN: &str = "/__admin";

/// Answers a request, or has the connection cut.
pub(super) async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Cut> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
    if let Some(rest) = path.strip_prefix(ADMIN) {
        let (status, text) = admin::answer(&state, head.method.as_str(), rest.trim_matches('/'), query, &body);
        state.wake.notify_one();
        return Ok(response(&state, status, None, Some(text)));
    }
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let call = Call::read(path, query, header("authorization"), header("content-type"), &body);
    let method = matches!(head.method.as_str(), "GET" | "POST");
    let call = call.and_then(|call| if method { Ok(call) } else { Err(Problem::new(405, "method not allowed")) });
    let (latency, lenient) = {
        let variants = &state.world().variants;
        (variants.latency.draw(), variants.query_attributes_in_body)
    };
    let call = call.map(|mut call| {
        call.take_query_in_body(lenient);
        call
    });
    let outcome = match &call {
        Ok(call) => carry_out(&state, call).await?,
        Err(problem) => Err(problem.clone()),
    };
    let action = call.as_ref().map_or_else(|_| String::new(), |call| call.action.clone());
    let status = outcome.as_ref().err().map_or(200, |problem| problem.status);
    state.meter().record(Entry { at: state.clock.now(), action, status });
    // What the call changed may have to be told.
    state.wake.notify_one();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    Ok(match outcome {
        Ok(text) => response(&state, 200, None, Some(text)),
        Err(problem) => {
            let json = call.is_ok_and(|call| call.wants_json());
            let body = problem.body(state.world().variants.error_shape, json);
            response(&state, problem.status, Some(&problem.message), body)
        }
    })
}

/// The text that a call is answered with.
async fn carry_out(state: &State, call: &Call) -> Result<Result<String, Problem>, Cut> {
    let now = state.clock.now();
    let (variants, scope) = {
        let world = state.world();
        (world.variants.clone(), call.token.as_deref().and_then(|token| world.tokens.scope(token, now)))
    };
    // Tokens that are no good share one window, so that guessing does not fill the memory.
    let counted = call.token.as_deref().map(|token| if scope.is_some() { token } else { "" });
    let admitted = state.meter().admits(counted, Instant::now(), &variants);
    let fault = state.faults.meet(&call.action, true, now);
    if let Some(problem) = fault.as_ref().and_then(|fault| before(state, fault, call)) {
        return problem.map_or(Err(Cut), |problem| Ok(Err(problem)));
    }
    if !admitted {
        return Ok(Err(Problem::too_many_calls(&variants)));
    }
    let outcome = {
        let mut world = state.world();
        world.announce_ends(now);
        let page = actions::answer(&mut Turn { call, world: &mut world, now, scope });
        page.map(|page| page.text(&variants))
    };
    match fault {
        Some(Fault { kind: FaultKind::ResetAfter, .. }) => {
            state.wake.notify_one();
            state.meter().record(Entry { at: now, action: call.action.clone(), status: 0 });
            Err(Cut)
        }
        Some(Fault { kind: FaultKind::Slow, ms, .. }) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok(outcome)
        }
        _ => Ok(outcome),
    }
}

/// What a fault does before the call is carried out: a problem, or nothing if the connection is cut.
fn before(state: &State, fault: &Fault, call: &Call) -> Option<Option<Problem>> {
    let problem = |status, message| Some(Some(Problem::new(status, message)));
    match fault.kind {
        FaultKind::ResetBefore => {
            state.meter().record(Entry { at: state.clock.now(), action: call.action.clone(), status: 0 });
            Some(None)
        }
        FaultKind::Throttle => Some(Some(Problem::too_many_calls(&state.world().variants))),
        FaultKind::Unavailable => problem(503, "service unavailable"),
        FaultKind::BadGateway => problem(502, "bad gateway"),
        FaultKind::GatewayTimeout => problem(504, "gateway timeout"),
        FaultKind::Unauthorized | FaultKind::ExpiredToken => {
            if fault.kind == FaultKind::ExpiredToken
                && let Some(token) = &call.token
            {
                state.world().tokens.revoke(token);
            }
            problem(401, "tokenID is invalid")
        }
        _ => None,
    }
}

/// Every answer has the time of the stand-in's clock; an error says in its status line what is wrong.
fn response(state: &State, status: u16, reason: Option<&str>, body: Option<String>) -> Response<Full<Bytes>> {
    let now = Timestamp::from_second(state.clock.now()).unwrap_or_default();
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap_or_default();
    let json = body.is_some();
    let mut response = Response::new(Full::new(Bytes::from(body.unwrap_or_default())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(reason) = reason.and_then(|text| ReasonPhrase::try_from(text.as_bytes()).ok()) {
        response.extensions_mut().insert(reason);
    }
    if let Ok(date) = date.parse() {
        response.headers_mut().insert(DATE, date);
    }
    if json {
        response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    }
    response
}
