//! Writing entries down, and removing them when their time is over.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    Entry,
    entry::id,
    place::{ALL_DAYS, DAYS, ENTRIES, PAGE, Place, day, in_a_key, places},
};
use crate::{
    store::{Store, StoreError},
    sync::plan::EventParticipant,
};

/// Entries that wait to be written. What comes while so many wait is lost: the storage is out of reach for minutes then.
const WAITING: usize = 20_000;
/// Entries that are written together.
const TOGETHER: usize = 4_000;
/// How long entries are waited for that belong to the same batch.
const LINGER: Duration = Duration::from_millis(250);
/// What a record holds of entries, in bytes of JSON.
const RECORD_BYTES: usize = 192 * 1024;

/// Takes entries. Nothing that is noted is waited for, or can fail what it is about.
#[derive(Debug, Clone)]
pub struct SyncLog {
    entries: Option<mpsc::Sender<Entry>>,
    lost: Arc<AtomicU64>,
}

impl SyncLog {
    /// Writes into this store, from a task of its own.
    pub fn start(store: Arc<dyn Store>) -> Self {
        let (entries, waiting) = mpsc::channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        tokio::spawn(write_down(store, waiting, lost.clone()));
        Self { entries: Some(entries), lost }
    }

    /// Keeps nothing.
    pub fn off() -> Self {
        Self { entries: None, lost: Arc::default() }
    }

    pub fn note(&self, entries: impl IntoIterator<Item = Entry>) {
        let Some(sender) = &self.entries else { return };
        for entry in entries {
            if sender.try_send(entry).is_err() {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

async fn write_down(store: Arc<dyn Store>, mut waiting: mpsc::Receiver<Entry>, lost: Arc<AtomicU64>) {
    let (mut known, mut taken) = (BTreeSet::new(), Vec::new());
    while waiting.recv_many(&mut taken, TOGETHER).await > 0 {
        tokio::time::sleep(LINGER).await;
        while taken.len() < TOGETHER
            && let Ok(entry) = waiting.try_recv()
        {
            taken.push(entry);
        }
        let mut places: BTreeMap<Place, Vec<Entry>> = BTreeMap::new();
        for entry in taken.drain(..) {
            places.entry(Place::of(entry.at, &entry.event)).or_default().push(entry);
        }
        for (place, entries) in places {
            let count = entries.len() as u64;
            if let Err(error) = write(&*store, &mut known, &place, entries).await {
                tracing::warn!(%error, "outcomes were not written into the sync log");
                lost.fetch_add(count, Ordering::Relaxed);
            }
        }
        match lost.swap(0, Ordering::Relaxed) {
            0 => {}
            lost => tracing::warn!(lost, "the sync log lacks outcomes"),
        }
    }
}

async fn write(
    store: &dyn Store,
    known: &mut BTreeSet<Place>,
    place: &Place,
    mut entries: Vec<Entry>,
) -> Result<(), StoreError> {
    // First, so that nothing lies where nobody looks.
    if !known.contains(place) {
        store.put(&place.day_key(), &json!({})).await?;
        known.retain(|known| known.day >= place.day);
        known.insert(place.clone());
    }
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    for (at, entries) in records(entries) {
        store.put(&place.new_key(at), &json!({ "entries": entries })).await?;
    }
    Ok(())
}

/// Entries as records hold them, each with the time of its newest.
fn records(entries: Vec<Entry>) -> Vec<(Timestamp, Vec<Value>)> {
    let mut records: Vec<(Timestamp, Vec<Value>)> = Vec::new();
    let mut room = 0;
    for entry in entries {
        let json = json!(entry);
        let bytes = json.to_string().len() + 1;
        match records.last_mut() {
            Some((_, record)) if bytes <= room => record.push(json),
            _ => {
                room = RECORD_BYTES;
                records.push((entry.at, vec![json]));
            }
        }
        room = room.saturating_sub(bytes);
    }
    records
}

/// Takes the ids of these participants, and of what was said of them, out of the log. Returns of how many entries.
///
/// # Errors
/// When the store fails.
pub async fn erase(store: &dyn Store, participants: &BTreeSet<EventParticipant>) -> Result<usize, StoreError> {
    let ids: BTreeSet<(String, String)> = participants.iter().map(|of| (id(&of.event), id(&of.participant))).collect();
    let events: BTreeSet<String> = participants.iter().map(|of| in_a_key(&of.event)).collect();
    let is_theirs = |entry: &Entry| {
        let participant = entry.participant.clone();
        participant.is_some_and(|participant| ids.contains(&(entry.event.clone(), participant)))
    };
    let mut erased = 0;
    for place in places(store).await?.iter().filter(|place| events.contains(&place.event)) {
        let mut next = None::<String>;
        loop {
            let page = store.list(ENTRIES, Some(&place.partition()), PAGE, next.as_deref()).await?;
            for record in page.records {
                let entries = serde_json::from_value::<Vec<Entry>>(record.value["entries"].clone());
                let mut entries = entries.unwrap_or_default();
                let theirs: Vec<&mut Entry> = entries.iter_mut().filter(|entry| is_theirs(entry)).collect();
                if theirs.is_empty() {
                    continue;
                }
                let count = theirs.len();
                for entry in theirs {
                    (entry.participant, entry.statement, entry.trace_id) = (None, None, None);
                }
                match store.replace(&record.key, &json!({ "entries": entries }), &record.etag).await {
                    Ok(_) => erased += count,
                    // Its time was over meanwhile.
                    Err(StoreError::Changed) => {}
                    Err(error) => return Err(error),
                }
            }
            next = page.next;
            if next.is_none() {
                break;
            }
        }
    }
    Ok(erased)
}

/// Removes what was noted on days that ended more than `kept` ago, at most `most` records. Returns how many, and whether that
/// was all.
///
/// # Errors
/// When the store fails.
pub async fn prune(
    store: &dyn Store,
    kept: SignedDuration,
    now: Timestamp,
    most: usize,
) -> Result<(usize, bool), StoreError> {
    let oldest = day(now.checked_sub(kept).unwrap_or(Timestamp::MIN));
    let (mut removed, mut next) = (0, None::<String>);
    loop {
        // The oldest day comes first.
        let page = store.list(DAYS, Some(ALL_DAYS), 100, next.as_deref()).await?;
        for record in page.records {
            let Some(place) = Place::read(&record.key.row) else { continue };
            if place.day >= oldest {
                return Ok((removed, true));
            }
            loop {
                let page = store.list(ENTRIES, Some(&place.partition()), 100, None).await?;
                for record in &page.records {
                    if removed >= most {
                        return Ok((removed, false));
                    }
                    store.delete(&record.key, None).await?;
                    removed += 1;
                }
                if page.next.is_none() {
                    break;
                }
            }
            store.delete(&record.key, None).await?;
        }
        next = page.next;
        if next.is_none() {
            return Ok((removed, true));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synclog::{Step, Verdict};

    #[test]
    fn records_stay_small_and_lose_nothing() {
        let entries: Vec<Entry> = (0..5_000)
            .map(|n| {
                let at = Timestamp::from_second(n).unwrap();
                Entry { participant: Some(format!("{n:0100}")), ..Entry::new(at, Step::Sync, Verdict::Written, "4711") }
            })
            .collect();
        let records = records(entries);
        assert!(records.len() > 1);
        assert!(records.iter().all(|(_, record)| json!(record).to_string().len() <= RECORD_BYTES + 2));
        assert_eq!(records.iter().map(|(_, record)| record.len()).sum::<usize>(), 5_000);
    }
}
