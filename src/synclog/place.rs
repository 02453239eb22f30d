//! Where entries lie: a partition for each day and event, and a record for each of these that there is.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::entry::id;
use crate::store::{Key, Store, StoreError};

pub(super) const ENTRIES: &str = "synclog";
pub(super) const DAYS: &str = "synclogday";
pub(super) const ALL_DAYS: &str = "days";
/// Records of entries read at once; each weighs up to 192 KiB.
pub(super) const PAGE: usize = 20;

/// A day in UTC, and what stands for an event in a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) day: Date,
    pub(super) event: String,
}

impl Place {
    pub(super) fn of(at: Timestamp, event: &str) -> Self {
        Self { day: day(at), event: in_a_key(event) }
    }

    /// The place of a record of [`Place::day_key`].
    pub(super) fn read(row: &str) -> Option<Self> {
        let (day, event) = row.split_once('.')?;
        Some(Self { day: day.parse().ok()?, event: event.to_owned() })
    }

    pub(super) fn partition(&self) -> String {
        format!("{}.{}", self.day, self.event)
    }

    /// The record that says that there are entries here.
    pub(super) fn day_key(&self) -> Key {
        Key::new(DAYS, ALL_DAYS, self.partition())
    }

    /// A new record for entries of which the newest is of this time; the newest record comes first.
    pub(super) fn new_key(&self, at: Timestamp) -> Key {
        let age = i64::MAX - at.as_microsecond();
        Key::new(ENTRIES, self.partition(), format!("{age:019}.{}", Uuid::new_v4().simple()))
    }
}

/// Every day and event of which there are entries, the oldest day first.
pub(super) async fn places(store: &dyn Store) -> Result<Vec<Place>, StoreError> {
    let (mut places, mut next) = (Vec::new(), None::<String>);
    loop {
        let page = store.list(DAYS, Some(ALL_DAYS), 1_000, next.as_deref()).await?;
        places.extend(page.records.iter().filter_map(|record| Place::read(&record.key.row)));
        next = page.next;
        if next.is_none() {
            return Ok(places);
        }
    }
}

pub(super) fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// An event's id where it is plain and short, as InEvent's are; else its hash.
pub(super) fn in_a_key(event: &str) -> String {
    let event = id(event);
    if event.len() <= 64 && event.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
        return event;
    }
    let digest: String = Sha256::digest(event.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("~{}", &digest[..32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_records_come_first_and_places_are_read_back() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let place = Place::of(at(1_800_000_000), "4711");
        assert_eq!(Place::read(&place.day_key().row), Some(place.clone()));
        assert!(place.new_key(at(1_800_000_001)).row < place.new_key(at(1_800_000_000)).row);
        for odd in ["", "a.b", "ana@x.example", "é", &"x".repeat(500)] {
            let place = Place::of(at(0), odd);
            assert_eq!(Place::read(&place.day_key().row), Some(place.clone()), "{odd}");
            assert!(place.event.starts_with('~') || odd.is_empty());
        }
    }
}
