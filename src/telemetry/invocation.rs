//! An invocation of a function: the span around it, its place in a trace, and the lines that go back to the host with its answer.

use std::{
    future::Future,
    sync::atomic::{AtomicUsize, Ordering},
};

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use tracing::{Instrument, Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::lines::Lines;

/// Invocations that are under way.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

pub(super) fn none_is_running() -> bool {
    RUNNING.load(Ordering::Relaxed) == 0
}

/// Where an invocation comes from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin<'a> {
    /// The host's id of the invocation.
    pub invocation: Option<&'a str>,
    /// `traceparent` of the host's call (W3C trace context).
    pub host: Option<&'a str>,
    /// `traceparent` of what put the message into the queue: the trace that goes on here.
    pub message: Option<&'a str>,
}

/// What a function is called by.
#[derive(Debug, Clone, Copy)]
pub enum Trigger {
    /// Method and route, as the function declares them.
    Http {
        method: &'static str,
        route: &'static str,
    },
    Queue,
    Timer,
}

/// One invocation, from its beginning to its end.
pub struct Invocation {
    span: Span,
    traceparent: String,
}

impl Invocation {
    /// Begins one of `function`. Its span has the highest level, so that no filter of lines hides to which invocation they belong.
    pub fn begin(function: &'static str, trigger: Trigger, origin: Origin<'_>) -> Self {
        let span = match trigger {
            Trigger::Http { method, route } => tracing::error_span!(
                "invocation",
                otel.kind = "server",
                http.request.method = method,
                http.route = route,
                function,
                invocation = Empty,
                trace_id = Empty,
                http.response.status_code = Empty,
                otel.status_code = Empty,
            ),
            Trigger::Queue | Trigger::Timer => tracing::error_span!(
                "invocation",
                otel.name = function,
                otel.kind = if matches!(trigger, Trigger::Queue) { "consumer" } else { "server" },
                ai.operation.name = function,
                function,
                invocation = Empty,
                trace_id = Empty,
                http.response.status_code = Empty,
                otel.status_code = Empty,
            ),
        };
        if let Some(id) = origin.invocation {
            span.record("invocation", id);
        }
        let (host, message) = (origin.host.and_then(read), origin.message.and_then(read));
        if let Some(parent) = message.clone().or(host.clone()) {
            // Without Application Insights there is nothing to set it on.
            let _ = span.set_parent(Context::new().with_remote_span_context(parent));
        }
        if let (Some(host), Some(_)) = (&host, &message) {
            span.add_link(host.clone());
        }
        let own = span.context().span().span_context().clone();
        let own = if own.is_valid() { own } else { message.or(host).unwrap_or_else(random) };
        span.record("trace_id", tracing::field::display(own.trace_id()));
        let traceparent = format!("00-{}-{}-01", own.trace_id(), own.span_id());
        Self { span, traceparent }
    }

    /// What goes on from here is to carry this.
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// Runs the work of the invocation.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let _running = Running::new();
        work.instrument(self.span.clone()).await
    }

    /// Collects the lines that are said from here on, for [`Invocation::lines`].
    pub fn collect_lines(&self) {
        Lines::of(&self.span, Lines::collect);
    }

    /// Ends with a success; these are its lines for `Logs` in the answer.
    pub fn lines(&self) -> Vec<String> {
        Lines::of(&self.span, Lines::take).unwrap_or_default()
    }

    /// Ends with this HTTP status.
    pub fn end(self, status: u16) {
        super::dependency::ended(&self.span, Some(status));
    }
}

impl Drop for Invocation {
    /// Also where the host hung up. Lines that were not taken are printed.
    fn drop(&mut self) {
        for line in self.lines() {
            Lines::of(&self.span, |lines, _| lines.print(&line));
        }
        super::flush_soon();
    }
}

/// A piece of work of its own within an invocation, for others, whose trace goes on here.
pub fn part(function: &'static str, message: Option<&str>) -> Span {
    let span = tracing::error_span!(
        "work",
        otel.name = function,
        otel.kind = "consumer",
        ai.operation.name = function,
        function,
        trace_id = Empty,
    );
    if let Some(parent) = message.and_then(read) {
        span.record("trace_id", tracing::field::display(parent.trace_id()));
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
    span
}

/// Work that is done for several at once: part of the trace of the first, linked to the others.
pub fn shared<'a>(work: &'static str, mut whose: impl Iterator<Item = &'a Span>) -> Span {
    let Some(first) = whose.next() else { return Span::none() };
    let span = tracing::error_span!(parent: first, "work", otel.name = work, otel.kind = "internal");
    for other in whose.take(MOST_LINKS) {
        span.follows_from(other);
    }
    span
}

/// More would be a custom dimension longer than Application Insights takes.
const MOST_LINKS: usize = 32;

struct Running;

impl Running {
    fn new() -> Self {
        RUNNING.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Reads a `traceparent`. <https://www.w3.org/TR/trace-context/#traceparent-header>
fn read(text: &str) -> Option<SpanContext> {
    let mut parts = text.trim().split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !(hex(version, 2) && hex(trace, 32) && hex(span, 16) && hex(flags, 2)) || version.eq_ignore_ascii_case("ff") {
        return None;
    }
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::default());
    context.is_valid().then_some(context)
}

/// A trace that begins here.
fn random() -> SpanContext {
    let (trace, span) = (uuid::Uuid::new_v4().as_u128(), uuid::Uuid::new_v4().as_u128() as u64);
    let (trace, span) = (TraceId::from(trace), SpanId::from(span));
    SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn a_trace_goes_on_and_nonsense_begins_a_new_one() {
        let begin = |message: Option<&str>| {
            let origin = Origin { message, ..Origin::default() };
            Invocation::begin("SyncEvents", Trigger::Queue, origin).traceparent().to_owned()
        };
        let trace = |text: String| text.split('-').nth(1).unwrap().to_owned();
        assert_eq!(trace(begin(Some(&format!("00-{TRACE}-b7ad6b7169203331-00")))), TRACE);
        let mut seen = std::collections::BTreeSet::new();
        for other in [
            None,
            Some("ana@x.example"),
            Some("00-0-0-00"),
            Some("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ] {
            let own = trace(begin(other));
            assert!(own.len() == 32 && own != TRACE && seen.insert(own), "{other:?}");
        }
    }
}
