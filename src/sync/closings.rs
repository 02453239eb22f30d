//! Which events and sessions are over. It is remembered in the store, so that what is delivered later knows it too.

use std::collections::BTreeSet;

use serde_json::json;

use crate::{
    model::ParticipantEvent,
    store::{Key, Store, StoreError},
};

const KIND: &str = "closing";
/// The row of an event's own closing; sessions stand under `s` and their id, so that no session id can be taken for it.
const EVENT: &str = "event";

/// The closings of some events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closings(BTreeSet<(String, Option<String>)>);

impl Closings {
    /// Whether this event, or this session of it, is over. The end of an event is the end of its sessions.
    pub fn over(&self, event: &str, session: Option<&str>) -> bool {
        let told = |session: Option<&str>| self.0.contains(&(event.to_owned(), session.map(str::to_owned)));
        told(None) || (session.is_some() && told(session))
    }

    pub fn add(&mut self, event: &str, session: Option<&str>) {
        self.0.insert((event.to_owned(), session.map(str::to_owned)));
    }
}

/// Remembers that an event or session is over.
pub async fn record(store: &dyn Store, closing: &ParticipantEvent) -> Result<(), StoreError> {
    let row = match &closing.session {
        None => EVENT.to_owned(),
        Some(session) => format!("s{}", session.id),
    };
    let key = Key::new(KIND, closing.event.id.clone(), row);
    match store.insert(&key, &json!({ "time": closing.time })).await {
        Ok(_) | Err(StoreError::Exists) => Ok(()),
        Err(error) => Err(error),
    }
}

/// What is known to be over of these events.
pub async fn load(store: &dyn Store, events: &BTreeSet<&str>) -> Result<Closings, StoreError> {
    let mut closings = Closings::default();
    for event in events {
        let mut next = None;
        loop {
            let page = store.list(KIND, Some(event), 1_000, next.as_deref()).await?;
            for record in page.records {
                closings.add(event, record.key.row.strip_prefix('s'));
            }
            next = page.next;
            if next.is_none() {
                break;
            }
        }
    }
    Ok(closings)
}
