//! What the functions work with. It is made when it is first needed: the process must answer the host at once.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use jiff::SignedDuration;
use tokio::sync::{OnceCell, Semaphore};

#[cfg(feature = "local")]
use super::storage::DESK_STORAGE;
use super::{
    ACTIVITIES_QUEUE, EVENTS_QUEUE, HYDRATE_QUEUE,
    backlog::Backlog,
    conclusion::PutBack,
    connections::{connect_inevent, held_by_settings, keys_of_webhooks},
    dataverse_access::{self, DataverseAccess},
    gather::Gatherer,
    held::{HeldRecord, Way},
    retention,
    settings::CurrentDocument,
    storage::Storage,
    webhook_keys::WebhookKeys,
};
use crate::{
    forget,
    hydrate::Hydrator,
    invite::{self, Inviter},
    manage::Ground,
    queue::{Bodies, Queue},
    settings::{
        DataverseSettings, InEventSettings, Prefix,
        kept::{self, SettingsPlace},
    },
    store::Store,
    sync::{current::CurrentSettings, outcome::Held},
    synclog::SyncLog,
    telemetry::metrics::{Api, metrics},
};

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
        // One that cannot be used holds the way to Dataverse, and with it whatever depends on it.
        let prefix = Prefix::read(&lookup).unwrap_or_default();
        let dataverse = match DataverseSettings::read(&lookup) {
            Ok(settings) => dataverse_access::open(&settings, &store, current(place.clone())),
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
        let webhook_keys = keys_of_webhooks(&lookup);
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
            settings: CurrentDocument::new(place, prefix),
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

/// Where the settings document is; a desk without a settings file has none, and the defaults.
///
/// # Errors
/// As [`kept::place`].
pub fn settings_place(
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
