//! Traces and metrics on their way to Application Insights, beside the work and never in its way: what cannot be sent is dropped and
//! counted.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_application_insights::Exporter;
use opentelemetry_sdk::{
    Resource,
    metrics::{PeriodicReader, SdkMeterProvider},
    trace::{Sampler, SdkTracer, SdkTracerProvider, SpanExporter},
};
use tokio::{sync::Notify, time::Instant};

use super::{
    Identities, SCOPE,
    endpoint::{AUTHENTICATION, Access, CONNECTION_STRING, Endpoint},
    ingestion::Ingestion,
    spans::Spans,
};

/// Spans in one post.
const BATCH: usize = 512;
/// How long the first span waits for company.
const LINGER: Duration = Duration::from_millis(250);
/// Metrics are collected this often, and not more often either while invocations follow each other.
const METRICS: Duration = Duration::from_secs(15);

static EXPORT: OnceLock<Export> = OnceLock::new();

struct Export {
    wake: Arc<Notify>,
    // They end what they gave out when they are dropped.
    _traces: SdkTracerProvider,
    _metrics: SdkMeterProvider,
}

/// Sends what waits, soon: the host may kill or freeze the process any time after an invocation is answered.
pub(super) fn flush_soon() {
    if let Some(export) = EXPORT.get() {
        export.wake.notify_one();
    }
}

/// Starts to export, where a connection string is set.
///
/// # Errors
/// In words for the person who mends it.
pub(super) fn start(
    lookup: &dyn Fn(&str) -> Option<String>,
    identity: &Identities<'_>,
) -> Result<Option<SdkTracer>, String> {
    let Some(connection) = lookup(CONNECTION_STRING).filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    let endpoint = Endpoint::parse(&connection)?;
    let identity = match Access::parse(lookup(AUTHENTICATION).as_deref())? {
        Access::Key => None,
        Access::Identity(client_id) => Some(identity(client_id.as_deref())?),
    };
    let client = Ingestion::new(endpoint.track, identity, endpoint.scope);
    let exporter = || {
        Exporter::new_from_connection_string(&endpoint.connection, client.clone())
            .map_err(|error| format!("{CONNECTION_STRING} cannot be used: {error}"))
    };
    let mut resource = Resource::builder_empty()
        .with_service_name(SCOPE)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if let Some(instance) = lookup("WEBSITE_INSTANCE_ID") {
        resource = resource.with_attribute(KeyValue::new("service.instance.id", instance));
    }
    let resource = resource.build();

    let spans = Spans::default();
    let traces = SdkTracerProvider::builder()
        // The host's own flag says "not sampled" where nobody sampled at all.
        .with_sampler(Sampler::AlwaysOn)
        .with_span_processor(spans.clone())
        .with_resource(resource.clone())
        .build();
    let reader = PeriodicReader::builder(exporter()?).with_interval(METRICS * 4).build();
    let metrics = SdkMeterProvider::builder().with_reader(reader).with_resource(resource.clone()).build();
    opentelemetry::global::set_meter_provider(metrics.clone());

    let mut exporter = exporter()?;
    SpanExporter::set_resource(&mut exporter, &resource);
    let (tracer, wake) = (traces.tracer(SCOPE), Arc::new(Notify::new()));
    tokio::spawn(pump(exporter, spans, metrics.clone(), wake.clone()));
    // A second start in one process, as tests may do, keeps the first.
    let _ = EXPORT.set(Export { wake, _traces: traces, _metrics: metrics });
    Ok(Some(tracer))
}

async fn pump(exporter: Exporter<Ingestion>, spans: Spans, metrics: SdkMeterProvider, wake: Arc<Notify>) {
    let (mut told, mut collected): (u64, Option<Instant>) = (0, None);
    loop {
        wake.notified().await;
        tokio::time::sleep(LINGER).await;
        if collected.is_none_or(|at| at.elapsed() >= METRICS) || super::invocation::none_is_running() {
            collected = Some(Instant::now());
            let metrics = metrics.clone();
            // It blocks for as long as the endpoint is away; nothing waits for it.
            static COLLECTING: AtomicBool = AtomicBool::new(false);
            if !COLLECTING.swap(true, Ordering::Relaxed) {
                tokio::task::spawn_blocking(move || {
                    let _ = metrics.force_flush();
                    COLLECTING.store(false, Ordering::Relaxed);
                });
            }
        }
        loop {
            let batch = spans.take(BATCH);
            if batch.is_empty() {
                break;
            }
            let count = batch.len();
            if exporter.export(batch).await.is_err() {
                spans.lost(count);
            }
        }
        let dropped = spans.dropped();
        if dropped > told {
            tracing::warn!(spans = dropped - told, "traces could not be sent to Application Insights");
            told = dropped;
        }
    }
}
