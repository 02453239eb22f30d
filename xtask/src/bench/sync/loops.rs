//! What one writes without the connector: a loop over the events, with a client that others made.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::super::Bench;
use super::super::dataverse::Dataverse;
use crate::peers::Clients;

const NODE_LOOP: &str = include_str!("../../../peers/loops/dynamics_web_api.mjs");
const PYTHON_LOOP: &str = include_str!("../../../peers/loops/dataverse_client.py");

/// How many events are under way at once.
pub const WORKERS: [usize; 2] = [1, 8];

/// A client of Dataverse that is looped with.
#[derive(Clone, Copy)]
pub enum Client {
    DynamicsWebApi,
    PowerPlatform,
}

impl Client {
    pub const ALL: [Client; 2] = [Client::DynamicsWebApi, Client::PowerPlatform];

    pub fn name(self) -> &'static str {
        match self {
            Client::DynamicsWebApi => "dynamics-web-api",
            Client::PowerPlatform => "powerplatform-dataverse-client",
        }
    }

    fn command(self, bench: &Bench, clients: &Clients, ca: &str) -> Result<Command> {
        let folder = bench.folder.join("loops");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let (script, text) = match self {
            Client::DynamicsWebApi => ("loop.mjs", NODE_LOOP),
            Client::PowerPlatform => ("loop.py", PYTHON_LOOP),
        };
        let script = folder.join(script);
        fs::write(&script, text).with_context(|| format!("cannot write {}", script.display()))?;
        let mut command = match self {
            Client::DynamicsWebApi => {
                // Node looks for packages in the folder of a script.
                let modules = folder.join("node_modules");
                if !modules.exists() {
                    symlink(&clients.node_modules, &modules).context("cannot link the packages")?;
                }
                let mut command = Command::new(&bench.peers.node);
                command.env("NODE_EXTRA_CA_CERTS", ca);
                command
            }
            Client::PowerPlatform => {
                let mut command = Command::new(&clients.python);
                command.arg("-B").env("REQUESTS_CA_BUNDLE", ca);
                command
            }
        };
        command.arg(script);
        Ok(command)
    }
}

/// What a loop prints.
#[derive(Deserialize)]
struct Done {
    seconds: f64,
}

/// Runs a loop over the events of a file, the first of which warms it up; how many seconds the others took.
pub fn run(bench: &Bench, client: Client, workers: usize, events: &Path, dataverse: &Dataverse) -> Result<f64> {
    let clients = bench.peers.clients.as_ref().context("the clients are not installed")?;
    let mut command = client.command(bench, clients, &dataverse.ready.ca)?;
    command.env("SANDBOX", &dataverse.line).env("EVENTS", events).env("WORKERS", workers.to_string());
    let output = command.output().with_context(|| format!("cannot run the loop with {}", client.name()))?;
    if !output.status.success() {
        bail!("the loop with {} failed: {}", client.name(), String::from_utf8_lossy(&output.stderr));
    }
    let done: Done = serde_json::from_slice(&output.stdout).context("the loop does not say how long it took")?;
    Ok(done.seconds)
}
