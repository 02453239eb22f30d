//! `cargo xtask package`: what is deployed, laid out as Azure Functions wants it.

mod archive;
mod build;
mod checksums;
mod layout;
mod needs;
mod old_system;
mod portable;
mod sbom;
mod start;
mod twice;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::cargo;
use crate::steps::{step, summarise};

pub use build::{build, build_example, release_binary};
pub use checksums::sha256;
pub use layout::lay_out;
pub use start::{Unpacked, check as starts_from_its_zip};

/// Build what is deployed and lay it out for Azure Functions
///
/// Builds the release binary without the feature `local` for any Linux on x86-64 with glibc 2.28 or later, and puts it
/// beside host.json in DIST, with one folder a function: the root of a function app. `func start` runs in that folder
/// once local.settings.sample.json is copied to local.settings.json. The zip holds the same without the sample settings,
/// with the execute bit that Azure needs; its bill of materials (CycloneDX) and checksums lie beside it. The same sources
/// give the same bytes, wherever they lie (`--twice`).
#[derive(clap::Args)]
pub struct Args {
    /// The folder to lay the package out in; what an earlier package left there is replaced
    #[arg(long, value_name = "DIST")]
    dir: PathBuf,

    /// Also write the package as a zip file, ready to be deployed
    #[arg(long, value_name = "FILE")]
    zip: Option<PathBuf>,

    /// Build with this machine's own linker, which is quicker, and maybe too new for Azure
    #[arg(long)]
    native: bool,

    /// Build for another system, by its Rust target triple, with the linker that cargo is told of
    #[arg(long, value_name = "TRIPLE", conflicts_with = "native")]
    target: Option<String>,

    /// Also run it with the C library of an older Debian, which apt fetches into .peers: it resolves a name and speaks TLS
    #[arg(long, conflicts_with_all = ["native", "target"])]
    prove: bool,

    /// Also build a copy of the sources elsewhere, with another target folder and CARGO_HOME, and compare the zips byte by
    /// byte
    #[arg(long, conflicts_with_all = ["native", "target"])]
    twice: bool,
}

pub fn run(args: &Args) -> Result<()> {
    let binary = match (&args.target, args.native) {
        (None, false) => portable::binary()?,
        (target, _) => release_binary(target.as_deref())?,
    };
    let entries = lay_out(&cargo::root(), &binary, &args.dir)?;
    println!("{}", args.dir.display());
    for entry in &entries {
        println!("   {}", entry.name);
    }
    if let Ok(needs) = portable::needs(&binary) {
        println!("   {} {needs}", layout::BINARY);
    }
    if let Some(zip) = &args.zip {
        let size = archive::write(&entries, zip)?;
        println!("{} ({:.1} MB)", zip.display(), size as f64 / 1e6);
        let bill = zip.with_extension("cdx.json");
        let target = args.target.as_deref().unwrap_or(portable::TARGET);
        fs::write(&bill, sbom::bill(target)?).with_context(|| format!("cannot write {}", bill.display()))?;
        println!("{}", bill.display());
        println!("{}", checksums::write(&[zip, &bill])?.display());
    }
    let (started, mut steps) = (Instant::now(), Vec::new());
    if args.prove {
        steps.push(step("package: runs on an older system", || old_system::check(&binary)));
    }
    if args.twice {
        steps.push(step("package: the same from a copy elsewhere", || twice::check(&binary)));
    }
    if steps.is_empty() { Ok(()) } else { summarise(&steps, started.elapsed()) }
}
