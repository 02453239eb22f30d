//! `invitations`: who was invited from which list, what is to be decided, and a run by hand.

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, bail};
use clap::{Args, Subcommand};
use inevent_d365::{
    dataverse::{Client, query},
    functions::{connect, connect_inevent},
    invite::{self, Counts, ID_SHOWN, Inviter, Kept, Report, Run, State, Terms},
    settings::{
        DataverseSettings, InEventSettings, SettingProblem,
        document::{self, Document, Target},
        kept,
    },
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::storage;

/// Who is invited from marketing lists. It works on the storage, the environment and the InEvent that the settings name, as
/// environment variables: those of the function app.
#[derive(Debug, Args)]
pub struct InvitationsArgs {
    #[command(subcommand)]
    command: InvitationsCommand,
}

#[derive(Debug, Subcommand)]
enum InvitationsCommand {
    /// Print the lists with what came of their members, and the invitations; no addresses
    List {
        /// Those of this InEvent event, by its id
        #[arg(long, value_name = "ID")]
        event: Option<String>,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Print one invitation with the person's name and address as the CRM has them now
    Show {
        /// Its id, of which six digits are enough where no other begins so
        id: String,
    },
    /// Decide about an invitation of which InEvent cannot tell whether it went out
    #[command(group = clap::ArgGroup::new("decision").required(true).args(["sent", "again"]))]
    Resolve {
        /// Its id, of which six digits are enough where no other begins so
        id: String,
        /// It went out: it is not sent again
        #[arg(long)]
        sent: bool,
        /// It did not, or is to be sent again: the next run does
        #[arg(long)]
        again: bool,
    },
    /// Invite the members of an event's lists now, as the timer does
    Run {
        /// InEvent's id of the event
        #[arg(long, value_name = "ID")]
        event: String,
        /// Only say how many would be invited and how many would not, and why
        #[arg(long)]
        dry_run: bool,
    },
}

pub fn run(args: InvitationsArgs) -> ExitCode {
    super::block_on(async move {
        match args.command {
            InvitationsCommand::List { event, json } => list(event.as_deref(), json).await,
            InvitationsCommand::Show { id } => show(&id).await,
            InvitationsCommand::Resolve { id, sent, .. } => resolve(&id, sent).await,
            InvitationsCommand::Run { event, dry_run } => invite(&event, dry_run).await,
        }
    })
}

async fn list(event: Option<&str>, json: bool) -> Result<()> {
    let store = storage()?.store;
    let mut passes = invite::passes(&*store, event).await?;
    passes.sort_by(|a, b| (&a.event, a.list).cmp(&(&b.event, b.list)));
    let mut kept = invite::invitations(&*store, event).await?;
    kept.sort_by(|a, b| b.invitation.at.cmp(&a.invitation.at).then_with(|| a.id().cmp(&b.id())));
    if json {
        passes.iter().for_each(|pass| println!("{}", json!({ "list": pass })));
        kept.iter().for_each(|kept| println!("{}", with_id(kept)));
        return Ok(());
    }
    if passes.is_empty() && kept.is_empty() {
        eprintln!("Nobody was invited yet.");
        return Ok(());
    }
    for pass in &passes {
        let when =
            pass.completed.map_or_else(|| "not read to its end yet".to_owned(), |at| format!("read {}", whole(at)));
        println!("event {} list {}: {when}; {}", pass.event, pass.list, told(&pass.counts));
        if let Some(trouble) = &pass.trouble {
            println!("  {}. {}", trouble.problem, trouble.remedy);
        }
    }
    if !kept.is_empty() {
        println!(
            "\n{:<ID_SHOWN$}  {:<20}  {:<12}  {:<10}  {:<36}  PARTICIPANT",
            "ID", "SINCE", "EVENT", "STATE", "LIST"
        );
    }
    for kept in &kept {
        let invite::Invitation { event, at, state, list, participant, .. } = &kept.invitation;
        let (state, id) = (name(state), kept.id());
        let participant = participant.as_deref().unwrap_or("-");
        println!("{:<ID_SHOWN$}  {:<20}  {event:<12}  {state:<10}  {list}  {participant}", &id[..ID_SHOWN], whole(*at));
    }
    Ok(())
}

async fn show(id: &str) -> Result<()> {
    let kept = invite::find(&*storage()?.store, id).await?;
    for (name, value) in with_id(&kept).as_object().into_iter().flatten() {
        println!("{name:<12}  {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    let client = dataverse()?;
    let (set, key) = match kept.invitation.table {
        Target::Contact => ("contacts", "contactid"),
        Target::Lead => ("leads", "leadid"),
    };
    let columns = ["fullname", "emailaddress1"];
    let path = query::select(set, &columns, &format!("{key} eq {}", kept.invitation.person));
    match client.read(vec![path]).await?.concat().first() {
        Some(row) => columns.into_iter().for_each(|column| {
            println!("{column:<12}  {}", row.get(column).and_then(Value::as_str).unwrap_or("-"));
        }),
        None => println!("The CRM shows nobody of this id any more."),
    }
    Ok(())
}

async fn resolve(id: &str, sent: bool) -> Result<()> {
    let store = storage()?.store;
    let kept = invite::find(&*store, id).await?;
    invite::resolve(&*store, kept, sent, Timestamp::now()).await?;
    match sent {
        true => println!("Noted: it went out."),
        false => println!("Forgotten: the next run invites anew whoever is on a list and may be invited."),
    }
    Ok(())
}

async fn invite(event: &str, dry: bool) -> Result<()> {
    /// No function's deadline ends a run by hand.
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
    let (store, document) = (storage()?.store, document().await?);
    if !document.events.contains_key(event) {
        bail!("the settings name no event {event}");
    }
    let settings = document.effective(event);
    if settings.invitations.lists.is_empty() {
        bail!("the settings of event {event} name no list in invitations.lists");
    }
    let inevent = InEventSettings::read(&lookup).map_err(said)?;
    let inevent = connect_inevent(&inevent, Some(store.clone())).map_err(|held| anyhow!(held.remedy))?;
    let inviter = Inviter::new(dataverse()?, &inevent, store, Terms::default());
    let run = Run { ends: Instant::now() + LONGEST, dry };
    let Report { lists, sent, withdrawn, undecided, stopped } = inviter.run(event, &settings, run).await?;
    for list in &lists {
        let unchanged = if list.looked { "" } else { " (unchanged)" };
        println!("list {}{unchanged}: {}", list.list, told(&list.counts));
        if let Some(trouble) = &list.trouble {
            println!("  {}. {}", trouble.problem, trouble.remedy);
        }
    }
    match dry {
        true => println!("Nobody was invited: this was a dry run."),
        false => println!("{sent} invited, {withdrawn} uninvited."),
    }
    if undecided > 0 {
        println!("{undecided} wait for your decision: invitations list, invitations resolve.");
    }
    if let Some(why) = stopped {
        println!("Ended early: {why}.");
    }
    match lists.iter().any(|list| list.trouble.is_some()) {
        true => bail!("not every list could be read"),
        false => Ok(()),
    }
}

async fn document() -> Result<Document> {
    let place = kept::place(&lookup).map_err(|why| anyhow!(why))?;
    let kept = place.read().await?;
    Ok(kept.map_or(Ok(Document::default()), |kept| document::read(&kept.text))?)
}

fn dataverse() -> Result<Arc<Client>> {
    let settings = DataverseSettings::read(&lookup).map_err(said)?;
    connect(&settings).map(|signed| signed.client).map_err(|held| anyhow!(held.remedy))
}

fn said(problems: Vec<SettingProblem>) -> anyhow::Error {
    let problems: Vec<String> = problems.into_iter().map(|problem| problem.0).collect();
    anyhow!(problems.join(" "))
}

fn lookup(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn with_id(kept: &Kept) -> Value {
    let mut told = json!(kept.invitation);
    told["id"] = kept.id().into();
    told
}

fn name(state: &State) -> String {
    json!(state).as_str().unwrap_or_default().to_owned()
}

fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn told(counts: &Counts) -> String {
    let Counts { members, invited, left, .. } = counts;
    format!("{members} members, {invited} invited, {left} left; {counts}")
}
