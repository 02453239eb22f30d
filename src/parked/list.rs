//! Which things are parked.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::record::{self, Entry, Found, KIND, Piece};
use crate::store::{Key, Record, Store, StoreError};

/// Records read at once; each weighs up to some 30 KiB.
const PAGE: usize = 200;

/// Pieces are written before their head. A piece that has none after this long belongs to a writer that died in between.
const ORPHANED: SignedDuration = SignedDuration::from_hours(24);

/// Which entries are meant: those that meet everything named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// InEvent's id of the event.
    pub event: Option<String>,
    /// InEvent's id of the participant.
    pub participant: Option<String>,
    /// Dataverse's error code, as `0x80040203`.
    pub code: Option<String>,
    /// Parked at this time or later.
    pub since: Option<Timestamp>,
}

impl Selection {
    pub fn takes(&self, entry: &Entry) -> bool {
        let is = |wanted: &Option<String>, there: &Option<String>| wanted.is_none() || wanted == there;
        is(&self.event, &entry.event)
            && is(&self.participant, &entry.participant)
            && is(&self.code, &entry.code)
            && self.since.is_none_or(|since| entry.at >= since)
    }
}

/// Some of what is parked.
#[derive(Debug, Default)]
pub struct Page {
    pub found: Vec<Found>,
    /// Parts of originals without a head, which a writer left behind that died. They belong to no entry.
    pub orphans: Vec<Key>,
}

/// Everything that is parked, page by page, in the order of the ids.
#[derive(Debug)]
pub struct Pages<'a> {
    store: &'a dyn Store,
    partition: Option<String>,
    next: Option<String>,
    done: bool,
    /// A head comes right before its pieces, on this page or the one before.
    head: Option<Found>,
}

impl<'a> Pages<'a> {
    pub fn all(store: &'a dyn Store) -> Self {
        Self::from(store, None)
    }

    /// From where another listing stopped ([`Self::place`]).
    pub fn from(store: &'a dyn Store, next: Option<String>) -> Self {
        Self { store, partition: None, next, done: false, head: None }
    }

    /// Where to go on later; `None` at the end.
    pub fn place(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// The next page, which may be empty; `None` at the end.
    pub async fn next(&mut self, now: Timestamp) -> Result<Option<Page>, StoreError> {
        if self.done {
            return Ok(None);
        }
        let listed = self.store.list(KIND, self.partition.as_deref(), PAGE, self.next.as_deref()).await?;
        self.done = listed.next.is_none();
        self.next = listed.next;
        let mut page = Page::default();
        for record in listed.records {
            if let Some(id) = record::head_of_piece(&record.key) {
                let id = id.to_owned();
                if self.is_orphan(&record, &id, now).await? {
                    page.orphans.push(record.key);
                }
            } else if let Some(found) = Found::read(&record) {
                self.head = Some(found.clone());
                page.found.push(found);
            } else {
                tracing::warn!(
                    partition = record.key.partition,
                    row = record.key.row,
                    "a parked record is not readable"
                );
            }
        }
        Ok(Some(page))
    }

    async fn is_orphan(&mut self, piece: &Record, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let young = |piece: Piece| now.duration_since(piece.at) < ORPHANED;
        if serde_json::from_value(piece.value.clone()).is_ok_and(young) {
            return Ok(false);
        }
        if self.head.as_ref().is_none_or(|head| head.entry.id != id) {
            self.head = self.store.get(&record::head_key(id)).await?.as_ref().and_then(Found::read);
        }
        Ok(!self.head.as_ref().is_some_and(|head| head.has_piece(&piece.key)))
    }
}

/// How many are parked, up to `limit`.
pub async fn count(store: &dyn Store, limit: usize) -> Result<usize, StoreError> {
    let (mut count, mut next) = (0, None::<String>);
    loop {
        let page = store.list(KIND, None, PAGE, next.as_deref()).await?;
        count += page.records.iter().filter(|record| record::head_of_piece(&record.key).is_none()).count();
        next = page.next;
        if count >= limit || next.is_none() {
            return Ok(count.min(limit));
        }
    }
}

/// Why no entry was found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    #[error("{0} is not the id of a parked event: `parked list` shows them")]
    NotAnId(String),
    #[error("nothing is parked under {0}: `parked list` shows what is")]
    NoSuch(String),
    #[error("{0} begins the ids of several parked events: write more of its digits")]
    Ambiguous(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The entry of this id, which may be cut off after six digits.
pub async fn find(store: &dyn Store, id: &str, now: Timestamp) -> Result<Found, FindError> {
    let id = id.trim().to_ascii_lowercase();
    let partition = record::partition(&id).filter(|_| id.len() >= 6 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    let Some(partition) = partition else { return Err(FindError::NotAnId(id)) };
    let mut pages = Pages { partition: Some(partition.to_owned()), ..Pages::all(store) };
    let mut matching = None;
    while let Some(page) = pages.next(now).await? {
        for found in page.found.into_iter().filter(|found| found.entry.id.starts_with(&id)) {
            if matching.replace(found).is_some() {
                return Err(FindError::Ambiguous(id));
            }
        }
    }
    matching.ok_or(FindError::NoSuch(id))
}
