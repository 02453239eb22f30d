//! Finished spans that wait to be sent: so many and no more, the oldest give way.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use opentelemetry::{Context, StringValue, Value};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanProcessor},
};

use super::redaction;

/// The spans that become traces; those of other crates do not.
pub(super) const INVOCATION: &str = "invocation";
pub(super) const DEPENDENCY: &str = "dependency";
pub(super) const WORK: &str = "work";

pub(super) fn is_ours(name: &str) -> bool {
    [INVOCATION, DEPENDENCY, WORK].contains(&name)
}

/// Some 4 MiB.
const KEPT: usize = 4_096;

/// Where spans wait.
#[derive(Debug, Clone, Default)]
pub(super) struct Spans(Arc<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    spans: Mutex<VecDeque<SpanData>>,
    dropped: AtomicU64,
}

impl Spans {
    /// The oldest, at most so many.
    pub(super) fn take(&self, most: usize) -> Vec<SpanData> {
        let mut spans = self.0.spans.lock().unwrap_or_else(PoisonError::into_inner);
        let count = spans.len().min(most);
        spans.drain(..count).collect()
    }

    /// Counts spans that will not arrive.
    pub(super) fn lost(&self, count: usize) {
        self.0.dropped.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Spans that did not arrive.
    pub(super) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    fn add(&self, span: SpanData) {
        let mut spans = self.0.spans.lock().unwrap_or_else(PoisonError::into_inner);
        if spans.len() >= KEPT {
            spans.pop_front();
            self.lost(1);
        }
        spans.push_back(span);
    }
}

impl SpanProcessor for Spans {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, mut span: SpanData) {
        span.attributes.retain(|attribute| redaction::is_attribute(attribute.key.as_str()));
        for attribute in &mut span.attributes {
            if let Value::String(text) = &attribute.value {
                attribute.value = Value::String(StringValue::from(redaction::scrub(text.as_str()).into_owned()));
            }
        }
        self.add(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
