//! Who asked to be forgotten. Of an address only a keyed hash is kept, by which what still waits in a queue is known and dropped; and
//! of the participants who had it, for what says no address.

mod addresses;
mod erase;
mod lookup;
mod named;
mod rows;

pub use erase::{Erased, erase, erase_from, parked_participants};
pub use lookup::Lookup;
pub use rows::participants as participants_in_crm;

use std::collections::HashSet;

use azure_core::{credentials::Secret, hmac::hmac_sha256};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    model::{Address, ParticipantEvent},
    store::{ETag, Key, Record, Store, StoreError},
    sync::plan::EventParticipant,
};
use named::Named;

const KIND: &str = "forgotten";
const ADDRESSES: &str = "address";
/// Of participants, by the hash of their ids: each with the hash of the address that they were found by.
const PARTICIPANTS: &str = "participant";

/// Everybody who is forgotten, as of some moment.
#[derive(Debug, Default)]
pub struct Forgotten {
    /// None while nobody ever was.
    key: Option<HashKey>,
    addresses: HashSet<String>,
    participants: HashSet<String>,
}

/// What addresses are hashed with wherever one must be known again and not kept: made once and kept in the store. Without it a hash
/// cannot be tried out on addresses.
#[derive(Debug, Clone)]
pub struct HashKey(Secret);

impl Forgotten {
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.participants.is_empty()
    }

    pub fn contains(&self, address: &Address) -> bool {
        match &self.key {
            Some(key) if !self.is_empty() => key.hash(address).is_ok_and(|hash| self.addresses.contains(&hash)),
            _ => false,
        }
    }

    fn contains_participant(&self, of: &EventParticipant) -> bool {
        match &self.key {
            Some(key) if !self.participants.is_empty() => {
                key.hash_participant(of).is_ok_and(|hash| self.participants.contains(&hash))
            }
            _ => false,
        }
    }

    /// The same by the address' hash.
    pub fn contains_hash(&self, hash: &str) -> bool {
        self.addresses.contains(hash)
    }

    /// Whether the event is about somebody who is forgotten, by the address or by the participant's ids.
    pub fn concerns(&self, event: &ParticipantEvent) -> bool {
        let knows = |named: Named| {
            named.address.is_some_and(|address| self.contains(&address)) || self.contains_participant(&named.of)
        };
        !self.is_empty() && Named::of(event).is_some_and(knows)
    }

    /// Whether the text, JSON or not, holds the address of somebody who is forgotten, or is about a participant who is.
    pub fn named_in(&self, text: &str) -> bool {
        !self.is_empty()
            && (addresses::in_text(text).iter().any(|address| self.contains(address))
                || named::in_text(text).iter().any(|named| self.contains_participant(&named.of)))
    }

    /// The participants among these who are known by their address only, with it.
    pub fn unknown_participants(&self, events: &[ParticipantEvent]) -> Vec<(Address, EventParticipant)> {
        if self.is_empty() {
            return Vec::new();
        }
        let unknown = |named: Named| {
            let address = named.address.filter(|address| self.contains(address))?;
            (!self.contains_participant(&named.of)).then_some((address, named.of))
        };
        events.iter().filter_map(Named::of).filter_map(unknown).collect()
    }
}

/// Forgets an address from now on. Doing it twice is doing it once.
///
/// # Errors
/// When it was not noted; it has to be done again.
pub async fn remember(store: &dyn Store, address: &Address, now: Timestamp) -> Result<(), StoreError> {
    let key = HashKey::of(store).await?;
    store.put(&Key::new(KIND, ADDRESSES, key.hash(address)?), &json!({ "at": now })).await?;
    changed(store).await
}

/// Forgets participants who had an address, from now on, for what is said of them without it.
///
/// # Errors
/// As [`remember`].
pub async fn remember_participants(
    store: &dyn Store,
    participants: impl IntoIterator<Item = &(Address, EventParticipant)>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (key, mut any) = (HashKey::of(store).await?, false);
    for (address, of) in participants {
        let value = json!({ "at": now, "of": key.hash(address)? });
        store.put(&Key::new(KIND, PARTICIPANTS, key.hash_participant(of)?), &value).await?;
        any = true;
    }
    if any { changed(store).await } else { Ok(()) }
}

/// Forgets no more: what comes from now on is written again. Returns whether the address was forgotten.
pub async fn take_back(store: &dyn Store, address: &Address) -> Result<bool, StoreError> {
    let Some((key, _)) = read_key(store).await? else { return Ok(false) };
    let hash = key.hash(address)?;
    for record in all(store, PARTICIPANTS).await?.iter().filter(|record| record.value["of"] == hash.as_str()) {
        store.delete(&record.key, None).await?;
    }
    let address = Key::new(KIND, ADDRESSES, hash);
    let there = store.get(&address).await?.is_some();
    store.delete(&address, None).await?;
    changed(store).await?;
    Ok(there)
}

/// Everybody who is forgotten now, and the version by which a change is noticed.
pub async fn load(store: &dyn Store) -> Result<(Forgotten, Option<ETag>), StoreError> {
    // First the version: whoever is added after it was read changes it again.
    let Some((key, version)) = read_key(store).await? else { return Ok((Forgotten::default(), None)) };
    let hashes = async |partition| -> Result<HashSet<String>, StoreError> {
        Ok(all(store, partition).await?.into_iter().map(|record| record.key.row).collect())
    };
    let (addresses, participants) = (hashes(ADDRESSES).await?, hashes(PARTICIPANTS).await?);
    Ok((Forgotten { key: Some(key), addresses, participants }, Some(version)))
}

async fn all(store: &dyn Store, partition: &str) -> Result<Vec<Record>, StoreError> {
    let (mut records, mut next) = (Vec::new(), None::<String>);
    loop {
        let page = store.list(KIND, Some(partition), 1_000, next.as_deref()).await?;
        records.extend(page.records);
        next = page.next;
        if next.is_none() {
            return Ok(records);
        }
    }
}

/// Tells the processes that look: the record of the key is written anew, so that it has another ETag.
async fn changed(store: &dyn Store) -> Result<(), StoreError> {
    let record = store.get(&state()).await?.ok_or_else(unreadable)?;
    store.put(&state(), &record.value).await.map(drop)
}

fn state() -> Key {
    Key::new(KIND, "state", "key")
}

async fn read_key(store: &dyn Store) -> Result<Option<(HashKey, ETag)>, StoreError> {
    let Some(Record { value, etag, .. }) = store.get(&state()).await? else { return Ok(None) };
    let key = value.get("key").and_then(Value::as_str).ok_or_else(unreadable)?;
    Ok(Some((HashKey(Secret::new(key.to_owned())), etag)))
}

fn key_record(key: &str) -> Value {
    json!({ "key": key })
}

fn unreadable() -> StoreError {
    StoreError::Unavailable("the key of the forgotten addresses cannot be read".to_owned())
}

impl HashKey {
    /// The key of this store, which is made if there is none.
    pub async fn of(store: &dyn Store) -> Result<Self, StoreError> {
        if let Some((key, _)) = read_key(store).await? {
            return Ok(key);
        }
        // Random, 244 bits of it.
        let fresh = [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes).concat();
        match store.insert(&state(), &key_record(&STANDARD.encode(fresh))).await {
            // Somebody else's is as good.
            Ok(_) | Err(StoreError::Exists) => Ok(read_key(store).await?.ok_or_else(unreadable)?.0),
            Err(error) => Err(error),
        }
    }

    /// HMAC-SHA-256 in hexadecimal digits. It may stand in URLs.
    pub fn hash(&self, address: &Address) -> Result<String, StoreError> {
        self.digest(address.as_str())
    }

    fn hash_participant(&self, of: &EventParticipant) -> Result<String, StoreError> {
        // No address holds a line's end.
        self.digest(&format!("{}\n{}", of.event, of.participant))
    }

    fn digest(&self, text: &str) -> Result<String, StoreError> {
        let hash = hmac_sha256(text, &self.0).map_err(|_| unreadable())?;
        let bytes = STANDARD.decode(hash).map_err(|_| unreadable())?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_hmac_sha_256() {
        // RFC 4231, test case 2, with the key in the store's form.
        let key = HashKey(Secret::new(STANDARD.encode("Jefe")));
        let address = Address::parse("what.do.ya.want@for.nothing").unwrap();
        let hash = key.hash(&address).unwrap();
        assert_eq!(hash.len(), 64);
        assert_eq!(hash, key.hash(&Address::parse(" WHAT.do.ya.want@for.nothing ").unwrap()).unwrap());
        assert_ne!(hash, HashKey(Secret::new(STANDARD.encode("Else"))).hash(&address).unwrap());
        assert!(!format!("{key:?}").contains(&STANDARD.encode("Jefe")));
    }
}
