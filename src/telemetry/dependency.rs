//! Calls to others, as traces show them: whom, which operation, what came of it. Never a path, a query or a body.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::http::{
    Context, Request,
    policies::{Policy, PolicyResult},
};
use tracing::{Instrument, Span, field::Empty};

/// The span of a call, where it is part of an invocation. `operation` is a name of a few, never built from data.
pub fn call(system: &'static str, operation: &str, host: &str) -> Span {
    if Span::current().is_none() {
        return Span::none();
    }
    tracing::error_span!(
        "dependency",
        otel.name = operation,
        otel.kind = "client",
        rpc.system.name = system,
        server.address = host,
        http.response.status_code = Empty,
        otel.status_code = Empty,
    )
}

/// Notes the HTTP status that the call ended with; `None` where there was no answer.
pub fn ended(call: &Span, status: Option<u16>) {
    if let Some(status) = status {
        call.record("http.response.status_code", status);
    }
    // That something is not there, or was there first, is an answer like any other.
    let good = status.is_some_and(|status| status < 400 || matches!(status, 404 | 409 | 412));
    call.record("otel.status_code", if good { "OK" } else { "ERROR" });
}

/// Records every try of the calls that a client of Azure's SDK makes.
#[derive(Debug)]
pub(crate) struct Recorded(pub(crate) &'static str);

#[async_trait]
impl Policy for Recorded {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let operation = format!("{} {}", self.0, request.method().as_str());
        let span = call(self.0, &operation, request.url().host_str().unwrap_or_default());
        let result = match next.split_first() {
            Some((first, rest)) => first.send(context, request, rest).instrument(span.clone()).await,
            None => return Err(azure_core::Error::with_message(azure_core::error::ErrorKind::Other, "no transport")),
        };
        ended(&span, result.as_ref().ok().map(|answer| u16::from(answer.status())));
        result
    }
}
