//! `settings`: look at the settings document and check it before it is put in place.

use std::{fmt::Display, path::Path, path::PathBuf, process::ExitCode, sync::Arc};

use clap::{Args, Subcommand};
use inevent_d365::{
    dataverse::{Client, Failure},
    functions::connect,
    settings::{
        DataverseSettings,
        document::{self, Document, DocumentError, Problem},
        kept,
    },
    setup,
};

/// The document is not in order, as `sysexits.h` has it.
const DATA: u8 = 65;
/// The file cannot be read.
const NO_INPUT: u8 = 66;
/// Dataverse or the place of the settings cannot be asked.
const UNAVAILABLE: u8 = 69;

#[derive(Debug, Args)]
pub struct SettingsArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say everything that is wrong with a settings document
    Validate {
        /// The document, a JSON file
        file: PathBuf,
        /// Also ask the environment whose settings (DATAVERSE_URL …) are set for its tables and columns
        #[arg(long)]
        live: bool,
    },
    /// Print the JSON Schema of the settings document, for editors
    Schema,
    /// Print the settings in force for an event
    Show {
        /// InEvent's id of the event; without it what holds for every event
        #[arg(long)]
        event: Option<String>,
        /// The document, a JSON file; without it the one that the connector uses
        file: Option<PathBuf>,
    },
}

/// What was printed, and how the process ends.
type Ended = Result<(), ExitCode>;

pub fn run(args: SettingsArgs) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error, 1),
    };
    let ended = runtime.block_on(async {
        match args.command {
            Command::Validate { file, live } => validate(&file, live).await,
            Command::Schema => {
                println!("{}", document::json_schema());
                Ok(())
            }
            Command::Show { event, file } => show(event.as_deref(), file.as_deref()).await,
        }
    });
    ended.err().unwrap_or(ExitCode::SUCCESS)
}

async fn validate(file: &Path, live: bool) -> Ended {
    let document = read(&from_file(file)?)?;
    if live {
        let problems = setup::check::problems(&client()?, &document).await;
        say(&problems.map_err(|failure| match failure {
            Failure::Held(hold) => failed(&hold.remedy(), UNAVAILABLE),
            _ => failed(&"Dataverse does not tell its definitions.", UNAVAILABLE),
        })?)?;
    }
    println!("{} is in order.", file.display());
    Ok(())
}

async fn show(event: Option<&str>, file: Option<&Path>) -> Ended {
    let document = match file {
        Some(file) => read(&from_file(file)?)?,
        None => {
            let place = kept::place(&|name| std::env::var(name).ok()).map_err(|error| failed(&error, UNAVAILABLE))?;
            let kept = place.read().await.map_err(|error| failed(&error, UNAVAILABLE))?;
            kept.map_or(Ok(Document::default()), |kept| read(&kept.text))?
        }
    };
    let settings = event.map_or(document.defaults.clone(), |event| document.effective(event));
    println!("{}", serde_json::to_string_pretty(&settings).unwrap_or_default());
    Ok(())
}

/// The client of the environment whose settings are set.
fn client() -> Result<Arc<Client>, ExitCode> {
    let settings = DataverseSettings::read(&|name| std::env::var(name).ok()).map_err(|problems| {
        let told: Vec<&str> = problems.iter().map(|problem| problem.0.as_str()).collect();
        failed(&told.join(" "), UNAVAILABLE)
    })?;
    connect(&settings).map(|signed| signed.client).map_err(|held| failed(&held.remedy, UNAVAILABLE))
}

fn from_file(file: &Path) -> Result<String, ExitCode> {
    std::fs::read_to_string(file)
        .map_err(|error| failed(&format!("{} cannot be read: {error}", file.display()), NO_INPUT))
}

/// Reads a document, and says what is wrong with it.
fn read(text: &str) -> Result<Document, ExitCode> {
    document::read(text).map_err(|error| match error {
        DocumentError::Invalid(problems) => say(&problems).err().unwrap_or(ExitCode::from(DATA)),
        newer @ DocumentError::Newer { .. } => failed(&newer, DATA),
    })
}

fn say(problems: &[Problem]) -> Ended {
    problems.iter().for_each(|problem| eprintln!("{problem}"));
    if problems.is_empty() { Ok(()) } else { Err(ExitCode::from(DATA)) }
}

fn failed(why: &impl Display, code: u8) -> ExitCode {
    eprintln!("error: {why}");
    ExitCode::from(code)
}
