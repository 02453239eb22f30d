//! `check`: the connection test.

use std::{process::ExitCode, time::Duration};

use anyhow::{Result, bail};
use clap::Args;
use inevent_d365::{
    dataverse::Client,
    functions::http_client,
    manage::{Check, checked},
    settings::document::Document,
    setup::check::{self, Line, Sending, State},
};
use jiff::Timestamp;
use serde_json::json;

use super::app::{Connector, Target, Who};

/// Looks at everything that the connector needs: address, clock, secret, token, application user, privileges, tables and columns, the
/// settings, marketing lists, queue and store, InEvent. Each is OK, or says what to do. Run it with the app settings of the function app in its
/// environment, or with --app: then the app itself looks, where it has a sign-in for administrators; where it has none, it is looked at with
/// your own rights in Dynamics instead of the application user's. Exit code: 0 everything is OK, 1 something is to be mended, 2 the command
/// line is wrong.
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
    #[command(flatten)]
    target: Target,
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
    // The registration is looked for in Dynamics from here.
    let who = if args.send { Who::Anybody } else { Who::App };
    let (mut lines, client, document) = match args.target.connector(who).await? {
        Connector::Storage { ground, .. } => checked(&ground).await?,
        Connector::Routes(_) if args.send => {
            bail!("--send looks for the row from here, for which the storage account must be reached")
        }
        Connector::Routes(routes) => (routes.ask(Check {}).await?, None, Document::default()),
    };
    let link = match client {
        Some(client) if args.send => send(args, &client, &document, &mut lines).await,
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

async fn send(args: &CheckArgs, client: &Client, document: &Document, lines: &mut Vec<Line>) -> Option<String> {
    let (url, key) = (args.url.clone()?, args.key.clone()?);
    let sending = Sending { url, key, patience: Duration::from_secs(args.patience) };
    let http = http_client().ok()?;
    match check::send(&http, client, &sending, document, Timestamp::now()).await {
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
