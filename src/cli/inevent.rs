//! `inevent`: InEvent's side, from the command line.

mod learn;
mod webhooks;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use inevent_d365::manage::{InEventEvents, ListedEvent};
use jiff::Timestamp;
use serde_json::json;

use super::app::{Connector, Target, Who};

/// InEvent's API, with the settings that the function app has, as environment variables: INEVENT_TOKEN (or KEY_VAULT_URL, or
/// INEVENT_USERNAME and INEVENT_PASSWORD), INEVENT_COMPANY_ID, and INEVENT_API_URL for Europe (https://api.inevent.uk).
///
/// Where the storage account is named as well (AzureWebJobsStorage), its calls take turns with those of the function app, so that both
/// together stay below InEvent's ten calls a second. With --app the settings are those of the function app: over its storage account the
/// token is read from its vault as you (role Key Vault Secrets User); through its /api/manage the app asks InEvent itself.
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
        let connector = args.target.connector(Who::Anybody).await?;
        match args.command {
            Command::Webhooks(command) => webhooks::run(&connector, &args.target, command).await,
            Command::Learn(args) => learn::run(&connector, args).await,
            Command::Events { selection, json } => events(&connector, selection, json).await,
        }
    })
}

async fn events(connector: &Connector, selection: String, as_json: bool) -> Result<()> {
    let listed = connector.ask(InEventEvents { selection }).await?;
    for ListedEvent { id, name, begin, end } in &listed.events {
        let name = name.as_deref().unwrap_or_default();
        let [begin, end] = [begin, end].map(|time| time.map(|time| time.timestamp()));
        match as_json {
            true => println!("{}", json!({ "id": id, "name": name, "begin": begin, "end": end })),
            false => {
                let begin = begin.as_ref().map(Timestamp::to_string).unwrap_or_default();
                println!("{id:<12}  {begin:<20}  {name}");
            }
        }
    }
    if listed.events.is_empty() && !as_json {
        eprintln!("InEvent lists no event of this selection.");
    }
    if !listed.complete {
        eprintln!("The list may be incomplete: it changed while it was read.");
    }
    Ok(())
}
