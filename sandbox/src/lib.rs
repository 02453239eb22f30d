#![doc = include_str!("../README.md")]

mod admin;
mod catalogue;
mod clock;
mod connection;
mod entra;
mod errors;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;
mod http;
pub mod inevent;
mod limits;
mod metadata;
mod organization;
mod organizations;
mod pages;
mod query;
mod records;
mod seed;
mod state;
mod store;
mod tls;
mod value;
mod webapi;

pub use connection::Connection;
pub use seed::Seed;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use tempfile::TempDir;

use crate::clock::Clock;
use crate::entra::{Directory, Tokens};
use crate::http::Listeners;
use crate::inevent::StandIn;
use crate::organizations::Organizations;
use crate::state::State;

/// How to start a sandbox.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port to listen on at 127.0.0.1, for the first organisation; 0 picks a free one.
    pub http_port: u16,
    /// The same for https.
    pub https_port: u16,
    /// Port of the InEvent stand-in at 127.0.0.1; 0 picks a free one.
    pub inevent_port: u16,
    /// Names of the organisations; each has its own ports and rows.
    pub orgs: Vec<String>,
    /// Rows they start with.
    pub seed: Seed,
    /// Folder to keep rows in, a file for each organisation; in memory if absent.
    pub data: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            http_port: 0,
            https_port: 0,
            inevent_port: 0,
            orgs: vec!["sandbox".to_owned()],
            seed: Seed::default(),
            data: None,
        }
    }
}

/// A running sandbox. It ends when it is stopped or dropped.
pub struct Sandbox {
    connection: Connection,
    state: Arc<State>,
    inevent: StandIn,
    /// Holds the authority's certificate, if no folder was given.
    _files: TempDir,
}

impl Sandbox {
    /// How to reach it.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Closes the listeners and every connection; rows in memory are gone.
    pub async fn stop(mut self) {
        self.state.listeners.closed().await;
        self.inevent.close().await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.state.listeners.close();
    }
}

/// Starts a sandbox on the current Tokio runtime.
///
/// # Errors
/// If a port is taken, a name can't be used, or the seed can't be planted.
pub async fn start(options: Options) -> anyhow::Result<Sandbox> {
    let authority = match &options.data {
        Some(folder) => {
            fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
            tls::Authority::kept_in(folder)?
        }
        None => tls::Authority::new()?,
    };
    let files = tempfile::Builder::new().prefix("dataverse-sandbox-").tempdir().context("no folder for files")?;
    let ca = options.data.as_deref().unwrap_or(files.path()).join("ca.pem");
    fs::write(&ca, authority.pem()).with_context(|| format!("can't write {}", ca.display()))?;
    let state = Arc::new(State {
        clock: Arc::new(Clock::default()),
        organizations: Organizations::default(),
        directory: Directory::new(seed::TENANT, vec![seed::application()]),
        tokens: Tokens::default(),
        listeners: Listeners::new(tls::acceptor(authority)?),
        seed: options.seed,
        folder: options.data,
    });
    let mut first = None;
    for name in &options.orgs {
        // The given ports are the first organisation's.
        let (http, https) = if first.is_none() { (options.http_port, options.https_port) } else { (0, 0) };
        let organization = state.found(name, None, http, https)?;
        first.get_or_insert(organization);
    }
    let doors = first.context("a sandbox needs an organisation")?.doors();
    let inevent = inevent::start(options.inevent_port, options.seed)?;
    let connection = Connection::new(doors, state.directory.tenant, &ca, inevent.connection().clone());
    Ok(Sandbox { connection, state, inevent, _files: files })
}
