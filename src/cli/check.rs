//! `check`: the connection test.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Error, Result, bail};
use clap::Args;
use inevent_d365::{
    functions::http_client,
    manage::{Check, TestArrival},
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
    /// Also send one registration, marked as a test, from this machine, and wait until its row is in Dynamics. It makes one lead and one
    /// row, and uses them again the next time
    #[arg(long, requires = "key")]
    send: bool,
    /// The function app, such as https://inevent-contoso.azurewebsites.net; without it the one of --app
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
    let connector = args.target.connector(Who::App).await?;
    let mut lines = connector.ask(Check {}).await?;
    let mut link = None;
    if args.send {
        match send(args, &connector).await {
            Ok((record, took)) => {
                lines.push(Line::ok("registration", format!("arrived after {:.1} s", took.as_secs_f64())));
                link = Some(record);
            }
            Err(why) => lines.push(Line::wrong("registration", why.to_string())),
        }
    }
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

/// Sends the registration, and waits for its record: where a person sees it, and how long it took.
async fn send(args: &CheckArgs, connector: &Connector) -> Result<(String, Duration)> {
    let Some(key) = args.key.clone() else { bail!("say --key") };
    let url = args.target.url(args.url.clone()).await?;
    let (sent, patience) = (Timestamp::now(), Duration::from_secs(args.patience));
    let look = async |patience: Duration| {
        let patience_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        connector.ask(TestArrival { sent, patience_ms }).await
    };
    // What would not be found is not sent.
    look(Duration::ZERO).await?;
    let begun = Instant::now();
    check::send(&http_client()?, &Sending { url, key }, sent).await.map_err(Error::msg)?;
    loop {
        if let Some(record) = look(patience.saturating_sub(begun.elapsed())).await? {
            return Ok((record, begun.elapsed()));
        }
        if begun.elapsed() >= patience {
            bail!(
                "It was queued and did not arrive within {} s: see Health for what is held, and `parked list` for what was refused.",
                args.patience
            );
        }
    }
}
