//! Azurite, the emulator of Azure Storage.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::node::Node;
use super::{is_installed, run_quietly};

/// The package that pins Azurite and all it needs, by version and checksum.
const PACKAGE: &str = include_str!("../../peers/azurite/package.json");
const PACKAGE_LOCK: &str = include_str!("../../peers/azurite/package-lock.json");

/// The folder whose `node_modules` holds the pinned Azurite.
pub fn ensure(peers: &Path, node: &Node) -> Result<PathBuf> {
    let folder = peers.join("azurite");
    let program = program(&folder);
    let stamp = folder.join("installed");
    if is_installed(&stamp, PACKAGE_LOCK) && program.exists() {
        return Ok(folder);
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(folder.join("package.json"), PACKAGE).context("cannot write Azurite's package.json")?;
    fs::write(folder.join("package-lock.json"), PACKAGE_LOCK).context("cannot write Azurite's package-lock.json")?;
    let mut npm = node.npm(&folder);
    // None of these packages needs its install script, so none gets to run one.
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]);
    run_quietly(&mut npm, "installing Azurite into .peers/azurite")?;
    if !program.exists() {
        bail!("npm installed Azurite, but {} is not there", program.display());
    }
    fs::write(&stamp, PACKAGE_LOCK).context("cannot write the stamp of Azurite")?;
    Ok(folder)
}

pub fn program(folder: &Path) -> PathBuf {
    folder.join("node_modules/azurite/dist/src/azurite.js")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_pins_by_checksum_and_names_no_registry() {
        let lock: serde_json::Value = serde_json::from_str(PACKAGE_LOCK).unwrap();
        for (name, package) in lock["packages"].as_object().unwrap() {
            assert!(package.get("resolved").is_none(), "{name} names where it came from");
            assert!(name.is_empty() || package["integrity"].is_string(), "{name} has no checksum");
        }
        assert_eq!(lock["packages"]["node_modules/azurite"]["version"], "3.35.0");
    }
}
