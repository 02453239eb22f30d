//! `forget`: a person is erased from what the connector keeps, and not written again.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use inevent_d365::manage::{Forget, Forgot};

use super::app::{Target, Who};

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
    #[command(flatten)]
    target: Target,
}

pub fn run(args: ForgetArgs) -> ExitCode {
    super::block_on(async move {
        let ForgetArgs { email, undo, target } = args;
        told(undo, target.connector(Who::Anybody).await?.ask(Forget { email, undo }).await?)
    })
}

fn told(undo: bool, forgot: Forgot) -> Result<()> {
    let Forgot { entries, reasons, missed, invitations, logged, participants, not_asked, taken_back } = forgot;
    match (undo, taken_back) {
        (true, true) => println!("Taken back: what is sent from now on is written again."),
        (true, false) => println!("This address was not forgotten."),
        (false, _) => {
            println!(
                "Forgotten. {entries} parked events erased, {reasons} reasons that named the person, {invitations} invitations, and the ids in {logged} entries of the sync log."
            );
            println!(
                "What still waits in a queue is dropped when it is delivered, from ten seconds from now on at the latest: under this address, and about {participants} participants of events by their ids."
            );
            println!("Rows in the CRM are not touched: erase them there as well, after this.");
        }
    }
    if let Some(why) = not_asked {
        bail!(
            "Dynamics could not be asked which participants had this address, so statements about them that do not name it are still written. Run it again: {why}"
        );
    }
    if missed > 0 {
        bail!("{missed} parked events were changed meanwhile and may still name the person: run it again");
    }
    Ok(())
}
