//! A package that is unpacked from its zip and started, as the host does it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tempfile::TempDir;

use super::layout::BINARY;
use super::{archive, build, layout};
use crate::bench::{Connection, StandIn};
use crate::cargo;
use crate::steps::Verdict;

/// What the local host prints when the functions can be called.
#[derive(Deserialize)]
struct Ready {
    url: String,
    key: String,
}

/// Stops when its standard input ends, and its handler with it.
struct Host(Child);

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// A package around the binary that the tests are run with, unpacked from its zip.
pub struct Unpacked {
    /// The root of the function app.
    pub root: PathBuf,
    /// The local host's program.
    host: PathBuf,
    _temp: TempDir,
}

impl Unpacked {
    /// Builds what the tests need, too, and packs it.
    pub fn new() -> Result<Self> {
        let temp = tempfile::tempdir().context("cannot make a folder for the package")?;
        let host = build::development_binary("local_host")?;
        let binary =
            host.parent().and_then(Path::parent).context("an example outside of a target folder")?.join(BINARY);
        let entries = layout::lay_out(&cargo::root(), &binary, &temp.path().join("dist"))?;
        let zip = temp.path().join("package.zip");
        archive::write(&entries, &zip)?;
        let root = temp.path().join("wwwroot");
        zip::ZipArchive::new(File::open(&zip)?)?.extract(&root).context("cannot unpack the package")?;
        Ok(Self { root, host, _temp: temp })
    }
}

/// Starts the package as the host does it, and asks it for its health.
pub fn check(package: &Unpacked) -> Result<Verdict> {
    let storage = StandIn::start()?;
    let mut process = Command::new(&package.host)
        .arg(&package.root)
        .env("AzureWebJobsStorage", storage.connection_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("the local host does not start")?;
    let stdout = process.stdout.take().context("the local host prints nothing")?;
    let _host = Host(process);
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let ready: Ready = serde_json::from_str(&line).context("the local host does not get ready")?;
    let port = ready.url.rsplit(':').next().and_then(|port| port.parse().ok()).context("a host without port")?;

    let status = |headers: &str| {
        Ok::<_, anyhow::Error>(Connection::open(port)?.exchange("GET", "/api/health", headers, b"")?.status())
    };
    ensure!(status("")? == Some(401), "a call without a key is not refused");
    // No settings: it is up, and says what is missing.
    let answered = status(&format!("x-functions-key: {}\r\n", ready.key))?;
    ensure!(answered == Some(503), "the health of the package is {answered:?}");
    Ok(Verdict::Passed)
}
