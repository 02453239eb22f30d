//! What tests of functions play on: the functions over a desk's storage, a CRM and an InEvent.

use std::{
    collections::HashMap,
    future::Future,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use dataverse_sandbox::{Connection, Options, Sandbox, Seed};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    App, DESK_STORAGE,
    delivery::{How, deliver},
    invocation::Message,
};
use crate::{
    manage::Ground,
    queue::{
        Queue,
        envelope::{Content, Envelope, History},
    },
    settings::kept::SETTINGS_FILE,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// An app setting that is made of the sandbox's connection.
type FromConnection = (&'static str, fn(&Connection) -> String);

pub(super) struct Stage {
    pub(super) sandbox: Sandbox,
    pub(super) app: Arc<App>,
    http: reqwest::Client,
    settings: HashMap<&'static str, String>,
    folder: TempDir,
}

impl Stage {
    /// `more`: app settings beside those of storage and Dataverse.
    pub(super) async fn start(seed: Seed, more: &[FromConnection]) -> Self {
        let options = Options { orgs: vec!["contoso".into()], seed, ..Default::default() };
        let (sandbox, folder) = (dataverse_sandbox::start(options).await.unwrap(), tempfile::tempdir().unwrap());
        let connection = sandbox.connection();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut settings: HashMap<&str, String> = [
            (DESK_STORAGE, path("desk.db")),
            (SETTINGS_FILE, path("settings.json")),
            ("DATAVERSE_URL", connection.http.clone()),
            ("DATAVERSE_TOKEN_URL", connection.token_url.clone()),
            ("DATAVERSE_TENANT_ID", connection.tenant.clone()),
            ("DATAVERSE_CLIENT_ID", connection.client_id.clone()),
            ("DATAVERSE_CLIENT_SECRET", connection.client_secret.clone()),
        ]
        .into();
        settings.extend(more.iter().map(|(name, value)| (*name, value(connection))));
        let looked_up = settings.clone();
        let app = App::new(move |name| looked_up.get(name).cloned(), 1);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let stage = Self { sandbox, app, http, settings, folder };
        stage.settings(json!({}));
        stage
    }

    /// What the settings document says of all events.
    pub(super) fn settings(&self, defaults: Value) {
        let file: PathBuf = self.folder.path().join("settings.json");
        std::fs::write(file, json!({ "version": 1, "defaults": defaults }).to_string()).unwrap();
    }

    /// What administrators ask.
    pub(super) fn ground(&self) -> Ground {
        let settings = self.settings.clone();
        Ground::open(move |name| settings.get(name).cloned())
    }

    /// Somebody does something in the CRM; the row, or what else is answered.
    pub(super) async fn crm(&self, method: &str, path: &str, body: Value) -> Value {
        let connection = self.sandbox.connection();
        let scope = format!("{}/.default", connection.http);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &connection.client_id),
            ("client_secret", &connection.client_secret),
            ("scope", &scope),
        ];
        let token = self.http.post(&connection.token_url).form(&form).send().await.unwrap();
        let token: Value = token.json().await.unwrap();
        let url = format!("{}/api/data/v9.2/{path}", connection.http);
        let request =
            self.http.request(method.parse().unwrap(), url).bearer_auth(token["access_token"].as_str().unwrap());
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.header("prefer", "return=representation").send().await.unwrap();
        assert!(answer.status().is_success(), "{method} {path}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap_or_default()
    }

    /// Asks the sandbox's admin API.
    pub(super) async fn admin(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/{path}", self.sandbox.connection().admin_url.trim_end_matches('/'));
        let request = self.http.request(method.parse().unwrap(), url);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{method} {path}");
        answer.json().await.unwrap_or_default()
    }

    /// Every row of a table.
    pub(super) async fn dump(&self, table: &str) -> Vec<Value> {
        self.admin("GET", &format!("dump?table={table}"), Value::Null).await.as_array().unwrap().clone()
    }

    /// Somebody does something in InEvent; the first object of the answer.
    pub(super) async fn inevent(&self, action: &str, query: &[(&str, &str)], body: &[(&str, &str)]) -> Value {
        let connection = &self.sandbox.connection().inevent;
        let request = self.http.post(&connection.url).query(&[("action", action), ("format", "json")]).query(query);
        let answer = request.bearer_auth(&connection.token).form(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{action}");
        answer.json::<Value>().await.unwrap()["data"][0].clone()
    }

    /// Delivers a statement as the host does, after so many attempts.
    pub(super) async fn deliver(&self, attempt: u32, statement: Value) {
        let services = self.app.services().await.unwrap();
        let message = Message::Envelope(envelope(history(attempt), statement));
        let how = How { alone: false, flushed: false };
        deliver(services, &*services.events, message, how).await.unwrap();
    }

    /// Delivers what can be seen in the events queue, until nothing can.
    pub(super) async fn drain(&self) {
        let services = self.app.services().await.unwrap();
        let queue: &dyn Queue = &*services.events;
        loop {
            let messages = queue.receive(32, PATIENCE).await.unwrap();
            if messages.is_empty() {
                return;
            }
            for message in messages {
                let envelope = Envelope::parse(&message.text).unwrap();
                let how = How { alone: false, flushed: false };
                deliver(services, queue, Message::Envelope(envelope), how).await.unwrap();
                queue.delete(&message.receipt).await.unwrap();
            }
        }
    }
}

/// Of what came as many hours ago as it was put back since.
pub(super) fn history(attempt: u32) -> History {
    let first_seen = Timestamp::now() - SignedDuration::from_hours(attempt.into());
    History { attempt, ..History::new(first_seen, None) }
}

pub(super) fn envelope(history: History, item: Value) -> Envelope {
    Envelope { envelope: 1, history, content: Content::Items(vec![item]) }
}

/// Something that Ana did in this second, at event 4711.
pub(super) fn statement(kind: &str, second: u8) -> Value {
    json!({
        "id": format!("{kind}-{second}"), "time": format!("2026-05-01T09:00:{second:02}Z"), "kind": kind,
        "event": { "id": "4711", "name": "Partner Day" },
        "participant": { "id": "100", "email": "ana@x.example", "last_name": "Silva" },
    })
}

/// Waits for a condition.
pub(super) async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < PATIENCE, "{what}: never");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
