//! When an event or session that was said to be over may make no-shows of people: once nothing older waits any more, as far as that
//! can be told.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{
    dataverse_access::DataverseAccess,
    flush_activities,
    held::{self, Way},
    services::Services,
};
use crate::{
    model::{ParticipantEvent, stamp::Fingerprint},
    queue::{
        Peeked, Queue,
        envelope::{Content, Envelope},
    },
    store::{Key, Store, StoreError},
    sync::{
        closings::{self, Waiting},
        outcome::Outcome,
    },
    synclog::Entry,
};

/// What may be about another event is not waited for longer than this.
const LONGEST: SignedDuration = SignedDuration::from_hours(6);
/// How long nobody sees a message that was handed out, at most: the host keeps one for ten minutes, the flush for longer.
const IN_FLIGHT: SignedDuration = SignedDuration::from_secs(flush_activities::INVISIBLE.as_secs() as i64);

const PUT_BACK: &str = "putback";
/// Stands for the event of messages of which it cannot be told. What stands for an event begins with another character.
const ANY: &str = "any";

/// Since when the connector knows of messages of an event that were put back, or gathered, and until when they stay out of sight: a
/// queue does not tell. Those of different hours are kept apart, so that what comes on and on after a closing does not look older.
#[derive(Debug)]
pub struct PutBack {
    store: Arc<dyn Store>,
    process: Uuid,
    /// What this process noted, by event and hour, so that it is noted once.
    noted: Mutex<HashMap<(String, i64), OutOfSight>>,
}

/// A note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutOfSight {
    /// When the oldest of it first came to the connector.
    #[serde(default)]
    pub since: Timestamp,
    pub until: Timestamp,
}

impl OutOfSight {
    fn with(self, other: Self) -> Self {
        Self { since: self.since.min(other.since), until: self.until.max(other.until) }
    }

    fn hour(self) -> i64 {
        self.since.as_second() / 3_600
    }
}

impl PutBack {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, process: Uuid::new_v4(), noted: Mutex::default() }
    }

    /// Notes that something of these events will be out of sight. To be done before it is.
    pub async fn note<'a>(
        &self,
        events: impl IntoIterator<Item = &'a ParticipantEvent>,
        out: OutOfSight,
    ) -> Result<(), StoreError> {
        let parts = events.into_iter().map(|event| part(&event.event.id)).collect();
        self.write(parts, out).await
    }

    /// The same of these ids of events. `None`: nobody can tell which they are.
    pub async fn note_ids(&self, events: Option<&[String]>, out: OutOfSight) -> Result<(), StoreError> {
        let parts = events.map_or(vec![ANY.to_owned()], |events| events.iter().map(|event| part(event)).collect());
        self.write(parts, out).await
    }

    async fn write(&self, parts: Vec<String>, out: OutOfSight) -> Result<(), StoreError> {
        // A minute's difference is not worth a record.
        let round =
            |time: Timestamp, more: i64| Timestamp::from_second((time.as_second() / 60 + more) * 60).unwrap_or(time);
        let out = OutOfSight { since: round(out.since, 0), until: round(out.until, 1) };
        let fresh: Vec<(String, OutOfSight)> = {
            let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.retain(|_, known| known.until >= out.since);
            let mut fresh = Vec::new();
            for part in parts {
                let known = noted.get(&(part.clone(), out.hour())).copied();
                let all = known.map_or(out, |known| known.with(out));
                if known != Some(all) {
                    noted.insert((part.clone(), out.hour()), all);
                    fresh.push((part, all));
                }
            }
            fresh
        };
        for (part, out) in fresh {
            let key = Key::new(PUT_BACK, part.clone(), format!("{}.{}", self.process, out.hour()));
            if let Err(error) = self.store.put(&key, &json!(out)).await {
                self.noted.lock().unwrap_or_else(PoisonError::into_inner).remove(&(part, out.hour()));
                return Err(error);
            }
        }
        Ok(())
    }
}

/// What of the event was put back. Notes that are over are tidied away.
async fn put_back(store: &dyn Store, part: &str, now: Timestamp) -> Result<Vec<OutOfSight>, StoreError> {
    let mut notes = Vec::new();
    for record in store.list(PUT_BACK, Some(part), 1_000, None).await?.records {
        match serde_json::from_value::<OutOfSight>(record.value) {
            Ok(note) if now.duration_since(note.until) <= SignedDuration::from_hours(1) => notes.push(note),
            _ => store.delete(&record.key, None).await?,
        }
    }
    Ok(notes)
}

/// Until when something is out of sight that was there when a closing was recorded.
fn until(notes: &[OutOfSight], recorded: Timestamp) -> Option<Timestamp> {
    notes.iter().filter(|note| note.since <= recorded).map(|note| note.until).max()
}

fn part(id: &str) -> String {
    if id.is_ascii() { format!("e{id}") } else { format!("#{}", Fingerprint::of(id)) }
}

/// What a queue, and what is known of its messages, tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Told {
    length: u64,
    /// When the oldest of what can be seen first came to the connector.
    oldest: Option<Timestamp>,
    /// Whether what it holds is held.
    held: bool,
}

impl Told {
    async fn of(services: &Services, queue: &dyn Queue, way: Way) -> anyhow::Result<Self> {
        let length = queue.approximate_len().await?;
        if length == 0 {
            return Ok(Self::default());
        }
        let oldest = queue.front().await?.iter().map(first_seen).min();
        Ok(Self { length, oldest, held: held::read(&*services.store, way).await?.is_some() })
    }
}

/// A message that was put back is a new one for the queue.
fn first_seen(message: &Peeked) -> Timestamp {
    let seen = Envelope::parse(&message.text).map(|envelope| envelope.history.first_seen);
    seen.map_or(message.inserted, |seen| seen.min(message.inserted))
}

/// The events that a message is about, as far as its text tells.
pub(super) fn events_in(text: &str) -> Option<Vec<String>> {
    let Ok(Envelope { content: Content::Items(items), .. }) = Envelope::parse(text) else { return None };
    items.iter().map(|item| Some(item["event"]["id"].as_str()?.to_owned())).collect()
}

/// What may still wait when a closing was recorded.
#[derive(Debug, Clone, Copy, Default)]
struct WhatWaits {
    queues: [Told; 3],
    /// Until when something of the event was put back.
    put_back: Option<Timestamp>,
    /// Until when something was that may be of any event.
    put_back_of_any: Option<Timestamp>,
}

impl WhatWaits {
    /// Whether nothing that was queued before may still wait, as far as can be told.
    fn may_conclude(&self, recorded: Timestamp, now: Timestamp) -> bool {
        let (age, queues) = (now.duration_since(recorded), &self.queues);
        if queues.iter().all(|queue| queue.length == 0) {
            return true;
        }
        let older = queues.iter().any(|queue| queue.oldest.is_some_and(|oldest| oldest <= recorded));
        let held = queues.iter().any(|queue| queue.held);
        // Once it can be seen it is handed out, and then it is out of sight once more.
        let out_of_sight = |until: Option<Timestamp>| until.is_some_and(|until| now.duration_since(until) < IN_FLIGHT);
        let known = older || held || out_of_sight(self.put_back);
        age >= IN_FLIGHT && !known && (age >= LONGEST || !out_of_sight(self.put_back_of_any))
    }
}

/// Concludes from the closings that may be concluded from, and sweeps the rows of their events and sessions.
pub async fn run(services: &Services, access: &DataverseAccess, now: Timestamp) -> anyhow::Result<()> {
    let waiting = closings::waiting(&*services.store).await?;
    if waiting.is_empty() {
        return Ok(());
    }
    // In the order in which what they hold goes on: what leaves one meanwhile is seen in the next.
    let queues = [
        Told::of(services, &*services.hydrate, Way::InEvent).await?,
        Told::of(services, &*services.events, Way::Dataverse).await?,
        Told::of(services, &*services.activities, Way::Dataverse).await?,
    ];
    let of_any = put_back(&*services.store, ANY, now).await?;
    for Waiting { closed, recorded, .. } in waiting {
        let of_event = put_back(&*services.store, &part(&closed.event), now).await?;
        let (put_back, put_back_of_any) = (until(&of_event, recorded), until(&of_any, recorded));
        if !(WhatWaits { queues, put_back, put_back_of_any }).may_conclude(recorded, now) {
            tracing::info!(
                event = closed.event,
                session = closed.session,
                "what is older is waited for before no-shows are concluded"
            );
            continue;
        }
        closings::conclude(&*services.store, &closed).await?;
        access.join_writers().await;
        let outcome = access.writer.sweep(&closed).await?;
        tracing::info!(
            target: "outcome",
            event = closed.event,
            session = closed.session,
            waited_s = now.duration_since(recorded).as_secs(),
            swept = !matches!(outcome, Outcome::Postponed(_)),
            "closing concluded"
        );
        if !matches!(outcome, Outcome::Postponed(_)) {
            services.sync_log.note([Entry::of_closing(now, &closed, &outcome)]);
            closings::swept(&*services.store, &closed).await?;
        }
    }
    Ok(())
}

#[cfg(all(test, feature = "local"))]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
