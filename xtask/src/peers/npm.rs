//! Packages from npm, exactly as a lock file names them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::node::Node;
use super::{is_installed, run_quietly};

/// A package that pins others and all they need, by version and checksum.
pub struct Pinned {
    /// What it is called to the user.
    pub name: &'static str,
    pub package: &'static str,
    pub lock: &'static str,
}

impl Pinned {
    /// Installs it into `folder`, unless `program` is there from the same lock file.
    pub fn install(&self, folder: &Path, program: &Path, node: &Node) -> Result<()> {
        let stamp = folder.join("installed");
        if is_installed(&stamp, self.lock) && program.exists() {
            return Ok(());
        }
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for (file, content) in [("package.json", self.package), ("package-lock.json", self.lock)] {
            fs::write(folder.join(file), content)
                .with_context(|| format!("cannot write the {file} of {}", self.name))?;
        }
        let mut npm = node.npm(folder);
        // None of these packages needs its install script, so none gets to run one.
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]);
        run_quietly(&mut npm, &format!("installing {} into {}", self.name, short(folder)))?;
        anyhow::ensure!(program.exists(), "npm installed {}, but {} is not there", self.name, program.display());
        fs::write(&stamp, self.lock).with_context(|| format!("cannot write the stamp of {}", self.name))
    }

    /// Checks a lock file and gives the version it pins a package to.
    #[cfg(test)]
    pub fn pins(&self, package: &str) -> Option<String> {
        let lock: serde_json::Value = serde_json::from_str(self.lock).ok()?;
        for (name, package) in lock["packages"].as_object()? {
            assert!(package.get("resolved").is_none(), "{name} names where it came from");
            assert!(name.is_empty() || package["integrity"].is_string(), "{name} has no checksum");
        }
        lock["packages"][format!("node_modules/{package}")]["version"].as_str().map(str::to_owned)
    }
}

/// `.peers/azurite`
fn short(folder: &Path) -> String {
    folder.file_name().map_or_else(String::new, |name| format!(".peers/{}", name.to_string_lossy()))
}
