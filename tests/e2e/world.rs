//! Everything that one test runs: storage, CRM, host, connector.

use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use dataverse_sandbox::{Sandbox, Seed};
use inevent_d365::{
    azure::Account,
    functions::{ACTIVITIES_QUEUE, EVENTS_QUEUE},
    local::host::{self, FunctionKeys, Host, HostOptions, LogSource, TimerFolder, Timing},
    parked,
    queue::{AzureQueues, QueueError, Queues},
    store::AzureTableStore,
    sync::closings,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::azurite::Azurite;

pub const KEY: &str = "a-function-key";

/// How long anything may take before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(120);

pub struct World {
    pub sandbox: Sandbox,
    pub http: reqwest::Client,
    azurite: Azurite,
    queues: Arc<dyn Queues>,
    root: TempDir,
    timing: Timing,
}

impl World {
    /// With the deployed host.json, but for the wait before a failed message is seen again.
    pub async fn start() -> Self {
        Self::with_queues(|queues| queues, Timing::default()).await
    }

    /// `wrap` sees every call that the host makes to a queue.
    pub async fn with_queues(wrap: impl FnOnce(Arc<dyn Queues>) -> Arc<dyn Queues>, timing: Timing) -> Self {
        Self::seeded(Seed::Crm, wrap, timing).await
    }

    /// With an organisation as Microsoft hands it over.
    pub async fn bare() -> Self {
        Self::seeded(Seed::Bare, |queues| queues, Timing::default()).await
    }

    async fn seeded(seed: Seed, wrap: impl FnOnce(Arc<dyn Queues>) -> Arc<dyn Queues>, timing: Timing) -> Self {
        let azurite = Azurite::start().await;
        let account = Account::from_connection_string(&azurite.connection_string()).unwrap();
        let options = dataverse_sandbox::Options { orgs: vec!["contoso".into()], seed, ..Default::default() };
        Self {
            sandbox: dataverse_sandbox::start(options).await.unwrap(),
            http: reqwest::Client::new(),
            queues: wrap(Arc::new(AzureQueues::new(&account).unwrap())),
            azurite,
            root: root(),
            timing,
        }
    }

    /// The host with the connector; several may run one after the other on the same storage.
    pub async fn host(&self) -> Host {
        self.host_with(&[]).await
    }

    /// The host with a settings document.
    pub async fn host_with_settings(&self, document: &Value) -> Host {
        let file = self.root.path().join("settings.json");
        std::fs::write(&file, document.to_string()).unwrap();
        self.host_with(&[("INEVENT_D365_SETTINGS", file.to_str().unwrap())]).await
    }

    /// The host with some settings of the connector changed.
    pub async fn host_with(&self, changed: &[(&str, &str)]) -> Host {
        let storage = self.azurite.connection_string();
        let environment = [&[("AzureWebJobsStorage", storage.as_str())], &self.way_to_dataverse()[..]].concat();
        let host = host::start(HostOptions {
            executable: Some(env!("CARGO_BIN_EXE_inevent-d365").into()),
            environment: [&environment[..], changed]
                .concat()
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
            keys: FunctionKeys { function: vec![KEY.into()], master: None },
            timers: Arc::new(TimerFolder(self.root.path().join("timers"))),
            timing: self.timing.clone(),
            ..HostOptions::new(self.root.path(), self.queues.clone())
        });
        let host = host.await.unwrap();
        tokio::time::timeout(PATIENCE, host.ready()).await.unwrap().unwrap();
        host
    }

    /// The connector's settings that lead to the sandbox.
    pub fn way_to_dataverse(&self) -> [(&str, &str); 5] {
        let dataverse = self.sandbox.connection();
        [
            ("DATAVERSE_URL", &dataverse.http),
            ("DATAVERSE_TOKEN_URL", &dataverse.token_url),
            ("DATAVERSE_TENANT_ID", &dataverse.tenant),
            ("DATAVERSE_CLIENT_ID", &dataverse.client_id),
            ("DATAVERSE_CLIENT_SECRET", &dataverse.client_secret),
        ]
    }

    /// Sends one delivery, again and again until it is accepted: a client that was told nothing repeats itself.
    pub async fn send(&self, host: &Host, delivery: &Value) {
        let begun = Instant::now();
        loop {
            match self.post(host, delivery.to_string()).await {
                Ok(answer) if answer.status() == 202 => return,
                Ok(answer) if answer.status().is_client_error() => panic!("{}", answer.text().await.unwrap()),
                _ => {}
            }
            assert!(begun.elapsed() < PATIENCE, "not accepted; the host said:\n{}", said(host));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn post(&self, host: &Host, body: String) -> reqwest::Result<reqwest::Response> {
        let request = self.http.post(format!("{}/api/events", host.url())).header("x-functions-key", KEY);
        request.header("content-type", "application/json").body(body).timeout(Duration::from_secs(20)).send().await
    }

    /// Waits until no message is left in any queue, and no closing is left to conclude from.
    pub async fn drained(&self, host: &Host) {
        let begun = Instant::now();
        let store = AzureTableStore::new(&self.account(), "inevent").unwrap();
        let closings = async || closings::waiting(&store).await.unwrap().len();
        while self.waiting().await > 0 || closings().await > 0 {
            assert!(begun.elapsed() < PATIENCE, "messages are left; the host said:\n{}", said(host));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Messages in the queues of the connector.
    pub async fn waiting(&self) -> u64 {
        self.length(EVENTS_QUEUE).await + self.length(ACTIVITIES_QUEUE).await
    }

    /// Messages that the host gave up on, and events that the connector parked.
    pub async fn given_up(&self) -> (u64, usize) {
        let store = AzureTableStore::new(&self.account(), "inevent").unwrap();
        (self.length(&format!("{EVENTS_QUEUE}-poison")).await, parked::count(&store, 1_000).await.unwrap())
    }

    /// What Health says, and with which status.
    pub async fn health(&self, host: &Host) -> (u16, Value) {
        let answer =
            self.http.get(format!("{}/api/health", host.url())).header("x-functions-key", KEY).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Waits for a condition.
    pub async fn until<F: Future<Output = bool>>(&self, host: &Host, what: &str, condition: impl Fn() -> F) {
        let begun = Instant::now();
        while !condition().await {
            assert!(begun.elapsed() < PATIENCE, "{what}: never; the host said:\n{}", said(host));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Runs the program as a person does at a desk: its exit code, and what it printed on either stream.
    pub async fn command(&self, arguments: &[&str]) -> (i32, String, String) {
        self.command_with(arguments, &[]).await
    }

    /// The same with more settings.
    pub async fn command_with(&self, arguments: &[&str], settings: &[(&str, &str)]) -> (i32, String, String) {
        let storage = self.azurite.connection_string();
        command(arguments, &[&[("AzureWebJobsStorage", storage.as_str())], settings].concat()).await
    }

    /// How often the hosts started from now on deliver a message.
    pub fn give_up_after(&mut self, deliveries: u32) {
        let path = self.root.path().join("host.json");
        let mut host: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        host["extensions"]["queues"]["maxDequeueCount"] = deliveries.into();
        std::fs::write(path, host.to_string()).unwrap();
    }

    /// Leaves the functions to nobody's clock that would look at InEvent or invite meanwhile: they run once a year.
    pub fn quiet(&self) {
        for function in ["ReconcileEvents", "PullMarketingLists"] {
            let path = self.root.path().join(function).join("function.json");
            let binding = std::fs::read_to_string(&path).unwrap();
            assert!(binding.contains("30 */5 * * * *"), "{binding}");
            std::fs::write(path, binding.replace("30 */5 * * * *", "0 0 0 1 1 *")).unwrap();
        }
    }

    /// A token with which the sandbox lets somebody in.
    pub async fn token(&self) -> String {
        let dataverse = self.sandbox.connection();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &dataverse.client_id),
            ("client_secret", &dataverse.client_secret),
            ("scope", &format!("{}/.default", dataverse.http)),
        ];
        let answer = self.http.post(&dataverse.token_url).form(&form).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// For `AzureWebJobsStorage`.
    pub fn connection_string(&self) -> String {
        self.azurite.connection_string()
    }

    /// Storage with the tables elsewhere.
    pub fn connection_string_with_tables_at(&self, url: &str) -> String {
        let ours = self.azurite.connection_string();
        let (rest, _) = ours.split_once("TableEndpoint=").unwrap();
        format!("{rest}TableEndpoint={url};")
    }

    /// Storage as the connector sees it.
    pub fn account(&self) -> Account {
        Account::from_connection_string(&self.azurite.connection_string()).unwrap()
    }

    /// Makes the sandbox fail the next calls.
    pub async fn fail(&self, fault: Value) {
        self.set("faults", fault).await;
    }

    /// Sets what the sandbox's admin API lets one set.
    pub async fn set(&self, what: &str, value: Value) {
        let url = format!("{}/{what}", self.sandbox.connection().admin_url.trim_end_matches('/'));
        assert!(self.http.post(url).json(&value).send().await.unwrap().status().is_success());
    }

    async fn length(&self, queue: &str) -> u64 {
        match self.queues.queue(queue).unwrap().approximate_len().await {
            Ok(length) => length,
            Err(QueueError::NoSuchQueue) => 0,
            Err(error) => panic!("{error}"),
        }
    }

    /// Web API calls so far.
    pub async fn calls(&self) -> u64 {
        let url = format!("{}/requests", self.sandbox.connection().admin_url.trim_end_matches('/'));
        let log: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        log["calls"].as_u64().unwrap()
    }
}

/// Runs the program: its exit code, and what it printed on either stream.
pub async fn command(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_inevent-d365"));
    command.args(arguments).envs(environment.iter().copied());
    let output = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The last of what the host and the connector said.
pub fn said(host: &Host) -> String {
    let lines = host.lines();
    let last = lines.iter().rev().take(40).rev();
    last.map(|line| format!("{}{}\n", if line.source == LogSource::Host { "" } else { "    " }, line.text)).collect()
}

/// host.json and the functions as they are deployed; only a failed message comes again after a second instead of ten, and the
/// activities are flushed every second instead of every minute.
fn root() -> TempDir {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = tempfile::tempdir().unwrap();
    let mut host: Value =
        serde_json::from_str(&std::fs::read_to_string(repository.join("host.json")).unwrap()).unwrap();
    host["extensions"]["queues"]["visibilityTimeout"] = "00:00:01".into();
    // The timer need not be waited for.
    let every_second = |text: String| text.replace("0 * * * * *", "* * * * * *");
    std::fs::write(root.path().join("host.json"), host.to_string()).unwrap();
    for function in std::fs::read_dir(repository.join("functions")).unwrap() {
        let function: PathBuf = function.unwrap().path();
        let folder = root.path().join(function.file_name().unwrap());
        std::fs::create_dir(&folder).unwrap();
        let binding = std::fs::read_to_string(function.join("function.json")).unwrap();
        std::fs::write(folder.join("function.json"), every_second(binding)).unwrap();
    }
    root
}
