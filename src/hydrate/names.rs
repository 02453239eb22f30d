//! What events and sessions are called, and which questions are asked: read once, and known for some minutes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::OnceCell;

use crate::{
    inevent::{Client, Error, questions::Question, translate},
    model::Occasion,
};

const KNOWN_FOR: Duration = Duration::from_secs(5 * 60);
/// Beyond so many everything is forgotten.
const MOST: usize = 10_000;

/// An event or session.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) occasion: Occasion,
    /// Of a session, the event that it belongs to.
    pub(super) event: Option<String>,
}

#[derive(Debug)]
pub(super) struct Names {
    client: Client,
    events: Cache<Known>,
    activities: Cache<Known>,
    questions: Cache<Vec<Question>>,
}

impl Names {
    pub(super) fn new(client: Client) -> Self {
        Self { client, events: Cache::default(), activities: Cache::default(), questions: Cache::default() }
    }

    pub(super) async fn event(&self, id: &str) -> Result<Arc<Known>, Error> {
        let read = async || {
            let event = self.client.event(id).await?;
            let unknown = || translate::occasion(id, None, None, None);
            Ok(Known { occasion: event.as_ref().map_or_else(unknown, translate::event_occasion), event: None })
        };
        self.events.get(id, read).await
    }

    pub(super) async fn activity(&self, id: &str) -> Result<Arc<Known>, Error> {
        let read = async || {
            let mut activity = self.client.activity(id).await?.item;
            if let Some(activity) = &mut activity {
                activity.tracks = self.client.tracks(id).await?;
            }
            let unknown = || translate::occasion(id, None, None, None);
            let occasion = activity.as_ref().map_or_else(unknown, translate::activity_occasion);
            Ok(Known { occasion, event: activity.and_then(|activity| activity.event) })
        };
        self.activities.get(id, read).await
    }

    pub(super) async fn questions(&self, event: &str) -> Result<Arc<Vec<Question>>, Error> {
        self.questions.get(event, async || Ok(self.client.questions(event).await?.items)).await
    }

    /// Something was renamed.
    pub(super) fn forget(&self, event: Option<&str>, activity: Option<&str>) {
        if let Some(event) = event {
            self.events.forget(event);
            self.questions.forget(event);
        }
        if let Some(activity) = activity {
            self.activities.forget(activity);
        }
    }
}

/// Values that are read once at a time; a failure is not kept.
#[derive(Debug)]
struct Cache<T>(Mutex<HashMap<String, (Instant, Slot<T>)>>);

type Slot<T> = Arc<OnceCell<Arc<T>>>;

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Cache<T> {
    async fn get(&self, key: &str, read: impl AsyncFnOnce() -> Result<T, Error>) -> Result<Arc<T>, Error> {
        let slot = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MOST {
                known.clear();
            }
            match known.get(key).filter(|(at, _)| at.elapsed() < KNOWN_FOR) {
                Some((_, slot)) => slot.clone(),
                None => {
                    let slot = Slot::default();
                    known.insert(key.to_owned(), (Instant::now(), slot.clone()));
                    slot
                }
            }
        };
        slot.get_or_try_init(async || read().await.map(Arc::new)).await.cloned()
    }

    fn forget(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}
