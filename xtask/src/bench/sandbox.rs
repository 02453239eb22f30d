//! How fast the Dataverse sandbox is: it must never be what another figure measures.

use anyhow::Result;

use super::Bench;
use super::dataverse::{Dataverse, SANDBOX};
use super::load::{self, Requests, Until};
use super::report::{Aim, Report};

const WHAT: &str = "rows created in the Dataverse sandbox, in memory";
/// Rows in one bulk call, as Microsoft advises where rows are small.
const BULK: usize = 1_000;

pub fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    eprintln!("measuring the sandbox…");
    let dataverse = Dataverse::start(bench.sandbox()?)?;
    // The limits that Dataverse sets would be all that is measured.
    dataverse.admin("POST", "/limits", r#"{"enforce": false}"#)?;
    let headers = dataverse.headers()?;

    let single = |number: u64| row(number).to_string();
    let bulk = |number: u64| {
        let first = 1_000_000_000 + number * BULK as u64;
        let targets: Vec<String> = (first..first + BULK as u64)
            .map(|number| row(number).replacen('{', r#"{"@odata.type":"Microsoft.Dynamics.CRM.contact","#, 1))
            .collect();
        format!(r#"{{"Targets":[{}]}}"#, targets.join(","))
    };
    let mut create =
        |how: &str, target: &str, expected: u16, rows: usize, aim: f64, body: &(dyn Fn(u64) -> String + Sync)| {
            let of = format!("{SANDBOX}, {how}");
            let requests = Requests { target, headers: &headers, expected, body };
            match load::run(dataverse.port, &requests, Until::After(bench.effort.load)) {
                Ok(outcome) => {
                    let figure = report.add(WHAT, &of, outcome.requests_per_second * rows as f64, "rows/s");
                    figure.aim(Aim::AtLeast(aim));
                    figure.note(format!(
                        "{:.0} requests/s on {} connections",
                        outcome.requests_per_second,
                        load::CONNECTIONS
                    ));
                }
                Err(error) => report.add_missing(WHAT, &of, "rows/s", &format!("{error:#}")),
            }
        };
    create("one by one", "/api/data/v9.2/contacts", 204, 1, 5_000.0, &single);
    let multiple = "/api/data/v9.2/contacts/Microsoft.Dynamics.CRM.CreateMultiple";
    create("CreateMultiple", multiple, 200, BULK, 50_000.0, &bulk);
    Ok(())
}

fn row(number: u64) -> String {
    format!(
        r#"{{"firstname":"Load","lastname":"Number {number}","emailaddress1":"load.{number}@x.example","jobtitle":"Tester"}}"#
    )
}
