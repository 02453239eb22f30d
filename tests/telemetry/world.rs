//! Everything that one test runs.

use std::{
    future::Future,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use dataverse_sandbox::{Options, Sandbox, Seed};
use inevent_d365::{
    azure::Account,
    functions::{ACTIVITIES_QUEUE, EVENTS_QUEUE, HYDRATE_QUEUE},
    local::host::{self, FunctionKeys, Host, HostOptions, LogSource, TimerFolder},
    parked,
    queue::{AzureQueues, Queue, QueueError, Queues},
    store::AzureTableStore,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    azurite::Azurite,
    insights::Insights,
    proxy::{HERE, Proxy},
};

pub const FUNCTION_KEY: &str = "zyx-function-key-0123456789abcdefABCDEF";
pub const WEBHOOK_KEY: &str = "zyx-webhook-key-0123456789abcdefABCDEF";

const PATIENCE: Duration = Duration::from_secs(120);

pub struct World {
    pub sandbox: Sandbox,
    pub insights: Insights,
    pub proxy: Proxy,
    pub http: reqwest::Client,
    azurite: Azurite,
    queues: Arc<dyn Queues>,
    root: TempDir,
}

impl World {
    pub async fn start() -> Self {
        let azurite = Azurite::start().await;
        let account = Account::from_connection_string(&azurite.connection_string()).unwrap();
        let options = Options { orgs: vec!["contoso".into()], seed: Seed::Crm, ..Default::default() };
        Self {
            sandbox: dataverse_sandbox::start(options).await.unwrap(),
            insights: Insights::start().await,
            proxy: Proxy::start().await,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            queues: Arc::new(AzureQueues::new(&account).unwrap()),
            azurite,
            root: root(),
        }
    }

    /// The host with the connector, with some of its settings changed.
    pub async fn host(&self, changed: &[(&str, &str)]) -> Host {
        let dataverse = self.sandbox.connection();
        let storage = self.azurite.connection_string().replace("127.0.0.1", HERE);
        let settings = self.root.path().join("settings.json").display().to_string();
        let mut environment: Vec<(String, String)> = self
            .insights
            .settings()
            .into_iter()
            .chain([
                ("AzureWebJobsStorage", storage),
                ("DATAVERSE_URL", dataverse.http.clone()),
                ("DATAVERSE_TOKEN_URL", dataverse.token_url.clone()),
                ("DATAVERSE_TENANT_ID", dataverse.tenant.clone()),
                ("DATAVERSE_CLIENT_ID", dataverse.client_id.clone()),
                ("DATAVERSE_CLIENT_SECRET", dataverse.client_secret.clone()),
                ("INEVENT_API_URL", dataverse.inevent.url.clone()),
                ("INEVENT_TOKEN", dataverse.inevent.token.clone()),
                ("INEVENT_COMPANY_ID", dataverse.inevent.company_id.clone()),
                ("INEVENT_WEBHOOK_KEYS", WEBHOOK_KEY.to_owned()),
                ("INEVENT_D365_SETTINGS", settings),
                ("HTTP_PROXY", self.proxy.address.clone()),
                ("http_proxy", self.proxy.address.clone()),
                ("NO_PROXY", String::new()),
                ("no_proxy", String::new()),
                ("INEVENT_D365_LOG", "debug".to_owned()),
            ])
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        environment.extend(changed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let host = host::start(HostOptions {
            executable: Some(env!("CARGO_BIN_EXE_inevent-d365").into()),
            environment,
            keys: FunctionKeys { function: vec![FUNCTION_KEY.into()], master: None },
            timers: Arc::new(TimerFolder(self.root.path().join("timers"))),
            tracing_context: true,
            ..HostOptions::new(self.root.path(), self.queues.clone())
        });
        let host = host.await.unwrap();
        tokio::time::timeout(PATIENCE, host.ready()).await.unwrap().unwrap();
        host
    }

    /// Puts a settings document in place.
    pub fn settings(&self, document: &Value) {
        std::fs::write(self.root.path().join("settings.json"), document.to_string()).unwrap();
    }

    /// Sends events as a client does, in this trace; the status of the answer.
    pub async fn send(&self, host: &Host, events: &Value, traceparent: &str) -> u16 {
        let request = self.http.post(format!("{}/api/events", host.url())).header("x-functions-key", FUNCTION_KEY);
        let request = request.header("traceparent", traceparent).json(events);
        request.send().await.unwrap().status().as_u16()
    }

    /// Sends a webhook as InEvent does; the status of the answer.
    pub async fn webhook(&self, host: &Host, key: &str, body: &Value) -> u16 {
        let url = format!("{}/api/inevent/webhook/main?key={key}&code={FUNCTION_KEY}", host.url());
        self.http.post(url).json(body).send().await.unwrap().status().as_u16()
    }

    /// Waits for a condition.
    pub async fn until<F: Future<Output = bool>>(&self, host: &Host, what: &str, condition: impl Fn() -> F) {
        let begun = Instant::now();
        while !condition().await {
            assert!(begun.elapsed() < PATIENCE, "{what}: never; the host said:\n{}", said(host));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until no message is left in any queue.
    pub async fn drained(&self, host: &Host) {
        self.until(host, "drained", || async {
            let mut left = 0;
            for queue in [EVENTS_QUEUE, ACTIVITIES_QUEUE, HYDRATE_QUEUE] {
                left += self.length(queue).await;
            }
            left == 0
        })
        .await;
    }

    pub async fn parked(&self) -> usize {
        parked::count(&AzureTableStore::new(&self.account(), "inevent").unwrap(), 1_000).await.unwrap()
    }

    pub async fn queue(&self, name: &str) -> Arc<dyn Queue> {
        let queue = self.queues.queue(name).unwrap();
        queue.create().await.unwrap();
        queue
    }

    pub fn account(&self) -> Account {
        Account::from_connection_string(&self.azurite.connection_string()).unwrap()
    }

    /// The key of the storage account.
    pub fn storage_key(&self) -> String {
        let text = self.azurite.connection_string();
        text.split(';').find_map(|field| field.strip_prefix("AccountKey=")).unwrap().to_owned()
    }

    /// Makes the sandbox fail the next calls.
    pub async fn fail(&self, fault: Value) {
        let url = format!("{}/faults", self.sandbox.connection().admin_url.trim_end_matches('/'));
        assert!(self.http.post(url).json(&fault).send().await.unwrap().status().is_success());
    }

    /// Rows of a table in the CRM.
    pub async fn table(&self, name: &str) -> Vec<Value> {
        let url = format!("{}/dump?table={name}", self.sandbox.connection().admin_url.trim_end_matches('/'));
        let dump: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        dump.as_array().or_else(|| dump["value"].as_array()).or_else(|| dump["rows"].as_array()).unwrap().clone()
    }

    /// Makes a row in the CRM, as somebody who may do everything; its id.
    pub async fn make(&self, path: &str, body: Value) -> String {
        let dataverse = self.sandbox.connection();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &dataverse.client_id),
            ("client_secret", &dataverse.client_secret),
            ("scope", &format!("{}/.default", dataverse.http)),
        ];
        let token: Value = self.http.post(&dataverse.token_url).form(&form).send().await.unwrap().json().await.unwrap();
        let url = format!("{}/api/data/v9.2/{path}", dataverse.http);
        let request = self.http.post(url).bearer_auth(token["access_token"].as_str().unwrap()).json(&body);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}");
        let made =
            answer.headers().get("odata-entityid").map(|url| url.to_str().unwrap().to_owned()).unwrap_or_default();
        made.rsplit_once('(').map(|(_, id)| id.trim_end_matches(')').to_owned()).unwrap_or_default()
    }

    /// One call of InEvent's public API, as its users make them; again where there were too many.
    pub async fn inevent(&self, action: &str, query: &[(&str, &str)], body: &[(&str, &str)]) -> Value {
        let inevent = &self.sandbox.connection().inevent;
        loop {
            let request = self.http.post(format!("{}/", inevent.url)).query(&[("action", action)]).query(query);
            let answer = request.bearer_auth(&inevent.token).form(body).send().await.unwrap();
            if answer.status() == 429 {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
            assert!(answer.status().is_success(), "{action}: {}", answer.text().await.unwrap());
            return answer.json::<Value>().await.unwrap()["data"][0].clone();
        }
    }

    /// Sets a switch of InEvent's stand-in.
    pub async fn vary(&self, what: &str, value: Value) {
        let url = format!("{}/{what}", self.sandbox.connection().inevent.admin_url);
        assert!(self.http.post(url).json(&value).send().await.unwrap().status().is_success());
    }

    async fn length(&self, queue: &str) -> u64 {
        match self.queues.queue(queue).unwrap().approximate_len().await {
            Ok(length) => length,
            Err(QueueError::NoSuchQueue) => 0,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A registration of somebody.
pub fn registration(id: &str) -> Value {
    json!({
        "id": id, "time": "2026-05-01T09:00:00Z", "kind": "registered", "event": { "id": "1", "name": "Breakfast" },
        "participant": { "id": id, "email": format!("{id}@x.example"), "last_name": "Doe" },
    })
}

/// The lines that the connector wrote, those that came with answers among them.
pub fn lines(host: &Host) -> Vec<Value> {
    let ours = |source: &LogSource| matches!(source, LogSource::Stdout | LogSource::Function(_));
    let lines = host.lines().into_iter().filter(|line| ours(&line.source));
    lines.map(|line| serde_json::from_str(&line.text).unwrap_or_else(|_| panic!("not JSON: {}", line.text))).collect()
}

/// The last of what the host and the connector said.
pub fn said(host: &Host) -> String {
    let lines = host.lines();
    let told = lines.iter().rev().filter(|line| !line.text.contains("\"level\":\"DEBUG\""));
    told.take(60).map(|line| format!("{}\n", line.text)).collect()
}

/// host.json and the functions as they are deployed; only a failed message comes again after a second instead of ten.
fn root() -> TempDir {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = tempfile::tempdir().unwrap();
    let host = std::fs::read_to_string(repository.join("host.json")).unwrap();
    let mut host: Value = serde_json::from_str(&host).unwrap();
    host["extensions"]["queues"]["visibilityTimeout"] = "00:00:01".into();
    std::fs::write(root.path().join("host.json"), host.to_string()).unwrap();
    std::fs::write(root.path().join("settings.json"), json!({ "version": 1 }).to_string()).unwrap();
    for function in std::fs::read_dir(repository.join("functions")).unwrap() {
        let function = function.unwrap().path();
        let folder = root.path().join(function.file_name().unwrap());
        std::fs::create_dir(&folder).unwrap();
        std::fs::copy(function.join("function.json"), folder.join("function.json")).unwrap();
    }
    root
}
