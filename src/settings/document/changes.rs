//! What it means for events that have rows already when one document takes the place of another.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Document, EventSettings};

/// Settings that say when and how fast rows are written: nothing follows from another value that anybody had to know.
const PACE: [&str; 4] = ["writing", "batch_minutes", "backlog_threshold", "pace"];

/// The setting that says who is invited, not what rows hold.
const INVITATIONS: &str = "invitations";

/// What changes for one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// InEvent's id; `None` stands for every event that neither document names.
    pub event: Option<String>,
    /// The names of the settings that differ, short of those about pace.
    pub settings: Vec<String>,
    /// People are found by other keys: whoever was created by the earlier ones may be created once more.
    pub keys: bool,
    /// The activity table in which its rows are so far, if that changes: they stay there, and new ones are made beside them.
    pub left: Option<String>,
    /// Whether everything that is known of the event should be written anew, for the rows that exist to be as the settings now say.
    pub full_pass: bool,
    /// Who is invited changes; the next run of the timer looks at all lists of the event anew.
    pub invitations: bool,
}

impl Change {
    /// Whether it should not be done unseen to an event that has rows.
    pub fn is_grave(&self) -> bool {
        self.keys || self.left.is_some()
    }
}

/// What changes, first for all other events, then for those that a document names.
pub fn changes(old: &Document, new: &Document) -> Vec<Change> {
    let named: BTreeSet<&String> = old.events.keys().chain(new.events.keys()).collect();
    let rest = change(None, &old.defaults, &new.defaults);
    let own = named.into_iter().map(|event| change(Some(event), &old.effective(event), &new.effective(event)));
    std::iter::once(rest).chain(own).flatten().collect()
}

fn change(event: Option<&String>, old: &EventSettings, new: &EventSettings) -> Option<Change> {
    let (before, after) = (fields(old), fields(new));
    let names = before.keys().chain(after.keys()).collect::<BTreeSet<_>>().into_iter();
    let settings: Vec<String> =
        names.filter(|name| !PACE.contains(&name.as_str()) && before.get(*name) != after.get(*name)).cloned().collect();
    if settings.is_empty() {
        return None;
    }
    // What is no longer written needs no pass.
    let lowered = new.level < old.level;
    let of_rows = |name: &&String| *name != INVITATIONS && !(lowered && *name == "level");
    Some(Change {
        event: event.cloned(),
        keys: old.matching.keys != new.matching.keys,
        left: (old.activity_table != new.activity_table).then(|| old.activity_table.clone()),
        full_pass: new.sync && settings.iter().any(|name| of_rows(&name)),
        invitations: settings.iter().any(|name| name == INVITATIONS),
        settings,
    })
}

fn fields(settings: &EventSettings) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Prefix, document};

    fn told(old: &str, new: &str) -> Vec<Change> {
        let read = |text| document::read(text, &Prefix::default()).unwrap();
        changes(&read(old), &read(new))
    }

    #[test]
    fn what_differs_is_told_by_event() {
        assert_eq!(told("{}", r#"{ "pace": { "concurrency": 2 }, "defaults": { "batch_minutes": 9 } }"#), []);
        let found = told(
            r#"{ "events": { "1": { "level": "registrations" }, "2": { "sync": false }, "3": { "level": "sessions" } } }"#,
            r#"{ "events": { "1": { "level": "attendance" }, "3": { "level": "attendance" }, "4": { "activity_table": "new_x" } } }"#,
        );
        let brief: Vec<_> = found.iter().map(|change| (change.event.as_deref().unwrap(), change.full_pass)).collect();
        assert_eq!(brief, [("1", true), ("2", true), ("3", false), ("4", true)]);
        assert_eq!(found[3].left.as_deref(), Some("new_eventattendance"));
        assert!(found[3].is_grave() && !found[0].is_grave());
    }

    #[test]
    fn who_is_invited_is_told_and_asks_for_no_pass() {
        let list = r#"{ "lists": ["00000000-0000-0000-0000-000000000001"] }"#;
        let [found] =
            told("{}", &format!(r#"{{ "events": {{ "1": {{ "invitations": {list} }} }} }}"#)).try_into().unwrap();
        assert_eq!(
            (found.settings.as_slice(), found.full_pass, found.invitations),
            (&["invitations".to_owned()][..], false, true)
        );
        let both = format!(r#"{{ "events": {{ "1": {{ "invitations": {list}, "unmatched": "ignore" }} }} }}"#);
        assert!(told("{}", &both)[0].full_pass && told("{}", &both)[0].invitations);
    }

    #[test]
    fn defaults_count_for_every_event_that_does_not_say_otherwise() {
        let found = told(
            r#"{ "events": { "1": { "unmatched": "ignore" }, "2": { "matching": { "keys": ["external_id"] } } } }"#,
            r#"{ "defaults": { "matching": { "keys": ["external_id"] } }, "events": { "1": { "unmatched": "ignore" }, "2": { "matching": { "keys": ["external_id"] } } } }"#,
        );
        let brief: Vec<_> = found.iter().map(|change| (change.event.as_deref(), change.keys)).collect();
        assert_eq!(brief, [(None, true), (Some("1"), true)]);
    }
}
