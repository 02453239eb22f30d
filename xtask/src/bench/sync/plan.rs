//! What an event costs at the level of plans while a CRM in memory fills: the engine without HTTP, a sandbox or a queue.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::super::OURS;
use super::super::report::Report;
use crate::package;

const CALLS: &str = "Web API calls an event, while a CRM in memory fills (counted on plans; no call is made)";
const SPEED: &str = "events planned and written to memory, of that";

/// A stretch, as `examples/growth.rs` prints it.
#[derive(Deserialize)]
struct Stretch {
    from: u64,
    to: u64,
    calls: u64,
    seconds: f64,
    rows: u64,
}

/// Measures up to `most` participants.
pub fn measure(most: u64, report: &mut Report) -> Result<()> {
    let program = package::build_example("inevent-d365", "growth")?;
    eprintln!("planning the registrations of {most} participants…");
    let mut program = Command::new(program)
        .arg(most.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("the example does not start")?;
    let output = program.stdout.take().context("the example prints nothing")?;
    let mut speeds = Vec::new();
    for line in BufReader::new(output).lines() {
        let stretch: Stretch = serde_json::from_str(&line?).context("the example's output cannot be read")?;
        let Stretch { from, to, calls, seconds, rows } = stretch;
        let (of, events) = (format!("{OURS}, {from} to {to}"), (to - from) as f64);
        report.add(CALLS, &of, calls as f64 / events, "calls").note(format!("{calls} calls; {rows} rows at the end"));
        speeds.push((of, events / seconds));
    }
    if !program.wait()?.success() {
        bail!("the example failed");
    }
    for (of, speed) in speeds {
        report.add(SPEED, &of, speed, "events/s");
    }
    Ok(())
}
