//! The functions' routes over a file of storage, and the InEvent stand-in that sends them webhooks.

use std::{path::PathBuf, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use dataverse_sandbox::{Seed, inevent as stand_in};
use inevent_d365::{
    functions::{App, DESK_STORAGE, EVENTS_QUEUE, HYDRATE_QUEUE, routes},
    model::{Kind, ParticipantEvent},
    queue::{
        Queue, Queues, SqliteBodies, SqliteQueues,
        envelope::{Content, Envelope},
    },
    store::{SqliteStore, Store},
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const KEY: &str = "a-key-that-nobody-guesses";
const STORAGE: &str = "storage.db";
const PATIENCE: Duration = Duration::from_secs(60);

/// The connector without a host, and InEvent.
pub struct Desk {
    pub app: Arc<App>,
    pub storage: SqliteQueues,
    pub store: Arc<dyn Store>,
    pub inevent: stand_in::StandIn,
    http: reqwest::Client,
    /// Where the webhooks go.
    pub webhook_url: String,
    folder: TempDir,
}

/// The settings that name the stand-in.
pub fn api(inevent: &stand_in::Connection) -> Vec<(&'static str, String)> {
    vec![
        ("INEVENT_API_URL", inevent.url.clone()),
        ("INEVENT_TOKEN", inevent.token.clone()),
        ("INEVENT_COMPANY_ID", inevent.company_id.clone()),
    ]
}

impl Desk {
    pub async fn start() -> Self {
        Self::with(api).await
    }

    /// Without what the connector must know to ask InEvent.
    pub async fn without_api() -> Self {
        Self::with(|_| Vec::new()).await
    }

    pub async fn with(settings: impl FnOnce(&stand_in::Connection) -> Vec<(&'static str, String)>) -> Self {
        let inevent = stand_in::start(0, Seed::Empty).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(STORAGE);
        let mut settings = settings(inevent.connection());
        settings.extend([
            (DESK_STORAGE, file.display().to_string()),
            ("INEVENT_WEBHOOK_KEYS", format!("old-key-0123456789, {KEY}")),
        ]);
        let lookup =
            move |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let app = App::new(lookup, 4);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let webhook_url = format!("http://{}/api/inevent/webhook/main?key={KEY}", listener.local_addr().unwrap());
        tokio::spawn(warp::serve(routes(app.clone())).incoming(listener).run());
        Self {
            app,
            storage: SqliteQueues::open(&file).unwrap(),
            store: Arc::new(SqliteStore::open(&file).unwrap()),
            inevent,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            webhook_url,
            folder,
        }
    }

    /// The file that stands in for the storage account.
    pub fn storage_file(&self) -> PathBuf {
        self.folder.path().join(STORAGE)
    }

    /// Bodies too large for a message are beside it.
    pub fn bodies(&self) -> SqliteBodies {
        SqliteBodies::open(self.storage_file()).unwrap()
    }

    /// A call to InEvent, as its own users make them; again where there were too many.
    pub async fn inevent(&self, action: &str, query: &[(&str, &str)], body: &[(&str, &str)]) -> Value {
        let connection = self.inevent.connection();
        loop {
            let request = self.http.post(format!("{}/", connection.url)).query(&[("action", action)]).query(query);
            let answer = request.bearer_auth(&connection.token).form(body).send().await.unwrap();
            let status = answer.status();
            let text = answer.text().await.unwrap();
            if status == 429 {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
            assert!(status.is_success(), "{action}: {status} {text}");
            return serde_json::from_str::<Value>(&text).unwrap()["data"][0].clone();
        }
    }

    /// Forgets the calls made to InEvent so far, which the test itself made. They count for a second.
    pub async fn forget_calls(&self) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let url = format!("{}/calls", self.inevent.connection().admin_url);
        self.http.delete(url).send().await.unwrap();
    }

    /// How many calls there were since; never more than ten in a second.
    pub async fn calls(&self) -> u64 {
        let calls = self.told("calls").await;
        assert!(calls["highest_per_second"].as_u64().unwrap() <= 10 && calls["refused"] == 0, "{calls}");
        calls["calls"].as_u64().unwrap()
    }

    /// The stand-in's own admin API.
    pub async fn admin(&self, path: &str, body: Value) {
        let url = format!("{}/{path}", self.inevent.connection().admin_url);
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    }

    pub async fn told(&self, path: &str) -> Value {
        let url = format!("{}/{path}", self.inevent.connection().admin_url);
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// A new event, and its id.
    pub async fn event(&self, name: &str) -> String {
        let company = self.inevent.connection().company_id.clone();
        id(&self.inevent("company.event.bind", &[("companyID", &company)], &[("name", name)]).await, "eventID")
    }

    /// Sets up a webhook for each of these types.
    pub async fn webhooks(&self, types: &[&str], with_trigger: bool) {
        let company = self.inevent.connection().company_id.clone();
        for kind in types {
            let trigger = format!("&trigger={}", kind.replace('_', "-"));
            let url = format!("{}{}", self.webhook_url, if with_trigger { &trigger } else { "" });
            self.inevent("webhook.create", &[("companyID", &company)], &[("type", kind), ("url", &url)]).await;
        }
    }

    pub fn queue(&self, name: &str) -> Arc<dyn Queue> {
        self.storage.queue(name).unwrap()
    }

    /// Waits until InEvent has sent all that it has to send, and so much was taken.
    pub async fn sent(&self, deliveries: u64) {
        let sent = async {
            loop {
                let counts = self.told("deliveries").await["counts"].clone();
                if counts["pending"] == 0 && counts["delivered"].as_u64() >= Some(deliveries) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, sent).await.is_err() {
            panic!("{}", self.told("deliveries").await);
        }
    }

    /// Settles what is visible in the queue of webhooks; how many messages there were.
    pub async fn hydrate(&self) -> usize {
        let queue = self.queue(HYDRATE_QUEUE);
        let mut messages = 0;
        loop {
            let received = queue.receive(32, Duration::from_secs(600)).await.unwrap();
            if received.is_empty() {
                return messages;
            }
            messages += received.len();
            let settling = received.iter().map(|message| async {
                let invocation =
                    json!({ "Data": { "msg": STANDARD.encode(&message.text) }, "Metadata": { "DequeueCount": "1" } });
                let request = warp::test::request().method("POST").path("/HydrateEvents").body(invocation.to_string());
                let answer = request.reply(&routes(self.app.clone())).await;
                assert_eq!(answer.status(), 200, "{:?}", answer.body());
                queue.delete(&message.receipt).await.unwrap();
            });
            futures_util::future::join_all(settling).await;
        }
    }

    /// The events that wait to be written, and takes them away.
    pub async fn events(&self) -> Vec<ParticipantEvent> {
        let mut events = Vec::new();
        for item in self.taken(EVENTS_QUEUE).await {
            events.push(serde_json::from_value(item).unwrap());
        }
        events
    }

    async fn taken(&self, queue: &str) -> Vec<Value> {
        let queue = self.queue(queue);
        let mut items = Vec::new();
        loop {
            let received = queue.receive(32, Duration::from_secs(600)).await.unwrap();
            if received.is_empty() {
                return items;
            }
            for message in received {
                match Envelope::parse(&message.text).unwrap().content {
                    Content::Items(more) => items.extend(more),
                    Content::Body(key) => panic!("a body {key}"),
                }
                queue.delete(&message.receipt).await.unwrap();
            }
        }
    }

    /// The reasons for which something is parked.
    pub async fn parked(&self) -> Vec<String> {
        let mut pages = inevent_d365::parked::Pages::all(&*self.store);
        let mut reasons = Vec::new();
        while let Some(page) = pages.next(jiff::Timestamp::now()).await.unwrap() {
            reasons.extend(page.found.into_iter().map(|found| found.entry.reason));
        }
        reasons
    }

    pub async fn health(&self) -> Value {
        let answer = warp::test::request().path("/api/health").reply(&routes(self.app.clone())).await;
        serde_json::from_slice(answer.body()).unwrap()
    }
}

pub fn id(row: &Value, field: &str) -> String {
    row[field].as_str().unwrap_or_else(|| panic!("{row} has no {field}")).to_owned()
}

/// The events of a kind about a person.
pub fn of<'a>(events: &'a [ParticipantEvent], kind: Kind, person: &str) -> Vec<&'a ParticipantEvent> {
    let about = |event: &&ParticipantEvent| event.participant.as_ref().is_some_and(|one| one.id == person);
    events.iter().filter(|event| event.kind == kind).filter(about).collect()
}
