//! A binary for any Linux on x86-64 that the host may run: linked by zig, which knows the symbols of every glibc.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::build::{self, OPTIONS};
use super::layout::BINARY;
use super::needs::{Needs, OLDEST};
use crate::cargo;
use crate::peers::Peers;
use crate::peers::tools;

/// The system that Azure runs the package on.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Where sources are built, and with what folders of cargo's.
pub struct Place {
    pub root: PathBuf,
    /// `CARGO_HOME`.
    pub home: PathBuf,
    /// `CARGO_TARGET_DIR`.
    pub target: PathBuf,
}

/// Builds the release binary for [`TARGET`] and glibc 2.28, and says where it is.
///
/// Where zig cannot be fetched, it is built with this machine's linker, and what it needs is said aloud.
///
/// # Errors
/// When it does not build, or came out with other needs.
pub fn binary() -> Result<PathBuf> {
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| cargo::root().join("target"), |own| cargo::root().join(own));
    match binary_in(&Place { root: cargo::root(), home: cargo_home()?, target })? {
        Some(binary) => Ok(binary),
        None => build::release_binary(None),
    }
}

/// The same of sources elsewhere; none where zig cannot be fetched, which is said aloud.
pub fn binary_in(place: &Place) -> Result<Option<PathBuf>> {
    let zig = match tools::ZIG.ensure(&Peers::folder()) {
        Ok(zig) => zig,
        Err(why) => {
            eprintln!(
                "!!\n!! cargo-zigbuild cannot be fetched ({why:#}).\n!! The package is built with this machine's linker: an older system, \
                 maybe Azure's, does not run it.\n!!"
            );
            return Ok(None);
        }
    };
    let mut build = cargo::command_of(zig.join("cargo-zigbuild"));
    build.current_dir(&place.root).env("CARGO_HOME", &place.home).env("CARGO_TARGET_DIR", &place.target);
    build.arg("zigbuild").args(["--target", &format!("{TARGET}.{OLDEST}")]).args(OPTIONS);
    let path = env::var_os("PATH").unwrap_or_default();
    build.env("PATH", env::join_paths([zig].into_iter().chain(env::split_paths(&path)))?);
    build.env("CARGO_ENCODED_RUSTFLAGS", without_paths(place).join("\u{1f}"));
    let binary = build::run(build, BINARY)?;
    needs(&binary)?.check(OLDEST)?;
    Ok(Some(binary))
}

/// What a built binary needs.
pub fn needs(binary: &PathBuf) -> Result<Needs> {
    let bytes = fs::read(binary).with_context(|| format!("cannot read {}", binary.display()))?;
    Needs::of(&bytes)
}

/// The folder of what cargo fetched.
pub fn cargo_home() -> Result<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")))
        .context("neither CARGO_HOME nor HOME is set")
}

/// Names checkout, registry and what build scripts wrote in the binary alike on every machine. Of several that fit, the last counts.
fn without_paths(place: &Place) -> Vec<String> {
    let names = [(&place.root, "/inevent-d365"), (&place.home, "/cargo"), (&place.target, "/inevent-d365/target")];
    names.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())).to_vec()
}
