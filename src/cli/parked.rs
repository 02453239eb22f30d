//! `parked`: what could not be written, to look at, replay or drop.

mod choice;
mod table;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use inevent_d365::parked::{
    Original,
    replay::{Origins, Replayed, replay},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use self::choice::{Choice, Filter};
use super::storage;

/// What the connector could not write, and why. It works on the storage that the settings name, as environment variables:
/// AzureWebJobsStorage (and its other forms) for the storage account of the function app.
#[derive(Debug, Args)]
pub struct ParkedArgs {
    #[command(subcommand)]
    command: ParkedCommand,
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
        match args.command {
            ParkedCommand::List { filter, json } => list(filter, json).await,
            ParkedCommand::Show { id, json } => show(&id, json).await,
            ParkedCommand::Replay { choice } => put_back(&choice).await,
            ParkedCommand::Drop { choice, yes } => drop_chosen(&choice, yes).await,
        }
    })
}

async fn list(filter: Filter, json: bool) -> Result<()> {
    let storage = storage()?;
    let mut entries = Vec::new();
    let mut pages = filter.pages(&*storage.store);
    while let Some(found) = pages.next().await? {
        entries.extend(found.into_iter().map(|found| table::without_addresses(found.entry)));
    }
    entries.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.id.cmp(&b.id)));
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

async fn show(id: &str, json: bool) -> Result<()> {
    let storage = storage()?;
    let found = inevent_d365::parked::find(&*storage.store, id, Timestamp::now()).await?;
    let Some(original) = found.original(&*storage.store).await? else { bail!("it was removed this moment") };
    let original = match original {
        Original::Event(event) => json!(event),
        Original::Raw(text) => Value::from(text),
    };
    let mut entry = json!(found.entry);
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

async fn put_back(choice: &Choice) -> Result<()> {
    let storage = storage()?;
    let (events, webhooks) = (storage.events().await?, storage.webhooks().await?);
    let queues = Origins { events: &*events, webhooks: &*webhooks };
    let now = Timestamp::now();
    let (mut queued, mut not_events) = (0u64, 0u64);
    let mut chosen = choice.pages(&*storage.store)?;
    while let Some(found) = chosen.next().await? {
        for found in found {
            match replay(&*storage.store, queues, &*storage.bodies, &found, now).await? {
                Replayed::Queued | Replayed::QueuedAndParkedAnew => queued += 1,
                Replayed::Gone => {}
                Replayed::NotAnEvent => {
                    not_events += 1;
                    eprintln!("{} is neither an event nor a webhook: {}", found.entry.id, found.entry.remedy);
                }
            }
        }
    }
    println!("{queued} put back into the queue.");
    if not_events > 0 {
        bail!("{not_events} could not be replayed and are still parked");
    }
    Ok(())
}

async fn drop_chosen(choice: &Choice, yes: bool) -> Result<()> {
    let storage = storage()?;
    let (mut dropped, mut kept) = (0u64, 0u64);
    let mut chosen = choice.pages(&*storage.store)?;
    while let Some(found) = chosen.next().await? {
        for found in found {
            match !yes || found.remove(&*storage.store).await? {
                true => dropped += 1,
                false => kept += 1,
            }
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
