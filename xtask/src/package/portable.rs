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

/// Builds the release binary for [`TARGET`] and glibc 2.28, and says where it is.
///
/// Where zig cannot be fetched, it is built with this machine's linker, and what it needs is said aloud.
///
/// # Errors
/// When it does not build, or came out with other needs.
pub fn binary() -> Result<PathBuf> {
    let zig = match tools::ZIG.ensure(&Peers::folder()) {
        Ok(zig) => zig,
        Err(why) => return native(&format!("cargo-zigbuild cannot be fetched ({why:#})")),
    };
    let mut build = cargo::command_of(zig.join("cargo-zigbuild"));
    build.arg("zigbuild").args(["--target", &format!("{TARGET}.{OLDEST}")]).args(OPTIONS);
    let path = env::var_os("PATH").unwrap_or_default();
    build.env("PATH", env::join_paths([zig].into_iter().chain(env::split_paths(&path)))?);
    build.env("CARGO_ENCODED_RUSTFLAGS", without_paths()?.join("\u{1f}"));
    let binary = build::run(build, BINARY)?;
    needs(&binary)?.check(OLDEST)?;
    Ok(binary)
}

fn native(why: &str) -> Result<PathBuf> {
    let binary = build::release_binary(None)?;
    let needs = needs(&binary)?;
    eprintln!(
        "!!\n!! {why}.\n!! The package was built with this machine's linker: it {needs}.\n!! An older system, maybe Azure's, does not run it.\n!!"
    );
    Ok(binary)
}

/// What a built binary needs.
pub fn needs(binary: &PathBuf) -> Result<Needs> {
    let bytes = fs::read(binary).with_context(|| format!("cannot read {}", binary.display()))?;
    Needs::of(&bytes)
}

/// Names checkout and registry in the binary alike on every machine.
fn without_paths() -> Result<Vec<String>> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")))
        .context("neither CARGO_HOME nor HOME is set")?;
    let remap = |from: PathBuf, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    Ok(vec![remap(cargo::root(), "/inevent-d365"), remap(home, "/cargo")])
}
