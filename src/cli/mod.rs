//! The command line.

#[cfg(feature = "local")]
mod local;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    /// Print the JSON Schema of the events that IngestEvents takes
    Schema,
}

impl Cli {
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Serve => serve::run(),
            #[cfg(feature = "local")]
            Command::Local(args) => local::run(args),
            Command::Schema => {
                println!("{}", inevent_d365::model::event::json_schema());
                ExitCode::SUCCESS
            }
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
