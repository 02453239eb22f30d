//! One process tree: the Dataverse sandbox, the local host, and the connector as its child.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use dataverse_sandbox::{Connection, Sandbox, Seed};
use tempfile::TempDir;

use super::host::{self, FunctionKeys, Host, HostOptions, StopReason, TimerFolder};
use crate::{
    dataverse::{Client, ClientOptions, ClientSecret},
    functions::DESK_STORAGE,
    queue::{Queues, SqliteQueues},
    settings::PlainSecret,
    setup::{Provisioning, Solution, Wanted, provision},
    store::{SqliteStore, Store},
};

/// The key of the functions on a desk, which only this machine can reach.
pub const FUNCTION_KEY: &str = "desk";

/// The file that stands in for the storage account.
const STORAGE: &str = "storage.db";

/// How long the connector may take to answer the host for the first time.
const START: Duration = Duration::from_secs(30);

/// What a desk is set up with.
#[derive(Debug, Clone)]
pub struct DeskOptions {
    /// The folder with host.json and `functions/`.
    pub root: PathBuf,
    /// The connector's own binary.
    pub executable: PathBuf,
    /// The port of the functions; 0 picks a free one.
    pub port: u16,
}

/// A running desk. What it stored is gone when it stops.
pub struct Desk {
    sandbox: Sandbox,
    host: Host,
    queues: Arc<dyn Queues>,
    store: Arc<dyn Store>,
    client: Client,
    storage: TempDir,
}

impl Desk {
    /// Starts everything and waits until the connector answers.
    pub async fn start(options: DeskOptions) -> Result<Self> {
        let sandbox = dataverse_sandbox::start(dataverse_sandbox::Options {
            orgs: vec!["desk".to_owned()],
            seed: Seed::BareCrm,
            ..Default::default()
        })
        .await
        .context("the Dataverse sandbox did not start")?;
        let storage =
            tempfile::Builder::new().prefix("inevent-d365-").tempdir().context("no folder for temporary files")?;
        let file = storage.path().join(STORAGE);
        let queues: Arc<dyn Queues> = Arc::new(SqliteQueues::open(&file)?);
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&file)?);
        let host = host::start(HostOptions {
            executable: Some(options.executable),
            environment: environment(sandbox.connection(), &file),
            http_port: options.port,
            keys: FunctionKeys { function: vec![FUNCTION_KEY.to_owned()], master: None },
            timers: Arc::new(TimerFolder(storage.path().join("timers"))),
            ..HostOptions::new(options.root, queues.clone())
        })
        .await?;
        let client = client(sandbox.connection())?;
        // As an administrator does before the connector runs.
        let solution = Solution::new(&Wanted::default())?;
        provision(&client, &solution, &Provisioning::default(), &mut |_| {}).await?;
        let desk = Self { sandbox, host, queues, store, client, storage };
        match tokio::time::timeout(START, desk.host.ready()).await {
            Ok(Ok(())) => Ok(desk),
            Ok(Err(StopReason::TooManyRestarts | StopReason::Asked)) | Err(_) => {
                for line in desk.host.lines() {
                    eprintln!("{}", line.text);
                }
                bail!("the connector did not start; above is what it and the local host said")
            }
        }
    }

    /// The sandbox, and how anybody signs in to it.
    pub fn dataverse(&self) -> &Connection {
        self.sandbox.connection()
    }

    pub fn host(&self) -> &Host {
        &self.host
    }

    pub fn queues(&self) -> &dyn Queues {
        &*self.queues
    }

    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// A client of its own, to look at what the connector did.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The file that stands in for the storage account, for `INEVENT_D365_DESK_STORAGE`.
    pub fn storage_file(&self) -> PathBuf {
        self.storage.path().join(STORAGE)
    }

    /// Where events are sent.
    pub fn events_url(&self) -> String {
        format!("{}/api/events", self.host.url())
    }

    pub fn health_url(&self) -> String {
        format!("{}/api/health?code={FUNCTION_KEY}", self.host.url())
    }

    pub fn timeline_url(&self) -> String {
        format!("{}/timeline", self.dataverse().pages_url.trim_end_matches('/'))
    }

    pub async fn stop(self) {
        self.host.stop().await;
        self.sandbox.stop().await;
    }
}

/// The connector's app settings. What the surroundings may hold for a real environment is blanked.
fn environment(dataverse: &Connection, storage: &Path) -> Vec<(String, String)> {
    let storage = storage.display().to_string();
    [
        (DESK_STORAGE, storage.as_str()),
        ("DATAVERSE_URL", &dataverse.http),
        ("DATAVERSE_TOKEN_URL", &dataverse.token_url),
        ("DATAVERSE_TENANT_ID", &dataverse.tenant),
        ("DATAVERSE_CLIENT_ID", &dataverse.client_id),
        ("DATAVERSE_CLIENT_SECRET", &dataverse.client_secret),
        ("DATAVERSE_SIGN_IN", ""),
        ("INEVENT_TENANT", TENANT),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// The InEvent tenant that is played.
pub(super) const TENANT: &str = "inevent";

fn client(dataverse: &Connection) -> Result<Client> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let secret = Arc::new(PlainSecret(dataverse.client_secret.clone().into()));
    let tokens = ClientSecret::new(
        http.clone(),
        dataverse.token_url.clone(),
        dataverse.client_id.clone(),
        &dataverse.http,
        secret,
    );
    Ok(Client::new(http, Arc::new(tokens), ClientOptions::new(&dataverse.http)))
}
