//! A Python environment of the checkout's own, for peers that come from PyPI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::{is_installed, run_quietly};

/// Whether there is a Python to make an environment with.
pub fn possible() -> bool {
    let found = Command::new("python3").arg("--version").stdin(Stdio::null()).output();
    found.is_ok_and(|output| output.status.success())
}

/// The environment's folder, with `requirement` (`name==version`) installed in it.
pub fn ensure(peers: &Path, requirement: &str) -> Result<PathBuf> {
    let venv = peers.join("venv");
    let name = requirement.split("==").next().unwrap_or(requirement);
    let python = venv.join("bin/python");
    let stamp = venv.join(format!("{name}.installed"));
    // The environment's Python is a link to the machine's, which may have been replaced since.
    if python.exists() && is_installed(&stamp, requirement) {
        return Ok(venv);
    }
    if !python.exists() || !venv.join("bin/pip").exists() {
        run_quietly(
            Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv),
            "making a Python environment in .peers/venv",
        )
        .context("python3 cannot make an environment; on Debian and Ubuntu: apt-get install python3-venv")?;
    }
    run_quietly(
        Command::new(python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement]),
        &format!("installing {requirement} into .peers/venv"),
    )?;
    fs::write(&stamp, requirement).context("cannot write the stamp of an installed Python package")?;
    Ok(venv)
}
