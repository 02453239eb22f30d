//! The numbers that Application Insights is sent. Their names stand in `docs/telemetry.md`, the alerts and the workbook look for them.

use std::{sync::OnceLock, time::Duration};

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram},
};

/// All names, with their dimensions.
pub const NAMES: [(&str, &[&str]); 8] = [
    ("inevent_d365.events", &[]),
    ("inevent_d365.rows", &["outcome"]),
    ("inevent_d365.calls", &["api"]),
    ("inevent_d365.throttled", &["api"]),
    ("inevent_d365.delay_seconds", &[]),
    ("inevent_d365.backlog", &["queue"]),
    ("inevent_d365.parked", &[]),
    ("inevent_d365.held", &["hold", "way"]),
];

/// The instruments; without Application Insights they do nothing.
pub struct Metrics {
    events: Counter<u64>,
    rows: Counter<u64>,
    calls: Counter<u64>,
    throttled: Counter<u64>,
    delay: Histogram<f64>,
    backlog: Gauge<u64>,
    parked: Gauge<u64>,
    held: Gauge<u64>,
}

/// The instruments of this process. They are made at the first call, which comes after [`super::start`].
pub fn metrics() -> &'static Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS.get_or_init(|| {
        let meter = opentelemetry::global::meter(super::SCOPE);
        let [events, rows, calls, throttled, delay, backlog, parked, held] = NAMES.map(|(name, _)| name);
        Metrics {
            events: meter.u64_counter(events).build(),
            rows: meter.u64_counter(rows).build(),
            calls: meter.u64_counter(calls).build(),
            throttled: meter.u64_counter(throttled).build(),
            delay: meter.f64_histogram(delay).with_unit("s").build(),
            backlog: meter.u64_gauge(backlog).build(),
            parked: meter.u64_gauge(parked).build(),
            held: meter.u64_gauge(held).build(),
        }
    })
}

/// Whose API was called.
#[derive(Debug, Clone, Copy)]
pub enum Api {
    Dataverse,
    InEvent,
}

impl Metrics {
    /// Events taken from a queue.
    pub fn events(&self, count: usize) {
        self.events.add(count as u64, &[]);
    }

    /// Rows, or events where it is no row's, by what became of them.
    pub fn rows(&self, outcome: &'static str, count: u64) {
        if count > 0 {
            self.rows.add(count, &[KeyValue::new("outcome", outcome)]);
        }
    }

    /// HTTP calls, and those of them that were answered with 429.
    pub fn calls(&self, api: Api, made: u64, throttled: u64) {
        let api = match api {
            Api::Dataverse => "dataverse",
            Api::InEvent => "inevent",
        };
        for (counter, count) in [(&self.calls, made), (&self.throttled, throttled)] {
            if count > 0 {
                counter.add(count, &[KeyValue::new("api", api)]);
            }
        }
    }

    /// The time from what happened, by the source's clock, to the row.
    pub fn delay(&self, delay: Duration) {
        self.delay.record(delay.as_secs_f64(), &[]);
    }

    /// Messages that wait in a queue.
    pub fn backlog(&self, queue: &str, messages: u64) {
        self.backlog.record(messages, &[KeyValue::new("queue", queue.to_owned())]);
    }

    /// Entries that are parked.
    pub fn parked(&self, entries: usize) {
        self.parked.record(entries as u64, &[]);
    }

    /// What keeps everything from being written or completed, if anything does; `way` is whose.
    pub fn held(&self, way: &'static str, hold: Option<&str>) {
        let name = hold.unwrap_or("none").to_owned();
        self.held.record(u64::from(hold.is_some()), &[KeyValue::new("hold", name), KeyValue::new("way", way)]);
    }
}
