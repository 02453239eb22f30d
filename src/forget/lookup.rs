//! The cached answer to "is anybody forgotten?", for the way of every event.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::Mutex;

use super::{Forgotten, load, read_key, remember_participants};
use crate::{
    model::Address,
    store::{ETag, Store, StoreError},
    sync::plan::EventParticipant,
};

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

    /// Remembers participants who were known by their address only. Returns everybody, with them.
    pub async fn learn(
        &self,
        participants: &[(Address, EventParticipant)],
        now: Instant,
    ) -> Result<Arc<Forgotten>, StoreError> {
        remember_participants(&*self.store, participants, Timestamp::now()).await?;
        *self.cached.lock().await = None;
        self.current(now).await
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
