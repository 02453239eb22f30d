//! A small InEvent: the event platform's API over HTTP, its webhooks, and the mails it would send, all in memory.
//!
//! InEvent publishes its actions, not its answers. What stands in InEvent's own pages and SDKs is done as they say;
//! everything else is a guess that `ASSUMPTIONS.md` lists, and much of it can be switched ([`Connection::admin_url`]).

mod actions;
mod admin;
mod call;
mod envelope;
mod hooks;
mod meter;
mod model;
mod rows;
mod server;
mod state;
mod tokens;
mod turn;
mod variants;

use std::sync::Arc;

use anyhow::Context as _;
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::http::{accept, bind, serve_plain};
use crate::seed::Seed;
use state::State;

/// How to reach a stand-in; the values work as they stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// Base URL of the API: `{url}/?action=event.get&eventID=4711`.
    #[serde(rename = "inevent_url")]
    pub url: String,
    /// A token of the System scope that does not expire by itself.
    #[serde(rename = "inevent_token")]
    pub token: String,
    /// The id of the company.
    #[serde(rename = "inevent_company_id")]
    pub company_id: String,
    /// What `person.signIn` takes.
    #[serde(rename = "inevent_username")]
    pub username: String,
    /// The password of that user.
    #[serde(rename = "inevent_password")]
    pub password: String,
    /// Base of the admin API.
    #[serde(rename = "inevent_admin_url")]
    pub admin_url: String,
}

/// A running stand-in. It ends when it is stopped or dropped.
pub struct StandIn {
    connection: Connection,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl StandIn {
    /// How to reach it.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Closes its port and every connection; everything in it is gone.
    pub async fn stop(mut self) {
        self.close().await;
    }

    pub(crate) async fn close(&mut self) {
        self.stop.send_replace(true);
        for task in std::mem::take(&mut self.tasks) {
            // A task that panicked is over too.
            task.await.ok();
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Starts a stand-in on a port of 127.0.0.1, on the current Tokio runtime; port 0 picks a free one. With [`Seed::Crm`]
/// there is one event with two activities, else the company is empty.
///
/// # Errors
/// If the port is taken.
pub fn start(port: u16, seed: Seed) -> anyhow::Result<StandIn> {
    let listener = bind(port)?;
    let url = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
    let client = client.context("no client for webhooks")?;
    let (state, stop) = (Arc::new(State::new(seed)), watch::Sender::new(false));
    let answering = Arc::clone(&state);
    let serving = accept(listener, stop.subscribe(), move |stream| {
        let state = Arc::clone(&answering);
        serve_plain(stream, move |request| Box::pin(server::answer(Arc::clone(&state), request)))
    });
    let tasks = vec![tokio::spawn(serving), tokio::spawn(hooks::delivery::deliver(state, client, stop.subscribe()))];
    let connection = Connection {
        token: tokens::TOKEN.to_owned(),
        company_id: model::COMPANY.to_string(),
        username: tokens::USERNAME.to_owned(),
        password: tokens::PASSWORD.to_owned(),
        admin_url: format!("{url}/__admin"),
        url,
    };
    Ok(StandIn { connection, stop, tasks })
}
