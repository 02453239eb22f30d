//! What InEvent says of an event: who is invited, and who is registered.

use std::collections::{HashMap, HashSet};

use crate::{
    forget::HashKey,
    inevent::{
        Client, Error, Listing,
        invitations::Invitation,
        people::{Found, Selection},
    },
    model::Address,
    store::StoreError,
};

/// Both lists, by the hash of the address.
#[derive(Debug, Default)]
pub struct Asked {
    /// With InEvent's id of the person.
    invited: HashMap<String, Option<String>>,
    /// Whether whoever is not among them is not invited, for sure.
    invited_complete: bool,
    registered: HashSet<String>,
    registered_complete: bool,
}

impl Asked {
    /// Reads both lists. A list that InEvent refuses to give is an incomplete one.
    pub async fn of(client: &Client, event: &str, key: &HashKey) -> Result<Self, AskError> {
        let mut asked = Self::default();
        let hash = |address: Option<&str>| -> Result<Option<String>, StoreError> {
            let address = address.and_then(|address| Address::parse(address).ok());
            address.map(|address| key.hash(&address)).transpose()
        };
        if let Some(Listing { items, complete, .. }) = given(client.invitations(event).await)? {
            asked.invited_complete = complete;
            for Invitation { person, email, .. } in items {
                match hash(email.as_deref())? {
                    Some(hash) => _ = asked.invited.insert(hash, person),
                    None => asked.invited_complete = false,
                }
            }
        }
        let selection = Selection { selection: "all", since: None, full: false };
        if let Some(Listing { items, complete, .. }) = given(client.people(event, selection).await)? {
            asked.registered_complete = complete;
            for person in items {
                asked.registered.extend(hash(person.email.as_deref())?);
            }
        }
        if !asked.invited_complete || !asked.registered_complete {
            tracing::warn!(
                event,
                invitations = asked.invited_complete,
                people = asked.registered_complete,
                "InEvent's lists may be incomplete; whoever is not on them may be invited or registered all the same"
            );
        }
        Ok(asked)
    }

    pub fn is_invited(&self, hash: &str) -> bool {
        self.invited.contains_key(hash)
    }

    pub fn is_registered(&self, hash: &str) -> bool {
        self.registered.contains(hash)
    }

    /// InEvent's id of somebody who is invited.
    pub fn participant(&self, hash: &str) -> Option<String> {
        self.invited.get(hash)?.clone()
    }

    /// Whether somebody was invited: `None` where InEvent does not tell. Its word that somebody was not counts only when its list is
    /// whole.
    pub fn was_invited(&self, hash: &str) -> Option<bool> {
        if self.is_invited(hash) { Some(true) } else { self.invited_complete.then_some(false) }
    }

    /// The same of registrations.
    pub fn was_registered(&self, hash: &str) -> Option<bool> {
        if self.is_registered(hash) { Some(true) } else { self.registered_complete.then_some(false) }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error(transparent)]
    InEvent(#[from] Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was given, if InEvent gives such a thing at all.
fn given<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(given) => Ok(Some(given)),
        Err(Error::Refused { .. } | Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The invitation of an address, if InEvent gives one by address, and it is that of the same address.
pub async fn by_address(client: &Client, event: &str, address: &Address) -> Result<Option<Invitation>, Error> {
    let found = given(client.invitation_of(event, address.as_str()).await)?.and_then(|Found { item, .. }| item);
    let same = |found: &Invitation| {
        let email = found.email.as_deref().and_then(|email| Address::parse(email).ok());
        email.is_some_and(|email| email == *address)
    };
    Ok(found.filter(same))
}
