//! The programs the tests run against, fetched into an ignored folder without root.

mod azurite;
mod dataverse;
pub mod debian;
mod node;
mod npm;
pub mod tools;
mod venv;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::cargo;

pub use dataverse::Clients;

/// Where the peers of this checkout are.
pub struct Peers {
    /// The folder whose `node_modules` holds Azurite.
    pub azurite: PathBuf,
    /// A Node.js of version 20 or later.
    pub node: PathBuf,
    /// The clients that the Dataverse sandbox is tested with, and the connector measured beside.
    pub clients: Option<Clients>,
}

impl Peers {
    /// Fetches what is missing from `folder` or has another version than the pinned one; the clients of
    /// Dataverse if they are asked for.
    pub fn ensure(folder: &Path, clients: bool) -> Result<Peers> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let _lock = lock(folder)?;
        let node = node::ensure(folder)?;
        let azurite = azurite::ensure(folder, &node)?;
        let clients = clients.then(|| dataverse::ensure(folder, &node)).transpose()?;
        Ok(Peers { azurite, node: node.binary, clients })
    }

    /// The folder of this checkout that they are kept in.
    pub fn folder() -> PathBuf {
        cargo::root().join(".peers")
    }

    /// Azurite's own program for blobs, queues and tables.
    pub fn azurite_program(&self) -> PathBuf {
        azurite::program(&self.azurite)
    }
}

/// Two runs in one checkout would otherwise install over each other.
fn lock(folder: &Path) -> Result<File> {
    let lock = File::create(folder.join("lock")).context("cannot make the lock of the peers' folder")?;
    lock.lock().context("cannot lock the peers' folder")?;
    Ok(lock)
}

/// Runs an installer; what it says is shown only when it fails.
fn run_quietly(command: &mut Command, doing: &str) -> Result<()> {
    eprintln!("   {doing}…");
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{doing}: cannot start"))?;
    if !output.status.success() {
        eprint!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("{doing}: {}", output.status);
    }
    Ok(())
}

/// Whether the stamp says that exactly `pin` was installed.
fn is_installed(stamp: &Path, pin: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|installed| installed == pin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_pin_is_installed_again() {
        let stamp = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        fs::write(&stamp, "one 1.0").unwrap();
        assert!(is_installed(&stamp, "one 1.0"));
        assert!(!is_installed(&stamp, "one 1.1"));
        fs::remove_file(&stamp).unwrap();
        assert!(!is_installed(&stamp, "one 1.0"));
    }
}
