//! `settings`: look at the settings document, check it, and put another in its place.

mod place;

use std::{fmt::Display, path::Path, path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use inevent_d365::{
    manage::{Ask, GetSettings, ManageError, SettingsHistory, ShowSettings, ValidateSettings},
    settings::{
        Prefix,
        document::{self, Document, DocumentError, EventSettings, Problem},
        kept::Kept,
    },
};

use self::place::How;
use super::app::{Connector, Target, Who};

/// The document is not in order, as `sysexits.h` has it.
const DATA: u8 = 65;
/// The file cannot be read.
const NO_INPUT: u8 = 66;
/// Dataverse or the place of the settings cannot be asked.
const UNAVAILABLE: u8 = 69;
/// A file cannot be written.
const CANNOT_CREATE: u8 = 73;

#[derive(Debug, Args)]
pub struct SettingsArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    target: Target,
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
    /// Print every setting with its type, default, range and meaning, as Markdown
    Reference,
    /// Print the settings in force for an event
    Show {
        /// InEvent's id of the event; without it what holds for every event
        #[arg(long)]
        event: Option<String>,
        /// The document, a JSON file; without it the one that the connector uses
        file: Option<PathBuf>,
    },
    /// Print the document that the connector uses, as it is kept
    Get,
    /// Change one setting: `set events.4711.level attendance`, `set defaults.minimal_create true`; `null` takes it away
    Set {
        /// The dotted path of the setting
        path: String,
        /// JSON, or text
        value: String,
        #[command(flatten)]
        how: How,
    },
    /// Write the document that the connector uses into a file
    Export { file: PathBuf },
    /// Put a document in place of the one that the connector uses, once it fits this environment
    Import {
        /// The document, a JSON file; `-` reads standard input
        file: PathBuf,
        #[command(flatten)]
        how: How,
    },
    /// List the versions that were replaced, the newest first
    History,
    /// Put a version that was replaced back in place
    Restore {
        /// Its name in the history
        version: String,
        #[command(flatten)]
        how: How,
    },
}

/// What was printed, and how the process ends.
type Ended = Result<(), ExitCode>;

pub fn run(args: SettingsArgs) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error, 1),
    };
    let SettingsArgs { command, target } = args;
    let ended = runtime.block_on(async {
        match command {
            Command::Validate { file, live } => return validate(&target, &file, live).await,
            Command::Schema => {
                println!("{}", document::json_schema());
                return Ok(());
            }
            Command::Reference => {
                print!("{}", document::reference());
                return Ok(());
            }
            Command::Show { event, file: Some(file) } => {
                let document = read(&from_file(&file)?)?;
                show(&event.map_or(document.defaults.clone(), |event| document.effective(&event)));
                return Ok(());
            }
            _ => {}
        }
        let connector = connector(&target).await?;
        match command {
            Command::Show { event, .. } => {
                show(&ask(&connector, ShowSettings { event }).await?);
                Ok(())
            }
            Command::Get => {
                print!("{}", text(&connector).await?);
                Ok(())
            }
            Command::Set { path, value, how } => {
                let before = kept(&connector).await?;
                let text = place::with(before.as_ref().map(|kept| kept.text.as_str()), &path, &value)?;
                place::put(&connector, before, text, how).await
            }
            Command::Export { file } => {
                let text = text(&connector).await?;
                std::fs::write(&file, text)
                    .map_err(|error| failed(&format!("{}: {error}", file.display()), CANNOT_CREATE))
            }
            Command::Import { file, how } => {
                let text = place::import(&file)?;
                place::put(&connector, kept(&connector).await?, text, how).await
            }
            Command::History => {
                ask(&connector, SettingsHistory {}).await?.iter().for_each(|version| println!("{version}"));
                Ok(())
            }
            Command::Restore { version, how } => place::restore(&connector, version, how).await,
            Command::Validate { .. } | Command::Schema | Command::Reference => Ok(()),
        }
    });
    ended.err().unwrap_or(ExitCode::SUCCESS)
}

async fn connector(target: &Target) -> Result<Connector, ExitCode> {
    target.connector(Who::Anybody).await.map_err(|error| failed(&format!("{error:#}"), UNAVAILABLE))
}

/// Asks the connector; what it refuses is not in order, what does not answer is unavailable.
async fn ask<A: Ask>(connector: &Connector, asked: A) -> Result<A::Answer, ExitCode> {
    connector.ask(asked).await.map_err(|error| match error {
        ManageError::Refused(why) => failed(&why, DATA),
        ManageError::Unavailable(why) => failed(&why, UNAVAILABLE),
    })
}

async fn validate(target: &Target, file: &Path, live: bool) -> Ended {
    let text = from_file(file)?;
    match live {
        true => say(&ask(&connector(target).await?, ValidateSettings { text }).await?)?,
        false => drop(read(&text)?),
    }
    println!("{} is in order.", file.display());
    Ok(())
}

fn show(settings: &EventSettings) {
    println!("{}", serde_json::to_string_pretty(settings).unwrap_or_default());
}

async fn kept(connector: &Connector) -> Result<Option<Kept>, ExitCode> {
    ask(connector, GetSettings {}).await
}

/// The text of the connector's document; where there is none, one that changes nothing.
async fn text(connector: &Connector) -> Result<String, ExitCode> {
    Ok(kept(connector).await?.map_or_else(|| "{}\n".to_owned(), |kept| kept.text))
}

fn from_file(file: &Path) -> Result<String, ExitCode> {
    std::fs::read_to_string(file)
        .map_err(|error| failed(&format!("{} cannot be read: {error}", file.display()), NO_INPUT))
}

/// Reads a document for the connector that the environment variables name, and says what is wrong with it.
fn read(text: &str) -> Result<Document, ExitCode> {
    let prefix = Prefix::read(&|name| std::env::var(name).ok()).map_err(|problem| failed(&problem.0, DATA))?;
    document::read(text, &prefix).map_err(|error| match error {
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
