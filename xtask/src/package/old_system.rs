//! The package on an older system: with the loader, C library and name service of an older Debian it resolves a name and speaks TLS.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::build;
use crate::bench::{Dataverse, SANDBOX};
use crate::peers::{Peers, debian};
use crate::steps::Verdict;

/// Where Debian keeps the libraries of x86-64.
const LIBRARIES: &str = "lib/x86_64-linux-gnu";

/// Has `binary` look at a sandbox at `https://localhost`, whose authority only `SSL_CERT_FILE` names, and sign in there. The kernel and
/// `/etc` are this machine's; every library is the older system's.
pub fn check(binary: &Path) -> Result<Verdict> {
    let root = match debian::ensure(&Peers::folder()) {
        Ok(root) => root,
        Err(why) => return Ok(Verdict::Skipped(format!("an older Debian's C library cannot be fetched: {why:#}"))),
    };
    let libraries = root.join(LIBRARIES);
    let loader = || {
        let mut loader = Command::new(libraries.join("ld-linux-x86-64.so.2"));
        loader.arg("--library-path").arg(&libraries);
        loader
    };
    // It says its own version.
    let library = loader().arg(libraries.join("libc.so.6")).output().context("the older loader does not start")?;
    let library = String::from_utf8_lossy(&library.stdout).lines().next().unwrap_or_default().to_owned();

    let sandbox = Dataverse::start(&build::development_binary(SANDBOX)?)?;
    let ready = &sandbox.ready;
    let mut command = loader();
    command.arg(binary).args(["check", "--json"]);
    command.env_clear().stdin(Stdio::null()).envs([
        ("SSL_CERT_FILE", ready.ca.as_str()),
        ("NO_PROXY", "localhost"),
        ("DATAVERSE_URL", &ready.https),
        ("DATAVERSE_TENANT_ID", &ready.tenant),
        ("DATAVERSE_CLIENT_ID", &ready.client_id),
        ("DATAVERSE_CLIENT_SECRET", &ready.client_secret),
        ("DATAVERSE_TOKEN_URL", &format!("{}/{}/oauth2/v2.0/token", ready.https, ready.tenant)),
    ]);
    let output = command.output().context("the older loader does not start")?;
    let Ok(told) = serde_json::from_slice::<Value>(&output.stdout) else {
        bail!("with {library}: {}", String::from_utf8_lossy(&output.stderr).trim());
    };
    // What else is checked has no settings here.
    for name in ["address", "token", "application user"] {
        let line = told["checks"].as_array().and_then(|lines| lines.iter().find(|line| line["name"] == name));
        ensure!(line.is_some_and(|line| line["state"] == "ok"), "with {library}: {name}: {line:?}");
    }
    println!("   with {library}");
    Ok(Verdict::Passed)
}
