//! The list of what is parked, for a terminal.

use std::fmt::Write as _;

use inevent_d365::parked::{Entry, Kind};
use jiff::Timestamp;

/// Digits of an id that are shown; the other commands take them.
const ID_SHOWN: usize = 12;
/// The longest a column gets, in characters, but for the last.
const COLUMN: usize = 24;
const REASON: usize = 90;

/// An address may stand in a reason, and somebody may use addresses for ids.
pub fn without_addresses(entry: Entry) -> Entry {
    Entry {
        reason: clean(&entry.reason),
        event: entry.event.as_deref().map(clean),
        participant: entry.participant.as_deref().map(clean),
        ..entry
    }
}

fn clean(text: &str) -> String {
    let words = text.split(' ').map(|word| if word.contains('@') { "(address)" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

pub fn print(entries: &[Entry]) -> String {
    let titles = ["ID", "PARKED", "KIND", "EVENT", "PARTICIPANT", "CODE", "REASON"].map(str::to_owned);
    let rows: Vec<[String; 7]> = std::iter::once(titles).chain(entries.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..6).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(&widths) {
            // Writing to a String cannot fail.
            let _ = write!(out, "{cell:<width$}  ");
        }
        let _ = writeln!(out, "{}", row[6]);
    }
    out
}

fn row(entry: &Entry) -> [String; 7] {
    let seconds = Timestamp::from_second(entry.at.as_second()).unwrap_or(entry.at);
    let kind = match entry.kind {
        Kind::Refused => "refused",
        Kind::Undecoded => "undecoded",
        Kind::Poison => "poison",
        Kind::Webhook => "webhook",
    };
    let or_dash = |text: &Option<String>| short(text.as_deref().unwrap_or("-"), COLUMN);
    [
        short(&entry.id, ID_SHOWN),
        seconds.to_string(),
        kind.to_owned(),
        or_dash(&entry.event),
        or_dash(&entry.participant),
        or_dash(&entry.code),
        short(&entry.reason, REASON),
    ]
}

/// On one line; control characters of somebody else's words do not reach the terminal.
fn short(text: &str, limit: usize) -> String {
    text.chars().take(limit).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_an_entry_and_no_address() {
        let entry = Entry {
            id: "0123456789abcdef0123456789abcdef".into(),
            at: Timestamp::UNIX_EPOCH,
            kind: Kind::Refused,
            code: Some("0x80040203".into()),
            reason: "A record with 'ana@x.example'\nexists".into(),
            remedy: String::new(),
            event: Some("4711".into()),
            participant: Some("ana@x.example".into()),
            trace_id: None,
        };
        let table = print(&[without_addresses(entry)]);
        assert!(!table.contains("ana") && table.contains("0123456789ab ") && table.contains("1970-01-01T00:00:00Z"));
        assert_eq!(table.lines().count(), 2);
    }
}
