//! `local`: the whole product on one machine.
use clap::Args;
use std::process::ExitCode;
#[derive(Debug, Args)]
pub struct LocalArgs {}
pub fn run(_: LocalArgs) -> ExitCode {
    ExitCode::SUCCESS
}
