//! `cargo xtask test`: everything that has to pass, with the programs it is tested against.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::cargo;
use crate::infra;
use crate::package;
use crate::peers::Peers;
use crate::steps::{self, Step, Verdict, summarise};

/// What proptest generates its cases from.
const SEED: &str = "PROPTEST_RNG_SEED";

/// Run all tests, fetching first what they are tested against
///
/// Fetches Azurite, the storage emulator, and other people's clients of Dataverse into `.peers/` (and Node.js where
/// there is none of version 20 or later), packs and unpacks what is deployed, runs `cargo test` for the whole workspace,
/// checks the build that is deployed, the one without the feature `local`, and then the templates (`cargo xtask infra`).
/// Needs python3, never root. A second run fetches nothing.
///
/// Properties are tried with the same generated cases in every run, so that a failure is one of the change at hand.
/// `PROPTEST_RNG_SEED` (a number) asks for others, `CONVERGENCE_CASES` for more; plain `cargo test` takes random ones.
#[derive(clap::Args)]
pub struct Args {
    /// Run only the tests whose name contains one of these, and leave the deployed build and the templates unchecked
    #[arg(long, num_args = 1.., value_name = "NAME")]
    only: Vec<String>,
}

pub fn run(args: &Args) -> Result<()> {
    let started = Instant::now();
    println!("== peers");
    let peers = Peers::ensure(&Peers::folder(), true)?;
    println!("   azurite {}", peers.azurite.display());
    println!("   node    {} ({:.1} s)", peers.node.display(), started.elapsed().as_secs_f64());

    let package = args.only.is_empty().then(package::Unpacked::new).transpose()?;
    let mut tests = cargo::command();
    // The library's tests and the binaries' run one after the other: the first failure should not hide the rest.
    tests.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    if !args.only.is_empty() {
        tests.arg("--").args(&args.only);
    }
    if std::env::var_os(SEED).is_none() {
        tests.env(SEED, "1");
    }
    tests.env("INEVENT_PEERS", &peers.azurite).env("INEVENT_PEERS_NODE", &peers.node);
    if let Some(clients) = &peers.clients {
        tests.env("SANDBOX_CLIENTS_PYTHON", &clients.python).env("SANDBOX_CLIENTS_MODULES", &clients.node_modules);
        tests.env("SANDBOX_CLIENTS_NODE", &peers.node);
    }
    if let Some(package) = &package {
        tests.env("INEVENT_PACKAGE", &package.root);
    }
    let mut steps = vec![step(tests)];

    if let Some(package) = &package {
        let mut deployed = cargo::command();
        deployed.args(["check", "-p", "inevent-d365", "--no-default-features", "--locked"]);
        steps.push(step(deployed));
        steps.push(steps::step("package: started from its zip", || package::starts_from_its_zip(package)));
        steps.extend(infra::check(false));
    }
    summarise(&steps, started.elapsed())
}

fn step(mut command: Command) -> Step {
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    let name = format!("cargo {}", words.join(" "));
    steps::step(name.clone(), || {
        let status = command.status().with_context(|| format!("cannot run {name}"))?;
        Ok(Verdict::of(status.success()))
    })
}
