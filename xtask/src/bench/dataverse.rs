//! A Dataverse sandbox, started for one measurement.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use super::http::Connection;

/// The sandbox's package and binary.
pub const SANDBOX: &str = "dataverse-sandbox";

/// What the sandbox prints when it is ready, as far as it is needed here.
#[derive(Deserialize)]
pub struct Ready {
    pub http: String,
    pub https: String,
    /// The PEM file with the certificate to trust for https.
    pub ca: String,
    pub tenant: String,
    pub client_id: String,
    pub client_secret: String,
    pub token_url: String,
    admin_url: String,
}

/// A running sandbox with an empty organisation. Killed when dropped.
pub struct Dataverse {
    process: Child,
    pub port: u16,
    pub ready: Ready,
    /// The line that it printed.
    pub line: String,
}

impl Dataverse {
    pub fn start(binary: &Path) -> Result<Dataverse> {
        let mut process = Command::new(binary)
            .args(["--seed", "empty"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("the sandbox does not start")?;
        let mut line = String::new();
        let read = match process.stdout.take() {
            Some(stdout) => BufReader::new(stdout).read_line(&mut line),
            None => Ok(0),
        };
        let ready = read.map_err(anyhow::Error::from).and_then(|_| Ok(serde_json::from_str::<Ready>(&line)?));
        let port = ready.as_ref().ok().and_then(|ready| ready.http.rsplit(':').next()?.parse().ok());
        match (ready, port) {
            (Ok(ready), Some(port)) => Ok(Dataverse { process, port, ready, line }),
            (ready, _) => {
                let _ = process.kill();
                let _ = process.wait();
                bail!("the sandbox's first line cannot be read: {:?}", ready.err())
            }
        }
    }

    /// What the admin API answers.
    pub fn admin(&self, method: &str, path: &str, body: &str) -> Result<Value> {
        self.exchange(method, &self::path(&self.ready.admin_url, path), "Content-Type: application/json\r\n", body)
    }

    /// The head lines of a Web API request, with a token of the application user of the sandbox.
    pub fn headers(&self) -> Result<String> {
        let Ready { http, client_id, client_secret, token_url, .. } = &self.ready;
        let form = format!(
            "grant_type=client_credentials&client_id={client_id}&client_secret={client_secret}&scope={}%2F.default",
            http.replace(':', "%3A").replace('/', "%2F")
        );
        let form_type = "Content-Type: application/x-www-form-urlencoded\r\n";
        let granted = self.exchange("POST", &path(token_url, ""), form_type, &form)?;
        let token = granted["access_token"].as_str().context("the sandbox grants no token")?;
        Ok(format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\nAccept: application/json\r\n"))
    }

    /// The JSON of an answer, null where there is none.
    pub fn exchange(&self, method: &str, target: &str, headers: &str, body: &str) -> Result<Value> {
        let answer = Connection::open(self.port)?.exchange(method, target, headers, body.as_bytes())?;
        match answer.status() {
            Some(200..300) => Ok(serde_json::from_slice(&answer.body).unwrap_or_default()),
            status => bail!("the sandbox answers {target} with {status:?}"),
        }
    }
}

impl Drop for Dataverse {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn path(url: &str, more: &str) -> String {
    let path = url.splitn(4, '/').nth(3).unwrap_or_default().trim_end_matches('/');
    format!("/{path}{more}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_path_of_a_url() {
        assert_eq!(super::path("http://127.0.0.1:80/__admin/", "/limits"), "/__admin/limits");
        assert_eq!(super::path("http://127.0.0.1:80/t/oauth2/v2.0/token", ""), "/t/oauth2/v2.0/token");
    }
}
