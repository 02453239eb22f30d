//! When an event or session that was said to be over may make no-shows of people: once nothing older waits any more, as far as that
//! can be told.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
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

/// Until when messages of an event stay out of sight that were put back, or gathered: a queue does not tell.
#[derive(Debug)]
pub struct PutBack {
    store: Arc<dyn Store>,
    process: Uuid,
    /// What this process noted, by event, so that it is noted once.
    noted: Mutex<HashMap<String, Timestamp>>,
}

impl PutBack {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, process: Uuid::new_v4(), noted: Mutex::default() }
    }

    /// Notes that something of these events will be out of sight until then. To be done before it is.
    pub async fn note<'a>(
        &self,
        events: impl IntoIterator<Item = &'a ParticipantEvent>,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let parts = events.into_iter().map(|event| part(&event.event.id)).collect();
        self.write(parts, until).await
    }

    /// The same of these ids of events. `None`: nobody can tell which they are.
    pub async fn note_ids(&self, events: Option<&[String]>, until: Timestamp) -> Result<(), StoreError> {
        let parts = events.map_or(vec![ANY.to_owned()], |events| events.iter().map(|event| part(event)).collect());
        self.write(parts, until).await
    }

    async fn write(&self, parts: Vec<String>, until: Timestamp) -> Result<(), StoreError> {
        // A minute's difference is not worth a record.
        let until = Timestamp::from_second((until.as_second() / 60 + 1) * 60).unwrap_or(until);
        let fresh: Vec<String> = {
            let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
            let mut fresh = Vec::new();
            for part in parts {
                if noted.get(&part).is_none_or(|known| *known < until) {
                    noted.insert(part.clone(), until);
                    fresh.push(part);
                }
            }
            fresh
        };
        for part in fresh {
            let key = Key::new(PUT_BACK, part.clone(), self.process.to_string());
            if let Err(error) = self.store.put(&key, &json!({ "until": until })).await {
                self.noted.lock().unwrap_or_else(PoisonError::into_inner).remove(&part);
                return Err(error);
            }
        }
        Ok(())
    }
}

/// The latest time that something of the event was put back for. Notes that are over are tidied away.
async fn put_back_until(store: &dyn Store, part: &str, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let mut latest = None;
    for record in store.list(PUT_BACK, Some(part), 1_000, None).await?.records {
        let until = record.value["until"].as_str().and_then(|until| until.parse::<Timestamp>().ok());
        latest = latest.max(until);
        if until.is_none_or(|until| now.duration_since(until) > SignedDuration::from_hours(1)) {
            store.delete(&record.key, None).await?;
        }
    }
    Ok(latest)
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
    let put_back_of_any = put_back_until(&*services.store, ANY, now).await?;
    for Waiting { closed, recorded, .. } in waiting {
        let put_back = put_back_until(&*services.store, &part(&closed.event), now).await?;
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
