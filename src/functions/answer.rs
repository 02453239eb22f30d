//! Answers of the HTTP functions, and those that the host expects of the others.

use serde::Serialize;
use serde_json::json;
use warp::{
    Reply,
    http::{HeaderValue, StatusCode, header},
    reply::Response,
};

/// JSON with a status.
pub fn with_json(status: StatusCode, body: &impl Serialize) -> Response {
    warp::reply::with_status(warp::reply::json(body), status).into_response()
}

/// `{"error": …}` with a status.
pub fn error(status: StatusCode, message: &str) -> Response {
    with_json(status, &json!({ "error": message }))
}

/// An error that a sender gets over by waiting.
pub fn retry_later(status: StatusCode, message: &str, seconds: u32) -> Response {
    let mut answer = error(status, message);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    answer
}

/// How a function ended that is not HTTP; a failure in words that may be logged.
pub type Ran = Result<(), String>;

/// What the host takes for success of a function that is not HTTP: never an empty body, which would leave the invocation open
/// until `functionTimeout`. `lines` go to the log of the invocation.
pub fn succeeded(lines: Vec<String>) -> Response {
    with_json(StatusCode::OK, &json!({ "Outputs": {}, "Logs": lines, "ReturnValue": null }))
}

/// What the host takes for failure; a queue message then comes again.
pub fn failed(why: &str) -> Response {
    error(StatusCode::INTERNAL_SERVER_ERROR, why)
}
