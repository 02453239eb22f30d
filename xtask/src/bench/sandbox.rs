//! How fast the Dataverse sandbox is: it must never be what another figure measures.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::Bench;
use super::http::Connection;
use super::load::{self, Requests};
use super::report::{Aim, Report};
use crate::package;

const WHAT: &str = "rows created in the Dataverse sandbox, in memory";
const SANDBOX: &str = "dataverse-sandbox";
/// Rows in one bulk call, as Microsoft advises where rows are small.
const BULK: usize = 1_000;

/// What the sandbox prints when it is ready.
#[derive(Deserialize)]
struct Ready {
    http: String,
    client_id: String,
    client_secret: String,
    token_url: String,
    admin_url: String,
}

/// Killed when dropped.
struct Sandbox(Child);

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    eprintln!("measuring the sandbox…");
    let binary = package::build(SANDBOX, SANDBOX, &[], None)?;
    let mut process = Command::new(binary)
        .args(["--seed", "empty"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("the sandbox does not start")?;
    let stdout = process.stdout.take();
    let _sandbox = Sandbox(process);
    let mut line = String::new();
    BufReader::new(stdout.context("the sandbox prints nothing")?).read_line(&mut line)?;
    let ready: Ready = serde_json::from_str(&line).context("the sandbox's first line cannot be read")?;

    let port = ready.http.rsplit(':').next().and_then(|port| port.parse().ok()).context("the sandbox names no port")?;
    // The limits that Dataverse sets would be all that is measured.
    post(port, &path(&ready.admin_url, "/limits"), "Content-Type: application/json\r\n", r#"{"enforce": false}"#)?;
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope={}%2F.default",
        ready.client_id,
        ready.client_secret,
        ready.http.replace(':', "%3A").replace('/', "%2F")
    );
    let form_type = "Content-Type: application/x-www-form-urlencoded\r\n";
    let granted = post(port, &path(&ready.token_url, ""), form_type, &form)?;
    let token = granted["access_token"].as_str().context("the sandbox grants no token")?;
    let headers =
        format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\nAccept: application/json\r\n");

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
            match load::run(port, &Requests { target, headers: &headers, expected, body }, bench.effort.load) {
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

fn path(url: &str, more: &str) -> String {
    let path = url.splitn(4, '/').nth(3).unwrap_or_default().trim_end_matches('/');
    format!("/{path}{more}")
}

fn post(port: u16, target: &str, headers: &str, body: &str) -> Result<serde_json::Value> {
    let answer = Connection::open(port)?.exchange("POST", target, headers, body.as_bytes())?;
    match answer.status() {
        Some(200..300) => Ok(serde_json::from_slice(&answer.body).unwrap_or_default()),
        status => bail!("the sandbox answers {target} with {status:?}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_path_of_a_url() {
        assert_eq!(super::path("http://127.0.0.1:80/__admin/", "/limits"), "/__admin/limits");
        assert_eq!(super::path("http://127.0.0.1:80/t/oauth2/v2.0/token", ""), "/t/oauth2/v2.0/token");
    }
}
