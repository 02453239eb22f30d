//! The list of what is parked, for a terminal.

use inevent_d365::parked::Entry;

use crate::cli::table::{self, seconds, short};

/// Digits of an id that are shown; the other commands take them.
const ID_SHOWN: usize = 12;
/// The longest a column gets, in characters, but for the last.
const COLUMN: usize = 24;
const REASON: usize = 90;

pub fn print(entries: &[Entry]) -> String {
    let titles = ["ID", "PARKED", "KIND", "EVENT", "PARTICIPANT", "CODE", "REASON"];
    table::print(titles, entries.iter().map(row))
}

fn row(entry: &Entry) -> [String; 7] {
    let or_dash = |text: &Option<String>| short(text.as_deref().unwrap_or("-"), COLUMN);
    [
        short(&entry.id, ID_SHOWN),
        seconds(entry.at),
        entry.kind.name().to_owned(),
        or_dash(&entry.event),
        or_dash(&entry.participant),
        or_dash(&entry.code),
        short(&entry.reason, REASON),
    ]
}

#[cfg(test)]
mod tests {
    use inevent_d365::{manage::without_addresses, parked::Kind};
    use jiff::Timestamp;

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
