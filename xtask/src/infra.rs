//! `cargo xtask infra`: the templates and scripts that deploy to Azure, checked without Azure.

mod checkov;
mod compiler;
mod templates;

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::cargo;
use crate::peers::Peers;
use crate::peers::tools;
use crate::steps::{Step, Verdict, step, summarise};

/// Check the templates of infra/ and the script that deploys them
///
/// Builds and lints every Bicep file with the compiler that the variable BICEP names, or the one on the PATH, else with
/// one fetched from its official release; compares the resources that it predicts with those kept beside the
/// parameters; and runs checkov over these and shellcheck over deploy.sh. Nothing is asked of Azure.
#[derive(clap::Args)]
pub struct Args {
    /// Keep what the compiler predicts now, and the form that it gives the files
    #[arg(long)]
    overwrite: bool,
}

pub fn run(args: &Args) -> Result<()> {
    let started = Instant::now();
    summarise(&check(args.overwrite), started.elapsed())
}

/// All checks.
pub fn check(overwrite: bool) -> Vec<Step> {
    vec![
        step("infra: bicep", || templates::check(overwrite)),
        step("infra: checkov", checkov::check),
        step("infra: shellcheck", shellcheck),
    ]
}

fn folder() -> PathBuf {
    cargo::root().join("infra")
}

fn shellcheck() -> Result<Verdict> {
    let program = tools::LINTERS.ensure(&Peers::folder())?.join("shellcheck");
    let scripts = [folder().join("deploy.sh"), cargo::root().join("xtask/tests/infra/az.sh")];
    let status = Command::new(program).args(scripts).status().context("cannot run shellcheck")?;
    Ok(Verdict::of(status.success()))
}
