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
    make(&venv)?;
    run_quietly(
        Command::new(python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement]),
        &format!("installing {requirement} into .peers/venv"),
    )?;
    fs::write(&stamp, requirement).context("cannot write the stamp of an installed Python package")?;
    Ok(venv)
}

/// The Python of an environment that has exactly what `lock` names, by version and checksum.
pub fn ensure_locked(venv: &Path, lock: &str, name: &str) -> Result<PathBuf> {
    let python = venv.join("bin/python");
    let stamp = venv.join("installed");
    if python.exists() && is_installed(&stamp, lock) {
        return Ok(python);
    }
    make(venv)?;
    let requirements = venv.join("requirements.txt");
    fs::write(&requirements, lock).context("cannot write the requirements of a Python environment")?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps", "-r"]);
    run_quietly(pip.arg(&requirements), &format!("installing {name}"))
        .context("they need Python 3.11 or later, and pip has to reach its package index")?;
    fs::write(&stamp, lock).context("cannot write the stamp of a Python environment")?;
    Ok(python)
}

/// Makes an environment, unless there is one that works.
fn make(venv: &Path) -> Result<()> {
    if venv.join("bin/python").exists() && venv.join("bin/pip").exists() {
        return Ok(());
    }
    run_quietly(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv), "making a Python environment")
        .context("python3 cannot make an environment; on Debian and Ubuntu: apt-get install python3-venv")
}
