//! `invitations`: who was invited from which list, what is to be decided, and a run by hand.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use inevent_d365::{
    invite::{Counts, ID_SHOWN, Report, State},
    manage::{InvitationsList, InvitationsResolve, InvitationsShow, Invited, Listed, PreviewInvitations, invite},
};
use serde_json::json;

use super::{
    app::{Connector, Target, Who, by_environment},
    table::seconds,
};

/// Who is invited from marketing lists. It works on the function app that --app names, or on the storage, the environment and the InEvent
/// that the settings name, as environment variables: those of the function app.
#[derive(Debug, Args)]
pub struct InvitationsArgs {
    #[command(subcommand)]
    command: InvitationsCommand,
    #[command(flatten)]
    target: Target,
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
        let InvitationsArgs { command, target } = args;
        if let InvitationsCommand::Run { event, dry_run } = command {
            if target.is_deployed() && !dry_run {
                bail!("the function app invites every five minutes by itself: with --app only --dry-run is of use");
            }
            let report = match dry_run {
                true => target.connector(Who::Anybody).await?.ask(PreviewInvitations { event }).await?,
                false => invite(&by_environment(), &event, false).await?,
            };
            return say(report, dry_run);
        }
        let connector = target.connector(Who::Anybody).await?;
        match command {
            InvitationsCommand::List { event, json } => list(&connector, event, json).await,
            InvitationsCommand::Show { id } => show(&connector, id).await,
            InvitationsCommand::Resolve { id, sent, .. } => resolve(&connector, id, sent).await,
            InvitationsCommand::Run { .. } => Ok(()),
        }
    })
}

async fn list(connector: &Connector, event: Option<String>, json: bool) -> Result<()> {
    let Listed { passes, invitations } = connector.ask(InvitationsList { event }).await?;
    if json {
        passes.iter().for_each(|pass| println!("{}", json!({ "list": pass })));
        invitations.iter().for_each(|invited| println!("{}", json!(invited)));
        return Ok(());
    }
    if passes.is_empty() && invitations.is_empty() {
        eprintln!("Nobody was invited yet.");
        return Ok(());
    }
    for pass in &passes {
        let when =
            pass.completed.map_or_else(|| "not read to its end yet".to_owned(), |at| format!("read {}", seconds(at)));
        println!("event {} list {}: {when}; {}", pass.event, pass.list, told(&pass.counts));
        if let Some(trouble) = &pass.trouble {
            println!("  {}. {}", trouble.problem, trouble.remedy);
        }
    }
    if !invitations.is_empty() {
        println!(
            "\n{:<ID_SHOWN$}  {:<20}  {:<12}  {:<10}  {:<36}  PARTICIPANT",
            "ID", "SINCE", "EVENT", "STATE", "LIST"
        );
    }
    for Invited { invitation, id } in &invitations {
        let (event, list, state) = (&invitation.event, invitation.list, name(&invitation.state));
        let participant = invitation.participant.as_deref().unwrap_or("-");
        let at = seconds(invitation.at);
        println!("{:<ID_SHOWN$}  {at:<20}  {event:<12}  {state:<10}  {list}  {participant}", &id[..ID_SHOWN]);
    }
    Ok(())
}

async fn show(connector: &Connector, id: String) -> Result<()> {
    let (invited, person) = connector.ask(InvitationsShow { id }).await?;
    for (name, value) in json!(invited).as_object().into_iter().flatten() {
        println!("{name:<12}  {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    match person {
        Some(person) => person.iter().for_each(|(column, value)| {
            println!("{column:<12}  {}", value.as_str().unwrap_or("-"));
        }),
        None => println!("The CRM shows nobody of this id any more."),
    }
    Ok(())
}

async fn resolve(connector: &Connector, id: String, sent: bool) -> Result<()> {
    connector.ask(InvitationsResolve { id, sent }).await?;
    match sent {
        true => println!("Noted: it went out."),
        false => println!("Forgotten: the next run invites anew whoever is on a list and may be invited."),
    }
    Ok(())
}

fn say(Report { lists, sent, withdrawn, undecided, stopped }: Report, dry: bool) -> Result<()> {
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

fn name(state: &State) -> String {
    json!(state).as_str().unwrap_or_default().to_owned()
}

fn told(counts: &Counts) -> String {
    let Counts { members, invited, left, .. } = counts;
    format!("{members} members, {invited} invited, {left} left; {counts}")
}
