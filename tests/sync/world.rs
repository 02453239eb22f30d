//! A CRM, and an engine that writes to it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use dataverse_sandbox::{Options, Sandbox, Seed};
use inevent_d365::{
    dataverse::{Client, ClientOptions, ClientSecret},
    model::{ParticipantEvent, validate},
    settings::{
        PlainSecret,
        kept::{ETag, Kept, PlaceError, SettingsPlace},
    },
    store::SqliteStore,
    sync::{DataverseCrm, current::CurrentSettings, engine::Engine, outcome::Outcome},
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub struct World {
    pub sandbox: Sandbox,
    pub engine: Engine,
    pub http: reqwest::Client,
    token: String,
    _folder: TempDir,
}

impl World {
    /// An empty CRM, and an engine with these settings for every event.
    pub async fn start(defaults: Value) -> Self {
        let options = Options { orgs: vec!["contoso".into()], seed: Seed::Empty, ..Default::default() };
        let sandbox = dataverse_sandbox::start(options).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let connection = sandbox.connection();
        let secret = Arc::new(PlainSecret(connection.client_secret.clone().into()));
        let (url, id) = (connection.http.clone(), connection.client_id.clone());
        let tokens = ClientSecret::new(http.clone(), connection.token_url.clone(), id.clone(), &url, secret);
        let client = Client::new(http.clone(), Arc::new(tokens), ClientOptions::new(&url));
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path().join("store.db")).unwrap());
        let document = json!({ "version": 1, "defaults": defaults }).to_string();
        let settings = CurrentSettings::kept(Arc::new(Fixed(document)));
        let engine = Engine::new(Arc::new(DataverseCrm::new(Arc::new(client))), store, "t".into());
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &id),
            ("client_secret", &connection.client_secret),
            ("scope", &format!("{url}/.default")),
        ];
        let answer: Value = http.post(&connection.token_url).form(&form).send().await.unwrap().json().await.unwrap();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        Self { engine: engine.with_settings(settings), sandbox, http, token, _folder: folder }
    }

    /// What somebody else does in the CRM. Returns the answer's body, or for a create its row.
    pub async fn crm(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/api/data/v9.2/{path}", self.sandbox.connection().http);
        let request = self.http.request(method.parse().unwrap(), url).bearer_auth(&self.token);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.header("Prefer", "return=representation").send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Creates a row, and returns its id.
    pub async fn add(&self, set: &str, row: Value) -> String {
        let row = self.crm("POST", set, row).await;
        let key = if set == "new_eventattendances" {
            "activityid".into()
        } else {
            format!("{}id", set.trim_end_matches('s'))
        };
        row[key].as_str().unwrap().to_owned()
    }

    /// Moves the CRM's clock, by less than a token lasts.
    pub async fn a_while_later(&self) {
        let url = format!("{}/clock", self.sandbox.connection().admin_url.trim_end_matches('/'));
        let answer = self.http.post(url).json(&json!({ "advance_s": 3_000 })).send().await.unwrap();
        assert!(answer.status().is_success());
    }

    /// Every row of a table, straight from the sandbox's storage, by primary key.
    pub async fn rows(&self, table: &str) -> Vec<Value> {
        let url = format!("{}/dump?table={table}", self.sandbox.connection().admin_url.trim_end_matches('/'));
        let dump: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        dump.as_array().or_else(|| dump["value"].as_array()).or_else(|| dump["rows"].as_array()).unwrap().clone()
    }

    /// The rows of a table that have this value.
    pub async fn with(&self, table: &str, column: &str, value: &str) -> Vec<Value> {
        self.rows(table).await.into_iter().filter(|row| row[column] == value).collect()
    }

    /// Writes a batch; what became of each event.
    pub async fn run(&self, events: &[Value]) -> Vec<Outcome> {
        let events: Vec<ParticipantEvent> = events.iter().map(read).collect();
        self.engine.run(&events).await.outcomes
    }

    /// Writes one event, of which nothing may be left to do.
    pub async fn settle(&self, event: Value) {
        let outcomes = self.run(&[event]).await;
        assert!(matches!(outcomes[..], [Outcome::Settled { .. }]), "{outcomes:?}");
    }
}

fn read(event: &Value) -> ParticipantEvent {
    validate::read(event, "2026-06-01T00:00:00Z".parse().unwrap()).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// A registration at event 4711, in the second given, with what is said of the participant.
pub fn registered(second: u8, participant: Value) -> Value {
    json!({
        "id": format!("{participant}{second}").chars().filter(char::is_ascii_alphanumeric).take(60).collect::<String>(),
        "time": format!("2026-05-01T09:00:{second:02}Z"), "kind": "registered",
        "event": { "id": "4711", "name": "Partner Day" }, "participant": participant,
    })
}

#[derive(Debug)]
struct Fixed(String);

#[async_trait]
impl SettingsPlace for Fixed {
    async fn read(&self) -> Result<Option<Kept>, PlaceError> {
        Ok(Some(Kept { text: self.0.clone(), etag: ETag("1".into()) }))
    }

    async fn write(&self, _: &str, _: Option<&ETag>) -> Result<ETag, PlaceError> {
        Err(PlaceError::Changed)
    }

    fn fresh_for(&self) -> Duration {
        Duration::from_secs(1_000)
    }
}
