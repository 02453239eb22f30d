//! `parked`: what could not be written, to look at, replay or drop.

mod choice;
mod table;

use std::{collections::BTreeSet, process::ExitCode};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use inevent_d365::manage::{DropParked, ListParked, ReplayParked, ShowParked, Shown, Unreadable};
use jiff::Timestamp;
use serde_json::{Value, json};

use self::choice::{Choice, Filter};
use super::app::{Connector, Target, Who};

/// What the connector could not write, and why. It works on the function app that --app names, or on the storage that the settings name,
/// as environment variables: AzureWebJobsStorage (and its other forms).
#[derive(Debug, Args)]
pub struct ParkedArgs {
    #[command(subcommand)]
    command: ParkedCommand,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum ParkedCommand {
    /// Print what is parked, the newest first; no addresses
    List {
        #[command(flatten)]
        filter: Filter,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Print one entry with everything that is known of it, personal data included
    Show {
        /// Its id, of which six digits are enough where no other begins so
        id: String,
        #[arg(long)]
        json: bool,
    },
    /// Put entries back into the queue of events; they are removed once they are there
    Replay {
        #[command(flatten)]
        choice: Choice,
    },
    /// Remove entries for good, without writing them
    Drop {
        #[command(flatten)]
        choice: Choice,
        /// Do it; otherwise it is only said what would be dropped
        #[arg(long)]
        yes: bool,
    },
}

pub fn run(args: ParkedArgs) -> ExitCode {
    super::block_on(async move {
        let connector = args.target.connector(Who::Anybody).await?;
        match args.command {
            ParkedCommand::List { filter, json } => list(&connector, filter, json).await,
            ParkedCommand::Show { id, json } => show(&connector, id, json).await,
            ParkedCommand::Replay { choice } => put_back(&connector, choice).await,
            ParkedCommand::Drop { choice, yes } => drop_chosen(&connector, choice, yes).await,
        }
    })
}

async fn list(connector: &Connector, filter: Filter, json: bool) -> Result<()> {
    let entries = connector.ask(ListParked(filter.selection())).await?;
    if json {
        for entry in &entries {
            println!("{}", json!(entry));
        }
    } else if entries.is_empty() {
        eprintln!("Nothing is parked that meets this.");
    } else {
        print!("{}", table::print(&entries));
    }
    Ok(())
}

async fn show(connector: &Connector, id: String, json: bool) -> Result<()> {
    let Shown { entry, original } = connector.ask(ShowParked { id }).await?;
    let mut entry = json!(entry);
    if json {
        entry["original"] = original;
        println!("{entry}");
        return Ok(());
    }
    for (name, value) in entry.as_object().into_iter().flatten() {
        println!("{name:<12}  {}", value.as_str().unwrap_or_default());
    }
    println!();
    match original {
        Value::String(text) => println!("{text}"),
        event => println!("{event:#}"),
    }
    Ok(())
}

async fn put_back(connector: &Connector, choice: Choice) -> Result<()> {
    let choice = choice.asked(Timestamp::now());
    let (mut queued, mut unreadable) = (0u64, BTreeSet::new());
    loop {
        let put = connector.ask(ReplayParked(choice.clone())).await?;
        queued += put.queued;
        unreadable.extend(put.unreadable);
        if !put.more || put.queued == 0 {
            break;
        }
    }
    for Unreadable { id, remedy } in &unreadable {
        eprintln!("{id} is neither an event nor a webhook: {remedy}");
    }
    println!("{queued} put back into the queue.");
    if !unreadable.is_empty() {
        bail!("{} could not be replayed and are still parked", unreadable.len());
    }
    Ok(())
}

async fn drop_chosen(connector: &Connector, choice: Choice, yes: bool) -> Result<()> {
    let choice = choice.asked(Timestamp::now());
    let (mut dropped, mut kept) = (0, 0);
    loop {
        let done = connector.ask(DropParked { choice: choice.clone(), yes }).await?;
        (dropped, kept) = (dropped + done.dropped, kept + done.kept);
        if !done.more {
            break;
        }
    }
    if !yes {
        bail!("{dropped} would be dropped for good, and nothing was: say --yes to do it");
    }
    println!("{dropped} dropped.");
    if kept > 0 {
        bail!("{kept} were parked anew meanwhile and are kept: look at them, and drop them again");
    }
    Ok(())
}
