//! A CRM with lists, an InEvent with an event, and what invites between them.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use dataverse_sandbox::{Options, Sandbox, Seed, inevent::StandIn};
use inevent_d365::{
    dataverse::{self, ClientCredentials, Credential},
    inevent::{self, Pacer, Token},
    invite::{self, Inviter, Kept, Report, Run, State, Terms},
    settings::{
        PlainSecret, Prefix,
        document::{self, EventSettings},
    },
    store::{SqliteStore, Store},
};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const EVENT: &str = "4711";

pub struct World {
    pub sandbox: Sandbox,
    pub standin: StandIn,
    pub http: reqwest::Client,
    pub store: Arc<dyn Store>,
    token: String,
    folder: TempDir,
}

/// What somebody who invites has to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Surroundings {
    dataverse: String,
    token_url: String,
    client_id: String,
    client_secret: String,
    /// InEvent's URL, by which turns are named, and the one that is called.
    inevent: String,
    called: String,
    token: String,
    company: String,
    /// How long an invitation may take, and when it counts as abandoned, in milliseconds.
    longest_call_ms: u64,
    abandoned_ms: u64,
}

impl World {
    pub async fn start() -> Self {
        let options = Options { orgs: vec!["contoso".into()], seed: Seed::Empty, ..Default::default() };
        let sandbox = dataverse_sandbox::start(options).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path().join("store.db")).unwrap());
        let connection = sandbox.connection();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &connection.client_id),
            ("client_secret", &connection.client_secret),
            ("scope", &format!("{}/.default", connection.http)),
        ];
        let answer = http.post(&connection.token_url).form(&form).send().await.unwrap();
        let token = answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
        let standin = dataverse_sandbox::inevent::start(0, Seed::Crm).unwrap();
        Self { sandbox, standin, http, store, token, folder }
    }

    /// Somebody of its own who invites; `url` is InEvent's, or what stands before it.
    pub fn inviter_at(&self, url: &str) -> (Inviter, Arc<dataverse::Client>) {
        let longest = Terms::default().longest_call.as_millis() as u64;
        self.surroundings(url, longest, 300).inviter(self.store.clone())
    }

    /// One that takes an invitation for abandoned after the time that it does by default.
    pub fn patient(&self) -> Inviter {
        let Terms { longest_call, abandoned, .. } = Terms::default();
        let (url, abandoned) = (&self.standin.connection().url, abandoned.as_millis() as u64);
        self.surroundings(url, longest_call.as_millis() as u64, abandoned).inviter(self.store.clone()).0
    }

    pub fn surroundings(&self, called: &str, longest_call_ms: u64, abandoned_ms: u64) -> Surroundings {
        let (dataverse, inevent) = (self.sandbox.connection(), self.standin.connection());
        Surroundings {
            dataverse: dataverse.http.clone(),
            token_url: dataverse.token_url.clone(),
            client_id: dataverse.client_id.clone(),
            client_secret: dataverse.client_secret.clone(),
            inevent: inevent.url.clone(),
            called: called.to_owned(),
            token: inevent.token.clone(),
            company: inevent.company_id.clone(),
            longest_call_ms,
            abandoned_ms,
        }
    }

    /// The file that the store is.
    pub fn store_file(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    pub fn inviter(&self) -> Inviter {
        self.inviter_at(&self.standin.connection().url).0
    }

    /// A run that finds no reason to end early.
    pub async fn pull(&self, invitations: Value) -> Report {
        run(&self.inviter(), &settings(invitations)).await
    }

    /// Asks the stand-in's admin API.
    pub async fn inevent(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/{path}", self.standin.connection().admin_url);
        let request = self.http.request(method.parse().unwrap(), url);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{method} {path}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    /// A call to the stand-in, as somebody in InEvent makes it.
    pub async fn in_inevent(&self, action: &str, body: &[(&str, &str)]) -> Value {
        let query = [("action", action), ("eventID", EVENT), ("format", "json")];
        let known = self.standin.connection();
        let request = self.http.post(&known.url).query(&query).bearer_auth(&known.token).form(body);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    /// Who got an invitation by mail, sorted; whoever got two stands there twice.
    pub async fn mailed(&self) -> Vec<String> {
        let mails = self.inevent("GET", "mails?kind=invitation", Value::Null).await;
        let to = |mail: &Value| mail["to"].as_str().unwrap().to_owned();
        let mut mailed: Vec<String> = mails["mails"].as_array().unwrap().iter().map(to).collect();
        mailed.sort();
        mailed
    }

    /// The most calls that the stand-in saw in any second, and how many there were.
    pub async fn pace(&self) -> (u64, u64) {
        let calls = self.inevent("GET", "calls", Value::Null).await;
        (calls["highest_per_second"].as_u64().unwrap(), calls["calls"].as_u64().unwrap())
    }

    pub async fn remembered(&self) -> Vec<Kept> {
        invite::invitations(&*self.store, Some(EVENT)).await.unwrap()
    }

    pub async fn states(&self) -> Vec<State> {
        self.remembered().await.iter().map(|kept| kept.invitation.state).collect()
    }

    /// What somebody does in the CRM. Returns the answer's body, or for a create its row.
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
}

impl Surroundings {
    pub fn inviter(&self, store: Arc<dyn Store>) -> (Inviter, Arc<dataverse::Client>) {
        let http = || reqwest::Client::builder().no_proxy().build().unwrap();
        let secret = Arc::new(Credential::Secret(Arc::new(PlainSecret(self.client_secret.clone().into()))));
        let (token_url, id) = (self.token_url.clone(), self.client_id.clone());
        let tokens = ClientCredentials::new(http(), token_url, id, &self.dataverse, secret);
        let options = dataverse::ClientOptions::new(&self.dataverse);
        let dataverse = Arc::new(dataverse::Client::new(http(), Arc::new(tokens), options));
        let token = Token::kept(Arc::new(PlainSecret(self.token.clone().into())));
        let terms = inevent::Terms {
            ttl: Duration::from_secs(4),
            idle: Duration::from_millis(100),
            slice: Duration::from_secs(2),
            look: Duration::from_millis(50),
        };
        // All of them share the token, so the turns have one name wherever InEvent seems to be.
        let pacer = Pacer::shared(store.clone(), &self.inevent, "connector", terms);
        let mut options = inevent::ClientOptions::new(&self.called, Some(self.company.clone()));
        options.first_wait = Duration::from_millis(10);
        let inevent = inevent::Client::new(http(), token, pacer, options).unwrap();
        let terms = Terms {
            longest_call: Duration::from_millis(self.longest_call_ms),
            abandoned: SignedDuration::from_millis(self.abandoned_ms as i64),
            ..Terms::default()
        };
        (Inviter::new(dataverse.clone(), &inevent, store, terms), dataverse)
    }
}

/// The settings of the event with these invitations, checked as the connector checks them.
pub fn settings(invitations: Value) -> EventSettings {
    let own = json!({ "excluded_domains": ["organiser.example"], "invitations": invitations });
    let text = json!({ "events": { EVENT: own } }).to_string();
    document::read(&text, &Prefix::default()).unwrap_or_else(|problems| panic!("{problems}")).effective(EVENT)
}

/// A run that has more time than it needs.
pub fn long() -> Run {
    Run { ends: Instant::now() + Duration::from_secs(300), dry: false }
}

pub async fn run(inviter: &Inviter, settings: &EventSettings) -> Report {
    inviter.run(EVENT, settings, long()).await.unwrap()
}

/// How many members of the only list were skipped for a reason.
pub fn skipped(report: &Report) -> Value {
    json!(report.lists[0].counts.skipped)
}

/// Waits until an intent counts as abandoned in these tests.
pub async fn until_abandoned(world: &World) {
    loop {
        let open = world.remembered().await.into_iter().filter(|kept| kept.invitation.state == State::Intended);
        let newest = open.map(|kept| kept.invitation.at).max();
        if newest.is_none_or(|at| at.duration_until(jiff::Timestamp::now()) > SignedDuration::from_millis(310)) {
            return;
        }
        tokio::task::yield_now().await;
    }
}
