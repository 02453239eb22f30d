//! The release package under the local Functions host, started for one measurement.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::super::Bench;
use super::super::dataverse::Dataverse;

/// What the host prints when the functions can be called.
#[derive(Deserialize)]
struct Ready {
    url: String,
    key: String,
}

/// A running host and its handler.
pub struct Host {
    process: Child,
    pub port: u16,
    /// The key of the functions.
    pub key: String,
}

impl Host {
    pub fn start(program: &Path, bench: &Bench, storage: &str, dataverse: &Dataverse) -> Result<Host> {
        let log = bench.folder.join("local_host.log");
        let log = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let ready = &dataverse.ready;
        let mut process = Command::new(program)
            .arg(&bench.ours.folder)
            .env("AzureWebJobsStorage", storage)
            .env("DATAVERSE_URL", &ready.http)
            .env("DATAVERSE_TENANT_ID", &ready.tenant)
            .env("DATAVERSE_TOKEN_URL", &ready.token_url)
            .env("DATAVERSE_CLIENT_ID", &ready.client_id)
            .env("DATAVERSE_CLIENT_SECRET", &ready.client_secret)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("the local host does not start")?;
        let stdout = process.stdout.take();
        let mut host = Host { process, port: 0, key: String::new() };
        let mut line = String::new();
        BufReader::new(stdout.context("the local host prints nothing")?).read_line(&mut line)?;
        let ready: Ready = serde_json::from_str(&line).context("the local host does not get ready")?;
        host.port = ready.url.rsplit(':').next().and_then(|port| port.parse().ok()).context("a host without port")?;
        host.key = ready.key;
        Ok(host)
    }
}

impl Drop for Host {
    /// It stops, and its handler with it, when its standard input ends.
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
