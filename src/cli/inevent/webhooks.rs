//! `inevent webhooks`.

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use inevent_d365::{
    manage::{Became, ListWebhooks, RegisterWebhooks, Registered, RemoveWebhooks},
    settings::document::Trigger,
};
use reqwest::Url;
use serde_json::json;

use crate::cli::{
    app::{Connector, Target},
    setting,
};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set up a webhook for each thing that the connector wants to know
    ///
    /// The URL of each is https://APP.azurewebsites.net/api/inevent/webhook/main?code=FUNCTION-KEY&key=KEY&trigger=…: the key is the first
    /// one of INEVENT_WEBHOOK_KEYS or of the secret in the vault, and the trigger says what happened, so that the connector need not find
    /// it in a body that InEvent does not publish. Webhooks that are there already, by URL, are left alone.
    ///
    /// What InEvent calls each type is not published either. Without --type its guess is tried; `inevent learn` and the list of an
    /// event whose webhooks somebody made in InEvent's own pages show the true names.
    Register {
        /// The function app, such as https://contoso-inevent.azurewebsites.net; without it the one of --app
        #[arg(long)]
        url: Option<Url>,
        /// The function key of InEventWebhook, which goes into the URL as `code`; without it INEVENT_WEBHOOK_FUNCTION_KEY
        #[arg(long)]
        code: Option<String>,
        /// The last part of the path, by which several sources are told apart
        #[arg(long, default_value = "main")]
        source: String,
        /// Only for this event; without it for all events of the company
        #[arg(long)]
        event: Option<String>,
        /// What InEvent calls a trigger: event-enrollment=its-name. May be given several times
        #[arg(long = "type", value_name = "TRIGGER=NAME")]
        types: Vec<String>,
        /// Say what would be set up, and do nothing
        #[arg(long)]
        dry_run: bool,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// List the webhooks that are set up; keys in their URLs are left out, and the paths of those that lead elsewhere
    List {
        /// Of this event; without it the company's
        #[arg(long)]
        event: Option<String>,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Remove webhooks: the one named, or all that lead to a URL
    Remove {
        /// The id of a webhook
        #[arg(required_unless_present = "url")]
        id: Option<String>,
        /// All whose URL begins so, such as https://contoso-inevent.azurewebsites.net
        #[arg(long, conflicts_with = "id")]
        url: Option<Url>,
        /// Of this event; without it the company's
        #[arg(long)]
        event: Option<String>,
    },
}

pub async fn run(connector: &Connector, target: &Target, command: Command) -> Result<()> {
    match command {
        Command::Register { url, code, source, event, types, dry_run, json } => {
            let (names, app) = (names(&types)?, target.url(url.map(String::from)).await?);
            let code = code.or_else(|| setting("INEVENT_WEBHOOK_FUNCTION_KEY"));
            register(connector, RegisterWebhooks { event, app, source, code, names, dry_run }, json).await
        }
        Command::List { event, json } => list(connector, event, json).await,
        Command::Remove { id, url, event } => {
            let removed = connector.ask(RemoveWebhooks { event, id, url: url.map(String::from) }).await?;
            println!("{removed} removed.");
            Ok(())
        }
    }
}

fn names(types: &[String]) -> Result<Vec<(Trigger, String)>> {
    let pairs = types.iter().map(|pair| {
        let (trigger, name) = pair.split_once('=').with_context(|| format!("{pair} is not TRIGGER=NAME"))?;
        let known = Trigger::ALL.into_iter().find(|known| known.name() == trigger);
        Ok((known.with_context(|| format!("there is no trigger {trigger}"))?, name.to_owned()))
    });
    pairs.collect()
}

async fn register(connector: &Connector, asked: RegisterWebhooks, as_json: bool) -> Result<()> {
    let (mut made, mut failed) = (0, 0);
    for Registered { trigger, kind, outcome } in connector.ask(asked).await? {
        let outcome = match outcome {
            Became::ThereAlready => "there already".to_owned(),
            Became::Lacking => "would be set up".to_owned(),
            Became::SetUp => {
                made += 1;
                "set up".to_owned()
            }
            Became::NotSetUp(why) => {
                failed += 1;
                format!("not set up: {why}")
            }
        };
        match as_json {
            true => println!("{}", json!({ "trigger": trigger.name(), "type": kind, "outcome": outcome })),
            false => println!("{:<26}  {kind:<26}  {outcome}", trigger.name()),
        }
    }
    if failed > 0 {
        bail!(
            "{failed} were not set up. If InEvent does not know a type, make that webhook in InEvent's own pages, or name it by --type"
        );
    }
    if made > 0 && !as_json {
        println!("Try it: register somebody in InEvent, and look at GET /api/health.");
    }
    Ok(())
}

async fn list(connector: &Connector, event: Option<String>, as_json: bool) -> Result<()> {
    let hooks = connector.ask(ListWebhooks { event }).await?;
    for hook in &hooks {
        match as_json {
            true => println!("{}", json!(hook)),
            false => println!("{:<10}  {:<26}  {}", hook.id, hook.kind, hook.url),
        }
    }
    if hooks.is_empty() && !as_json {
        eprintln!("There are no webhooks.");
    }
    Ok(())
}
