//! Whether the same sources make the same package, wherever they lie.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::portable::{self, Place};
use super::{archive, lay_out, sha256};
use crate::cargo;
use crate::steps::Verdict;

/// Builds a copy of the sources in another folder, with another target folder and another `CARGO_HOME`, and compares its zip, byte by byte,
/// with that around `binary`.
pub fn check(binary: &Path) -> Result<Verdict> {
    let temp = tempfile::tempdir().context("cannot make a folder for a copy of the sources")?;
    let elsewhere = Place {
        root: temp.path().join("a-copy/of-the-sources"),
        home: temp.path().join("home"),
        target: temp.path().join("and-what-is-built"),
    };
    copy_sources(&elsewhere.root)?;
    // What was fetched is the same, under other names.
    fs::create_dir(&elsewhere.home)?;
    symlink(portable::cargo_home()?.join("registry"), elsewhere.home.join("registry"))?;
    let Some(second) = portable::binary_in(&elsewhere)? else {
        return Ok(Verdict::Skipped("only a package that zig links is the same everywhere".to_owned()));
    };
    let zip = |root: &Path, binary: &Path, name: &str| -> Result<Vec<u8>> {
        let entries = lay_out(root, binary, &temp.path().join(name))?;
        let zip = temp.path().join(name).with_extension("zip");
        archive::write(&entries, &zip)?;
        fs::read(&zip).with_context(|| format!("cannot read {}", zip.display()))
    };
    let first = zip(&cargo::root(), binary, "first")?;
    let second = zip(&elsewhere.root, &second, "second")?;
    println!("   {}\n   {}", sha256(&first), sha256(&second));
    Ok(Verdict::of(first == second))
}

/// Copies what git knows, as it is in the work tree.
fn copy_sources(to: &Path) -> Result<()> {
    let root = cargo::root();
    let files = Command::new("git").args(["ls-files", "-z"]).current_dir(&root).output().context("cannot run git")?;
    ensure!(files.status.success(), "git ls-files: {}", String::from_utf8_lossy(&files.stderr).trim());
    let mut copied = 0;
    for name in files.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let name = Path::new(OsStr::from_bytes(name));
        let (from, to) = (root.join(name), to.join(name));
        if !from.is_file() {
            continue;
        }
        fs::create_dir_all(to.parent().context("a file without a folder")?)?;
        fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        copied += 1;
    }
    if copied == 0 {
        bail!("git knows no sources here");
    }
    Ok(())
}
