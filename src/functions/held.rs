//! What keeps everything from being written, as the other processes of the app can see it: in the store.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Mutex;

use crate::{
    store::{Key, Store, StoreError},
    sync::outcome::Held,
};

const KIND: &str = "held";

/// The record of what is held, written only when it changes.
#[derive(Debug, Clone)]
pub struct HeldRecord {
    store: Arc<dyn Store>,
    way: Way,
    /// What this process wrote last; none at the start, when another process's record may still be there.
    known: Arc<Mutex<Option<State>>>,
}

/// Whose hold it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Events on their way to Dataverse.
    Dataverse,
    /// Webhooks that InEvent must be asked about.
    InEvent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Free,
    Held(Held),
}

/// A hold, as Health shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hold {
    pub name: String,
    pub remedy: String,
    pub since: Timestamp,
}

impl Way {
    /// A short name, for records and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dataverse => "dataverse",
            Self::InEvent => "inevent",
        }
    }
}

fn key(way: Way) -> Key {
    Key::new(KIND, way.name(), "now")
}

impl HeldRecord {
    pub fn new(store: Arc<dyn Store>, way: Way) -> Self {
        Self { store, way, known: Arc::default() }
    }

    /// Notes what a batch met: a hold, or none.
    pub async fn observe(&self, held: Option<&Held>) {
        let state = held.map_or(State::Free, |held| State::Held(held.clone()));
        let mut known = self.known.lock().await;
        if known.as_ref() == Some(&state) {
            return;
        }
        let written = match held {
            Some(held) => {
                let value =
                    json!(Hold { name: held.name.to_owned(), remedy: held.remedy.clone(), since: Timestamp::now() });
                self.store.put(&key(self.way), &value).await.map(drop)
            }
            None => self.store.delete(&key(self.way), None).await,
        };
        match written {
            Ok(()) => *known = Some(state),
            Err(error) => tracing::warn!(%error, "what is held could not be noted"),
        }
    }
}

/// What is held now.
pub async fn read(store: &dyn Store, way: Way) -> Result<Option<Hold>, StoreError> {
    Ok(store.get(&key(way)).await?.and_then(|record| serde_json::from_value(record.value).ok()))
}
