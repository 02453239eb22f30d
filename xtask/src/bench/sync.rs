//! From the first request to the last row in Dataverse, beside the loops that one would write instead.

mod growth;
mod host;
mod loops;
mod plan;

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::dataverse::Dataverse;
use super::load::{self, Requests, Until};
use super::report::{Aim, Report};
use super::storage::{Azurite, Queues};
use super::{Bench, OURS, events, processors};
use crate::package;
pub use growth::measure as measure_growth;
use host::Host;
use loops::{Client, WORKERS};
pub use plan::measure as measure_plans;

const SPEED: &str =
    "events synchronised, Dataverse 60 ms away under its service protection limits (sandbox; queues in memory)";
const CALLS: &str = "Web API calls an event, of that";

/// The limits are the sandbox's defaults, which are those of the real thing.
const FAR_AWAY: &str = r#"{"latency": {"min_ms": 60, "max_ms": 60}}"#;
/// In a request that packs events.
const PACKED: usize = 100;
/// The number of the participant whose event is sent before the clock starts.
const WARM_UP: u64 = 1_000_000_000;

const PATIENCE: Duration = Duration::from_secs(120);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
/// Who makes no call for so long has finished.
const QUIET: Duration = Duration::from_secs(1);

/// What a run came to.
struct Run {
    events_per_second: f64,
    calls_per_event: f64,
    note: String,
}

pub fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let host = package::build_example("inevent-d365", "local_host")?;
    let mut runs: Vec<(String, Result<Run>)> = Vec::new();
    for size in [PACKED, 1] {
        let of = if size == 1 { format!("{OURS}, one by one") } else { format!("{OURS}, arrays of {size}") };
        eprintln!("synchronising {} events: {of}…", bench.effort.synchronised);
        runs.push((of, ours(bench, &host, size)));
    }
    let ours = runs.len();
    for workers in WORKERS {
        for client in Client::ALL {
            let of = format!("{}, {}", client.name(), if workers == 1 { "one by one" } else { "8 workers" });
            eprintln!("synchronising {} events: {of}…", bench.effort.looped);
            runs.push((of, looped(bench, client, workers)));
        }
    }
    let one_by_one =
        runs[ours..ours + Client::ALL.len()].iter().flat_map(|(_, run)| run).map(|run| run.events_per_second);
    let aim = one_by_one.reduce(f64::max).map(|fastest| Aim::AtLeast(20.0 * fastest));
    for (index, (of, run)) in runs.iter().enumerate() {
        match run {
            Ok(run) => {
                let figure = report.add(SPEED, of, run.events_per_second, "events/s");
                figure.note(run.note.clone());
                figure.aim = aim.filter(|_| index < ours);
            }
            Err(error) => report.add_missing(SPEED, of, "events/s", &format!("{error:#}")),
        }
    }
    for (index, (of, run)) in runs.iter().enumerate() {
        match run {
            Ok(run) => {
                let figure = report.add(CALLS, of, run.calls_per_event, "calls");
                figure.aim = (index < ours).then_some(Aim::AtMost(0.02));
            }
            Err(error) => report.add_missing(CALLS, of, "calls", &format!("{error:#}")),
        }
    }
    Ok(())
}

/// The events come in requests of `size`.
fn ours(bench: &Bench, host: &Path, size: usize) -> Result<Run> {
    let events = bench.effort.synchronised;
    let connected = Connected::start(bench, host, far_away(bench, events)?)?;
    connected.dataverse.admin("DELETE", "/requests", "")?;
    let (started, before) = (Instant::now(), processors::taken()?);
    connected.send(0..events, size)?;
    let accepted = started.elapsed();
    connected.dataverse.written(1 + events)?;
    let took = started.elapsed();
    let processors = processors::told(&before, &processors::taken()?, took.as_secs_f64());
    let log = connected.dataverse.quiet()?;
    let busy: f64 = log.requests.iter().map(|call| call.ms / 1e3).sum();
    let note = format!(
        "{events} events: accepted in {:.1} s, written in {:.1} s; {}; {busy:.1} s of calls in all; {processors}",
        accepted.as_secs_f64(),
        took.as_secs_f64(),
        log.kinds()
    );
    Ok(log.run(events, took.as_secs_f64(), note))
}

/// The package between a storage account and a Dataverse.
struct Connected {
    // In the order in which they are stopped.
    host: Host,
    _azurite: Azurite,
    dataverse: Dataverse,
}

impl Connected {
    /// Returns when one event was synchronised, so that tokens and definitions are there.
    fn start(bench: &Bench, host: &Path, dataverse: Dataverse) -> Result<Connected> {
        let azurite = Azurite::start(&bench.peers, &bench.folder)?;
        let queues = Queues::start()?;
        let host = Host::start(host, bench, &azurite.connection_string_with(&queues), &dataverse)?;
        let connected = Connected { host, _azurite: azurite, dataverse };
        connected.send(WARM_UP..WARM_UP + 1, 1)?;
        connected.dataverse.written(1)?;
        connected.dataverse.quiet()?;
        Ok(connected)
    }

    /// Sends the registrations of these participants, `size` in a request.
    fn send(&self, participants: Range<u64>, size: usize) -> Result<()> {
        let headers = format!("Content-Type: application/json\r\nx-functions-key: {}\r\n", self.host.key);
        let body = |number: u64| events::array(participants.start + number * size as u64, size);
        let requests = Requests { target: "/api/events", headers: &headers, expected: 202, body: &body };
        let count = (participants.end - participants.start) / size as u64;
        load::run(self.host.port, &requests, Until::Sent(count)).map(drop)
    }
}

fn looped(bench: &Bench, client: Client, workers: usize) -> Result<Run> {
    let events = bench.effort.looped;
    let dataverse = far_away(bench, events)?;
    let file = bench.folder.join("events.json");
    let warm_up = events::array(WARM_UP, 1);
    let json = format!("{},{}", warm_up.trim_end_matches(']'), &events::array(0, events as usize)[1..]);
    fs::write(&file, json).with_context(|| format!("cannot write {}", file.display()))?;
    let seconds = loops::run(bench, client, workers, &file, &dataverse)?;
    dataverse.written(1 + events)?;
    let log = dataverse.quiet()?;
    let note = format!("{events} events in {seconds:.1} s");
    Ok(log.run(events, seconds, note))
}

/// A Dataverse where of ten participants five are contacts, one is a lead, and four are unknown.
fn far_away(bench: &Bench, participants: u64) -> Result<Dataverse> {
    let dataverse = Dataverse::start(bench.sandbox()?)?;
    dataverse.admin("POST", "/limits", r#"{"enforce": false}"#)?;
    let headers = dataverse.headers()?;
    for (table, set, of) in [("contact", "contacts", 0..5), ("lead", "leads", 5..6)] {
        let known: Vec<u64> = (0..participants).filter(|number| of.contains(&(number % 10))).collect();
        for bulk in known.chunks(1_000) {
            let rows: Vec<String> = bulk.iter().map(|number| events::person(table, *number)).collect();
            let path = format!("/api/data/v9.2/{set}/Microsoft.Dynamics.CRM.CreateMultiple");
            dataverse.exchange("POST", &path, &headers, &format!(r#"{{"Targets":[{}]}}"#, rows.join(",")))?;
        }
    }
    dataverse.admin("POST", "/limits", FAR_AWAY)?;
    Ok(dataverse)
}

impl Dataverse {
    /// Waits until there are as many attendance rows, as long as there are ever more.
    fn written(&self, rows: u64) -> Result<()> {
        let (mut last, mut since) = (0, Instant::now());
        loop {
            let count = self.admin("GET", "/count?table=new_eventattendance", "")?;
            let count = count["count"].as_u64().context("the sandbox does not count")?;
            if count >= rows {
                return Ok(());
            }
            if count > last {
                (last, since) = (count, Instant::now());
            }
            if since.elapsed() > PATIENCE {
                bail!("{count} of {rows} rows, and no further one within {PATIENCE:?}");
            }
            thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// The log, once no more calls come.
    fn quiet(&self) -> Result<Log> {
        let started = Instant::now();
        let mut log = Log::default();
        loop {
            let seen = log.calls;
            log = serde_json::from_value(self.admin("GET", "/requests", "")?).context("no request log")?;
            if log.calls == seen && seen > 0 {
                return Ok(log);
            }
            if started.elapsed() > PATIENCE {
                bail!("calls are still made after {PATIENCE:?}");
            }
            thread::sleep(QUIET);
        }
    }
}

/// The sandbox's request log.
#[derive(Default, Deserialize)]
struct Log {
    calls: u64,
    parts: u64,
    requests: Vec<Call>,
}

#[derive(Deserialize)]
struct Call {
    path: String,
    status: u16,
    ms: f64,
}

impl Log {
    fn run(&self, events: u64, seconds: f64, note: String) -> Run {
        let events = events as f64;
        Run { events_per_second: events / seconds, calls_per_event: self.calls as f64 / events, note }
    }

    /// How many calls of which kind, and how many were throttled.
    fn kinds(&self) -> String {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        let web_api = self.requests.iter().filter(|call| call.path.contains("/api/data/"));
        for call in web_api {
            *kinds.entry(call.path.rsplit(['/', '.']).next().unwrap_or_default()).or_default() += 1;
            *kinds.entry("answered 429").or_default() += usize::from(call.status == 429);
        }
        let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        format!("{} calls with {} operations ({})", self.calls, self.parts, kinds.join(", "))
    }
}
