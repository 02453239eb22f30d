//! Looking something up.

use std::cmp::Reverse;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Entry, Verdict,
    entry::id,
    place::{ENTRIES, PAGE, Place, day, in_a_key, places},
};
use crate::store::{Store, StoreError};

/// Which entries are meant: the newest of those that meet everything named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// InEvent's id of the event.
    pub event: Option<String>,
    /// InEvent's id of the participant.
    pub participant: Option<String>,
    pub result: Option<Verdict>,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    pub limit: usize,
}

impl Query {
    fn takes(&self, entry: &Entry) -> bool {
        self.event.as_deref().is_none_or(|event| entry.event == id(event))
            && self.participant.as_deref().is_none_or(|wanted| entry.participant.as_ref() == Some(&id(wanted)))
            && self.result.is_none_or(|result| entry.result == result)
            && self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at < until)
    }

    fn may_be_in(&self, place: &Place) -> bool {
        self.event.as_deref().is_none_or(|event| in_a_key(event) == place.event)
            && self.since.is_none_or(|since| place.day >= day(since))
            && self.until.is_none_or(|until| place.day <= day(until))
    }
}

/// The entries, the newest first. It reads the days and events that are meant, from the newest on, until there are enough.
///
/// # Errors
/// When the store fails.
pub async fn search(store: &dyn Store, query: &Query) -> Result<Vec<Entry>, StoreError> {
    let mut places = places(store).await?;
    places.retain(|place| query.may_be_in(place));
    places.sort_by_key(|place| Reverse(place.day));
    let mut found = Vec::new();
    for day in places.chunk_by(|one, other| one.day == other.day) {
        let before = found.len();
        for place in day {
            found.extend(in_place(store, query, place).await?);
        }
        found[before..].sort_by_key(|entry: &Entry| Reverse(entry.at));
        if found.len() >= query.limit {
            found.truncate(query.limit);
            break;
        }
    }
    Ok(found)
}

/// The newest that match of one day and event: as many as are asked for, and some more.
async fn in_place(store: &dyn Store, query: &Query, place: &Place) -> Result<Vec<Entry>, StoreError> {
    let (mut found, mut next) = (Vec::new(), None::<String>);
    loop {
        let page = store.list(ENTRIES, Some(&place.partition()), PAGE, next.as_deref()).await?;
        for record in page.records {
            let Value::Array(entries) = &record.value["entries"] else { continue };
            let entries = entries.iter().filter_map(|entry| serde_json::from_value::<Entry>(entry.clone()).ok());
            found.extend(entries.filter(|entry| query.takes(entry)));
        }
        next = page.next;
        if next.is_none() || found.len() >= query.limit {
            return Ok(found);
        }
    }
}
