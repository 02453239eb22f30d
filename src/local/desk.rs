//! One process tree: the Dataverse sandbox with its InEvent, the local host, and the connector as its child.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use dataverse_sandbox::{Connection, Sandbox, Seed, inevent as stand_in};
use reqwest::Url;
use serde_json::json;
use tempfile::TempDir;

use super::{
    host::{self, FunctionKeys, Host, HostOptions, StopReason, TimerFolder},
    organizer::Organizer,
};
use crate::{
    dataverse::{Client, ClientCredentials, ClientOptions, Credential},
    functions::{ACTIVITIES_QUEUE, DESK_STORAGE, EVENTS_QUEUE, HYDRATE_QUEUE},
    inevent::{
        self, Pacer, Token,
        registration::{Outcome, Target},
        webhooks::Owner,
    },
    queue::{Queues, SqliteQueues},
    settings::{PlainSecret, Prefix, kept::SETTINGS_FILE},
    setup::{Provisioning, Solution, Wanted, provision},
    store::{SqliteStore, Store},
    sync::rows::{ActivityTable, Names},
};

/// The key of the functions on a desk, which only this machine can reach.
pub const FUNCTION_KEY: &str = "desk";

/// The key of the webhooks on a desk.
const WEBHOOK_KEY: &str = "desk-webhooks-of-inevent";

/// The file that stands in for the storage account.
const STORAGE: &str = "storage.db";

/// The file with the settings document.
const SETTINGS: &str = "settings.json";

/// How long the connector may take to answer the host for the first time.
const START: Duration = Duration::from_secs(30);

/// Without any progress for so long, what is still under way counts as lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a desk is set up with.
#[derive(Debug, Clone)]
pub struct DeskOptions {
    /// The folder with host.json and `functions/`.
    pub root: PathBuf,
    /// The connector's own binary.
    pub executable: PathBuf,
    /// The port of the functions; 0 picks a free one.
    pub port: u16,
    /// What the names of the connector's tables and columns begin with.
    pub prefix: Prefix,
}

/// A running desk. What it stored is gone when it stops.
pub struct Desk {
    sandbox: Sandbox,
    host: Host,
    queues: Arc<dyn Queues>,
    store: Arc<dyn Store>,
    client: Client,
    organizer: Organizer,
    storage: TempDir,
    table: ActivityTable,
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
        if let Some(own) = std::env::var_os(SETTINGS_FILE).filter(|path| !path.is_empty()) {
            std::fs::copy(&own, storage.path().join(SETTINGS))
                .with_context(|| format!("{SETTINGS_FILE} cannot be read"))?;
        }
        let queues: Arc<dyn Queues> = Arc::new(SqliteQueues::open(&file)?);
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&file)?);
        let host = host::start(HostOptions {
            executable: Some(options.executable),
            environment: environment(sandbox.connection(), storage.path(), &options.prefix),
            http_port: options.port,
            keys: FunctionKeys { function: vec![FUNCTION_KEY.to_owned()], master: None },
            timers: Arc::new(TimerFolder(storage.path().join("timers"))),
            ..HostOptions::new(options.root, queues.clone())
        })
        .await?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        let client = client(sandbox.connection(), http.clone());
        let organizer = Organizer::new(http.clone(), sandbox.connection().inevent.clone());
        // As an administrator does before the connector runs.
        let solution = Solution::new(&Wanted { prefix: options.prefix.clone(), ..Wanted::default() })?;
        provision(&client, &solution, &Provisioning::default(), &mut |_| {}).await?;
        // The people of a story are in no way bound to ten calls a second. The connector still is.
        organizer.set("variants", &json!({ "rate_limit_per_second": 0, "rate_limit_per_machine": 0 })).await?;
        register_webhooks(&sandbox.connection().inevent, http, host.url()).await?;
        let table = ActivityTable::ours(Names::of(&options.prefix));
        let desk = Self { sandbox, host, queues, store, client, organizer, storage, table };
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

    /// Somebody who organizes events in the InEvent stand-in.
    pub(super) fn organizer(&self) -> &Organizer {
        &self.organizer
    }

    /// Waits until InEvent has sent what it has to send and nothing is queued any more, or nothing happens for a minute; returns how
    /// many webhooks and messages are left.
    ///
    /// # Errors
    /// When the stand-in or the storage does not answer.
    pub async fn settled(&self) -> Result<u64> {
        let mut last = (u64::MAX, Instant::now());
        loop {
            // In the order in which it all travels, so that nothing is overlooked on its way.
            let mut left = self.organizer.told("deliveries/counts").await?["pending"].as_u64().unwrap_or_default();
            for name in [HYDRATE_QUEUE, EVENTS_QUEUE, ACTIVITIES_QUEUE] {
                left += self.queues.queue(name)?.approximate_len().await?;
            }
            if left == 0 || last.1.elapsed() > PATIENCE {
                return Ok(left);
            }
            if left != last.0 {
                last = (left, Instant::now());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn host(&self) -> &Host {
        &self.host
    }

    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// A client of its own, to look at what the connector did.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The table of attendance rows.
    pub(super) fn table(&self) -> ActivityTable {
        self.table
    }

    /// The file that stands in for the storage account, for `INEVENT_D365_DESK_STORAGE`.
    pub fn storage_file(&self) -> PathBuf {
        self.storage.path().join(STORAGE)
    }

    /// The file with the settings, for `INEVENT_D365_SETTINGS`: at first a copy of the one that this process has there.
    pub fn settings_file(&self) -> PathBuf {
        self.storage.path().join(SETTINGS)
    }

    /// Where events are sent.
    pub fn events_url(&self) -> String {
        format!("{}/api/events", self.host.url())
    }

    /// The command line that registers somebody for the event that InEvent has from the beginning.
    pub fn registration(&self) -> String {
        let stand_in::Connection { url, token, .. } = &self.dataverse().inevent;
        format!(
            "curl -H 'Authorization: Bearer {token}' '{url}/?action=event.person.bind&eventID=4711' -d firstName=Maria -d lastName=Neves \
             -d username=maria.neves@example.com"
        )
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
fn environment(dataverse: &Connection, folder: &Path, prefix: &Prefix) -> Vec<(String, String)> {
    let (storage, settings) = (folder.join(STORAGE).display().to_string(), folder.join(SETTINGS).display().to_string());
    [
        (DESK_STORAGE, storage.as_str()),
        (SETTINGS_FILE, &settings),
        ("DATAVERSE_URL", &dataverse.http),
        ("DATAVERSE_TOKEN_URL", &dataverse.token_url),
        ("DATAVERSE_TENANT_ID", &dataverse.tenant),
        ("DATAVERSE_CLIENT_ID", &dataverse.client_id),
        ("DATAVERSE_CLIENT_SECRET", &dataverse.client_secret),
        ("DATAVERSE_SIGN_IN", ""),
        ("DATAVERSE_PREFIX", prefix.as_str()),
        ("INEVENT_TENANT", TENANT),
        ("INEVENT_API_URL", &dataverse.inevent.url),
        ("INEVENT_TOKEN", &dataverse.inevent.token),
        ("INEVENT_USERNAME", ""),
        ("INEVENT_COMPANY_ID", &dataverse.inevent.company_id),
        ("INEVENT_WEBHOOK_KEYS", WEBHOOK_KEY),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// The InEvent tenant that is played.
pub(super) const TENANT: &str = "inevent";

/// As an administrator does with `inevent webhooks register`.
async fn register_webhooks(stand_in: &stand_in::Connection, http: reqwest::Client, app: &str) -> Result<()> {
    let token = Token::kept(Arc::new(PlainSecret(stand_in.token.clone().into())));
    let options = inevent::ClientOptions::new(&stand_in.url, Some(stand_in.company_id.clone()));
    let client = inevent::Client::new(http, token, Pacer::unpaced(), options).map_err(anyhow::Error::msg)?;
    let target = Target {
        app: Url::parse(app)?,
        source: "main".to_owned(),
        code: Some(FUNCTION_KEY.to_owned()),
        key: WEBHOOK_KEY.to_owned(),
    };
    let registrations = client.register_webhooks(Owner::Company, &target, &[], false).await?;
    for registration in registrations.into_iter().flatten() {
        if let Outcome::NotSetUp(error) = registration.outcome {
            return Err(error).context("InEvent does not take a webhook");
        }
    }
    Ok(())
}

fn client(dataverse: &Connection, http: reqwest::Client) -> Client {
    let secret = Arc::new(PlainSecret(dataverse.client_secret.clone().into()));
    let secret = Arc::new(Credential::Secret(secret));
    let tokens = ClientCredentials::new(
        http.clone(),
        dataverse.token_url.clone(),
        dataverse.client_id.clone(),
        &dataverse.http,
        secret,
    );
    Client::new(http, Arc::new(tokens), ClientOptions::new(&dataverse.http))
}
