//! A CRM, and an engine that writes to it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use dataverse_sandbox::{Options, Sandbox, Seed};
use inevent_d365::{
    dataverse::{Client, ClientCredentials, ClientOptions, Credential},
    model::{ParticipantEvent, validate},
    settings::{
        PlainSecret, Prefix,
        kept::{ETag, Kept, PlaceError, SettingsPlace},
    },
    setup::{Depth, Provisioning, Reach, Role, Solution, Wanted, provision},
    store::SqliteStore,
    sync::{DataverseCrm, current::CurrentSettings, engine::Engine, outcome::Outcome},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The application of an engine with a role of its own, and its secret.
pub const CONNECTOR: &str = "5ec0d000-0000-4000-8000-000000000001";
pub const SECRET: &str = "connector";

pub struct World {
    pub sandbox: Sandbox,
    pub engine: Engine,
    pub http: reqwest::Client,
    store: Arc<SqliteStore>,
    settings: String,
    _folder: TempDir,
}

impl World {
    /// An empty CRM, and an engine with these settings for every event.
    pub async fn start(defaults: Value) -> Self {
        Self::seeded(Seed::Empty, defaults).await
    }

    /// A CRM that begins with other rows.
    pub async fn seeded(seed: Seed, defaults: Value) -> Self {
        let options = Options { orgs: vec!["contoso".into()], seed, ..Default::default() };
        let sandbox = dataverse_sandbox::start(options).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let connection = sandbox.connection();
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path().join("store.db")).unwrap());
        let settings = json!({ "version": 1, "defaults": defaults }).to_string();
        let (id, secret) = (connection.client_id.clone(), connection.client_secret.clone());
        let engine = engine(&sandbox, &http, store.clone(), &settings, (&id, &secret), &Prefix::default());
        Self { engine, sandbox, http, store, settings, _folder: folder }
    }

    /// The same with an engine whose application user has a role of its own: privileges by name, `Basic` (own rows) or `Global`.
    pub async fn with_role(self, privileges: &[(&str, &str)]) -> Self {
        let application = json!({ "client_id": CONNECTOR, "name": "Connector", "secret": SECRET });
        self.admin("POST", "applications", application).await;
        let unit = self.crm("GET", "WhoAmI", Value::Null).await["BusinessUnitId"].as_str().unwrap().to_owned();
        let bind = format!("/businessunits({unit})");
        let user = json!({ "applicationid": CONNECTOR, "lastname": "Connector", "accessmode": 4, "businessunitid@odata.bind": bind });
        let user = self.add("systemusers", user).await;
        let role = self.add("roles", json!({ "name": "Connector", "businessunitid@odata.bind": bind })).await;
        for (name, depth) in privileges {
            let found =
                self.crm("GET", &format!("privileges?$select=privilegeid&$filter=name eq '{name}'"), Value::Null).await;
            let id = &found["value"][0]["privilegeid"];
            let privilege = json!({ "PrivilegeId": id, "PrivilegeName": name, "Depth": depth, "BusinessUnitId": unit });
            let path = format!("roles({role})/Microsoft.Dynamics.CRM.AddPrivilegesRole");
            self.crm("POST", &path, json!({ "Privileges": [privilege] })).await;
        }
        let link = json!({ "@odata.id": format!("{}/api/data/v9.2/roles({role})", self.sandbox.connection().http) });
        self.crm("POST", &format!("systemusers({user})/systemuserroles_association/$ref"), link).await;
        let (store, signs_in) = (self.store.clone(), (CONNECTOR, SECRET));
        let engine = engine(&self.sandbox, &self.http, store, &self.settings, signs_in, &Prefix::default());
        Self { engine, ..self }
    }

    /// The same set up for another prefix as well, with an engine that has this one.
    pub async fn with_prefix(self, prefix: &Prefix) -> Self {
        let solution = Solution::new(&Wanted { prefix: prefix.clone(), ..Wanted::default() }).unwrap();
        provision(&self.administrator(), &solution, &Provisioning::default(), &mut |_| {}).await.unwrap();
        let connection = self.sandbox.connection();
        let signs_in = (connection.client_id.as_str(), connection.client_secret.as_str());
        let engine = engine(&self.sandbox, &self.http, self.store.clone(), &self.settings, signs_in, prefix);
        Self { engine, ..self }
    }

    /// Another engine, with this settings document.
    pub fn engine_with(&self, document: &str) -> Engine {
        let connection = self.sandbox.connection();
        let signs_in = (connection.client_id.as_str(), connection.client_secret.as_str());
        engine(&self.sandbox, &self.http, self.store.clone(), document, signs_in, &Prefix::default())
    }

    /// A client that calls the CRM at another address than its own.
    pub fn client_by(&self, url: &str) -> Arc<Client> {
        let connection = self.sandbox.connection();
        client_at(url, &self.sandbox, &self.http, (&connection.client_id, &connection.client_secret))
    }

    /// A client that signs in as this application.
    pub fn client(&self, (id, secret): (&str, &str)) -> Arc<Client> {
        client(&self.sandbox, &self.http, (id, secret))
    }

    /// A client of the administrator's.
    pub fn administrator(&self) -> Arc<Client> {
        let connection = self.sandbox.connection();
        self.client((&connection.client_id, &connection.client_secret))
    }

    /// Asks the sandbox's admin API.
    pub async fn admin(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/{path}", self.sandbox.connection().admin_url.trim_end_matches('/'));
        let request = self.http.request(method.parse().unwrap(), url);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{method} {path}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    /// A token of the administrator, who is nobody's engine where that has a role of its own.
    pub async fn token(&self) -> String {
        let connection = self.sandbox.connection();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &connection.client_id),
            ("client_secret", &connection.client_secret),
            ("scope", &format!("{}/.default", connection.http)),
        ];
        let answer = self.http.post(&connection.token_url).form(&form).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned()
    }

    /// What somebody else does in the CRM. Returns the answer's body, or for a create its row.
    pub async fn crm(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/api/data/v9.2/{path}", self.sandbox.connection().http);
        let request = self.http.request(method.parse().unwrap(), url).bearer_auth(self.token().await);
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
        self.later(3_000).await;
    }

    /// Moves the CRM's clock by so many seconds.
    pub async fn later(&self, seconds: u64) {
        self.admin("POST", "clock", json!({ "advance_s": seconds })).await;
    }

    /// Every row of a table, straight from the sandbox's storage, by primary key.
    pub async fn rows(&self, table: &str) -> Vec<Value> {
        let dump = self.admin("GET", &format!("dump?table={table}"), Value::Null).await;
        dump.as_array().unwrap().clone()
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

fn engine(
    sandbox: &Sandbox,
    http: &reqwest::Client,
    store: Arc<SqliteStore>,
    settings: &str,
    (id, secret): (&str, &str),
    prefix: &Prefix,
) -> Engine {
    let client = client(sandbox, http, (id, secret));
    Engine::new(Arc::new(DataverseCrm::new(client, prefix)), store, "t".into()).with_settings(fixed(settings))
}

fn client(sandbox: &Sandbox, http: &reqwest::Client, signs_in: (&str, &str)) -> Arc<Client> {
    client_at(&sandbox.connection().http, sandbox, http, signs_in)
}

fn client_at(url: &str, sandbox: &Sandbox, http: &reqwest::Client, (id, secret): (&str, &str)) -> Arc<Client> {
    let connection = sandbox.connection();
    let secret = Arc::new(Credential::Secret(Arc::new(PlainSecret(secret.to_owned().into()))));
    let tokens =
        ClientCredentials::new(http.clone(), connection.token_url.clone(), id.to_owned(), &connection.http, secret);
    Arc::new(Client::new(http.clone(), Arc::new(tokens), ClientOptions::new(url)))
}

/// Settings that stay as they are.
pub fn fixed(settings: &str) -> CurrentSettings {
    CurrentSettings::kept(Arc::new(Fixed(settings.to_owned())))
}

pub fn read(event: &Value) -> ParticipantEvent {
    validate::read(event, "2026-06-01T00:00:00Z".parse().unwrap()).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// The connector's role, for contacts with this depth.
pub fn role_privileges(contacts: &'static str) -> Vec<(&'static str, &'static str)> {
    let depth = |name: &str, depth: Depth| if name.ends_with("Contact") { contacts } else { depth.name() };
    let role = Role::new(Reach::Organisation);
    role.privileges.iter().map(|privilege| (privilege.name, depth(privilege.name, privilege.depth))).collect()
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

    async fn history(&self) -> Result<Vec<String>, PlaceError> {
        Ok(Vec::new())
    }

    async fn replaced(&self, _: &str) -> Result<Option<String>, PlaceError> {
        Ok(None)
    }

    fn fresh_for(&self) -> Duration {
        Duration::from_secs(1_000)
    }
}
