//! Building the binary that is deployed.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::layout::BINARY;
use crate::cargo;

/// What makes the deployed binary of the workspace, whoever builds it.
pub const OPTIONS: [&str; 7] =
    ["--release", "--locked", "-p", "inevent-d365", "--no-default-features", "--bin", BINARY];

/// Builds the release binary without the feature `local`, for `target` or this system, and says where it is.
pub fn release_binary(target: Option<&str>) -> Result<PathBuf> {
    build("inevent-d365", BINARY, &["--no-default-features"], target)
}

/// Builds a binary of a package for release, and says where it is.
pub fn build(package: &str, binary: &str, options: &[&str], target: Option<&str>) -> Result<PathBuf> {
    let target = target.map(|triple| ["--target", triple]);
    let options = [options, &["--bin", binary], target.as_ref().map_or(&[], |target| target)].concat();
    build_one(package, binary, &options)
}

/// Builds an example of a package for release, and says where it is.
pub fn build_example(package: &str, example: &str) -> Result<PathBuf> {
    build_one(package, example, &["--example", example])
}

/// Builds a binary as the tests do, and says where it is.
pub fn development_binary(package: &str) -> Result<PathBuf> {
    let mut build = cargo::command();
    build.args(["build", "--workspace", "--bins", "--examples", "--locked"]);
    run(build, package)
}

fn build_one(package: &str, binary: &str, options: &[&str]) -> Result<PathBuf> {
    let mut build = cargo::command();
    build.args(["build", "--release", "--locked", "-p", package]).args(options);
    run(build, binary)
}

/// Runs a build and says where it put a binary.
pub fn run(mut build: Command, binary: &str) -> Result<PathBuf> {
    // Cargo says itself where it put the binary: that place depends on the target and on the user's settings.
    build.args(["--message-format", "json-render-diagnostics"]);
    let mut build = build.stdout(Stdio::piped()).spawn().context("cannot run cargo build")?;
    let output = build.stdout.take().context("cargo build has no output")?;
    let mut executable_at = None;
    for line in BufReader::new(output).lines() {
        executable_at = executable(&line.context("cannot read what cargo build says")?, binary).or(executable_at);
    }
    let status = build.wait().context("cannot wait for cargo build")?;
    if !status.success() {
        bail!("cargo build: {status}");
    }
    executable_at.context("cargo build names no binary")
}

/// The binary's path, where a line of cargo's output is about it.
fn executable(line: &str, binary: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message["target"]["name"] != binary {
        return None;
    }
    message["executable"].as_str().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_names_the_binary() {
        for (line, expected) in [
            (r#"{"reason":"compiler-artifact","target":{"name":"inevent-d365"},"executable":"/t/inevent-d365"}"#, true),
            (r#"{"reason":"compiler-artifact","target":{"name":"inevent_d365"},"executable":null}"#, false),
            (r#"{"reason":"build-finished","success":true}"#, false),
            ("a build script's own line", false),
        ] {
            assert_eq!(executable(line, BINARY), expected.then(|| PathBuf::from("/t/inevent-d365")), "{line}");
        }
    }
}
