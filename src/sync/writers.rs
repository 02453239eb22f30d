//! How many processes write at the moment: they share the parallelism that Dataverse recommends for the whole organisation.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{
    dataverse::Share,
    store::{Key, Store, StoreError},
};

const KIND: &str = "writer";
const PARTITION: &str = "dataverse";

/// How often a writing process says so; a young one more often, since others may have begun with it.
const BEAT: SignedDuration = SignedDuration::from_secs(5);
const FIRST_BEATS: SignedDuration = SignedDuration::from_secs(1);
const YOUNG: SignedDuration = SignedDuration::from_secs(10);
/// Who was silent for so long writes no more. Three beats, and clocks may differ by some seconds.
const SILENT: SignedDuration = SignedDuration::from_secs(25);
/// Whose record is so old is tidied away.
const GONE: SignedDuration = SignedDuration::from_hours(1);

/// This process among the writers.
#[derive(Debug, Clone)]
pub struct Writers {
    store: Arc<dyn Store>,
    me: Uuid,
    beats: Arc<Mutex<Option<Beats>>>,
}

/// The first and the last time that this process said that it writes.
#[derive(Debug, Clone, Copy)]
struct Beats {
    first: Timestamp,
    last: Timestamp,
}

impl Beats {
    fn due(self, now: Timestamp) -> bool {
        let young = now.duration_since(self.first) < YOUNG;
        now.duration_since(self.last) >= if young { FIRST_BEATS } else { BEAT }
    }
}

impl Writers {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, me: Uuid::new_v4(), beats: Arc::default() }
    }

    /// Says that this process writes; returns how many do and which of them it is, when it was time to look.
    pub async fn beat(&self, now: Timestamp) -> Result<Option<Share>, StoreError> {
        let mut beats = self.beats.lock().await;
        if beats.is_some_and(|beats| !beats.due(now)) {
            return Ok(None);
        }
        // Said before it is looked: of two that begin at once, one at least sees both.
        self.store.put(&Key::new(KIND, PARTITION, self.me.to_string()), &json!({ "at": now })).await?;
        *beats = Some(Beats { first: beats.map_or(now, |beats| beats.first), last: now });
        let (mut processes, mut place) = (0, 0);
        for record in self.store.list(KIND, Some(PARTITION), 1_000, None).await?.records {
            let at = record.value.get("at").and_then(|at| at.as_str()?.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH);
            match now.duration_since(at) {
                silence if silence < SILENT => {
                    processes += 1;
                    place += usize::from(record.key.row < self.me.to_string());
                }
                silence if silence > GONE => self.store.delete(&record.key, None).await?,
                _ => {}
            }
        }
        Ok(Some(Share { processes: processes.max(1), place }))
    }
}

#[cfg(all(test, feature = "local"))]
mod tests {
    use super::*;
    use crate::store::SqliteStore;

    #[tokio::test]
    async fn writers_know_of_each_other_and_forget_the_silent() {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder.path().join("db")).unwrap());
        let [one, two] = [Writers::new(store.clone()), Writers::new(store.clone())];
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let processes = async |writers: &Writers, second| {
            writers.beat(at(second)).await.unwrap().map(|share| (share.processes, share.place))
        };
        assert_eq!(processes(&one, 0).await, Some((1, 0)));
        let (_, place) = processes(&two, 0).await.unwrap();
        assert_eq!(processes(&one, 1).await, Some((2, 1 - place)));
        assert_eq!(processes(&one, 11).await, Some((2, 1 - place)));
        assert_eq!(processes(&one, 14).await, None);
        assert_eq!(processes(&one, 16).await, Some((2, 1 - place)));
        assert_eq!(processes(&one, 60).await, Some((1, 0)));
        assert_eq!(processes(&one, 5_000).await, Some((1, 0)));
        assert_eq!(store.list(KIND, None, 10, None).await.unwrap().records.len(), 1);
    }
}
