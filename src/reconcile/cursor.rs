//! How far each event was looked at. It survives restarts; a crash costs the pass under way.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::schedule::Look;
use crate::{
    model::SourceTime,
    store::{Key, Record, Store, StoreError},
};

const KIND: &str = "reconcile";

/// What is remembered of one event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cursor {
    /// When the last pass ended, and the last that read everybody, by the connector's clock.
    pub passed: Option<Timestamp>,
    pub whole: Option<Timestamp>,
    /// When the last pass began, by InEvent's clock: the next asks for what changed since.
    pub seen: Option<SourceTime>,
    /// When a pass was last begun, whether or not it came to an end.
    pub tried: Option<Timestamp>,
    /// How many seconds the last pass took.
    pub took: u32,
    /// A webhook said that the event is over: a whole look is due.
    pub ended: bool,
    /// The event was closed.
    pub closed: bool,
    /// The sessions that were closed.
    pub sessions: BTreeSet<String>,
    /// InEvent lists answers apart from people.
    pub answers_apart: bool,
    /// The tracks of the sessions that have any, as the last look at everybody found them.
    pub tracks: BTreeMap<String, Vec<String>>,
    /// A pass that is done in slices, and how far it came.
    pub under_way: Option<UnderWay>,
    /// What somebody should look at.
    pub alarm: Option<String>,
}

/// A pass that was broken off because its time was up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    pub look: Look,
    /// When it began, by InEvent's clock.
    pub begun: SourceTime,
    /// Where the next page of people begins.
    pub offset: usize,
}

fn key(event: &str) -> Key {
    Key::new(KIND, "event", event)
}

pub async fn load(store: &dyn Store, event: &str) -> Result<Cursor, StoreError> {
    Ok(read(store.get(&key(event)).await?))
}

/// What an earlier release kept otherwise is begun anew.
fn read(record: Option<Record>) -> Cursor {
    record.and_then(|record| serde_json::from_value(record.value).ok()).unwrap_or_default()
}

/// Keeps the cursor. A hint that came meanwhile stays: [`ended`] may be told at any time.
pub async fn save(store: &dyn Store, event: &str, cursor: &Cursor) -> Result<(), StoreError> {
    let keep = |kept: Cursor| Cursor { ended: cursor.ended || kept.ended && !cursor.closed, ..cursor.clone() };
    update(store, event, keep).await
}

/// Notes that a webhook said that the event is over: a look at everybody is due now, whenever the last one was.
pub async fn ended(store: &dyn Store, event: &str) -> Result<(), StoreError> {
    update(store, event, |kept| Cursor { ended: true, tried: None, whole: None, ..kept }).await
}

/// Changes what is kept, whoever else changes it at the same time.
async fn update(store: &dyn Store, event: &str, change: impl Fn(Cursor) -> Cursor) -> Result<(), StoreError> {
    loop {
        let record = store.get(&key(event)).await?;
        let etag = record.as_ref().map(|record| record.etag.clone());
        let changed = json!(change(read(record)));
        let written = match &etag {
            Some(etag) => store.replace(&key(event), &changed, etag).await,
            None => store.insert(&key(event), &changed).await,
        };
        match written {
            Err(StoreError::Changed | StoreError::Exists) => {}
            written => return written.map(drop),
        }
    }
}

/// What should be looked at, by event.
pub async fn alarms(store: &dyn Store) -> Result<Vec<(String, String)>, StoreError> {
    let (mut alarms, mut next) = (Vec::new(), None);
    loop {
        let page = store.list(KIND, Some("event"), 1_000, next.as_deref()).await?;
        for record in page.records {
            let alarm = record.value["alarm"].as_str().map(str::to_owned);
            alarms.extend(alarm.map(|alarm| (record.key.row, alarm)));
        }
        next = page.next;
        if next.is_none() {
            return Ok(alarms);
        }
    }
}
