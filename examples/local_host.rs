//! Runs a package that `cargo xtask package` laid out under the local Functions host, with the storage account of `AzureWebJobsStorage`:
//!
//! ```sh
//! cargo run --release --example local_host -- dist
//! ```
//!
//! Prints one line of JSON when the functions can be called, and what host and handler say on standard error; stops when its
//! standard input ends. `cargo xtask bench` measures with it.

use std::{env, io::Write as _, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result, anyhow, bail};
use inevent_d365::{
    azure::Account,
    local::host::{self, FunctionKeys, HostOptions, TimerFolder},
    queue::AzureQueues,
};
use serde_json::json;

/// The key of the functions, which only this machine can reach.
const FUNCTION_KEY: &str = "desk";

#[tokio::main]
async fn main() -> Result<()> {
    let dist = env::args_os().nth(1).map(PathBuf::from).context("name the folder of the package")?;
    let dist = dist.canonicalize().with_context(|| format!("no package in {}", dist.display()))?;
    let account = Account::from_settings("AzureWebJobsStorage", &|name: &str| env::var(name).ok())?;
    // Next to the package and not in it: it may be read-only.
    let timers = tempfile::tempdir()?;
    let host = host::start(HostOptions {
        executable: Some(dist.join("inevent-d365")),
        keys: FunctionKeys { function: vec![FUNCTION_KEY.to_owned()], master: None },
        timers: Arc::new(TimerFolder(timers.path().to_path_buf())),
        ..HostOptions::new(dist, Arc::new(AzureQueues::new(&account)?))
    })
    .await?;
    let mut said = host.subscribe();
    tokio::spawn(async move {
        while let Ok(line) = said.recv().await {
            eprintln!("{}", line.text);
        }
    });
    host.ready().await.map_err(|reason| anyhow!("the host stopped: {reason:?}"))?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", json!({ "url": host.url(), "key": FUNCTION_KEY }))?;
    out.flush()?;
    let asked = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    tokio::select! {
        asked = asked => asked??,
        reason = host.stopped() => bail!("the host stopped: {reason:?}"),
    };
    host.stop().await;
    Ok(())
}
