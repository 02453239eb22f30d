//! How soon a handler answers, and what it holds before it has done anything.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::report::{Aim, Report};
use super::server::Program;
use super::{Bench, StandIn};

const FIRST_ANSWER: &str = "time from exec to the first answer";
const IDLE: &str = "resident memory, idle";
const NO_PYTHON: &str = "there is no python3 here";

pub fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    eprintln!("measuring starts…");
    let storage = StandIn::start()?;
    let ours = bench.ours_on(storage.connection_string());
    let programs: Vec<&Program> = [&ours, &bench.node].into_iter().chain(&bench.python).collect();
    let mut times = vec![Vec::new(); programs.len()];
    // In turn, so that what else happens on the machine falls on all of them.
    for _ in 0..bench.effort.starts {
        for (program, times) in programs.iter().zip(&mut times) {
            times.push(program.start()?.first_answer);
        }
    }
    for (program, times) in programs.iter().zip(&mut times) {
        times.sort_unstable();
        let figure = report.add(FIRST_ANSWER, program.name, milliseconds(times[times.len() / 2]), "ms");
        figure.note(format!("median of {}, slowest {:.1} ms", times.len(), milliseconds(times[times.len() - 1])));
        if program.name == ours.name {
            figure.aim(Aim::AtMost(10.0));
        }
    }
    if bench.python.is_none() {
        report.add_missing(FIRST_ANSWER, "bare Python", "ms", NO_PYTHON);
    }

    for program in &programs {
        let server = program.start()?;
        thread::sleep(bench.effort.rest);
        let figure = report.add(IDLE, program.name, server.resident()?.now as f64 / 1e6, "MB");
        if program.name == ours.name {
            figure.aim(Aim::AtMost(25.0));
        }
    }
    if bench.python.is_none() {
        report.add_missing(IDLE, "bare Python", "MB", NO_PYTHON);
    }
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
