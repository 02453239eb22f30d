//! What is kept for a time only: parked events, the sync log, and the notes of settled bodies. A little is looked at in every run of the timer,
//! from where the run before stopped.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::parking::SETTLED_BODY;
use crate::{
    forget::{self, Erased, Forgotten},
    parked::Pages,
    store::{Key, Store, StoreError},
    synclog,
};

/// How many days a parked event is kept.
pub const PARKED_DAYS: &str = "INEVENT_D365_PARKED_DAYS";
const DEFAULT_DAYS: i64 = 180;

/// How many days the sync log is kept; with 0 there is none.
pub const SYNC_LOG_DAYS: &str = "INEVENT_D365_SYNC_LOG_DAYS";
const DEFAULT_SYNC_LOG_DAYS: i64 = 30;

/// How long it is known that a body was settled. No message stays out of sight for more than seven days.
pub const SETTLED_KEPT: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Pages that a run looks at.
const PAGES: usize = 10;
const NOTES: usize = 1_000;
/// Records of the sync log that a run removes at most.
const LOGGED: usize = 500;
/// How long after the end of a pass the next one begins.
const REST: SignedDuration = SignedDuration::from_hours(1);

const KIND: &str = "retention";
const SYNC_LOG: &str = "synclog";

/// How far a pass over records of one kind has come.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Progress {
    /// Where to go on; none at the beginning.
    next: Option<String>,
    /// When the last pass ended.
    passed: Option<Timestamp>,
}

/// What a run removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    pub parked: usize,
    pub notes: usize,
}

/// How long parked events are kept; `None` (for ever) where the setting is not a number of days, which is said in the log.
pub fn parked_for(setting: Option<&str>) -> Option<SignedDuration> {
    let days = match setting.map(str::trim).filter(|setting| !setting.is_empty()) {
        None => Some(DEFAULT_DAYS),
        Some(setting) => setting.parse().ok().filter(|days| (1..=36_500).contains(days)),
    };
    if days.is_none() {
        tracing::error!(setting = PARKED_DAYS, "not a number of days from 1 to 36500; nothing parked is removed");
    }
    days.map(|days| SignedDuration::from_hours(24 * days))
}

/// How long the sync log is kept. Where the setting is not a number of days, that is said in the log and the default holds.
pub fn sync_log_for(setting: Option<&str>) -> SignedDuration {
    let setting = setting.map(str::trim).filter(|setting| !setting.is_empty());
    let days = setting.map(|setting| setting.parse().ok().filter(|days| (0..=3_650).contains(days)));
    if days == Some(None) {
        tracing::error!(setting = SYNC_LOG_DAYS, "not a number of days from 0 to 3650; the default holds");
    }
    SignedDuration::from_hours(24 * days.flatten().unwrap_or(DEFAULT_SYNC_LOG_DAYS))
}

/// One run over the sync log: removes what is older than `kept`.
pub async fn prune_sync_log(store: &dyn Store, kept: SignedDuration, now: Timestamp) -> Result<usize, StoreError> {
    let Some(Progress { .. }) = Progress::due(store, SYNC_LOG, now).await? else { return Ok(0) };
    let (removed, all) = synclog::prune(store, kept, now, LOGGED).await?;
    Progress::stopped(store, SYNC_LOG, (!all).then_some("more"), now).await?;
    Ok(removed)
}

/// One run: removes what was parked longer than `parked_for` ago, what is parked of people who were forgotten, and old notes.
pub async fn run(
    store: &dyn Store,
    parked_for: Option<SignedDuration>,
    forgotten: &Forgotten,
    now: Timestamp,
) -> Result<Pruned, StoreError> {
    let parked = prune_parked(store, parked_for, forgotten, now).await?;
    let notes = prune_notes(store, now).await?;
    Ok(Pruned { parked, notes })
}

async fn prune_parked(
    store: &dyn Store,
    parked_for: Option<SignedDuration>,
    forgotten: &Forgotten,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let Some(progress) = Progress::due(store, "parked", now).await? else { return Ok(0) };
    let (mut pages, mut removed) = (Pages::from(store, progress.next), 0);
    for _ in 0..PAGES {
        let page = match pages.next(now).await {
            Err(StoreError::BadPage) | Ok(None) => {
                pages = Pages::all(store);
                break;
            }
            page => page?.unwrap_or_default(),
        };
        for found in &page.found {
            let old = parked_for.is_some_and(|kept| now.duration_since(found.entry.at) > kept);
            let gone = match old {
                true => found.remove(store).await?,
                false => forget::erase_from(store, forgotten, found, &mut Erased::default()).await?,
            };
            removed += usize::from(gone);
        }
        for orphan in &page.orphans {
            store.delete(orphan, None).await?;
        }
    }
    Progress::stopped(store, "parked", pages.place(), now).await?;
    Ok(removed)
}

async fn prune_notes(store: &dyn Store, now: Timestamp) -> Result<usize, StoreError> {
    let Some(progress) = Progress::due(store, SETTLED_BODY, now).await? else { return Ok(0) };
    let (page, mut removed) = match store.list(SETTLED_BODY, None, NOTES, progress.next.as_deref()).await {
        Err(StoreError::BadPage) => (None, 0),
        page => (Some(page?), 0),
    };
    for record in page.iter().flat_map(|page| &page.records) {
        let at = record.value.get("at").and_then(|at| at.as_str()?.parse::<Timestamp>().ok());
        if at.is_some_and(|at| now.duration_since(at) > SETTLED_KEPT) {
            store.delete(&record.key, None).await?;
            removed += 1;
        }
    }
    Progress::stopped(store, SETTLED_BODY, page.and_then(|page| page.next).as_deref(), now).await?;
    Ok(removed)
}

impl Progress {
    /// The progress of a pass that is under way or due.
    async fn due(store: &dyn Store, of: &str, now: Timestamp) -> Result<Option<Self>, StoreError> {
        let record = store.get(&Key::new(KIND, "progress", of)).await?;
        let progress: Self = record.and_then(|record| serde_json::from_value(record.value).ok()).unwrap_or_default();
        let rested = progress.passed.is_none_or(|passed| now.duration_since(passed) >= REST);
        Ok((progress.next.is_some() || rested).then_some(progress))
    }

    async fn stopped(store: &dyn Store, of: &str, next: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
        let progress = Self { next: next.map(str::to_owned), passed: next.is_none().then_some(now) };
        store.put(&Key::new(KIND, "progress", of), &json!(progress)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_is_no_number_of_days_removes_nothing() {
        let days = |setting| parked_for(setting).map(|kept| kept.as_hours() / 24);
        assert_eq!((days(None), days(Some(" ")), days(Some("30"))), (Some(180), Some(180), Some(30)));
        for bad in ["0", "-1", "soon", "1.5", "99999999999999999999"] {
            assert_eq!(days(Some(bad)), None, "{bad}");
        }
        let days = |setting| sync_log_for(setting).as_hours() / 24;
        assert_eq!((days(None), days(Some("0")), days(Some("7")), days(Some("soon"))), (30, 0, 7, 30));
    }
}
