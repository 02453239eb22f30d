//! Erasing from what is parked.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    Forgotten, load,
    named::{self, Named},
};
use crate::{
    model::Address,
    parked::{Found, Original, Pages},
    store::{Store, StoreError},
    sync::plan::EventParticipant,
};

/// Says that a reason was erased.
const ERASED: &str = "(erased: it named a person who was forgotten)";

/// What was erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// Parked events of forgotten people, and messages that named one.
    pub entries: usize,
    /// Other people's parked events, of which the reason named one: only the reason was erased.
    pub reasons: usize,
    /// Changed by somebody else while they were looked at: they are still there.
    pub missed: usize,
}

/// The participants whom something parked knows under this address.
pub async fn parked_participants(
    store: &dyn Store,
    address: &Address,
    now: Timestamp,
) -> Result<BTreeSet<EventParticipant>, StoreError> {
    let (mut participants, mut pages) = (BTreeSet::new(), Pages::all(store));
    while let Some(page) = pages.next(now).await? {
        for found in &page.found {
            let named = match found.original(store).await? {
                None => Vec::new(),
                Some(Original::Event(event)) => Named::of(&event).into_iter().collect(),
                Some(Original::Raw(text)) => named::in_text(&text),
            };
            let of_address = named.into_iter().filter(|named| named.address.as_ref() == Some(address));
            participants.extend(of_address.map(|named| named.of));
        }
    }
    Ok(participants)
}

/// Erases everybody who is forgotten from everything that is parked.
pub async fn erase(store: &dyn Store, now: Timestamp) -> Result<Erased, StoreError> {
    let (forgotten, _) = load(store).await?;
    let (mut erased, mut pages) = (Erased::default(), Pages::all(store));
    while let Some(page) = pages.next(now).await? {
        for found in &page.found {
            erase_from(store, &forgotten, found, &mut erased).await?;
        }
        for orphan in &page.orphans {
            store.delete(orphan, None).await?;
        }
    }
    Ok(erased)
}

/// Erases everybody who is forgotten from one parked thing. Returns whether it is gone.
pub async fn erase_from(
    store: &dyn Store,
    forgotten: &Forgotten,
    found: &Found,
    erased: &mut Erased,
) -> Result<bool, StoreError> {
    if forgotten.is_empty() {
        return Ok(false);
    }
    let concerned = match found.original(store).await? {
        None => return Ok(false),
        Some(Original::Event(event)) => forgotten.concerns(&event),
        // Nobody can tell which part of it is whose.
        Some(Original::Raw(text)) => forgotten.named_in(&text),
    };
    let named = !concerned && forgotten.named_in(&found.entry.reason);
    let (done, counter) = match (concerned, named) {
        (true, _) => (found.remove(store).await?, &mut erased.entries),
        (_, true) => (found.replace_reason(store, ERASED).await?, &mut erased.reasons),
        _ => return Ok(false),
    };
    *if done { counter } else { &mut erased.missed } += 1;
    Ok(done && concerned)
}
