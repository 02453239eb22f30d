//! `dataverse-sandbox`: a Dataverse Web API on this machine.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Parser;
use dataverse_sandbox::{Options, Seed, start};

/// Rows are many small allocations, made and dropped by changing threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A Dataverse Web API to develop and test against, on this machine only.
///
/// Prints one line of JSON when it is ready, whose values work as they stand, and serves until it is killed:
///
///   http, https    organisation URLs and token resources; the Web API is at <http>/api/data/v9.2/
///   ca             PEM file with the certificate to trust for https
///   tenant, client_id, client_secret, token_url
///                  what a client needs to get a token (client credentials flow)
///   admin_url      faults, request log, reset, dump: for tests and scripts
///   pages_url      open this in a browser: timelines, tables, requests
///   inevent_url, inevent_token, inevent_company_id, inevent_username, inevent_password, inevent_admin_url
///                  a small InEvent beside it, always in memory
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment)]
struct Arguments {
    /// Port to listen on at 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    http: u16,
    /// The same for https
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    https: u16,
    /// Port of the InEvent stand-in at 127.0.0.1; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    inevent: u16,
    /// Name of an organisation; may be given again for more, each with ports and rows of its own [default: sandbox]
    #[arg(long, value_name = "NAME")]
    org: Vec<String>,
    /// Folder to keep rows in, one file for each organisation; in memory if not given
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Rows to start with: nothing, or a small CRM
    #[arg(long, value_enum, default_value_t = Seed::Crm)]
    seed: Seed,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { http, https, inevent, org, data, seed } = Arguments::parse();
    let mut options =
        Options { http_port: http, https_port: https, inevent_port: inevent, seed, data, ..Options::default() };
    if !org.is_empty() {
        options.orgs = org;
    }
    let sandbox = start(options).await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::to_string(sandbox.connection())?)?;
    out.flush()?;
    tokio::signal::ctrl_c().await?;
    sandbox.stop().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn arguments_are_consistent() {
        use clap::CommandFactory as _;
        super::Arguments::command().debug_assert();
    }
}
