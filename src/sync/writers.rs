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
/// Who writes for so long beside others is known to them: a beat, and a second for the look.
const NOTICED: SignedDuration = SignedDuration::from_secs(6);
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

/// The first time that this process said that it writes, since it was silent, and the last.
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
        let first = beats.filter(|beats| now.duration_since(beats.last) < SILENT).map_or(now, |beats| beats.first);
        *beats = Some(Beats { first, last: now });
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
        // Two that begin at once see each other when they look again.
        let noticed_after = if processes > 1 { NOTICED } else { FIRST_BEATS };
        let is_new = now.duration_since(first) < noticed_after;
        Ok(Some(Share { processes: processes.max(1), place, is_new }))
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
        let share = async |writers: &Writers, second| writers.beat(at(second)).await.unwrap();
        let of = |processes, place, is_new| Some(Share { processes, place, is_new });
        assert_eq!(share(&one, 0).await, of(1, 0, true));
        let place = share(&two, 0).await.unwrap().place;
        assert_eq!(share(&one, 1).await, of(2, 1 - place, true));
        assert_eq!(share(&one, 11).await, of(2, 1 - place, false));
        assert_eq!(share(&one, 14).await, None);
        assert_eq!(share(&one, 16).await, of(2, 1 - place, false));
        assert_eq!(share(&one, 60).await, of(1, 0, true));
        assert_eq!(share(&one, 5_000).await, of(1, 0, true));
        assert_eq!(store.list(KIND, None, 10, None).await.unwrap().records.len(), 1);
    }

    #[tokio::test]
    async fn who_is_alone_is_new_for_a_second() {
        let folder = tempfile::tempdir().unwrap();
        let writers = Writers::new(Arc::new(SqliteStore::open(folder.path().join("db")).unwrap()));
        let begun = Timestamp::from_second(1_800_000_000).unwrap();
        assert!(writers.beat(begun).await.unwrap().unwrap().is_new);
        assert!(!writers.beat(begun + FIRST_BEATS).await.unwrap().unwrap().is_new);
    }
}
