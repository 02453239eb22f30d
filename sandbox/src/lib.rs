#![doc = include_str!("../README.md")]

mod admin;
mod clock;
mod entra;
mod errors;
mod http;
mod limits;
mod metadata;
mod organization;
mod pages;
mod query;
mod records;
mod seed;
mod state;
mod store;
mod value;
mod webapi;

pub use seed::Seed;

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Context as _;
use serde::Serialize;
use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::entra::{Application, Directory, Tokens};
use crate::organization::Organization;
use crate::state::State;

/// How to start a sandbox.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port to listen on at 127.0.0.1; 0 picks a free one.
    pub http_port: u16,
    /// Name of the organisation.
    pub org: String,
    /// Rows it starts with.
    pub seed: Seed,
}

impl Default for Options {
    fn default() -> Self {
        Self { http_port: 0, org: "sandbox".to_owned(), seed: Seed::default() }
    }
}

/// Everything a client needs to know; the values work as they stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// URL of the organisation and the resource to ask tokens for; the Web API is at `{http}/api/data/v9.2/`.
    pub http: String,
    /// Tenant id.
    pub tenant: String,
    /// Client id of an application whose application user has every privilege.
    pub client_id: String,
    /// Its client secret.
    pub client_secret: String,
    /// Where tokens are issued (OAuth 2.0, Microsoft Entra v2.0).
    pub token_url: String,
    /// Base of the admin API.
    pub admin_url: String,
    /// Where the pages for people begin.
    pub pages_url: String,
}

/// A running sandbox. It ends when it is stopped or dropped.
pub struct Sandbox {
    connection: Connection,
    running: http::Running,
}

impl Sandbox {
    /// How to reach it.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Closes the listener and every connection; the rows are gone.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}

/// Starts a sandbox on the current Tokio runtime.
///
/// # Errors
/// If the port is taken, or the seed can't be planted.
pub async fn start(options: Options) -> anyhow::Result<Sandbox> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.http_port))
        .await
        .with_context(|| format!("can't listen on 127.0.0.1:{}", options.http_port))?;
    let port = listener.local_addr()?.port();
    let origin = format!("http://127.0.0.1:{port}");
    let tenant = seed::TENANT;
    let connection = Connection {
        http: origin.clone(),
        tenant: tenant.to_string(),
        client_id: seed::CLIENT.to_string(),
        client_secret: seed::SECRET.to_owned(),
        token_url: format!("{origin}/{tenant}/oauth2/v2.0/token"),
        admin_url: format!("{origin}/__admin"),
        pages_url: format!("{origin}/"),
    };
    let clock = Arc::new(Clock::default());
    let state = State {
        organization: Organization::new(&options.org, options.seed, Arc::clone(&clock))?,
        clock,
        directory: Directory {
            tenant,
            applications: vec![Application { client_id: seed::CLIENT, secret: seed::SECRET.to_owned() }],
        },
        tokens: Tokens::default(),
        faults: admin::Faults::default(),
        log: admin::RequestLog::default(),
        window: limits::Window::default(),
        resources: vec![origin, format!("http://localhost:{port}")],
    };
    Ok(Sandbox { connection, running: http::run(listener, Arc::new(state)) })
}
