//! What is remembered of lists, in the store: who was put on them, who is to be looked at again, and what is wrong with which list.

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{decide::Membership, members::ListProblem};
use crate::{
    model::stamp::Fingerprint,
    store::{ETag, Key, Store, StoreError},
    sync::{plan::EventParticipant, rows::PersonRef},
};

const MEMBERS: &str = "listmember";
const NOTES: &str = "listnote";
const TROUBLES: &str = "listtrouble";

/// The partition of notes about what is under way. Events stand under `e` and their id.
const UNDER_WAY: &str = "underway";
const NOW: &str = "now";

/// Nothing is under way for so long: whoever began it has died.
const ABANDONED: SignedDuration = SignedDuration::from_mins(10);

/// Calls to the store at the same time.
const AT_ONCE: usize = 32;

/// Makes calls to the store, some of them at the same time; the answers come in no order.
///
/// # Errors
/// That of the first call that failed.
pub async fn together<T>(
    calls: impl IntoIterator<Item = impl Future<Output = Result<T, StoreError>>>,
) -> Result<Vec<T>, StoreError> {
    stream::iter(calls).buffer_unordered(AT_ONCE).try_collect().await
}

fn member(list: Uuid, person: PersonRef) -> Key {
    Key::new(MEMBERS, list.to_string(), person.id.to_string())
}

/// What is remembered of a person and a list, without the calls that are under way no more.
pub async fn recall(
    store: &dyn Store,
    list: Uuid,
    person: PersonRef,
    now: Timestamp,
) -> Result<Option<(Membership, ETag)>, StoreError> {
    let record = store.get(&member(list, person)).await?;
    Ok(record.and_then(|record| {
        let mut membership: Membership = serde_json::from_value(record.value).ok()?;
        membership.calls.retain(|_, began| now.duration_since(*began) <= ABANDONED);
        Some((membership, record.etag))
    }))
}

/// Remembers a membership in place of the one that was recalled; `None` when somebody else was quicker.
pub async fn remember(
    store: &dyn Store,
    list: Uuid,
    person: PersonRef,
    membership: &Membership,
    before: Option<&ETag>,
) -> Result<Option<ETag>, StoreError> {
    let (key, value) = (member(list, person), json!(membership));
    let written = match before {
        None => store.insert(&key, &value).await,
        Some(etag) => store.replace(&key, &value, etag).await,
    };
    match written {
        Ok(etag) => Ok(Some(etag)),
        Err(StoreError::Exists | StoreError::Changed) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Participants whose rows are to be looked at again.
#[derive(Debug, Clone, PartialEq)]
pub struct Noted {
    key: Key,
    etag: ETag,
    pub at: Timestamp,
    pub participants: Vec<EventParticipant>,
    /// The list that took nobody, when that is why; none for what was under way.
    pub list: Option<Uuid>,
}

impl Noted {
    /// Whether it is time to look: what is under way is left to who does it, unless that is long ago.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.list.is_some() || now.duration_since(self.at) > ABANDONED
    }

    /// The events that its participants take part in, of each one of them.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        self.participants.iter().map(|participant| participant.event.as_str())
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    at: Timestamp,
    participants: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    list: Option<Uuid>,
}

/// An id as part of a key: the store escapes what is not plain, which would make some ids too long.
fn part(id: &str) -> String {
    if id.is_ascii() { format!("e{id}") } else { format!("#{}", Fingerprint::of(id)) }
}

async fn put(
    store: &dyn Store,
    key: Key,
    participants: Vec<EventParticipant>,
    list: Option<Uuid>,
    at: Timestamp,
) -> Result<Noted, StoreError> {
    let pairs = participants.iter().map(|who| (who.event.clone(), who.participant.clone())).collect();
    let etag = store.put(&key, &json!(Note { at, participants: pairs, list })).await?;
    Ok(Noted { key, etag, at, participants, list })
}

/// Notes what is about to be done, for whoever comes after a crash.
pub async fn note_under_way(
    store: &dyn Store,
    participants: Vec<EventParticipant>,
    at: Timestamp,
) -> Result<Noted, StoreError> {
    put(store, Key::new(NOTES, UNDER_WAY, Uuid::new_v4().to_string()), participants, None, at).await
}

/// Notes that a participant waits for a list, or for another look. Noted twice it is one note.
pub async fn note_waiting(
    store: &dyn Store,
    participant: &EventParticipant,
    list: Uuid,
    at: Timestamp,
) -> Result<(), StoreError> {
    let key = Key::new(NOTES, part(&participant.event), part(&participant.participant));
    put(store, key, vec![participant.clone()], Some(list), at).await.map(drop)
}

/// Removes a note, unless it was noted anew.
pub async fn strike(store: &dyn Store, note: &Noted) -> Result<(), StoreError> {
    match store.delete(&note.key, Some(&note.etag)).await {
        Ok(()) | Err(StoreError::Changed) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A page of notes, and where the next one begins.
pub async fn noted(store: &dyn Store, next: Option<&str>) -> Result<(Vec<Noted>, Option<String>), StoreError> {
    let page = store.list(NOTES, None, 1_000, next).await?;
    let noted = page.records.into_iter().filter_map(|record| {
        let Note { at, participants, list } = serde_json::from_value(record.value).ok()?;
        let participants =
            participants.into_iter().map(|(event, participant)| EventParticipant { event, participant }).collect();
        Some(Noted { key: record.key, etag: record.etag, at, participants, list })
    });
    Ok((noted.collect(), page.next))
}

/// A list that takes nobody, as Health shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    pub list: Uuid,
    pub problem: String,
    pub remedy: String,
    pub since: Timestamp,
}

pub async fn report(store: &dyn Store, list: Uuid, problem: ListProblem, now: Timestamp) -> Result<(), StoreError> {
    let (problem, remedy) = problem.told();
    let key = Key::new(TROUBLES, list.to_string(), NOW);
    let known = store.get(&key).await?.and_then(|record| serde_json::from_value::<Trouble>(record.value).ok());
    if known.is_some_and(|known| known.problem == problem) {
        return Ok(());
    }
    tracing::warn!(%list, problem, remedy, "a marketing list takes nobody");
    let trouble = Trouble { list, problem: problem.to_owned(), remedy: remedy.to_owned(), since: now };
    store.put(&key, &json!(trouble)).await.map(drop)
}

pub async fn mended(store: &dyn Store, list: Uuid) -> Result<(), StoreError> {
    store.delete(&Key::new(TROUBLES, list.to_string(), NOW), None).await
}

/// What is wrong with lists now.
pub async fn troubles(store: &dyn Store) -> Result<Vec<Trouble>, StoreError> {
    let records = store.list(TROUBLES, None, 1_000, None).await?.records;
    Ok(records.into_iter().filter_map(|record| serde_json::from_value(record.value).ok()).collect())
}
