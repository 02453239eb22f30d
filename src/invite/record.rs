//! What is remembered of an invitation, in the store. It holds ids; the address is there as a keyed hash only, as its key.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    forget::Forgotten,
    settings::document::Target,
    store::{ETag, Key, Store, StoreError},
};

const KIND: &str = "invitation";

/// Digits of an id that are shown, and that [`find`] takes at least half of.
pub const ID_SHOWN: usize = 12;

/// Where an invitation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// About to be sent, or sent by somebody who could not say so any more.
    Intended,
    /// InEvent took it.
    Invited,
    /// InEvent had it already.
    Found,
    /// A person said that it went out.
    Confirmed,
    /// InEvent refused it.
    Refused,
    /// InEvent cannot tell whether it went out: a person decides.
    Undecided,
    /// It was taken back.
    Withdrawn,
}

/// What is done with a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    Invite,
    Register,
}

/// Where the link stands that the CRM keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Nobody asked for it.
    #[default]
    None,
    /// It is still to be written.
    Wanted,
    Kept,
    /// InEvent gives none, or the CRM refuses it.
    Missing,
}

/// An invitation of one address to one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    pub event: String,
    /// The list that the person was on.
    pub list: Uuid,
    pub table: Target,
    pub person: Uuid,
    pub how: How,
    pub state: State,
    /// Since when it stands there.
    pub at: Timestamp,
    /// InEvent's id of the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    /// The status with which InEvent refused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(default)]
    pub link: Link,
}

/// An invitation as it is stored.
#[derive(Debug, Clone)]
pub struct Kept {
    pub invitation: Invitation,
    /// The hash of the address.
    pub hash: String,
    pub etag: ETag,
}

impl Kept {
    /// What a person names it by.
    pub fn id(&self) -> String {
        let digest = Sha256::digest(format!("{}/{}", self.invitation.event, self.hash));
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    fn key(&self) -> Key {
        key(&self.invitation.event, &self.hash)
    }

    /// Puts it in a new state, unless somebody else was quicker.
    pub async fn replace(&mut self, store: &dyn Store, invitation: Invitation) -> Result<bool, StoreError> {
        match store.replace(&self.key(), &json!(invitation), &self.etag).await {
            Ok(etag) => {
                (self.invitation, self.etag) = (invitation, etag);
                Ok(true)
            }
            Err(StoreError::Changed) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts it in a state that is certain, whatever somebody else made of it meanwhile.
    pub async fn settle(&mut self, store: &dyn Store, invitation: Invitation) -> Result<(), StoreError> {
        if !self.replace(store, invitation.clone()).await? {
            self.etag = store.put(&self.key(), &json!(invitation)).await?;
            self.invitation = invitation;
        }
        Ok(())
    }

    /// Forgets it, unless somebody else was quicker.
    pub async fn remove(&self, store: &dyn Store) -> Result<bool, StoreError> {
        match store.delete(&self.key(), Some(&self.etag)).await {
            Ok(()) => Ok(true),
            Err(StoreError::Changed) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn key(event: &str, hash: &str) -> Key {
    Key::new(KIND, event, hash)
}

/// Remembers an invitation of which nothing was known; `None`: somebody else was quicker, and it is theirs.
pub async fn insert(store: &dyn Store, hash: &str, invitation: Invitation) -> Result<Option<Kept>, StoreError> {
    match store.insert(&key(&invitation.event, hash), &json!(invitation)).await {
        Ok(etag) => Ok(Some(Kept { invitation, hash: hash.to_owned(), etag })),
        Err(StoreError::Exists) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The invitations of an event, or of all, page by page.
pub async fn page(
    store: &dyn Store,
    event: Option<&str>,
    next: Option<&str>,
) -> Result<(Vec<Kept>, Option<String>), StoreError> {
    let page = store.list(KIND, event, 1_000, next).await?;
    let kept = page.records.into_iter().filter_map(|record| {
        let invitation = serde_json::from_value(record.value).ok()?;
        Some(Kept { invitation, hash: record.key.row, etag: record.etag })
    });
    Ok((kept.collect(), page.next))
}

/// All invitations of an event, or of all.
pub async fn all(store: &dyn Store, event: Option<&str>) -> Result<Vec<Kept>, StoreError> {
    let (mut all, mut next) = (Vec::new(), None::<String>);
    loop {
        let (mut page, more) = page(store, event, next.as_deref()).await?;
        all.append(&mut page);
        match more {
            None => return Ok(all),
            more => next = more,
        }
    }
}

/// The one invitation whose id begins so.
///
/// # Errors
/// In words for whoever typed it.
pub async fn find(store: &dyn Store, id: &str) -> anyhow::Result<Kept> {
    let id = id.trim().to_lowercase();
    anyhow::ensure!(id.len() >= ID_SHOWN / 2, "six digits of an id are wanted at least");
    let mut found: Vec<Kept> = all(store, None).await?.into_iter().filter(|kept| kept.id().starts_with(&id)).collect();
    match (found.pop(), found.is_empty()) {
        (Some(kept), true) => Ok(kept),
        (None, _) => anyhow::bail!("there is no invitation {id}"),
        (Some(_), false) => anyhow::bail!("several ids begin with {id}: write more digits"),
    }
}

/// What is remembered of people who are forgotten: their hashes and ids.
pub async fn of_forgotten(store: &dyn Store, forgotten: &Forgotten) -> Result<Vec<Kept>, StoreError> {
    let (mut theirs, mut next) = (Vec::new(), None::<String>);
    while !forgotten.is_empty() {
        let (kept, more) = page(store, None, next.as_deref()).await?;
        theirs.extend(kept.into_iter().filter(|kept| forgotten.contains_hash(&kept.hash)));
        match more {
            None => break,
            more => next = more,
        }
    }
    Ok(theirs)
}

/// Erases invitations, whatever somebody else made of them meanwhile.
pub async fn erase(store: &dyn Store, kept: &[Kept]) -> Result<(), StoreError> {
    for kept in kept {
        store.delete(&kept.key(), None).await?;
    }
    Ok(())
}

/// The invitations of an event by the hash of the address, and the people among them.
#[derive(Debug, Default)]
pub struct Remembered {
    by_hash: HashMap<String, Kept>,
    /// The hash by which a person was invited.
    people: BTreeMap<(Target, Uuid), String>,
}

impl Remembered {
    pub async fn of(store: &dyn Store, event: &str) -> Result<Self, StoreError> {
        let mut remembered = Self::default();
        all(store, Some(event)).await?.into_iter().for_each(|kept| remembered.put(kept));
        Ok(remembered)
    }

    pub fn put(&mut self, kept: Kept) {
        let Invitation { table, person, state, .. } = kept.invitation;
        if !matches!(state, State::Refused) {
            self.people.insert((table, person), kept.hash.clone());
        }
        self.by_hash.insert(kept.hash.clone(), kept);
    }

    pub fn take(&mut self, hash: &str) -> Option<Kept> {
        self.by_hash.remove(hash)
    }

    pub fn get(&self, hash: &str) -> Option<&Kept> {
        self.by_hash.get(hash)
    }

    /// Whether the person was invited by another address.
    pub fn other_address(&self, table: Target, person: Uuid, hash: &str) -> bool {
        self.people.get(&(table, person)).is_some_and(|known| known != hash && self.by_hash.contains_key(known))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.by_hash.values()
    }
}
