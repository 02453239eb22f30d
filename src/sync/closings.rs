//! Which events and sessions are over. It is remembered in the store, so that what is delivered later knows it too.
//!
//! Nobody is called a no-show while older messages may still wait. So a closing is first *recorded*, and rows learn of it only once
//! it is *concluded*. With [`Conclusion::AtOnce`] that is the same moment. With [`Conclusion::WhenTold`] a timer takes it from there:
//!
//! 1. [`waiting`] lists what is not swept yet; whoever knows the queues picks what nothing older can wait for any more;
//! 2. [`conclude`] makes it known: from now on [`Closings::over`] says so to every batch;
//! 3. `Engine::sweep` plans the rows of the event or session anew, page by page;
//! 4. [`swept`] takes it off the list.
//!
//! Each step may be repeated, so a crash anywhere costs nothing but doing it again.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    model::{ParticipantEvent, SourceTime, stamp::Fingerprint},
    store::{Key, Store, StoreError},
};

/// Every closing that was ever told, for batches to look up by event.
const KIND: &str = "closing";
/// Those whose rows are still to be swept.
const WAITING: &str = "closingwaiting";
/// The row of an event's own closing; sessions stand under `s` and their id, so that no session id can be taken for it.
const EVENT: &str = "event";

/// When a closing is concluded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Conclusion {
    /// As soon as it is told.
    #[default]
    AtOnce,
    /// By [`conclude`].
    WhenTold,
}

/// An event, or a session of it, that was said to be over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Closed {
    pub event: String,
    pub session: Option<String>,
}

impl Closed {
    pub fn of(closing: &ParticipantEvent) -> Self {
        Self { event: closing.event.id.clone(), session: closing.session.as_ref().map(|session| session.id.clone()) }
    }

    fn key(&self, kind: &'static str) -> Key {
        let row = match &self.session {
            None => EVENT.to_owned(),
            Some(session) => format!("s{}", part(session)),
        };
        Key::new(kind, part(&self.event), row)
    }
}

/// A closing whose rows are still to be swept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    #[serde(flatten)]
    pub closed: Closed,
    /// When the source said that it was over.
    pub time: SourceTime,
    /// When the connector took note of it: what was queued before may still wait.
    pub recorded: Timestamp,
}

/// An id as part of a key. The store escapes what is not plain, which would make some ids too long: of those it is the hash.
fn part(id: &str) -> String {
    if id.is_ascii() { id.to_owned() } else { format!("#{}", Fingerprint::of(id)) }
}

/// The concluded closings of some events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closings(BTreeSet<(String, Option<String>)>);

impl Closings {
    /// Whether this event, or this session of it, is over and that may be concluded from. The end of an event is the end of its
    /// sessions.
    pub fn over(&self, event: &str, session: Option<&str>) -> bool {
        let told = |session: Option<&str>| self.0.contains(&(event.to_owned(), session.map(str::to_owned)));
        told(None) || (session.is_some() && told(session))
    }

    pub fn add(&mut self, event: &str, session: Option<&str>) {
        self.0.insert((event.to_owned(), session.map(str::to_owned)));
    }
}

/// Remembers that an event or session is over. Says whether that may be concluded from already.
pub async fn record(
    store: &dyn Store,
    closing: &ParticipantEvent,
    now: Timestamp,
    conclusion: Conclusion,
) -> Result<bool, StoreError> {
    let closed = Closed::of(closing);
    let concluded = conclusion == Conclusion::AtOnce;
    if !concluded {
        let waiting = Waiting { closed: closed.clone(), time: closing.time, recorded: now };
        add(store, &closed.key(WAITING), &json!(waiting)).await?;
    }
    let key = closed.key(KIND);
    if add(store, &key, &told(&closed, concluded)).await? {
        return Ok(concluded);
    }
    let known = store.get(&key).await?.is_some_and(|record| is_concluded(&record.value));
    if concluded && !known {
        store.put(&key, &told(&closed, true)).await?;
    }
    Ok(concluded || known)
}

/// Inserts a record; says whether it was not there yet.
async fn add(store: &dyn Store, key: &Key, value: &Value) -> Result<bool, StoreError> {
    match store.insert(key, value).await {
        Ok(_) => Ok(true),
        Err(StoreError::Exists) => Ok(false),
        Err(error) => Err(error),
    }
}

fn told(closed: &Closed, concluded: bool) -> Value {
    json!({ "session": closed.session, "concluded": concluded })
}

/// Earlier releases concluded from every closing at once, and did not say so.
fn is_concluded(record: &Value) -> bool {
    record["concluded"].as_bool() != Some(false)
}

/// The closings that were recorded and not swept yet.
pub async fn waiting(store: &dyn Store) -> Result<Vec<Waiting>, StoreError> {
    let records = all(store, WAITING, None).await?;
    Ok(records.into_iter().filter_map(|value| serde_json::from_value(value).ok()).collect())
}

/// From now on this closing is over for every batch.
pub async fn conclude(store: &dyn Store, closed: &Closed) -> Result<(), StoreError> {
    store.put(&closed.key(KIND), &told(closed, true)).await.map(drop)
}

/// The rows of this closing have been planned anew since it was concluded.
pub async fn swept(store: &dyn Store, closed: &Closed) -> Result<(), StoreError> {
    store.delete(&closed.key(WAITING), None).await
}

/// What is known to be over of these events.
pub async fn load(store: &dyn Store, events: &BTreeSet<&str>) -> Result<Closings, StoreError> {
    let mut closings = Closings::default();
    for event in events {
        let records = all(store, KIND, Some(&part(event))).await?;
        for record in records.iter().filter(|record| is_concluded(record)) {
            closings.add(event, record["session"].as_str());
        }
    }
    Ok(closings)
}

async fn all(store: &dyn Store, kind: &'static str, partition: Option<&str>) -> Result<Vec<Value>, StoreError> {
    let (mut values, mut next) = (Vec::new(), None);
    loop {
        let page = store.list(kind, partition, 1_000, next.as_deref()).await?;
        values.extend(page.records.into_iter().map(|record| record.value));
        next = page.next;
        if next.is_none() {
            return Ok(values);
        }
    }
}

#[cfg(all(test, feature = "local"))]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::{model::validate, store::SqliteStore};

    fn session_closed(id: &str) -> ParticipantEvent {
        let closing = json!({ "id": "1", "time": "2026-05-12T16:00:00Z", "kind": "session_closed", "event": { "id": id }, "session": { "id": id } });
        validate::read(&closing, now()).unwrap()
    }

    fn now() -> Timestamp {
        "2026-06-01T00:00:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn what_is_over_is_remembered_whatever_the_ids_look_like() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("db")).unwrap();
        for id in ["4711".to_owned(), "a/b#c?d %".repeat(11), "😀".repeat(100)] {
            let closing = session_closed(&id);
            assert!(record(&store, &closing, now(), Conclusion::AtOnce).await.unwrap());
            assert!(record(&store, &closing, now(), Conclusion::AtOnce).await.unwrap());
            let closings = load(&store, &BTreeSet::from([id.as_str()])).await.unwrap();
            assert!(closings.over(&id, Some(&id)) && !closings.over(&id, None), "{id}");
        }
        assert_eq!(waiting(&store).await.unwrap(), []);
    }

    #[tokio::test]
    async fn nothing_is_over_before_it_is_concluded() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("db")).unwrap();
        let closing = session_closed("4711");
        let over = async || load(&store, &BTreeSet::from(["4711"])).await.unwrap().over("4711", Some("4711"));
        for _ in 0..2 {
            assert!(!record(&store, &closing, now(), Conclusion::WhenTold).await.unwrap());
            assert!(!over().await);
        }
        let found = waiting(&store).await.unwrap();
        assert_eq!(found, [Waiting { closed: Closed::of(&closing), time: closing.time, recorded: now() }]);
        conclude(&store, &found[0].closed).await.unwrap();
        assert!(over().await);
        assert_eq!(waiting(&store).await.unwrap(), found);
        swept(&store, &found[0].closed).await.unwrap();
        assert_eq!(waiting(&store).await.unwrap(), []);
        // Told once more, the rows are swept once more.
        assert!(record(&store, &closing, now(), Conclusion::WhenTold).await.unwrap());
        assert_eq!(waiting(&store).await.unwrap().len(), 1);
    }
}
