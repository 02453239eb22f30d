//! `local`: the whole product on one machine, and an event played through it.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use inevent_d365::{
    functions::DESK_STORAGE,
    local::{Desk, DeskOptions, FUNCTION_KEY, Invited, Played, Player, Scene, Webinar, read_lines, story, webinar},
    settings::Prefix,
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// Starts a Dataverse sandbox with a small CRM, a small InEvent, and the connector under a local Functions host. Plays a conference:
/// registrations, a cancellation, check-ins, scores, late and doubled deliveries, the end; then a webinar to which a marketing list is
/// invited, that happens in InEvent and comes by its webhooks, of which some are lost. Then it keeps running, so that you can look around, register people and send more. No account, no network beyond this machine; everything is gone when it stops.
#[derive(Debug, Args)]
pub struct LocalArgs {
    /// Stop when everything is settled; exit with 1 if anything was lost
    #[arg(long)]
    once: bool,
    /// Play the events of this file instead, one JSON object a line (see `schema`)
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Print the result as one JSON object on the last line
    #[arg(long)]
    json: bool,
    /// The port of the functions; 0 picks a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The folder with host.json and functions/, by default this folder, else the one that the program was built in
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

/// Events of a file that go into one request.
const LINES_A_REQUEST: usize = 100;

pub fn run(args: LocalArgs) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        match local(&args).await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

/// Returns whether everything arrived.
async fn local(args: &LocalArgs) -> Result<bool> {
    let scenes = args.events.as_deref().map(scenes).transpose()?;
    let root = root(args.root.as_deref())?;
    let prefix = Prefix::read(&|name| std::env::var(name).ok()).map_err(|problem| anyhow!(problem.0))?;
    let executable = std::env::current_exe().context("the program does not find itself")?;
    eprintln!("Starting the Dataverse sandbox, InEvent and the connector …");
    let desk = Desk::start(DeskOptions { root, executable, port: args.port, prefix }).await?;
    let mut player = Player::new(&desk).await?;
    let own = scenes.is_none();
    for scene in scenes.unwrap_or_else(|| story(Timestamp::now())) {
        let events: usize = scene.deliveries.iter().map(|delivery| delivery.as_array().map_or(1, Vec::len)).sum();
        eprintln!("  {:<72} {events:>5} {}", scene.caption, if events == 1 { "event" } else { "events" });
        for delivery in &scene.deliveries {
            for refused in player.send(delivery).await? {
                eprintln!("    refused, {refused}");
            }
        }
        desk.settled().await?;
    }
    let played = player.result().await?;
    let hear = |caption: &str, calls: usize| eprintln!("  {caption:<72} {calls:>5} calls");
    let inevent = if own { Some(webinar(&desk, Timestamp::now(), hear).await?) } else { None };
    let outcome = Outcome { played, inevent };
    tell(&desk, &outcome);
    if args.json {
        println!("{}", serde_json::to_string(&outcome)?);
    }
    if !args.once {
        tokio::select! {
            stopped = asked_to_stop() => stopped?,
            _ = desk.host().stopped() => bail!("the local host gave up: the connector failed three times"),
        }
        eprintln!();
    }
    desk.stop().await;
    Ok(outcome.is_whole())
}

/// What came of it all.
#[derive(Serialize)]
struct Outcome {
    #[serde(flatten)]
    played: Played,
    /// Of the webinar, where it was played.
    #[serde(skip_serializing_if = "Option::is_none")]
    inevent: Option<Webinar>,
}

impl Outcome {
    fn is_whole(&self) -> bool {
        self.played.lost == 0
            && self.played.refused == 0
            && self.inevent.as_ref().is_none_or(|webinar| webinar.lost == 0 && webinar.invited.mailed_twice == 0)
    }
}

/// Ctrl-C, or whatever else ends programs politely here.
async fn asked_to_stop() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut terminate, mut hang_up) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
        tokio::select! {
            stopped = tokio::signal::ctrl_c() => stopped,
            _ = terminate.recv() => Ok(()),
            _ = hang_up.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

fn tell(desk: &Desk, outcome: &Outcome) {
    let Played { events, created, updated, unchanged, api_calls, parked, lost, seconds, .. } = &outcome.played;
    eprintln!();
    eprintln!("{events} events in, {created} rows created, {updated} updated, {unchanged} events changed nothing.");
    eprintln!("{api_calls} Web API calls, {seconds:.1} s, {parked} parked, {lost} lost.");
    if let Some(webinar) = &outcome.inevent {
        let Webinar { invited, people, webhooks, webhooks_lost, webhooks_doubled, rows, missed, lost, seconds, .. } =
            webinar;
        let Invited { members, mails, mailed_twice, came_back } = invited;
        eprintln!();
        eprintln!(
            "{members} contacts on a marketing list, {mails} invitations mailed ({mailed_twice} twice), {came_back} of them registered and stayed the same contact."
        );
        eprintln!(
            "{people} people in InEvent, {webhooks} webhooks arrived ({webhooks_doubled} twice), {webhooks_lost} were lost on their way."
        );
        eprintln!("{missed} of {rows} rows were wrong until InEvent was looked at, {lost} are now. {seconds:.1} s.");
    }
    eprintln!();
    eprintln!("  Timeline  {}", desk.timeline_url());
    eprintln!("  Health    {}", desk.health_url());
    eprintln!("  Events    {}", desk.events_url());
    eprintln!("  Settings  {}", desk.settings_file().display());
    eprintln!("  Parked    {DESK_STORAGE}='{}' inevent-d365 parked list", desk.storage_file().display());
    eprintln!();
    eprintln!("Send one more, and reload the timeline:");
    eprintln!();
    eprintln!(
        "  curl -H 'x-functions-key: {FUNCTION_KEY}' -H 'content-type: application/json' {} -d '{}'",
        desk.events_url(),
        sample()
    );
    eprintln!();
    eprintln!("Register somebody in InEvent, who comes by a webhook:");
    eprintln!();
    eprintln!("  {}", desk.registration());
    eprintln!();
}

/// A walk-in, as of now.
fn sample() -> String {
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
    format!(
        r#"{{"id":"walk-in-1","time":"{now}","kind":"checked_in","event":{{"id":"2026-summit","name":"Customer Summit 2026"}},"participant":{{"id":"8001","first_name":"Walk","last_name":"In","email":"walk.in@example.com"}}}}"#
    )
}

fn root(named: Option<&Path>) -> Result<PathBuf> {
    let candidates = match named {
        Some(named) => vec![named.to_path_buf()],
        None => vec![PathBuf::from("."), PathBuf::from(env!("CARGO_MANIFEST_DIR"))],
    };
    match candidates.into_iter().find(|folder| folder.join("host.json").is_file()) {
        Some(root) => Ok(root),
        None => bail!("there is no host.json here; name its folder with --root"),
    }
}

fn scenes(file: &Path) -> Result<Vec<Scene>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let events = read_lines(&text).with_context(|| file.display().to_string())?;
    let deliveries =
        events.chunks(LINES_A_REQUEST).map(|chunk| chunk.iter().map(|(_, event)| event.clone()).collect::<Value>());
    Ok(vec![Scene { caption: "The events of the file", deliveries: deliveries.collect() }])
}
