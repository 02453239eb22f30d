//! What an event costs in a CRM that holds more and more of them.

use std::time::Instant;

use anyhow::Result;

use super::super::dataverse::Dataverse;
use super::super::report::Report;
use super::super::{Bench, OURS};
use super::{Connected, PACKED};
use crate::package;

const CALLS: &str =
    "Web API calls an event, while the CRM fills (sandbox without latency, all participants unknown to it)";
const SPEED: &str = "events synchronised, of that";

/// How many participants are in the CRM at the end of each stretch.
const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// Measures up to `most` participants.
pub fn measure(bench: &Bench, most: u64, report: &mut Report) -> Result<()> {
    let host = package::build_example("inevent-d365", "local_host")?;
    let connected = Connected::start(bench, &host, Dataverse::start(bench.sandbox()?)?)?;
    let mut from = 0;
    let mut speeds = Vec::new();
    for size in SIZES.into_iter().filter(|size| *size <= most) {
        eprintln!("synchronising {size} participants…");
        connected.dataverse.admin("DELETE", "/requests", "")?;
        let started = Instant::now();
        connected.send(from..size, PACKED)?;
        connected.dataverse.written(1 + size)?;
        let took = started.elapsed();
        let log = connected.dataverse.quiet()?;
        let stretch = size - from;
        let of = format!("{OURS}, {from} to {size}");
        report.add(CALLS, &of, log.calls as f64 / stretch as f64, "calls").note(log.kinds());
        speeds.push((of, stretch as f64 / took.as_secs_f64()));
        from = size;
    }
    for (of, speed) in speeds {
        report.add(SPEED, &of, speed, "events/s");
    }
    Ok(())
}
