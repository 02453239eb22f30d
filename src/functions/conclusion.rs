//! When an event or session that was said to be over may make no-shows of people: once nothing older waits any more, as far as that
//! can be told, and at the latest after some hours.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::{dataverse_access::DataverseAccess, services::Services};
use crate::{
    model::{ParticipantEvent, stamp::Fingerprint},
    queue::{Queue, QueueError},
    store::{Key, Store, StoreError},
    sync::{
        closings::{self, Waiting},
        outcome::Outcome,
    },
    synclog::Entry,
};

/// What waits longer than this is not waited for.
const LONGEST: SignedDuration = SignedDuration::from_hours(6);
/// How long the host keeps a message that it has handed out: it may be older, and nobody sees it meanwhile.
const IN_FLIGHT: SignedDuration = SignedDuration::from_mins(10);
/// How long after it is seen again a message that was put back is surely delivered or put back once more.
const DELIVERED: SignedDuration = SignedDuration::from_mins(2);

const PUT_BACK: &str = "putback";

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
        events: impl Iterator<Item = &'a ParticipantEvent>,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        // A minute's difference is not worth a record.
        let until = Timestamp::from_second((until.as_second() / 60 + 1) * 60).unwrap_or(until);
        let fresh: Vec<String> = {
            let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
            let mut fresh = Vec::new();
            for event in events {
                if noted.get(&event.event.id).is_none_or(|known| *known < until) {
                    noted.insert(event.event.id.clone(), until);
                    fresh.push(event.event.id.clone());
                }
            }
            fresh
        };
        for event in fresh {
            let key = Key::new(PUT_BACK, part(&event), self.process.to_string());
            if let Err(error) = self.store.put(&key, &json!({ "until": until })).await {
                self.noted.lock().unwrap_or_else(PoisonError::into_inner).remove(&event);
                return Err(error);
            }
        }
        Ok(())
    }
}

/// The latest time that something of the event was put back for. Notes that are over are tidied away.
async fn put_back_until(store: &dyn Store, event: &str, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let mut latest = None;
    for record in store.list(PUT_BACK, Some(&part(event)), 1_000, None).await?.records {
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

/// What a queue tells of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    length: u64,
    /// When the oldest message that can be seen was added.
    oldest: Option<Timestamp>,
}

impl Told {
    async fn of(queue: &dyn Queue) -> Result<Self, QueueError> {
        let length = queue.approximate_len().await?;
        let oldest = if length == 0 { None } else { queue.oldest().await? };
        Ok(Self { length, oldest })
    }
}

/// Whether nothing that was queued before may still wait, as far as can be told.
fn may_conclude(recorded: Timestamp, queues: &[Told], put_back_until: Option<Timestamp>, now: Timestamp) -> bool {
    let age = now.duration_since(recorded);
    let empty = queues.iter().all(|queue| queue.length == 0);
    let older = queues.iter().any(|queue| queue.oldest.is_some_and(|oldest| oldest <= recorded));
    let put_back = put_back_until.is_some_and(|until| now.duration_since(until) < DELIVERED);
    age >= LONGEST || empty || (age >= IN_FLIGHT && !older && !put_back)
}

/// Concludes from the closings that may be concluded from, and sweeps the rows of their events and sessions.
pub async fn run(services: &Services, access: &DataverseAccess, now: Timestamp) -> anyhow::Result<()> {
    let waiting = closings::waiting(&*services.store).await?;
    if waiting.is_empty() {
        return Ok(());
    }
    let queues = [Told::of(&*services.events).await?, Told::of(&*services.activities).await?];
    for Waiting { closed, recorded, .. } in waiting {
        let put_back = put_back_until(&*services.store, &closed.event, now).await?;
        if !may_conclude(recorded, &queues, put_back, now) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closing_waits_for_what_is_older_and_not_for_ever() {
        let at = |minute: i64| Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap();
        let queue = |length, oldest: Option<i64>| Told { length, oldest: oldest.map(at) };
        for (what, queues, put_back, now, expected) in [
            ("nothing waits", [queue(0, None), queue(0, None)], None, 101, true),
            ("something older is seen", [queue(9, Some(50)), queue(0, None)], None, 150, false),
            ("something older is seen among the gathered", [queue(0, None), queue(1, Some(100))], None, 150, false),
            ("something is under way", [queue(3, None), queue(0, None)], None, 105, false),
            ("what was under way is done, newer waits", [queue(3, Some(101)), queue(0, None)], None, 110, true),
            ("something was put back", [queue(3, Some(101)), queue(0, None)], Some(120), 119, false),
            (
                "what was put back is about to be delivered",
                [queue(3, Some(101)), queue(0, None)],
                Some(120),
                121,
                false,
            ),
            ("what was put back was delivered", [queue(3, Some(101)), queue(0, None)], Some(120), 122, true),
            ("not for ever", [queue(9, Some(50)), queue(1, None)], Some(900), 460, true),
        ] {
            assert_eq!(may_conclude(at(100), &queues, put_back.map(at), at(now)), expected, "{what}");
        }
    }
}
