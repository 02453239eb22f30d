//! `inevent webhooks`.

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use inevent_d365::{
    inevent::{
        Client,
        registration::{Outcome, Registration, Target},
        webhooks::{Owner, Webhook},
    },
    settings::document::Trigger,
};
use reqwest::Url;
use serde_json::json;

use super::told;
use crate::cli::setting;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set up a webhook for each thing that the connector wants to know
    ///
    /// The URL of each is https://APP.azurewebsites.net/api/inevent/webhook/main?code=FUNCTION-KEY&key=KEY&trigger=…: the key is the first
    /// one of INEVENT_WEBHOOK_KEYS, and the trigger says what happened, so that the connector need not find it in a body that InEvent
    /// does not publish. Webhooks that are there already, by type and URL, are left alone.
    ///
    /// What InEvent calls each type is not published either. Without --type its guess is tried; `inevent learn` and the list of an
    /// event whose webhooks somebody made in InEvent's own pages show the true names.
    Register {
        /// The function app, such as https://contoso-inevent.azurewebsites.net
        #[arg(long)]
        url: Url,
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
    /// List the webhooks that are set up; keys in their URLs are left out
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

pub async fn run(client: &Client, command: Command) -> Result<()> {
    match command {
        Command::Register { url, code, source, event, types, dry_run, json } => {
            let key = key()?;
            let names = names(&types)?;
            let code = code.or_else(|| setting("INEVENT_WEBHOOK_FUNCTION_KEY"));
            let target = Target { app: url, source, code, key };
            register(client, &target, owner(event.as_deref()), &names, dry_run, json).await
        }
        Command::List { event, json } => list(client, owner(event.as_deref()), json).await,
        Command::Remove { id, url, event } => remove(client, owner(event.as_deref()), id, url).await,
    }
}

fn owner(event: Option<&str>) -> Owner<'_> {
    event.map_or(Owner::Company, Owner::Event)
}

fn key() -> Result<String> {
    let keys = setting("INEVENT_WEBHOOK_KEYS");
    let key = keys.as_deref().and_then(|keys| keys.split([',', '\n']).map(str::trim).find(|key| key.len() >= 16));
    key.map(str::to_owned).context(
        "Set INEVENT_WEBHOOK_KEYS to the key that the function app has (16 characters or more). A new one: openssl rand -hex 24",
    )
}

fn names(types: &[String]) -> Result<Vec<(Trigger, String)>> {
    let pairs = types.iter().map(|pair| {
        let (trigger, name) = pair.split_once('=').with_context(|| format!("{pair} is not TRIGGER=NAME"))?;
        let known = Trigger::ALL.into_iter().find(|known| known.name() == trigger);
        Ok((known.with_context(|| format!("there is no trigger {trigger}"))?, name.to_owned()))
    });
    pairs.collect()
}

async fn register(
    client: &Client,
    target: &Target,
    owner: Owner<'_>,
    names: &[(Trigger, String)],
    dry_run: bool,
    as_json: bool,
) -> Result<()> {
    let registrations = client.register_webhooks(owner, target, names, dry_run).await.map_err(told)?;
    let (mut made, mut failed) = (0, 0);
    for Registration { trigger, kind, outcome } in registrations.context("the URL must name a host")? {
        let outcome = match outcome {
            Outcome::ThereAlready => "there already".to_owned(),
            Outcome::Lacking => "would be set up".to_owned(),
            Outcome::SetUp => {
                made += 1;
                "set up".to_owned()
            }
            Outcome::NotSetUp(error) => {
                failed += 1;
                format!("not set up: {:#}", told(error))
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

async fn list(client: &Client, owner: Owner<'_>, as_json: bool) -> Result<()> {
    let hooks = client.webhooks(owner).await.map_err(told)?.items;
    for Webhook { id, kind, url, .. } in &hooks {
        let url = url.as_deref().map(without_keys).unwrap_or_default();
        let kind = kind.as_deref().unwrap_or_default();
        match as_json {
            true => println!("{}", json!({ "id": id, "type": kind, "url": url })),
            false => println!("{id:<10}  {kind:<26}  {url}"),
        }
    }
    if hooks.is_empty() && !as_json {
        eprintln!("There are no webhooks.");
    }
    Ok(())
}

async fn remove(client: &Client, owner: Owner<'_>, id: Option<String>, url: Option<Url>) -> Result<()> {
    let chosen: Vec<String> = match (id, url) {
        (Some(id), _) => vec![id],
        (None, Some(url)) => {
            let hooks = client.webhooks(owner).await.map_err(told)?.items;
            let leads_there = |hook: &Webhook| hook.url.as_deref().is_some_and(|known| known.starts_with(url.as_str()));
            hooks.into_iter().filter(leads_there).map(|hook| hook.id).collect()
        }
        (None, None) => bail!("say which: an id, or --url"),
    };
    for id in &chosen {
        client.remove_webhook(owner, id).await.map_err(told)?;
    }
    println!("{} removed.", chosen.len());
    Ok(())
}

/// The URL with `…` for the values of its secrets.
fn without_keys(url: &str) -> String {
    let Ok(parsed) = Url::parse(url) else { return "(not a URL)".to_owned() };
    let shown: Vec<(String, String)> = parsed
        .query_pairs()
        .map(|(name, value)| (name.to_string(), if name == "trigger" { value.to_string() } else { "…".to_owned() }))
        .collect();
    let mut bare = parsed.clone();
    bare.set_query(None);
    let query: Vec<String> = shown.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    if query.is_empty() { bare.to_string() } else { format!("{bare}?{}", query.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_do_not_show_keys() {
        let url = "https://x.azurewebsites.net/api/inevent/webhook/main?code=f%3D1&key=k&trigger=event-dismissal";
        assert_eq!(
            without_keys(url),
            "https://x.azurewebsites.net/api/inevent/webhook/main?code=…&key=…&trigger=event-dismissal"
        );
    }
}
