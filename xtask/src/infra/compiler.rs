//! The Bicep compiler: the user's own, or fetched from its official release.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::package::sha256;
use crate::peers::Peers;

/// What is fetched where none is found, and the checksum of its file for Linux on x86-64.
const VERSION: &str = "0.49.2";
const LINUX_X64: &str = "0ab9de90c2493f206f8281bae74f9ee2d5ed3605548dab1adf41fef185e1f7c5";
const RELEASES: &str = "https://github.com/Azure/bicep/releases/download";

/// A Bicep compiler that runs.
pub struct Compiler(PathBuf);

impl Compiler {
    /// The one that `BICEP` names, else the one on the PATH, else one fetched into the peers' folder.
    ///
    /// # Errors
    /// Why there is none.
    pub fn find() -> Result<Self> {
        if let Some(named) = env::var_os("BICEP").filter(|named| !named.is_empty()) {
            let compiler = Self(PathBuf::from(&named));
            ensure!(compiler.runs(), "BICEP names {}, which does not run", named.to_string_lossy());
            return Ok(compiler);
        }
        let fetched = Peers::folder().join("bicep").join(format!("bicep-{VERSION}"));
        for path in [PathBuf::from("bicep"), fetched.clone()] {
            let compiler = Self(path);
            if compiler.runs() {
                return Ok(compiler);
            }
        }
        fetch(&fetched)?;
        let compiler = Self(fetched);
        ensure!(compiler.runs(), "the compiler that was fetched does not run here");
        Ok(compiler)
    }

    fn runs(&self) -> bool {
        self.run([OsStr::new("--version")]).is_ok_and(|output| output.status.success())
    }

    /// Runs it in `infra/`, as on every machine: the parameters' files read variables that deploy.sh sets.
    pub fn run(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Output> {
        let mut command = Command::new(&self.0);
        command.args(args).current_dir(super::folder()).stdin(Stdio::null());
        for name in ["CONNECTOR_CLIENT_ID", "CONNECTOR_ADMIN_ADDRESSES"] {
            command.env_remove(name);
        }
        command.output().with_context(|| format!("cannot run {}", self.0.display()))
    }
}

fn fetch(to: &Path) -> Result<()> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!("there is no Bicep compiler: install it (az bicep install), or name it in BICEP");
    }
    let url = format!("{RELEASES}/v{VERSION}/bicep-linux-x64");
    let answer = Command::new("curl")
        .args(["--fail", "--location", "--silent", "--show-error", "--proto", "=https", "--max-time", "300", &url])
        .stdin(Stdio::null())
        .output()
        .context("there is no Bicep compiler on the PATH or in BICEP, and no curl to fetch one")?;
    if !answer.status.success() {
        let why = String::from_utf8_lossy(&answer.stderr).trim().to_owned();
        bail!("there is no Bicep compiler on the PATH or in BICEP, and it cannot be fetched from its release ({why})");
    }
    ensure!(
        sha256(&answer.stdout) == LINUX_X64,
        "the Bicep compiler of {url} has another checksum than the pinned one"
    );
    let folder = to.parent().context("a file without a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut file = tempfile::NamedTempFile::new_in(folder).context("cannot make a file for the Bicep compiler")?;
    file.write_all(&answer.stdout).context("cannot write the Bicep compiler")?;
    fs::set_permissions(file.path(), Permissions::from_mode(0o755))
        .context("cannot make the Bicep compiler executable")?;
    file.persist(to).context("cannot keep the Bicep compiler")?;
    Ok(())
}
