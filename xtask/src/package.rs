//! `cargo xtask package`: what is deployed, laid out as Azure Functions wants it.

mod archive;
mod build;
mod layout;

use std::path::PathBuf;

use anyhow::Result;

use crate::cargo;

pub use build::{build, build_example, release_binary};
pub use layout::lay_out;

/// Build what is deployed and lay it out for Azure Functions
///
/// Builds the release binary without the feature `local` and puts it beside host.json in DIST, with one folder a
/// function: the root of a function app. `func start` runs in that folder once local.settings.sample.json is copied
/// to local.settings.json. The zip holds the same without the sample settings, with the execute bit that Azure needs.
#[derive(clap::Args)]
pub struct Args {
    /// The folder to lay the package out in; what an earlier package left there is replaced
    #[arg(long, value_name = "DIST")]
    dir: PathBuf,

    /// Also write the package as a zip file, ready to be deployed
    #[arg(long, value_name = "FILE")]
    zip: Option<PathBuf>,

    /// Build for another system than this one, by its Rust target triple
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
}

pub fn run(args: &Args) -> Result<()> {
    let binary = release_binary(args.target.as_deref())?;
    let entries = lay_out(&cargo::root(), &binary, &args.dir)?;
    println!("{}", args.dir.display());
    for entry in &entries {
        println!("   {}", entry.name);
    }
    if let Some(zip) = &args.zip {
        let size = archive::write(&entries, zip)?;
        println!("{} ({:.1} MB)", zip.display(), size as f64 / 1e6);
    }
    Ok(())
}
