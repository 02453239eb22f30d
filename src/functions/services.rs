//! What the functions work with. It is made when it is first needed: the process must answer the host at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use azure_core::credentials::TokenCredential;
use jiff::SignedDuration;
use jiff::Timestamp;
use tokio::sync::{OnceCell, Semaphore};

use super::{
    ACTIVITIES_QUEUE, EVENTS_QUEUE, HYDRATE_QUEUE,
    backlog::Backlog,
    conclusion::PutBack,
    gather::Gatherer,
    held::{HeldRecord, Way},
    retention,
    settings::CurrentDocument,
    webhook_keys::WebhookKeys,
};
use crate::{
    azure::{Account, Identity},
    dataverse::{Client, ClientCredentials, ClientOptions, Credential, CredentialToken, SecretValue, TokenSource},
    forget,
    hydrate::Hydrator,
    inevent::{self, Pacer, Terms, Token},
    invite::{self, Inviter},
    manage::Ground,
    queue::{AzureBlobBodies, AzureQueues, Bodies, Queue, QueueError, Queues},
    settings::{
        DataverseSettings, InEventSettings, InEventSignIn, KeyVaultCertificate, KeyVaultSecret, PlainSecret, Proof,
        SecretPlace, SettingProblem, SignIn,
        kept::{self, SettingsPlace},
        webhook_keys,
    },
    store::{AzureTableStore, Store},
    sync::{
        DataverseCrm,
        closings::Conclusion,
        coalesce::Coalescer,
        current::CurrentSettings,
        engine::{Engine, Scope},
        lists::{DataverseLists, Lists},
        outcome::{Held, Outcome, Postponement, Report},
        writers::Writers,
    },
    synclog::SyncLog,
    telemetry::metrics::{Api, metrics},
};

/// Names a SQLite file that stands in for the storage account (feature `local` only).
#[cfg(feature = "local")]
pub const DESK_STORAGE: &str = "INEVENT_D365_DESK_STORAGE";

type Lookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The process: settings, and what was made of them so far.
pub struct App {
    lookup: Lookup,
    services: OnceCell<Services>,
    pub(super) ingest_permits: Semaphore,
}

/// Storage, and the way to Dataverse as far as the settings lead there.
pub struct Services {
    pub ingest: Gatherer,
    /// Into `inevent-activities`.
    pub gather: Gatherer,
    pub backlog: Backlog,
    pub put_back: PutBack,
    pub events: Arc<dyn Queue>,
    pub activities: Arc<dyn Queue>,
    pub poison: Arc<dyn Queue>,
    /// Into `inevent-hydrate`.
    pub hints: Gatherer,
    pub hydrate: Arc<dyn Queue>,
    pub hydrate_poison: Arc<dyn Queue>,
    pub settings: CurrentDocument,
    pub webhook_keys: Result<WebhookKeys, Held>,
    /// Whether anything is set that is InEvent's.
    pub expects_webhooks: bool,
    pub held_webhooks: HeldRecord,
    pub bodies: Arc<dyn Bodies>,
    pub store: Arc<dyn Store>,
    pub forgotten: forget::Lookup,
    /// How long parked events are kept; none: for ever.
    pub parked_for: Option<SignedDuration>,
    /// How long the sync log is kept.
    pub sync_log_for: SignedDuration,
    pub sync_log: SyncLog,
    pub dataverse: Result<DataverseAccess, Held>,
    /// The way to InEvent's API.
    pub inevent: Result<Hydrator, Held>,
    told: Told,
}

/// The calls that the metrics know of.
#[derive(Default)]
struct Told {
    dataverse: ToldOf,
    inevent: ToldOf,
}

#[derive(Default)]
struct ToldOf {
    calls: AtomicU64,
    throttled: AtomicU64,
}

impl ToldOf {
    fn tell(&self, api: Api, calls: u64, throttled: u64) {
        let more = |told: &AtomicU64, now: u64| now.saturating_sub(told.fetch_max(now, Ordering::Relaxed));
        metrics().calls(api, more(&self.calls, calls), more(&self.throttled, throttled));
    }
}

/// The way to Dataverse.
pub struct DataverseAccess {
    pub client: Arc<Client>,
    /// None where a managed identity signs in.
    pub credential: Option<Arc<Credential>>,
    pub writer: Coalescer,
    writers: Writers,
    is_beating: Arc<AtomicBool>,
}

/// How often it is looked whether it is time to say again that this process writes.
const BETWEEN_BEATS: Duration = Duration::from_secs(1);
/// Who made no call for so many looks writes no more.
const STILL: u32 = 10;

impl DataverseAccess {
    /// Says that this process writes, when it is time to, and learns with whom it shares what Dataverse bears. It goes on saying so
    /// while calls are made: a batch may take long.
    pub async fn join_writers(&self) {
        beat(&self.writers, &self.client).await;
        if self.is_beating.swap(true, Ordering::Relaxed) {
            return;
        }
        let (writers, client, is_beating) = (self.writers.clone(), self.client.clone(), self.is_beating.clone());
        tokio::spawn(async move {
            let (mut calls, mut still) = (client.calls(), 0);
            while still < STILL {
                tokio::time::sleep(BETWEEN_BEATS).await;
                beat(&writers, &client).await;
                still = if client.calls() == calls { still + 1 } else { 0 };
                calls = client.calls();
            }
            is_beating.store(false, Ordering::Relaxed);
        });
    }
}

async fn beat(writers: &Writers, client: &Client) {
    match writers.beat(Timestamp::now()).await {
        Ok(share) => share.into_iter().for_each(|share| client.share(share)),
        Err(error) => tracing::warn!(%error, "the writing processes could not be counted"),
    }
}

impl App {
    /// `lookup` gives settings by name; `ingests` requests may be queued at the same time, the one after that is told to wait.
    pub fn new(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static, ingests: usize) -> Arc<Self> {
        let ingest_permits = Semaphore::new(ingests);
        Arc::new(Self { lookup: Arc::new(lookup), services: OnceCell::new(), ingest_permits })
    }

    /// What administration works on.
    pub(super) fn ground(&self) -> Ground {
        let lookup = self.lookup.clone();
        Ground::open(move |name| lookup(name))
    }

    pub(super) fn setting(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.trim().is_empty())
    }

    /// The services, made at the first call; a failure is not kept.
    ///
    /// # Errors
    /// In words for the person who mends it: without storage nothing can be accepted or held.
    pub async fn services(&self) -> Result<&Services, String> {
        self.services.get_or_try_init(|| Services::start(&*self.lookup)).await
    }

    /// Adds the calls made since the last time to the metrics.
    pub fn tell_calls(&self) {
        let Some(services) = self.services.get() else { return };
        if let Ok(access) = &services.dataverse {
            let (calls, throttled) = (access.client.calls(), access.client.throttled());
            services.told.dataverse.tell(Api::Dataverse, calls, throttled);
        }
        if let Ok(inevent) = &services.inevent {
            services.told.inevent.tell(Api::InEvent, inevent.client().calls(), inevent.client().throttled());
        }
    }
}

impl Services {
    async fn start(lookup: &(dyn Fn(&str) -> Option<String> + Send + Sync)) -> Result<Self, String> {
        let Storage { queues, bodies, store } = Storage::open(lookup)?;
        let open = |name: &str| queues.queue(name).map_err(|error| error.to_string());
        let (events, activities, hydrate) = (open(EVENTS_QUEUE)?, open(ACTIVITIES_QUEUE)?, open(HYDRATE_QUEUE)?);
        for queue in [&events, &activities, &hydrate] {
            queue.create().await.map_err(|error| error.to_string())?;
        }
        let place = settings_place(lookup)?;
        let dataverse = match DataverseSettings::read(&lookup) {
            Ok(settings) => dataverse(&settings, &store, current(place.clone())),
            Err(problems) => Err(held_by_settings(&problems)),
        };
        if let Err(held) = &dataverse {
            tracing::error!(hold = held.name, remedy = held.remedy, "settings are incomplete; events are held");
            HeldRecord::new(store.clone(), Way::Dataverse).observe(Some(held)).await;
        }
        let inevent = match InEventSettings::read(&lookup) {
            Ok(settings) => connect_inevent(&settings, Some(store.clone())).map(Hydrator::new),
            Err(problems) => Err(Held { name: "inevent", ..held_by_settings(&problems) }),
        };
        let webhook_keys = match webhook_keys(&lookup) {
            Ok(place) => secret(&place).map(WebhookKeys::new),
            Err(problem) => Err(held_by_settings(&[problem])),
        };
        let of_inevent = ["INEVENT_WEBHOOK_KEYS", "INEVENT_TOKEN", "INEVENT_COMPANY_ID"];
        let expects_webhooks = of_inevent.iter().any(|name| lookup(name).is_some_and(|value| !value.trim().is_empty()));
        let hints = Gatherer::start(hydrate.clone(), bodies.clone());
        let hydrate_poison = open(&format!("{HYDRATE_QUEUE}-poison"))?;
        let held_webhooks = HeldRecord::new(store.clone(), Way::InEvent);
        let poison = open(&format!("{EVENTS_QUEUE}-poison"))?;
        let ingest = Gatherer::start(events.clone(), bodies.clone());
        let gather = Gatherer::start(activities.clone(), bodies.clone());
        let backlog = Backlog::new(events.clone());
        let put_back = PutBack::new(store.clone());
        let forgotten = forget::Lookup::new(store.clone());
        let parked_for = retention::parked_for(lookup(retention::PARKED_DAYS).as_deref());
        let sync_log_for = retention::sync_log_for(lookup(retention::SYNC_LOG_DAYS).as_deref());
        let sync_log = if sync_log_for.is_zero() { SyncLog::off() } else { SyncLog::start(store.clone()) };
        Ok(Self {
            ingest,
            gather,
            backlog,
            put_back,
            events,
            activities,
            poison,
            hints,
            hydrate,
            hydrate_poison,
            settings: CurrentDocument::new(place),
            webhook_keys,
            expects_webhooks,
            held_webhooks,
            bodies,
            store,
            forgotten,
            parked_for,
            sync_log_for,
            sync_log,
            dataverse,
            inevent,
            told: Told::default(),
        })
    }

    /// What invites the members of marketing lists.
    ///
    /// # Errors
    /// What must be mended first.
    pub fn inviter(&self) -> Result<Inviter, Held> {
        let dataverse = self.dataverse.as_ref().map_err(Clone::clone)?;
        let inevent = self.inevent.as_ref().map_err(Clone::clone)?;
        Ok(Inviter::new(dataverse.client.clone(), inevent.client(), self.store.clone(), invite::Terms::default()))
    }
}

/// One storage place: the account, or the desk's file.
pub struct Storage {
    pub queues: Arc<dyn Queues>,
    pub bodies: Arc<dyn Bodies>,
    pub store: Arc<dyn Store>,
}

impl Storage {
    /// The place that the settings name. No call is made to an account.
    ///
    /// # Errors
    /// In words for the person who mends it.
    pub fn open(lookup: &(dyn Fn(&str) -> Option<String> + Send + Sync)) -> Result<Self, String> {
        #[cfg(feature = "local")]
        if let Some(path) = lookup(DESK_STORAGE) {
            use crate::{
                queue::{SqliteBodies, SqliteQueues},
                store::SqliteStore,
            };
            return Ok(Self {
                queues: Arc::new(SqliteQueues::open(&path).map_err(|error| error.to_string())?),
                bodies: Arc::new(SqliteBodies::open(&path).map_err(|error| error.to_string())?),
                store: Arc::new(SqliteStore::open(&path).map_err(|error| error.to_string())?),
            });
        }
        let account = Account::from_settings("AzureWebJobsStorage", &lookup).map_err(|error| error.to_string())?;
        Ok(Self {
            queues: Arc::new(AzureQueues::new(&account).map_err(|error| error.to_string())?),
            bodies: Arc::new(AzureBlobBodies::new(&account, "inevent-bodies").map_err(|error| error.to_string())?),
            store: Arc::new(AzureTableStore::new(&account, "inevent").map_err(|error| error.to_string())?),
        })
    }

    /// Where participant events wait to be written.
    ///
    /// # Errors
    /// When the storage does not answer.
    pub async fn events(&self) -> Result<Arc<dyn Queue>, QueueError> {
        self.created(EVENTS_QUEUE).await
    }

    /// Where webhooks wait to be completed.
    ///
    /// # Errors
    /// When the storage does not answer.
    pub async fn webhooks(&self) -> Result<Arc<dyn Queue>, QueueError> {
        self.created(HYDRATE_QUEUE).await
    }

    async fn created(&self, name: &str) -> Result<Arc<dyn Queue>, QueueError> {
        let queue = self.queues.queue(name)?;
        queue.create().await?;
        Ok(queue)
    }
}

fn held_by_settings(problems: &[SettingProblem]) -> Held {
    let remedy = problems.iter().map(|problem| problem.0.as_str()).collect::<Vec<_>>().join(" ");
    Held { name: "settings", remedy }
}

/// Where the settings document is; a desk without a settings file has none, and the defaults.
fn settings_place(
    lookup: &(dyn Fn(&str) -> Option<String> + Send + Sync),
) -> Result<Option<Arc<dyn SettingsPlace>>, String> {
    #[cfg(feature = "local")]
    if lookup(DESK_STORAGE).is_some() && lookup(kept::SETTINGS_FILE).is_none_or(|path| path.trim().is_empty()) {
        return Ok(None);
    }
    Ok(Some(kept::place(&lookup)?))
}

fn current(place: Option<Arc<dyn SettingsPlace>>) -> CurrentSettings {
    place.map_or_else(CurrentSettings::defaults, CurrentSettings::kept)
}

fn dataverse(
    settings: &DataverseSettings,
    store: &Arc<dyn Store>,
    current: CurrentSettings,
) -> Result<DataverseAccess, Held> {
    let Signed { client, credential, .. } = connect(settings)?;
    let crm = Arc::new(DataverseCrm::new(client.clone()));
    let lists = Lists::new(Arc::new(DataverseLists::new(client.clone())), store.clone());
    let engine = Engine::new(crm, store.clone(), settings.tenant.clone())
        .with_settings(current)
        .with_conclusion(Conclusion::WhenTold)
        .with_lists(lists);
    let (held, writers) = (HeldRecord::new(store.clone(), Way::Dataverse), Writers::new(store.clone()));
    let writer = Coalescer::start(engine, Arc::new(observer(client.clone(), held)));
    Ok(DataverseAccess { client, credential, writer, writers, is_beating: Arc::default() })
}

/// A client that signs in as the settings say.
pub struct Signed {
    pub client: Arc<Client>,
    pub tokens: Arc<dyn TokenSource>,
    /// What the app registration proves itself with; none where a managed identity signs in itself.
    pub credential: Option<Arc<Credential>>,
}

/// The HTTP client of everything that is asked outside the storage account.
///
/// # Errors
/// When the machine has no usable TLS.
pub fn http_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("inevent-d365/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Makes the client of the environment. No call is made.
///
/// # Errors
/// What must be mended first.
pub fn connect(settings: &DataverseSettings) -> Result<Signed, Held> {
    let http = http()?;
    let (tokens, credential): (Arc<dyn TokenSource>, _) = match &settings.sign_in {
        SignIn::ManagedIdentity(who) => (Arc::new(CredentialToken::new(identity(who)?, &settings.url)), None),
        SignIn::Application { token_url, client_id, proof } => {
            let credential = Arc::new(credential(proof, token_url)?);
            let (token_url, client_id) = (token_url.clone(), client_id.clone());
            let tokens = ClientCredentials::new(http.clone(), token_url, client_id, &settings.url, credential.clone());
            (Arc::new(tokens), Some(credential))
        }
    };
    let client = Arc::new(Client::new(http, tokens.clone(), ClientOptions::new(&settings.url)));
    Ok(Signed { client, tokens, credential })
}

fn credential(proof: &Proof, token_url: &str) -> Result<Credential, Held> {
    Ok(match proof {
        Proof::Federated(who) => Credential::federated(identity(who)?, token_url),
        Proof::Secret(place) => Credential::Secret(secret(place)?),
        Proof::Certificate { vault, name } => {
            let reader = identity(&vault.identity)?;
            let certificate = KeyVaultCertificate::new(&vault.url, name, reader, Default::default());
            Credential::Certificate(Arc::new(certificate.map_err(broken)?))
        }
    })
}

/// Makes the client of InEvent's API. No call is made. Processes that share `store` take turns.
///
/// # Errors
/// What must be mended first.
pub fn connect_inevent(settings: &InEventSettings, store: Option<Arc<dyn Store>>) -> Result<inevent::Client, Held> {
    let token = match &settings.sign_in {
        InEventSignIn::Token(place) => Token::kept(secret(place)?),
        InEventSignIn::Password { username, password } => Token::sign_in(username.clone(), secret(password)?),
    };
    let pacer = match store {
        Some(store) => Pacer::shared(store, &settings.url, &settings.owner(), Terms::default()),
        None => Pacer::alone(),
    };
    let options = inevent::ClientOptions::new(&settings.url, settings.company.clone());
    inevent::Client::new(http()?, token, pacer, options).map_err(broken)
}

fn broken(problem: String) -> Held {
    held_by_settings(&[SettingProblem(problem)])
}

fn http() -> Result<reqwest::Client, Held> {
    http_client().map_err(|error| broken(format!("The HTTP client could not be made: {error}.")))
}

fn identity(identity: &Identity) -> Result<Arc<dyn TokenCredential>, Held> {
    identity.credential().map_err(|error| broken(format!("The identity is not available here: {error}.")))
}

/// The managed identity of this client id, or the app's own. No call is made.
///
/// # Errors
/// In words for the person who mends it.
pub fn managed_identity(client_id: Option<&str>) -> Result<Arc<dyn TokenCredential>, String> {
    let identity = Identity::Managed { client_id: client_id.map(str::to_owned) };
    identity.credential().map_err(|error| format!("The managed identity is not available here: {error}."))
}

/// A secret, read from its place whenever it is needed.
fn secret(place: &SecretPlace) -> Result<Arc<dyn SecretValue>, Held> {
    Ok(match place {
        SecretPlace::Value(secret) => Arc::new(PlainSecret(secret.clone())),
        SecretPlace::KeyVault { vault, name } => {
            let reader = identity(&vault.identity)?;
            Arc::new(KeyVaultSecret::new(&vault.url, name, reader, None).map_err(broken)?)
        }
    })
}

/// Every batch leaves one record in the log, and what it says of holds is kept where Health finds it.
fn observer(client: Arc<Client>, held: HeldRecord) -> impl Fn(Scope, &Report, Duration) + Send + Sync {
    move |scope, report, took| {
        let count = |of: fn(&Outcome) -> bool| report.outcomes.iter().filter(|outcome| of(outcome)).count();
        let hold = report.outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Postponed(Postponement::Held(held)) => Some(held),
            _ => None,
        });
        tracing::info!(
            target: "outcome",
            scope = scope.name(),
            events = report.outcomes.len(),
            created = report.tally.created,
            updated = report.tally.updated,
            unchanged = count(|outcome| matches!(outcome, Outcome::Settled { changed: false })),
            refused = count(|outcome| matches!(outcome, Outcome::Refused(_))),
            postponed = count(|outcome| matches!(outcome, Outcome::Postponed(_))),
            hold = hold.map(|held| held.name),
            calls = client.calls(),
            duration_ms = took.as_millis() as u64,
            "batch written"
        );
        for (outcome, rows) in [
            ("created", report.tally.created),
            ("updated", report.tally.updated),
            ("unchanged", count(|outcome| matches!(outcome, Outcome::Settled { changed: false })) as u64),
            ("refused", count(|outcome| matches!(outcome, Outcome::Refused(_))) as u64),
            ("postponed", count(|outcome| matches!(outcome, Outcome::Postponed(_))) as u64),
        ] {
            metrics().rows(outcome, rows);
        }
        let wrote = report.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Settled { .. }));
        if hold.is_some() || wrote {
            let (held, hold) = (held.clone(), hold.cloned());
            tokio::spawn(async move { held.observe(hold.as_ref()).await });
        }
    }
}
