//! The C library of an older Debian, to run binaries with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{is_installed, lock, run_quietly};

/// The oldest release that Debian's mirrors still have. Its glibc is 2.31.
const RELEASE: &str = "bullseye";
/// glibc with its loader and name services, and GCC's library for unwinding.
const PACKAGES: [&str; 2] = ["libc6", "libgcc-s1"];

/// What Debian signs its lists with, as the package `debian-archive-keyring` installs it.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A root directory that holds these libraries for x86-64 and nothing else, in `peers`. They are fetched and checked by apt, which leaves
/// the machine's own packages alone and needs no root.
///
/// # Errors
/// Where there is no apt, or it uses no mirror of Debian, or that cannot be reached.
pub fn ensure(peers: &Path) -> Result<PathBuf> {
    fs::create_dir_all(peers).with_context(|| format!("cannot make {}", peers.display()))?;
    let _lock = lock(peers)?;
    let folder = peers.join("debian");
    let (root, stamp, pin) = (folder.join("root"), folder.join("installed"), format!("{RELEASE} {PACKAGES:?}"));
    if is_installed(&stamp, &pin) {
        return Ok(root);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).context("cannot remove what was fetched of another Debian")?;
    }
    for inner in ["state/lists/partial", "cache/archives/partial", "packages", "root"] {
        fs::create_dir_all(folder.join(inner)).context("cannot make the folders of Debian's packages")?;
    }
    fs::write(folder.join("state/status"), "")?;
    let source = format!("deb [arch=amd64 signed-by={KEYS}] {} {RELEASE} main\n", mirror()?);
    fs::write(folder.join("sources.list"), source)?;
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        for (option, value) in [
            ("Dir::State", "state"),
            ("Dir::State::status", "state/status"),
            ("Dir::Cache", "cache"),
            ("Dir::Etc::sourcelist", "sources.list"),
        ] {
            apt.arg("-o").arg(format!("{option}={}", folder.join(value).display()));
        }
        apt.args(["-o", "Dir::Etc::sourceparts=-", "-o", "APT::Architecture=amd64", "-o", "APT::Sandbox::User=root"]);
        apt.args(arguments).current_dir(folder.join("packages"));
        apt
    };
    run_quietly(&mut apt(&["update"]), "reading which packages an older Debian has")?;
    run_quietly(apt(&["download"]).args(PACKAGES), "fetching its C library")?;
    let mut unpacked = 0;
    for package in fs::read_dir(folder.join("packages"))? {
        let package = package?.path();
        run_quietly(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&root), "unpacking it")?;
        unpacked += 1;
    }
    ensure!(unpacked == PACKAGES.len(), "apt fetched {unpacked} packages");
    fs::write(&stamp, pin).context("cannot write the stamp of Debian's packages")?;
    Ok(root)
}

/// The mirror of Debian that this machine's own apt uses.
fn mirror() -> Result<String> {
    let targets = Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)"]).output();
    let targets = String::from_utf8(targets.context("there is no apt")?.stdout)?;
    let is_debian = |uri: &&str| uri.trim_end_matches('/').ends_with("/debian");
    let mirror = targets.lines().find(is_debian).context("apt uses no mirror of Debian on this machine")?;
    Ok(mirror.to_owned())
}
