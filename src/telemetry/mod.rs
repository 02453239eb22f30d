//! What the connector tells of itself: log lines, traces and metrics, none of them with personal data or secrets.
//!
//! Other rooms speak `tracing`: events become lines ([`lines`]), the spans of [`invocation`] and [`dependency`] become traces. Numbers
//! go through [`metrics`]. `docs/telemetry.md` lists what there is.

pub mod dependency;
mod endpoint;
mod export;
mod ingestion;
pub mod invocation;
pub mod lines;
pub mod metrics;
pub mod redaction;
mod spans;

use std::{io::Write, sync::Arc};

use azure_core::credentials::TokenCredential;
use tracing_subscriber::{EnvFilter, Layer, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt};

use export::flush_soon;
use lines::Lines;

/// Gives the managed identity of a client id, or the app's own, or says why there is none.
pub type Identities<'a> = dyn Fn(Option<&str>) -> Result<Arc<dyn TokenCredential>, String> + 'a;

/// The name of the tracer and of the meter.
const SCOPE: &str = "inevent-d365";

/// The log filter, in the form of `RUST_LOG`.
const FILTER: &str = "INEVENT_D365_LOG";

/// Begins to tell: lines to stdout, one JSON object each, which the host takes over as they are; traces and metrics to Application
/// Insights where its connection string is set, signed in with the managed identity that `identity` gives for a client id. To be called
/// once, in a Tokio runtime. No call is made.
pub fn start(lookup: &dyn Fn(&str) -> Option<String>, identity: &Identities<'_>) {
    let filter = lookup(FILTER).and_then(|filter| EnvFilter::try_new(filter).ok());
    let lines = Lines::new(|line| {
        // A host that does not listen any more is no reason to end.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    });
    let lines = lines.with_filter(filter.unwrap_or_else(|| EnvFilter::new("info")));
    let exporting = export::start(lookup, identity);
    let (tracer, problem) = match exporting {
        Ok(tracer) => (tracer, None),
        Err(problem) => (None, Some(problem)),
    };
    let traces = tracer.map(|tracer| {
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
            .with_filter(filter_fn(|metadata| metadata.is_span() && spans::is_ours(metadata.name())))
    });
    tracing_subscriber::registry().with(lines).with(traces).init();
    std::panic::set_hook(Box::new(|panic| eprintln!("{}", lines::of_panic(panic))));
    if let Some(problem) = problem {
        tracing::error!(problem, "no traces and metrics are sent");
    }
}
