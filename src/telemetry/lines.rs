//! Log lines: one JSON object each, with the invocation and the trace that it belongs to, and with nothing that may not be told.
//!
//! The host takes over standard output line by line, without a tie to an invocation, and the `Logs` of an answer with one; a line goes
//! one way only. What is merely information waits for the answer of its invocation, everything else is printed at once: the process
//! may not live to answer.

use std::{
    collections::HashMap,
    fmt::{Debug, Display},
    panic::PanicHookInfo,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tracing::{
    Event, Level, Metadata, Span, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use super::{
    redaction::{self, WITHHELD},
    spans,
};

/// The most lines that wait for an answer; the others are printed.
const MOST_COLLECTED: usize = 200;

/// Writes lines.
pub struct Lines {
    print: Box<dyn Fn(&str) + Send + Sync>,
    /// By the id of the invocation's span.
    collected: Mutex<HashMap<u64, Vec<String>>>,
}

impl Lines {
    /// `print` is given each line as it is written, without its end.
    pub fn new(print: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { print: Box::new(print), collected: Mutex::default() }
    }

    /// Does something with the lines of a span, where they are written at all.
    pub(super) fn of<T>(span: &Span, action: impl FnOnce(&Self, &Id) -> T) -> Option<T> {
        span.with_subscriber(|(id, dispatch)| dispatch.downcast_ref::<Self>().map(|lines| action(lines, id))).flatten()
    }

    pub(super) fn print(&self, line: &str) {
        (self.print)(line);
    }

    /// Keeps what is said in this span, until it is taken.
    pub(super) fn collect(&self, id: &Id) {
        self.collected.lock().unwrap_or_else(PoisonError::into_inner).insert(id.into_u64(), Vec::new());
    }

    /// What was kept; from now on it is printed.
    pub(super) fn take(&self, id: &Id) -> Vec<String> {
        self.collected.lock().unwrap_or_else(PoisonError::into_inner).remove(&id.into_u64()).unwrap_or_default()
    }

    /// Whether the line waits now for the answer of one of these spans.
    fn is_kept(&self, spans: &[u64], line: &str) -> bool {
        let mut collected = self.collected.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(id) = spans.iter().find(|id| collected.contains_key(id)) else { return false };
        let lines = collected.entry(*id).or_default();
        let room = lines.len() < MOST_COLLECTED;
        if room {
            lines.push(line.to_owned());
        }
        room
    }
}

/// What a span says about the lines in it.
#[derive(Debug, Default, Clone, Serialize)]
struct Place {
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invocation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

impl Visit for Place {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let text = || Some(redaction::scrub(value).into_owned());
        match field.name() {
            "function" => self.function = text(),
            "invocation" => self.invocation = text(),
            "trace_id" => self.trace_id = text(),
            _ => {}
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    timestamp: Timestamp,
    level: &'static str,
    target: &'a str,
    #[serde(flatten)]
    fields: Map<String, Value>,
    #[serde(flatten)]
    place: Place,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id).filter(|_| spans::is_ours(attributes.metadata().name())) else { return };
        let mut place = Place::default();
        attributes.record(&mut place);
        span.extensions_mut().insert(place);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(place) = span.extensions_mut().get_mut::<Place>() {
            values.record(place);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let (mut place, mut within) = (Place::default(), Vec::new());
        for span in context.event_scope(event).into_iter().flatten() {
            within.push(span.id().into_u64());
            if let Some(known) = span.extensions().get::<Place>() {
                place.function = place.function.or_else(|| known.function.clone());
                place.invocation = place.invocation.or_else(|| known.invocation.clone());
                place.trace_id = place.trace_id.or_else(|| known.trace_id.clone());
            }
        }
        let metadata = event.metadata();
        let mut said = Said { fields: Map::new(), is_ours: is_ours(metadata) };
        event.record(&mut said);
        let (timestamp, level) = (Timestamp::now(), metadata.level().as_str());
        let line = Line { timestamp, level, target: metadata.target(), fields: said.fields, place };
        let line = serde_json::to_string(&line).unwrap_or_default();
        if *metadata.level() != Level::INFO || !self.is_kept(&within, &line) {
            self.print(&line);
        }
    }
}

/// Of other crates only the message is told.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    matches!(metadata.target(), "outcome" | "manage") || metadata.target().starts_with("inevent_d365")
}

struct Said {
    fields: Map<String, Value>,
    is_ours: bool,
}

impl Said {
    fn put(&mut self, field: &Field, value: impl FnOnce() -> Value) {
        let name = field.name();
        match redaction::is_field(name) {
            true if self.is_ours || name == "message" => self.fields.insert(name.to_owned(), value()),
            false if self.is_ours => self.fields.insert(name.to_owned(), WITHHELD.into()),
            _ => None,
        };
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, || redaction::scrub(&format!("{value:?}")).into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, || redaction::scrub(value).into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, || redaction::scrub(&value.to_string()).into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, || value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, || value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, || value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, || value.into());
    }
}

/// A panic, in the words that the host's log is searched for. What it quotes is told only where it stands in the source as it is: a
/// text that was put together may quote anything.
pub(super) fn of_panic(panic: &PanicHookInfo<'_>) -> impl Display + use<> {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let words = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or(WITHHELD);
    json!({ "level": "ERROR", "message": format!("the process panicked at {place}"), "why": redaction::scrub(words) })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing_subscriber::{EnvFilter, layer::SubscriberExt};

    use super::*;
    use crate::telemetry::invocation::{Invocation, Origin, Trigger};

    fn said(filter: &str, say: impl FnOnce()) -> Vec<Value> {
        let printed: Arc<Mutex<Vec<Value>>> = Arc::default();
        let lines = Lines::new({
            let printed = printed.clone();
            move |line| printed.lock().unwrap().push(serde_json::from_str(line).unwrap())
        });
        let subscriber = tracing_subscriber::registry().with(lines.with_filter(EnvFilter::new(filter)));
        tracing::subscriber::with_default(subscriber, say);
        let printed = printed.lock().unwrap();
        printed.clone()
    }

    #[test]
    fn a_field_that_is_not_on_the_list_is_withheld_and_others_are_scrubbed() {
        let email = "ana@contoso.example";
        let lines = said("info", || {
            tracing::info!(email, error = format!("nobody has {email}"), events = 3, "written");
            tracing::info!(target: "elsewhere", email, events = 3, "asked for {email}");
        });
        assert_eq!(lines[0]["email"], WITHHELD);
        assert_eq!((&lines[0]["error"], &lines[0]["events"]), (&json!("nobody has [address]"), &json!(3)));
        assert_eq!((lines[1].get("email"), lines[1].get("events")), (None, None));
        assert_eq!(lines[1]["message"], "asked for [address]");
    }

    #[test]
    fn information_goes_with_the_answer_and_warnings_at_once_each_one_way() {
        let mut with_answer = Vec::new();
        let printed = said("info", || {
            let origin = Origin { invocation: Some("7"), ..Origin::default() };
            let begin = || Invocation::begin("SyncEvents", Trigger::Queue, origin);
            let good = begin();
            good.collect_lines();
            futures_util::FutureExt::now_or_never(good.run(async {
                tracing::info!("written");
                tracing::warn!("parked");
            }));
            with_answer = good.lines();
            futures_util::FutureExt::now_or_never(good.run(async { tracing::info!("late") }));
            good.end(200);

            let bad = begin();
            bad.collect_lines();
            futures_util::FutureExt::now_or_never(bad.run(async { tracing::info!("tried") }));
            bad.end(500);
        });
        let words: Vec<_> = printed.iter().map(|line| line["message"].as_str().unwrap()).collect();
        assert_eq!(words, ["parked", "late", "tried"]);
        assert!(with_answer.len() == 1 && with_answer[0].contains("\"written\""), "{with_answer:?}");
        for line in printed {
            assert_eq!((&line["function"], &line["invocation"]), (&json!("SyncEvents"), &json!("7")));
            assert_eq!(line["trace_id"].as_str().unwrap().len(), 32);
        }
    }

    #[test]
    fn lines_know_their_invocation_whatever_the_filter() {
        let printed = said("warn", || {
            let invocation = Invocation::begin("Health", Trigger::Timer, Origin::default());
            futures_util::FutureExt::now_or_never(invocation.run(async { tracing::warn!("parked") }));
        });
        assert_eq!(printed[0]["function"], "Health");
    }
}
