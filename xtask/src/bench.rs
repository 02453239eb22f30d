//! `cargo xtask bench`: how fast and how small the release package is.

mod dataverse;
mod events;
mod http;
mod load;
mod memory;
mod processors;
mod report;
mod sandbox;
mod server;
mod start;
mod storage;
mod sync;
mod throughput;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cargo;
use crate::package;
use crate::peers::Peers;
use report::{Aim, Report};
use server::Program;

pub use dataverse::{Dataverse, SANDBOX};
pub use http::Connection;
pub use storage::StandIn;

const NODE_SERVER: &str = include_str!("../peers/bare/server.js");
const PYTHON_SERVER: &str = include_str!("../peers/bare/server.py");
const NODE_SIGNER: &str = include_str!("../peers/bare/sas.js");

/// The name that the figures of the package stand under.
const OURS: &str = "inevent-d365";

/// Measure the release package, beside bare peers
///
/// Prints the time from exec to the first answer, the resident memory, the size of the binary, the events accepted and
/// the events synchronised a second, each with the figure aimed for, and in the same run bare servers in Node.js and
/// Python, and plain loops with other people's Dataverse clients. Nothing is asserted: it fails only when something
/// cannot be measured. Other work on the machine shows in the figures, and server, storage and load share its cores.
#[derive(clap::Args)]
pub struct Args {
    /// Print one JSON object on standard output, and the progress on standard error
    #[arg(long)]
    json: bool,

    /// A quarter of the runs and of the time: to see that it works, not to quote
    #[arg(long)]
    quick: bool,

    /// Measure a package that is already laid out, instead of building one
    #[arg(long, value_name = "DIST")]
    package: Option<PathBuf>,

    /// Measure only these parts
    #[arg(long, num_args = 1.., value_enum, value_name = "PART")]
    only: Vec<Part>,

    /// How many participants `growth` fills the CRM with: 1000, 10000, 100000 or 1000000
    #[arg(long, default_value_t = 100_000, value_name = "COUNT")]
    participants: u64,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Part {
    /// The binary
    Size,
    /// From exec to the first answer, and memory then
    Start,
    /// Events accepted, and memory meanwhile
    Ingest,
    /// The Dataverse sandbox
    Sandbox,
    /// Events synchronised
    Sync,
    /// What an event costs while the CRM fills; only when asked for
    Growth,
    /// The same at the level of plans, over a CRM in memory, up to a million participants; only when asked for
    Plan,
}

/// How much is measured.
struct Effort {
    starts: usize,
    load: Duration,
    /// How long a server is left alone before its memory is read.
    rest: Duration,
    /// How many events the package synchronises.
    synchronised: u64,
    /// And how many a plain loop does, which is slow.
    looped: u64,
}

/// What is measured, and where it may write.
struct Bench {
    effort: Effort,
    peers: Peers,
    ours: Program,
    node: Program,
    python: Option<Program>,
    folder: PathBuf,
    sandbox: OnceLock<PathBuf>,
}

pub fn run(args: &Args) -> Result<()> {
    let folder = cargo::root().join("target/bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let dist = match &args.package {
        Some(dist) => dist.canonicalize().with_context(|| format!("no package in {}", dist.display()))?,
        None => {
            let dist = folder.join("package");
            package::lay_out(&cargo::root(), &package::release_binary(None)?, &dist)?;
            dist
        }
    };
    let bench = Bench::prepare(args.quick, folder, &dist)?;

    let mut report = Report::new(args.quick);
    let wanted = |part| args.only.is_empty() || args.only.contains(&part);
    if wanted(Part::Size) {
        bench.size(&dist, &mut report)?;
    }
    if wanted(Part::Start) {
        start::measure(&bench, &mut report)?;
    }
    if wanted(Part::Ingest) {
        throughput::measure(&bench, &mut report)?;
    }
    if wanted(Part::Sandbox) {
        sandbox::measure(&bench, &mut report)?;
    }
    if wanted(Part::Sync) {
        sync::measure(&bench, &mut report)?;
    }
    if args.only.contains(&Part::Growth) {
        sync::measure_growth(&bench, args.participants, &mut report)?;
    }
    if args.only.contains(&Part::Plan) {
        sync::measure_plans(if args.quick { 100_000 } else { 1_000_000 }, &mut report)?;
    }
    if args.json {
        println!("{}", serde_json::to_string(&report).context("cannot print the figures")?);
    } else {
        println!("{}", report.text());
    }
    match report.missing() {
        0 => Ok(()),
        missing => bail!("{missing} figures could not be measured"),
    }
}

impl Bench {
    fn prepare(quick: bool, folder: PathBuf, dist: &Path) -> Result<Bench> {
        let effort = match quick {
            false => Effort {
                starts: 20,
                load: Duration::from_secs(5),
                rest: Duration::from_secs(2),
                synchronised: 10_000,
                looped: 300,
            },
            true => Effort {
                starts: 5,
                load: Duration::from_secs(1),
                rest: Duration::from_millis(500),
                synchronised: 2_000,
                looped: 50,
            },
        };
        let peers = Peers::ensure(&cargo::root().join(".peers"), true)?;
        let program = |name, command, file: &str, text: &str| -> Result<Program> {
            let script = folder.join(file);
            fs::write(&script, text).with_context(|| format!("cannot write {}", script.display()))?;
            Ok(Program {
                name,
                command: vec![command, script.into_os_string()],
                folder: folder.clone(),
                settings: Vec::new(),
                log: folder.join(file).with_extension("log"),
            })
        };
        let node = program("bare Node.js", peers.node.clone().into_os_string(), "server.js", NODE_SERVER)?;
        let python = match python() {
            Some(python) => Some(program("bare Python", python.into_os_string(), "server.py", PYTHON_SERVER)?),
            None => None,
        };
        let ours = Program {
            name: OURS,
            command: vec![dist.join("inevent-d365").into_os_string(), "serve".into()],
            folder: dist.to_path_buf(),
            settings: dataverse_settings(),
            log: folder.join("inevent-d365.log"),
        };
        Ok(Bench { effort, peers, ours, node, python, folder, sandbox: OnceLock::new() })
    }

    /// The sandbox's release binary, built when it is first needed.
    fn sandbox(&self) -> Result<&Path> {
        if self.sandbox.get().is_none() {
            let _ = self.sandbox.set(package::build(SANDBOX, SANDBOX, &[], None)?);
        }
        self.sandbox.get().map(PathBuf::as_path).context("no sandbox was built")
    }

    /// The handler with this storage account behind it.
    fn ours_on(&self, connection_string: String) -> Program {
        let mut ours = self.ours.clone();
        ours.settings.push(("AzureWebJobsStorage", connection_string));
        ours
    }

    fn size(&self, dist: &Path, report: &mut Report) -> Result<()> {
        let binary = dist.join("inevent-d365");
        let bytes = binary.metadata().with_context(|| format!("no {}", binary.display()))?.len();
        report.add("size of the binary", OURS, bytes as f64 / 1e6, "MB").aim(Aim::AtMost(15.0));
        Ok(())
    }
}

/// A Dataverse that is configured but not there: no event is synchronised here.
fn dataverse_settings() -> Vec<(&'static str, String)> {
    let id = "00000000-0000-0000-0000-000000000000";
    [
        ("DATAVERSE_URL", "https://bench.invalid"),
        ("DATAVERSE_TENANT_ID", id),
        ("DATAVERSE_CLIENT_ID", id),
        ("DATAVERSE_CLIENT_SECRET", "none"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

/// The machine's Python itself: what is found on the PATH may be a version manager's script that only starts it.
fn python() -> Option<PathBuf> {
    let output = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .stdin(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}
