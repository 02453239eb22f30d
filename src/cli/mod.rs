//! The command line.

mod app;
mod backfill;
mod check;
mod forget;
mod inevent;
mod invitations;
#[cfg(feature = "local")]
mod local;
mod log;
mod parked;
mod serve;
mod settings;
mod setup;
mod since;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use inevent_d365::functions;

/// The connector between InEvent and Microsoft Dynamics 365 / Dataverse.
#[derive(Debug, Parser)]
#[command(version, about, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[cfg(feature = "local")]
const AFTER_HELP: &str = "Try it on your desk, with nothing else installed:\n  inevent-d365 local";
#[cfg(not(feature = "local"))]
const AFTER_HELP: &str = "In Azure the Functions host starts `inevent-d365 serve` by itself.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer the Azure Functions host: what runs in Azure
    ///
    /// The host starts it with FUNCTIONS_CUSTOMHANDLER_PORT set. It never ends by itself: with bad settings it stays up, says so
    /// in Health, and holds what arrives.
    Serve,
    /// Run the whole product on this machine and play an event through it
    #[cfg(feature = "local")]
    Local(local::LocalArgs),
    /// Look at what could not be written, replay it or drop it
    Parked(parked::ParkedArgs),
    /// Search what became of statements, webhooks, looks and invitations
    ///
    /// Prints the newest first. The log holds ids, codes and counts, no addresses and no names, and is kept for
    /// INEVENT_D365_SYNC_LOG_DAYS (default 30).
    ///
    /// Results: written (something was written or sent), unchanged (everything was there already), gathered (the person is written, the
    /// attendance row waits for its batch), refused (by Dynamics, with its code; parked), parked (cannot be read, or was delivered too
    /// often), held (somebody must mend something; told once), postponed (tried again; told once), dropped (somebody who is forgotten).
    Log(log::LogArgs),
    /// Bring in everything that InEvent knows of an event
    Backfill(backfill::BackfillArgs),
    /// Erase a person from what the connector keeps, and write nothing about them any more
    Forget(forget::ForgetArgs),
    /// Look at who was invited from marketing lists, decide what InEvent cannot tell, invite by hand
    Invitations(invitations::InvitationsArgs),
    /// Set up InEvent's webhooks, learn what they say, list events
    Inevent(inevent::InEventArgs),
    /// Print the JSON Schema of the events that IngestEvents takes
    Schema,
    /// Make what the connector needs in an environment of Dynamics 365
    Setup(setup::SetupArgs),
    /// Look whether everything that the connector needs is there
    Check(check::CheckArgs),
    /// Look at the settings document, check it, and put another in its place
    Settings(settings::SettingsArgs),
}

impl Cli {
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Serve => serve::run(),
            #[cfg(feature = "local")]
            Command::Local(args) => local::run(args),
            Command::Parked(args) => parked::run(args),
            Command::Log(args) => log::run(args),
            Command::Backfill(args) => backfill::run(args),
            Command::Forget(args) => forget::run(args),
            Command::Invitations(args) => invitations::run(args),
            Command::Setup(args) => setup::run(args),
            Command::Check(args) => check::run(args),
            Command::Settings(args) => settings::run(args),
            Command::Inevent(args) => inevent::run(args),
            Command::Schema => {
                println!("{}", inevent_d365::model::event::json_schema());
                ExitCode::SUCCESS
            }
        }
    }
}

/// A setting as the function app has it; blank is absent.
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// A client for what is asked without signing in.
fn http() -> anyhow::Result<reqwest::Client> {
    Ok(functions::http_client()?)
}

/// Runs a command; an error is printed, and the exit code is 1.
fn block_on(command: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
