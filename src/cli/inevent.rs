//! `inevent`: InEvent's side, from the command line.

mod learn;
mod webhooks;

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::{Args, Subcommand};
use inevent_d365::{
    functions::connect_inevent,
    inevent::{Client, Error},
    manage::Ground,
    settings::InEventSettings,
};
use jiff::Timestamp;
use serde_json::json;

use super::app::Target;

/// InEvent's API, with the settings that the function app has, as environment variables: INEVENT_TOKEN (or KEY_VAULT_URL, or
/// INEVENT_USERNAME and INEVENT_PASSWORD), INEVENT_COMPANY_ID, and INEVENT_API_URL for Europe (https://api.inevent.uk).
///
/// Where the storage account is named as well (AzureWebJobsStorage), its calls take turns with those of the function app, so that both
/// together stay below InEvent's ten calls a second. With --app the settings are those of the function app, and the token is read from its
/// vault as you (role Key Vault Secrets User).
#[derive(Debug, Args)]
pub struct InEventArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Set up, list or remove the webhooks that feed the connector
    #[command(subcommand)]
    Webhooks(webhooks::Command),
    /// Ask InEvent what its webhooks send, and propose the table of triggers for the settings
    ///
    /// InEvent does not publish what its webhooks look like. It tells an example of each one that is set up; this prints which field of
    /// it says what happened, and the section `inevent` of the settings document that makes the connector understand it.
    Learn(learn::LearnArgs),
    /// List the events that the token may see
    Events {
        /// One of InEvent's selections, such as current-events, next-events or not-archived
        #[arg(long, default_value = "all")]
        selection: String,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
}

pub fn run(args: InEventArgs) -> ExitCode {
    super::block_on(async move {
        let client = client(&args.target.ground().await?)?;
        let ended = match args.command {
            Command::Webhooks(command) => webhooks::run(&client, command).await,
            Command::Learn(args) => learn::run(&client, args).await,
            Command::Events { selection, json } => events(&client, &selection, json).await,
        };
        client.rest().await;
        ended
    })
}

fn client(ground: &Ground) -> Result<Client> {
    let settings = InEventSettings::read(&|name| ground.setting(name)).map_err(|problems| {
        let problems: Vec<String> = problems.into_iter().map(|problem| problem.0).collect();
        anyhow!(problems.join("\n"))
    })?;
    let store = ground.storage().ok().map(|storage| storage.store.clone());
    connect_inevent(&settings, store).map_err(|held| anyhow!(held.remedy))
}

/// An error in words for the person at the terminal, with InEvent's own.
fn told(error: Error) -> anyhow::Error {
    match (&error, error.remedy()) {
        (_, Some(remedy)) => anyhow!("{error}\n{remedy}"),
        (Error::Refused { message, .. }, _) if !message.0.is_empty() => anyhow!("{error}: {}", message.0),
        _ => error.into(),
    }
}

async fn events(client: &Client, selection: &str, as_json: bool) -> Result<()> {
    let listing = client.events(selection).await.map_err(told)?;
    let date = |time: Option<inevent_d365::model::SourceTime>| time.map(|time| time.timestamp());
    for event in &listing.items {
        let (name, begin, end) = (event.name.as_deref().unwrap_or_default(), date(event.begin), date(event.end));
        match as_json {
            true => println!("{}", json!({ "id": event.id, "name": name, "begin": begin, "end": end })),
            false => {
                let begin = begin.as_ref().map(Timestamp::to_string).unwrap_or_default();
                println!("{:<12}  {begin:<20}  {name}", event.id);
            }
        }
    }
    if listing.items.is_empty() && !as_json {
        eprintln!("InEvent lists no event of this selection.");
    }
    if !listing.complete {
        eprintln!("The list may be incomplete: it changed while it was read.");
    }
    Ok(())
}
