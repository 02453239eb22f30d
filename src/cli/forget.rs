//! `forget`: a person is erased from what the connector keeps, and not written again.

use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use inevent_d365::{
    forget::{Erased, erase, load, remember, take_back},
    invite,
    model::Address,
};
use jiff::Timestamp;

use super::storage;

/// Erases a person from everything that is parked, and keeps a keyed hash of the address: whatever still waits in a queue or is
/// sent later with this address is dropped when it is delivered. The CRM itself is not touched: erase the person there as well.
#[derive(Debug, Args)]
pub struct ForgetArgs {
    /// The person's e-mail address; somebody with several is forgotten one by one
    #[arg(long, value_name = "ADDRESS")]
    email: String,
    /// Take it back: what is sent from now on is written again. What was erased or dropped does not come back
    #[arg(long)]
    undo: bool,
}

pub fn run(args: ForgetArgs) -> ExitCode {
    super::block_on(async move {
        let address = Address::parse(&args.email).map_err(|why| anyhow!("--email {why}"))?;
        match args.undo {
            true => undo(&address).await,
            false => forget(&address).await,
        }
    })
}

async fn forget(address: &Address) -> Result<()> {
    let storage = storage()?;
    let now = Timestamp::now();
    remember(&*storage.store, address, now).await?;
    let Erased { entries, reasons, missed } = erase(&*storage.store, now).await?;
    let (forgotten, _) = load(&*storage.store).await?;
    let invitations = invite::erase(&*storage.store, &forgotten).await?;
    println!(
        "Forgotten. {entries} parked events erased, {reasons} reasons that named the person, and {invitations} invitations."
    );
    println!(
        "What still waits in a queue is dropped when it is delivered, from ten seconds from now on at the latest."
    );
    println!("Rows in the CRM are not touched: erase them there as well.");
    if missed > 0 {
        bail!("{missed} parked events were changed meanwhile and may still name the person: run it again");
    }
    Ok(())
}

async fn undo(address: &Address) -> Result<()> {
    match take_back(&*storage()?.store, address).await? {
        true => println!("Taken back: what is sent from now on is written again."),
        false => println!("This address was not forgotten."),
    }
    Ok(())
}
