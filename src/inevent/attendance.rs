//! The check-in log (module `checklog`). None of its fields is published: what is read here is a guess, spelled in several ways.

use super::{Client, Error, Listing, Pages, Row};
use crate::model::{Kind, SourceTime};

const ID: &[&str] = &["checklogID", "checkLogID", "logID", "id"];

/// Which way somebody went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    In,
    Out,
}

impl Direction {
    /// What it is in the connector's vocabulary.
    pub fn kind(self) -> Kind {
        match self {
            Self::In => Kind::CheckedIn,
            Self::Out => Kind::CheckedOut,
        }
    }
}

/// One passage.
#[derive(Debug, Clone)]
pub struct Check {
    pub person: String,
    /// None: of the event.
    pub activity: Option<String>,
    pub direction: Direction,
    pub time: SourceTime,
    pub raw: Row,
}

impl Check {
    /// One entry, or two where an entry holds both ways.
    pub fn read(raw: &Row) -> Vec<Self> {
        let Some(person) = raw.id(&["personID"]) else { return Vec::new() };
        let activity = raw.id(&["activityID"]);
        let check = |direction, time| {
            Some(Self { person: person.clone(), activity: activity.clone(), direction, time: time?, raw: raw.clone() })
        };
        let word = raw.text(&["type", "action", "operation", "checkType", "direction", "mode"]).unwrap_or_default();
        let word: String = word.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        let direction = match word.as_str() {
            "in" | "checkin" | "checkedin" | "entry" | "enter" | "1" => Some(Direction::In),
            "out" | "checkout" | "checkedout" | "exit" | "leave" | "0" | "2" => Some(Direction::Out),
            _ => raw.flag(&["checkIn", "in"]).map(|into| if into { Direction::In } else { Direction::Out }),
        };
        let dated = raw.time(&["date", "checkDate", "dateCreated", "time", "timestamp"]);
        if let Some(direction) = direction {
            return check(direction, dated).into_iter().collect();
        }
        let into = check(Direction::In, raw.time(&["checkInDate", "dateCheckIn", "checkinDate", "dateIn"]));
        let out = check(Direction::Out, raw.time(&["checkOutDate", "dateCheckOut", "checkoutDate", "dateOut"]));
        into.into_iter().chain(out).collect()
    }
}

impl Client {
    /// The check-in log of an event, its sessions included; of one person where named. That `key` and `query` narrow it so is assumed:
    /// whoever asks for one person looks at the entries all the same.
    pub async fn checks(&self, event: &str, person: Option<&str>) -> Result<Listing<Check>, Error> {
        let mut query = vec![("eventID", event), ("selection", "all")];
        if let Some(person) = person {
            query.extend([("key", "personID"), ("query", person)]);
        }
        let listing = Pages::of(self, "checklog.find", &query, ID).all().await?;
        // An entry that says nothing that is understood may be a check-in.
        let understood = listing.items.iter().all(|row| !Check::read(row).is_empty());
        let items = listing
            .items
            .iter()
            .flat_map(Check::read)
            .filter(|check| person.is_none_or(|person| check.person == person));
        Ok(Listing { items: items.collect(), complete: listing.complete && understood, date: listing.date })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_are_read_however_they_are_spelled() {
        for (row, expected) in [
            (json!({ "personID": "7", "type": "checkin", "date": "1780000000" }), vec![Direction::In]),
            (json!({ "personID": 7, "action": "check-out", "dateCreated": 1_780_000_000 }), vec![Direction::Out]),
            (json!({ "personID": "7", "checkIn": "1", "date": "1780000000", "activityID": "0" }), vec![Direction::In]),
            (
                json!({ "personID": "7", "checkInDate": "1780000000", "checkOutDate": "1780003600" }),
                vec![Direction::In, Direction::Out],
            ),
            (json!({ "personID": "7", "checkInDate": "1780000000", "checkOutDate": "" }), vec![Direction::In]),
            (json!({ "type": "checkin", "date": "1780000000" }), vec![]),
            (json!({ "personID": "7", "type": "checkin" }), vec![]),
            (json!({ "personID": "7", "type": "seen", "date": "1780000000" }), vec![]),
        ] {
            let checks = Check::read(&Row::try_from(row.clone()).unwrap());
            assert_eq!(checks.iter().map(|check| check.direction).collect::<Vec<_>>(), expected, "{row}");
            assert!(checks.iter().all(|check| check.person == "7" && check.activity.is_none()), "{row}");
        }
    }
}
