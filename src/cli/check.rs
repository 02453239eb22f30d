//! `check`: the connection test.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Result;
use clap::Args;
use inevent_d365::{
    dataverse::Client,
    functions::{Storage, connect},
    settings::{
        DataverseSettings,
        document::{self, Document},
        kept,
    },
    setup::check::{self, Line, Sending, State},
};
use jiff::Timestamp;
use serde_json::json;

use super::setting;

/// Looks at everything that the connector needs: address, clock, secret, token, application user, privileges, tables and columns, the
/// settings, marketing lists, queue and store, InEvent. Each is OK, or says what to do. Run it with the app settings of the function app in its
/// environment. Exit code: 0 everything is OK, 1 something is to be mended, 2 the command line is wrong.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Also send one registration, marked as a test, and wait until its row is in Dynamics. It makes one lead and one row, and uses them
    /// again the next time
    #[arg(long, requires_all = ["url", "key"])]
    send: bool,
    /// The function app, such as https://inevent-contoso.azurewebsites.net
    #[arg(long, env = "INEVENT_D365_URL")]
    url: Option<String>,
    /// The key of the function IngestEvents
    #[arg(long, env = "INEVENT_D365_KEY", hide_env_values = true)]
    key: Option<String>,
    /// How long the registration may take
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    patience: u64,
    /// Print the lines as one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: CheckArgs) -> ExitCode {
    let mut whole = false;
    let code = super::block_on(async {
        whole = everything(&args).await?;
        Ok(())
    });
    if whole { code } else { ExitCode::FAILURE }
}

/// Says whether everything is as it has to be.
async fn everything(args: &CheckArgs) -> Result<bool> {
    let http = super::http()?;
    let storage = Storage::open(&setting);
    let mut lines = Vec::new();
    let (document, read) = settings(&storage).await;
    lines.push(read);
    let client = dataverse(&http, &document, &mut lines).await;
    match &storage {
        Ok(storage) => lines.extend(check::storage(storage).await),
        Err(why) => lines.push(Line::wrong("storage", why)),
    }
    lines.push(check::inevent(&setting, storage.as_ref().ok().map(|storage| storage.store.clone())).await);
    let link = match client {
        Some(client) if args.send => send(args, &http, &client, &document, &mut lines).await,
        _ => None,
    };
    let whole = lines.iter().all(|line| line.state != State::Wrong);
    if args.json {
        println!("{}", json!({ "ok": whole, "checks": lines, "record": link }));
        return Ok(whole);
    }
    for line in &lines {
        let state = match line.state {
            State::Ok => "OK         ",
            State::Wrong => "TO DO      ",
            State::NotChecked => "not checked",
        };
        println!("{state} {:<16} {}", line.name, line.detail);
    }
    link.into_iter().for_each(|link| println!("{link}"));
    Ok(whole)
}

async fn dataverse(http: &reqwest::Client, document: &Document, lines: &mut Vec<Line>) -> Option<Arc<Client>> {
    let settings = match DataverseSettings::read(&setting) {
        Ok(settings) => settings,
        Err(problems) => {
            lines.extend(problems.into_iter().map(|problem| Line::wrong("app settings", problem.0)));
            return None;
        }
    };
    lines.extend(check::address(http, &settings, Timestamp::now()).await);
    if lines.iter().any(|line| line.name == "address" && line.state == State::Wrong) {
        return None;
    }
    let signed = match connect(&settings) {
        Ok(signed) => signed,
        Err(held) => {
            lines.push(Line::wrong("app settings", held.remedy));
            return None;
        }
    };
    let (found, me) = check::credentials(&signed.client, signed.credential.as_deref()).await;
    lines.extend(found);
    lines.extend(check::environment(&signed.client, &me?, document).await);
    Some(signed.client)
}

/// The settings in force; the defaults where they cannot be read.
async fn settings(storage: &Result<Storage, String>) -> (Document, Line) {
    const NAME: &str = "settings document";
    let remedy = "Mend it; `settings validate FILE` says what is wrong with one.";
    #[cfg(feature = "local")]
    let desk = setting(inevent_d365::functions::DESK_STORAGE).is_some() && setting(kept::SETTINGS_FILE).is_none();
    #[cfg(not(feature = "local"))]
    let desk = false;
    if desk {
        return (Document::default(), Line::ok(NAME, "none: the defaults hold"));
    }
    if storage.is_err() && setting(kept::SETTINGS_FILE).is_none() {
        return (Document::default(), Line::not_checked(NAME, "It is kept in the storage account."));
    }
    let place = match kept::place(&setting) {
        Ok(place) => place,
        Err(why) => return (Document::default(), Line::wrong(NAME, why)),
    };
    match place.read().await {
        Ok(None) => (Document::default(), Line::ok(NAME, "none: the defaults hold")),
        Ok(Some(kept)) => match document::read(&kept.text) {
            Ok(document) => (document, Line::ok(NAME, "can be read")),
            Err(error) => (Document::default(), Line::wrong(NAME, format!("{error} {remedy}"))),
        },
        Err(error) => (Document::default(), Line::wrong(NAME, format!("{error}. {remedy}"))),
    }
}

async fn send(
    args: &CheckArgs,
    http: &reqwest::Client,
    client: &Client,
    document: &Document,
    lines: &mut Vec<Line>,
) -> Option<String> {
    let (url, key) = (args.url.clone()?, args.key.clone()?);
    let sending = Sending { url, key, patience: Duration::from_secs(args.patience) };
    match check::send(http, client, &sending, document, Timestamp::now()).await {
        Ok(sent) => {
            lines.push(Line::ok("registration", format!("arrived after {:.1} s", sent.took.as_secs_f64())));
            Some(sent.link)
        }
        Err(why) => {
            lines.push(Line::wrong("registration", why));
            None
        }
    }
}
