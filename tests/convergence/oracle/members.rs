//! Who must be on which marketing list, under [`crate::lists::RULES`].

use std::collections::BTreeMap;

use inevent_d365::model::event::Attendance;
use uuid::Uuid;

use super::attendance::Rows;
use crate::lists::Members;

/// By the rows of each participant of an event, and whether their address is the contact's; else it is the lead's.
pub fn members(participants: &BTreeMap<(String, String), (Rows, bool)>) -> Members {
    let list = |kind: u128, number: u128| Uuid::from_u128(kind * 16 + number);
    let mut members = Members::new();
    for ((event, _), (rows, is_contact)) in participants {
        let (kind, person) = if *is_contact { (0xc, Uuid::from_u128(10)) } else { (0xd, Uuid::from_u128(12)) };
        let of = |session: bool| rows.iter().filter(move |(key, _)| key.is_some() == session);
        let own = of(false).next().and_then(|(_, row)| row.attendance);
        let holds = match event.as_str() {
            "e1" => vec![(2, of(true).any(|(_, row)| row.attendance == Some(Attendance::Attended)))],
            _ => vec![
                (1, true),
                (2, matches!(own, Some(Attendance::Attended | Attendance::Partial))),
                (3, own == Some(Attendance::NoShow)),
            ],
        };
        for (number, _) in holds.into_iter().filter(|(_, holds)| *holds) {
            members.entry(list(kind, number)).or_default().insert(person);
        }
    }
    members
}
