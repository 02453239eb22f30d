//! InEvent, a CRM, and what stands between.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use dataverse_sandbox::{Options, Sandbox, Seed};
use inevent_d365::{
    dataverse::{Client, ClientCredentials, ClientOptions, Credential, Part},
    inevent::{self, Pacer, Token},
    invite,
    model::ParticipantEvent,
    reconcile::{
        outlet::{NotPut, Outlet},
        round::{NotLooked, Reconciler, Round},
    },
    settings::{PlainSecret, Prefix, document},
    store::SqliteStore,
    sync::{DataverseCrm, current::CurrentSettings, engine::Engine, rows::ActivityTable},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

pub const EVENT: &str = "4711";
pub const KEYNOTE: &str = "47111";
pub const WORKSHOP: &str = "47112";
pub const BUDGET: &str = "f_budget_47121";

/// The stand-in's event is in thirty days, from eight to four; the keynote is the first hour.
pub const HOUR: i64 = 3_600;

pub struct World {
    pub sandbox: Sandbox,
    pub reconciler: Reconciler,
    pub outlet: Arc<ToTheEngine>,
    pub settings: Value,
    http: reqwest::Client,
    /// The connector's clock, in seconds: it goes with InEvent's.
    now: Arc<AtomicI64>,
    folder: TempDir,
}

/// Writes what it is given at once, and remembers it.
pub struct ToTheEngine {
    engine: Engine,
    pub put: Mutex<Vec<ParticipantEvent>>,
}

#[async_trait]
impl Outlet for ToTheEngine {
    async fn put(&self, events: Vec<ParticipantEvent>) -> Result<(), NotPut> {
        let report = self.engine.run(&events).await;
        let bad = report
            .outcomes
            .iter()
            .zip(&events)
            .find(|(outcome, _)| !matches!(outcome, inevent_d365::sync::outcome::Outcome::Settled { .. }));
        assert!(bad.is_none(), "{bad:?}");
        self.put.lock().unwrap().extend(events);
        Ok(())
    }
}

impl World {
    /// The connector's settings for every event, and what InEvent does of what is not known of it.
    pub async fn start(settings: Value, variants: Value) -> Self {
        let options = Options { orgs: vec!["contoso".into()], seed: Seed::Crm, ..Default::default() };
        let sandbox = dataverse_sandbox::start(options).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let connection = sandbox.connection();
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path().join("store.db")).unwrap());
        let secret = Arc::new(PlainSecret(connection.client_secret.clone().into()));
        let secret = Arc::new(Credential::Secret(secret));
        let tokens = ClientCredentials::new(
            http.clone(),
            connection.token_url.clone(),
            connection.client_id.clone(),
            &connection.http,
            secret,
        );
        let dataverse = Arc::new(Client::new(http.clone(), Arc::new(tokens), ClientOptions::new(&connection.http)));
        let document = document::read(&json!({ "defaults": settings }).to_string(), &Prefix::default()).unwrap();
        let place = inevent_d365::settings::kept::FilePlace::new(folder.path().join("settings.json"));
        std::fs::write(folder.path().join("settings.json"), serde_json::to_string(&document).unwrap()).unwrap();
        let engine =
            Engine::new(Arc::new(DataverseCrm::new(dataverse.clone(), &Prefix::default())), store.clone(), "t".into());
        let engine = engine.with_settings(CurrentSettings::kept(Arc::new(place)));
        let outlet = Arc::new(ToTheEngine { engine, put: Mutex::default() });
        let mut options =
            inevent::ClientOptions::new(&connection.inevent.url, Some(connection.inevent.company_id.clone()));
        (options.retries, options.first_wait) = (1, Duration::from_millis(1));
        let token = Token::kept(Arc::new(PlainSecret(connection.inevent.token.clone().into())));
        let inevent = inevent::Client::new(http.clone(), token, Pacer::unpaced(), options).unwrap();
        let reconciler = Reconciler { inevent, dataverse, store, outlet: outlet.clone() };
        let now = Arc::new(AtomicI64::new(Timestamp::now().as_second()));
        let world = Self { sandbox, reconciler, outlet, settings, http, now, folder };
        let mut unlimited = json!({ "rate_limit_per_second": 0, "rate_limit_per_machine": 0 });
        unlimited.as_object_mut().unwrap().extend(variants.as_object().unwrap().clone());
        world.inevent_admin("POST", "variants", unlimited).await;
        world
    }

    /// The settings of every event from now on.
    pub fn use_settings(&mut self, settings: Value) {
        let text = json!({ "defaults": settings }).to_string();
        std::fs::write(self.folder.path().join("settings.json"), text).unwrap();
        self.settings = settings;
    }

    /// A file that the connector keeps something in.
    pub fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// What the stand-in's admin API answers.
    pub async fn inevent_admin(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/{path}", self.sandbox.connection().inevent.admin_url);
        let request = self.http.request(method.parse().unwrap(), url);
        let answer = if body.is_null() { request } else { request.json(&body) }.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
        serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()
    }

    /// Somebody does something in InEvent; the first object of the answer.
    pub async fn inevent(&self, action: &str, query: &[(&str, &str)], body: &[(&str, &str)]) -> Value {
        let connection = &self.sandbox.connection().inevent;
        let request = self.http.post(&connection.url).query(&[("action", action), ("format", "json")]).query(query);
        let answer = request.bearer_auth(&connection.token).form(body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{action}: {status} {text}");
        serde_json::from_str::<Value>(&text).unwrap()["data"][0].clone()
    }

    /// Registers somebody, and gives the id.
    pub async fn register(&self, name: &str) -> String {
        let (email, last) = (format!("{name}@fabrikam.example"), format!("{name} Doe"));
        let body = [("name", last.as_str()), ("username", &email), (BUDGET, "10k")];
        self.inevent("event.person.bind", &[("eventID", EVENT)], &body).await["personID"].as_str().unwrap().to_owned()
    }

    pub async fn about(&self, action: &str, person: &str) -> Value {
        self.inevent(action, &[("eventID", EVENT), ("personID", person)], &[]).await
    }

    pub async fn check(&self, way: &str, person: &str, session: Option<&str>) {
        let mut query = vec![("eventID", EVENT), ("code", person)];
        query.extend(session.map(|session| ("activityID", session)));
        self.inevent(&format!("checklog.check{way}"), &query, &[]).await;
    }

    /// People whom the CRM has as contacts, with their ids; one of them wants no mail.
    pub async fn contacts(&self, names: &[&str], no_mail: &str) -> BTreeMap<String, String> {
        let mut contacts = BTreeMap::new();
        for name in names {
            let id = uuid::Uuid::new_v4().to_string();
            let email = format!("{name}@fabrikam.example");
            let row = json!({ "contactid": id, "lastname": name, "emailaddress1": email, "donotbulkemail": *name == no_mail });
            self.reconciler.dataverse.post("contacts", &row).await.unwrap();
            contacts.insert((*name).to_owned(), id);
        }
        contacts
    }

    /// A marketing list of these contacts.
    pub async fn list(&self, contacts: impl Iterator<Item = &String>) -> uuid::Uuid {
        let (dataverse, id) = (&self.reconciler.dataverse, uuid::Uuid::new_v4());
        let row = json!({ "listid": id, "listname": "Invited", "createdfromcode": 2, "type": false });
        dataverse.post("lists", &row).await.unwrap();
        let kind = |table: &str| format!("Microsoft.Dynamics.CRM.{table}");
        let members: Vec<Value> =
            contacts.map(|id| json!({ "contactid": id, "@odata.type": kind("contact") })).collect();
        let list = json!({ "listid": id, "@odata.type": kind("list") });
        dataverse.post("AddListMembersList", &json!({ "List": list, "Members": members })).await.unwrap();
        id
    }

    /// What `PullMarketingLists` does.
    pub async fn invite(&self, list: uuid::Uuid) -> invite::Report {
        let Reconciler { inevent, dataverse, store, .. } = &self.reconciler;
        let text = json!({ "events": { EVENT: { "invitations": { "lists": [list] } } } }).to_string();
        let settings = document::read(&text, &Prefix::default()).unwrap().effective(EVENT);
        let inviter = invite::Inviter::new(dataverse.clone(), inevent, store.clone(), invite::Terms::default());
        let run = invite::Run { ends: Instant::now() + Duration::from_secs(60), dry: false };
        inviter.run(EVENT, &settings, run).await.unwrap()
    }

    /// Somebody changes columns of a row in the CRM by hand.
    pub async fn correct(&self, set: &str, id: &str, columns: Value) {
        let Value::Object(columns) = columns else { panic!("columns") };
        let part = Part::update(set, id.parse().unwrap(), "*", columns);
        assert!(self.reconciler.dataverse.batch(&[part]).await.unwrap()[0].is_ok());
    }

    /// Lets time go by, for InEvent and for the connector.
    pub async fn later(&self, seconds: i64) {
        self.inevent_admin("POST", "clock", json!({ "advance_s": seconds })).await;
        self.now.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Goes to so many seconds after the event begins.
    pub async fn go_to(&self, after_begin: i64) {
        let event = self.inevent("event.get", &[("eventID", EVENT)], &[]).await;
        let begin: i64 = event["dateBegin"].as_str().unwrap().parse().unwrap();
        self.later(begin + after_begin - self.now.load(Ordering::Relaxed)).await;
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_second(self.now.load(Ordering::Relaxed)).unwrap()
    }

    /// One round of the timer.
    pub async fn try_round(&self) -> Result<Round, NotLooked> {
        let document = document::read(&json!({ "defaults": self.settings }).to_string(), &Prefix::default()).unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        self.reconciler.round(&document, |_| ActivityTable::default(), || self.now(), until).await
    }

    /// A round in which the event is looked at.
    pub async fn round(&self) -> Round {
        let round = self.try_round().await.unwrap();
        assert_eq!(round.looked, 1, "{round:?}");
        round
    }

    /// Every row of a table, straight from the sandbox.
    pub async fn rows(&self, table: &str) -> Vec<Value> {
        let url = format!("{}/dump?table={table}", self.sandbox.connection().admin_url.trim_end_matches('/'));
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// What the rows of somebody say, by session: registration and attendance.
    pub async fn row(&self, person: &str, session: Option<&str>) -> Option<(i64, Option<i64>)> {
        let rows = self.rows("new_eventattendance").await;
        let mut found =
            rows.iter().filter(|row| row["new_participantid"] == person && row["new_sessionid"].as_str() == session);
        let row = found.next()?;
        assert!(found.next().is_none(), "two rows of {person}");
        Some((
            row["new_registrationstatus"].as_i64().unwrap() % 10,
            row["new_attendancestatus"].as_i64().map(|n| n % 10),
        ))
    }
}

pub const REGISTERED: i64 = 0;
pub const CANCELLED: i64 = 1;
pub const ATTENDED: Option<i64> = Some(0);
pub const NO_SHOW: Option<i64> = Some(1);
