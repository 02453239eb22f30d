//! The cached answer to "is anybody forgotten?", for the way of every event.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use super::{Forgotten, load, read_key};
use crate::store::{ETag, Store, StoreError};

/// How long an answer is taken for true.
const FRESH: Duration = Duration::from_secs(10);

/// Who is forgotten, asked again after 10 seconds: one read then, and none for the events in between.
#[derive(Debug)]
pub struct Lookup {
    store: Arc<dyn Store>,
    cached: Mutex<Option<Cached>>,
}

#[derive(Debug)]
struct Cached {
    forgotten: Arc<Forgotten>,
    version: Option<ETag>,
    read: Instant,
}

impl Lookup {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, cached: Mutex::default() }
    }

    /// Everybody who was forgotten 10 seconds before `now`, at least.
    pub async fn current(&self, now: Instant) -> Result<Arc<Forgotten>, StoreError> {
        let mut cached = self.cached.lock().await;
        if let Some(cached) = cached.as_mut() {
            if now.duration_since(cached.read) < FRESH {
                return Ok(cached.forgotten.clone());
            }
            if read_key(&*self.store).await?.map(|(_, version)| version) == cached.version {
                cached.read = now;
                return Ok(cached.forgotten.clone());
            }
        }
        let (forgotten, version) = load(&*self.store).await?;
        let forgotten = Arc::new(forgotten);
        *cached = Some(Cached { forgotten: forgotten.clone(), version, read: now });
        Ok(forgotten)
    }
}
