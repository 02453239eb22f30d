//! `settings`: look at the settings document, check it, and put another in its place.

mod place;

use std::{fmt::Display, path::Path, path::PathBuf, process::ExitCode, sync::Arc};

use clap::{Args, Subcommand};
use inevent_d365::{
    dataverse::{Client, Failure},
    functions::connect,
    settings::{
        DataverseSettings,
        document::{self, Document, DocumentError, Problem},
        kept::{self, Kept, SettingsPlace},
    },
    setup,
};

/// The document is not in order, as `sysexits.h` has it.
const DATA: u8 = 65;
/// The file cannot be read.
const NO_INPUT: u8 = 66;
/// Dataverse or the place of the settings cannot be asked.
const UNAVAILABLE: u8 = 69;
/// A file cannot be written.
const CANNOT_CREATE: u8 = 73;

use self::place::How;

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
    let ended = runtime.block_on(async {
        match args.command {
            Command::Validate { file, live } => validate(&file, live).await,
            Command::Schema => {
                println!("{}", document::json_schema());
                Ok(())
            }
            Command::Reference => {
                print!("{}", document::reference());
                Ok(())
            }
            Command::Show { event, file } => show(event.as_deref(), file.as_deref()).await,
            Command::Get => {
                print!("{}", text(&place()?).await?);
                Ok(())
            }
            Command::Set { path, value, how } => {
                let (place, before) = (place()?, kept(&place()?).await?);
                let text = place::with(before.as_ref().map(|kept| kept.text.as_str()), &path, &value)?;
                place::put(&place, before.as_ref(), &text, how).await
            }
            Command::Export { file } => {
                let text = text(&place()?).await?;
                std::fs::write(&file, text)
                    .map_err(|error| failed(&format!("{}: {error}", file.display()), CANNOT_CREATE))
            }
            Command::Import { file, how } => {
                let (text, place) = (place::import(&file)?, place()?);
                place::put(&place, kept(&place).await?.as_ref(), &text, how).await
            }
            Command::History => {
                let history = place()?.history().await.map_err(|error| failed(&error, UNAVAILABLE))?;
                history.iter().for_each(|version| println!("{version}"));
                Ok(())
            }
            Command::Restore { version, how } => place::restore(&place()?, &version, how).await,
        }
    });
    ended.err().unwrap_or(ExitCode::SUCCESS)
}

async fn validate(file: &Path, live: bool) -> Ended {
    let document = read(&from_file(file)?)?;
    if live {
        checked(&document, &client()?, true).await?;
    }
    println!("{} is in order.", file.display());
    Ok(())
}

/// Says what of a document does not fit the environment.
async fn checked(document: &Document, client: &Arc<Client>, doubts: bool) -> Ended {
    let problems = setup::check::problems(client, document, doubts).await;
    say(&problems.map_err(|failure| match failure {
        Failure::Held(hold) => failed(&hold.remedy(), UNAVAILABLE),
        _ => failed(&"Dataverse does not tell its definitions.", UNAVAILABLE),
    })?)
}

async fn show(event: Option<&str>, file: Option<&Path>) -> Ended {
    let document = match file {
        Some(file) => read(&from_file(file)?)?,
        None => kept(&place()?).await?.map_or(Ok(Document::default()), |kept| read(&kept.text))?,
    };
    let settings = event.map_or(document.defaults.clone(), |event| document.effective(event));
    println!("{}", serde_json::to_string_pretty(&settings).unwrap_or_default());
    Ok(())
}

/// Where the connector's document is kept.
fn place() -> Result<Arc<dyn SettingsPlace>, ExitCode> {
    kept::place(&|name| std::env::var(name).ok()).map_err(|error| failed(&error, UNAVAILABLE))
}

async fn kept(place: &Arc<dyn SettingsPlace>) -> Result<Option<Kept>, ExitCode> {
    place.read().await.map_err(|error| failed(&error, UNAVAILABLE))
}

/// The text of the connector's document; where there is none, one that changes nothing.
async fn text(place: &Arc<dyn SettingsPlace>) -> Result<String, ExitCode> {
    Ok(kept(place).await?.map_or_else(|| "{}\n".to_owned(), |kept| kept.text))
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
