//! How many events the handler accepts, and what it holds meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::load::{self, CONNECTIONS, Outcome, Requests, Until};
use super::report::{Aim, Report};
use super::server::Server;
use super::storage::Azurite;
use super::{Bench, OURS, StandIn, events};

/// How many events a request carries.
const ARRAYS: [usize; 3] = [1, 10, 100];
const BETWEEN_SAMPLES: Duration = Duration::from_millis(50);

const ON_STAND_IN: &str = "events accepted, a stand-in for the queue (keeps nothing, shows the handler's own speed)";
const BARE: &str = "events received, no queue and no checks (a bare server that reads the body and answers)";
const ON_AZURITE: &str = "events accepted, Azurite as the queue (bound by the messages that Azurite takes)";
const UNDER_LOAD: &str = "resident memory, the most under that load";
const AFTER_LOAD: &str = "resident memory, at rest after that load";

pub fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    eprintln!("measuring events, {CONNECTIONS} connections: with a stand-in for the queue…");
    let storage = StandIn::start()?;
    let ours = bench.ours_on(storage.connection_string()).start()?;
    let ours_held = accept(bench, &ours, ON_STAND_IN, Some(&storage), report)?;
    drop(ours);

    eprintln!("… by a bare server");
    let node = bench.node.start()?;
    let node_held = accept(bench, &node, BARE, None, report)?;
    drop(node);

    report.add(UNDER_LOAD, OURS, megabytes(ours_held.most), "MB").aim(Aim::AtMost(60.0));
    report.add(UNDER_LOAD, bench.node.name, megabytes(node_held.most), "MB");
    report.add(AFTER_LOAD, OURS, megabytes(ours_held.after), "MB");
    report.add(AFTER_LOAD, bench.node.name, megabytes(node_held.after), "MB");

    eprintln!("… with Azurite");
    if let Err(error) = on_azurite(bench, report) {
        report.add_missing(ON_AZURITE, OURS, "events/s", &format!("{error:#}"));
    }
    Ok(())
}

fn on_azurite(bench: &Bench, report: &mut Report) -> Result<()> {
    let azurite = Azurite::start(&bench.peers, &bench.folder)?;
    let ours = bench.ours_on(azurite.connection_string()).start()?;
    accept(bench, &ours, ON_AZURITE, None, report)?;
    drop(ours);
    let puts = azurite.puts(&bench.peers, bench.effort.load)?;
    let figure = report.add(ON_AZURITE, "Azurite alone", puts.requests_per_second, "messages/s");
    figure.note(format!("put one by one on {CONNECTIONS} connections; {}", answers(&puts)));
    Ok(())
}

/// Memory in bytes.
struct Held {
    most: u64,
    after: u64,
}

/// Sends arrays of each size and adds what came of it; says what the server held meanwhile and afterwards.
fn accept(bench: &Bench, server: &Server, what: &str, storage: Option<&StandIn>, report: &mut Report) -> Result<Held> {
    // The first request finds connections and queues to be made. Should it fail, the next ones say so.
    let _ = send(server, 1, bench.effort.load / 5);
    let mut most = 0;
    for size in ARRAYS {
        let messages_before = storage.map(StandIn::messages);
        let (outcome, peak) = watched(server, || send(server, size, bench.effort.load))?;
        most = most.max(peak);
        let of = format!("{}, arrays of {size}", server.name());
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                report.add_missing(what, &of, "events/s", &format!("{error:#}"));
                continue;
            }
        };
        let figure = report.add(what, &of, outcome.requests_per_second * size as f64, "events/s");
        if server.name() == OURS {
            figure.aim(Aim::AtLeast(10_000.0));
        }
        let mut note = answers(&outcome);
        if let (Some(storage), Some(before)) = (storage, messages_before) {
            let messages = (storage.messages() - before) as f64 / outcome.requests as f64;
            note += &format!("; {messages:.2} messages a request");
        }
        figure.note(note);
    }
    thread::sleep(bench.effort.rest);
    Ok(Held { most, after: server.resident()?.now })
}

fn send(server: &Server, size: usize, time: Duration) -> Result<Outcome> {
    let requests = Requests {
        target: "/api/events",
        headers: "Content-Type: application/json\r\n",
        expected: 202,
        body: &|number| events::array(number * size as u64, size),
    };
    load::run(server.port, &requests, Until::After(time))
}

/// Does the work and sees the most memory that the server has held until its end.
fn watched<T>(server: &Server, work: impl FnOnce() -> T) -> Result<(T, u64)> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        // Only some systems keep count of the peak; on the others, looking often comes near it.
        let watcher = scope.spawn(|| {
            let mut most = 0;
            loop {
                let last = done.load(Ordering::Relaxed);
                let resident = server.resident()?;
                most = most.max(resident.peak.unwrap_or(resident.now));
                if last {
                    return Ok(most);
                }
                thread::sleep(BETWEEN_SAMPLES);
            }
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        let most = watcher.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the watcher of the memory panicked")))?;
        Ok((result, most))
    })
}

fn answers(outcome: &Outcome) -> String {
    let [median, slow] = [outcome.median, outcome.slow].map(|time| time.as_secs_f64() * 1e3);
    format!("{:.0} requests/s, half answered in {median:.1} ms, 99% in {slow:.1} ms", outcome.requests_per_second)
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
