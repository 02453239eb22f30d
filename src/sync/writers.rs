//! How many processes write at the moment: they share the parallelism that Dataverse recommends for the whole organisation.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::store::{Key, Store, StoreError};

const KIND: &str = "writer";
const PARTITION: &str = "dataverse";

/// How often a writing process says so.
const BEAT: SignedDuration = SignedDuration::from_secs(20);
/// Who was silent for so long writes no more. Three beats, and clocks may differ by some seconds.
const SILENT: SignedDuration = SignedDuration::from_secs(60);
/// Whose record is so old is tidied away.
const GONE: SignedDuration = SignedDuration::from_hours(1);

/// This process among the writers.
#[derive(Debug, Clone)]
pub struct Writers {
    store: Arc<dyn Store>,
    me: Uuid,
    last: Arc<Mutex<Option<Timestamp>>>,
}

impl Writers {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, me: Uuid::new_v4(), last: Arc::default() }
    }

    /// Says that this process writes; returns how many do, this one included, when it was time to look.
    pub async fn beat(&self, now: Timestamp) -> Result<Option<usize>, StoreError> {
        let mut last = self.last.lock().await;
        if last.is_some_and(|last| now.duration_since(last) < BEAT) {
            return Ok(None);
        }
        self.store.put(&Key::new(KIND, PARTITION, self.me.to_string()), &json!({ "at": now })).await?;
        *last = Some(now);
        let mut writing = 0;
        for record in self.store.list(KIND, Some(PARTITION), 1_000, None).await?.records {
            let at = record.value.get("at").and_then(|at| at.as_str()?.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH);
            match now.duration_since(at) {
                silence if silence < SILENT => writing += 1,
                silence if silence > GONE => self.store.delete(&record.key, None).await?,
                _ => {}
            }
        }
        Ok(Some(writing.max(1)))
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
        assert_eq!(one.beat(at(0)).await.unwrap(), Some(1));
        assert_eq!(two.beat(at(1)).await.unwrap(), Some(2));
        assert_eq!(one.beat(at(10)).await.unwrap(), None);
        assert_eq!(one.beat(at(30)).await.unwrap(), Some(2));
        assert_eq!(one.beat(at(80)).await.unwrap(), Some(1));
        assert_eq!(one.beat(at(5_000)).await.unwrap(), Some(1));
        assert_eq!(store.list(KIND, None, 10, None).await.unwrap().records.len(), 1);
    }
}
