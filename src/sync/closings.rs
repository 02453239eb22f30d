//! Which events and sessions are over. It is remembered in the store, so that what is delivered later knows it too.

use std::collections::BTreeSet;

use serde_json::json;

use crate::{
    model::{ParticipantEvent, stamp::Fingerprint},
    store::{Key, Store, StoreError},
};

const KIND: &str = "closing";
/// The row of an event's own closing; sessions stand under `s` and their id, so that no session id can be taken for it.
const EVENT: &str = "event";

/// An id as part of a key. The store escapes what is not plain, which would make some ids too long: of those it is the hash.
fn part(id: &str) -> String {
    if id.is_ascii() { id.to_owned() } else { format!("#{}", Fingerprint::of(id)) }
}

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
        Some(session) => format!("s{}", part(&session.id)),
    };
    let key = Key::new(KIND, part(&closing.event.id), row);
    let session = closing.session.as_ref().map(|session| &session.id);
    match store.insert(&key, &json!({ "time": closing.time, "session": session })).await {
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
            let page = store.list(KIND, Some(&part(event)), 1_000, next.as_deref()).await?;
            for record in page.records {
                closings.add(event, record.value["session"].as_str());
            }
            next = page.next;
            if next.is_none() {
                break;
            }
        }
    }
    Ok(closings)
}

#[cfg(all(test, feature = "local"))]
mod tests {
    use super::*;
    use crate::{model::validate, store::SqliteStore};

    #[tokio::test]
    async fn what_is_over_is_remembered_whatever_the_ids_look_like() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("db")).unwrap();
        for id in ["4711".to_owned(), "a/b#c?d %".repeat(11), "😀".repeat(100)] {
            let closing = json!({ "id": "1", "time": "2026-05-12T16:00:00Z", "kind": "session_closed", "event": { "id": id }, "session": { "id": id } });
            let closing = validate::read(&closing, "2026-06-01T00:00:00Z".parse().unwrap()).unwrap();
            record(&store, &closing).await.unwrap();
            record(&store, &closing).await.unwrap();
            let closings = load(&store, &BTreeSet::from([id.as_str()])).await.unwrap();
            assert!(closings.over(&id, Some(&id)) && !closings.over(&id, None), "{id}");
        }
    }
}
