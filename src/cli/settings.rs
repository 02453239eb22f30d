//! `settings`: look at the settings document and check it before it is put in place.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use inevent_d365::settings::document::{self, Document, DocumentError};

/// The document is not in order, as `sysexits.h` has it.
const DATA: u8 = 65;
/// The file cannot be read.
const NO_INPUT: u8 = 66;

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
    },
    /// Print the JSON Schema of the settings document, for editors
    Schema,
    /// Print the settings in force for an event
    Show {
        /// InEvent's id of the event; without it what holds for every event
        #[arg(long)]
        event: Option<String>,
        /// The document, a JSON file; without it the defaults
        file: Option<PathBuf>,
    },
}

pub fn run(args: SettingsArgs) -> ExitCode {
    match args.command {
        Command::Validate { file } => match read(&file) {
            Ok(_) => {
                println!("{} is in order.", file.display());
                ExitCode::SUCCESS
            }
            Err(code) => code,
        },
        Command::Schema => {
            println!("{}", document::json_schema());
            ExitCode::SUCCESS
        }
        Command::Show { event, file } => match file.map_or(Ok(Document::default()), |file| read(&file)) {
            Ok(document) => {
                let settings = event.map_or(document.defaults.clone(), |event| document.effective(&event));
                println!("{}", serde_json::to_string_pretty(&settings).unwrap_or_default());
                ExitCode::SUCCESS
            }
            Err(code) => code,
        },
    }
}

/// Reads a document, and says what is wrong with it.
fn read(file: &std::path::Path) -> Result<Document, ExitCode> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        eprintln!("error: {} cannot be read: {error}", file.display());
        ExitCode::from(NO_INPUT)
    })?;
    document::read(&text).map_err(|error| {
        match error {
            DocumentError::Invalid(problems) => problems.iter().for_each(|problem| eprintln!("{problem}")),
            newer @ DocumentError::Newer { .. } => eprintln!("{newer}"),
        }
        ExitCode::from(DATA)
    })
}
