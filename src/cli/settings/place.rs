//! Putting a document in place: checked first, against its predecessor too, and only over the version that was looked at.

use std::{io::Read, path::Path};

use inevent_d365::{
    manage::{Placed, PutSettings, ReplacedSettings},
    settings::{document::Change, kept::Kept},
};
use serde_json::{Map, Value};

use super::{Connector, DATA, Ended, ask, failed, kept, say};

/// How a document is put in place.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct How {
    /// Also where events have rows already that the change would leave behind
    #[arg(long)]
    yes: bool,
    /// Without asking Dataverse whether the tables and columns are there, and which events have rows
    #[arg(long)]
    offline: bool,
}

/// The file's text, or that of standard input for `-`.
pub fn import(file: &Path) -> Result<String, std::process::ExitCode> {
    if file != Path::new("-") {
        return super::from_file(file);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| failed(&error, super::NO_INPUT))?;
    Ok(text)
}

/// The kept document with one value changed; `null` takes the setting away.
pub fn with(text: Option<&str>, path: &str, value: &str) -> Result<String, std::process::ExitCode> {
    let mut document: Value = serde_json::from_str(text.unwrap_or("{}")).map_err(|error| {
        failed(&format!("the settings that are kept are not JSON ({error}); import whole ones"), DATA)
    })?;
    // What is no JSON is meant as text: `set defaults.level attendance`.
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    let (mut place, mut names) = (&mut document, path.split('.').peekable());
    while let Some(name) = names.next() {
        let Value::Object(fields) = place else {
            return Err(failed(&format!("{path} does not lead to a setting: {name} has nothing to stand in"), DATA));
        };
        match (names.peek(), &value) {
            (Some(_), _) => place = fields.entry(name).or_insert_with(|| Value::Object(Map::new())),
            (None, Value::Null) => {
                fields.remove(name);
                break;
            }
            (None, _) => {
                fields.insert(name.to_owned(), value);
                break;
            }
        }
    }
    Ok(format!("{document:#}\n"))
}

/// Checks a text and puts it in place of what was kept when it was looked at.
pub async fn put(connector: &Connector, before: Option<Kept>, text: String, how: How) -> Ended {
    let How { yes, offline } = how;
    let asked = PutSettings { text, expected: before.map(|kept| kept.etag), yes, offline };
    match ask(connector, asked).await? {
        Placed::Done { version, changes, left } => {
            left.iter().for_each(warn);
            println!("The settings are in place, as version {}.", version.0.trim_matches('"'));
            changes.iter().for_each(offer);
            Ok(())
        }
        Placed::Invalid(problems) => say(&problems),
        Placed::Unreadable(why) => Err(failed(&why, DATA)),
        Placed::Left(left) => {
            left.iter().for_each(warn);
            Err(failed(&"nothing was changed; repeat it with --yes if that is what you want", DATA))
        }
        Placed::Changed => {
            Err(failed(&"somebody else changed the settings meanwhile; look at them and try again", DATA))
        }
    }
}

/// Puts a version of the history back.
pub async fn restore(connector: &Connector, version: String, how: How) -> Ended {
    let text = ask(connector, ReplacedSettings { version: version.clone() }).await?;
    let text = text.ok_or_else(|| {
        failed(&format!("there is no version {version}; `settings history` lists those that there are"), DATA)
    })?;
    put(connector, kept(connector).await?, text, how).await
}

fn name(change: &Change) -> String {
    change.event.as_ref().map_or_else(|| "every other event".to_owned(), |event| format!("event {event}"))
}

fn warn(change: &Change) {
    let name = name(change);
    if change.keys {
        eprintln!(
            "{name} has rows, and people are found by other keys from now on: whoever was created by the earlier keys may be created once more."
        );
    }
    if let Some(left) = &change.left {
        eprintln!("{name} has rows in {left}: they stay there, and new ones are made beside them in the other table.");
    }
}

fn offer(change: &Change) {
    println!("{}: {}.", name(change), change.settings.join(", "));
    match (&change.event, change.full_pass) {
        (Some(event), true) => println!(
            "  Rows are written by it from the next statement on. To bring all of them up to date now: inevent-d365 backfill --event {event}"
        ),
        (None, true) => println!(
            "  Rows are written by it from the next statement on. To bring an event up to date now: inevent-d365 backfill --event ID"
        ),
        (_, false) => {}
    }
    if change.invitations {
        let event = change.event.as_deref().unwrap_or("ID");
        println!(
            "  The next run of the timer looks at all lists anew, within five minutes. To see first whom that concerns: inevent-d365 invitations run --event {event} --dry-run"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_set_or_taken_away() {
        let set = |text: Option<&str>, path: &str, value: &str| {
            with(text, path, value).map(|text| serde_json::from_str::<Value>(&text).unwrap())
        };
        let text = r#"{ "events": { "4711": { "sync": false } } }"#;
        assert_eq!(set(None, "defaults.level", "attendance").unwrap()["defaults"]["level"], "attendance");
        assert_eq!(set(Some(text), "events.4711.batch_minutes", "9").unwrap()["events"]["4711"]["batch_minutes"], 9);
        assert_eq!(set(Some(text), "events.4711.sync", "null").unwrap()["events"]["4711"], serde_json::json!({}));
        assert!(set(Some(text), "events.4711.sync.x", "1").is_err());
        assert!(set(Some("{"), "defaults.sync", "false").is_err(), "what cannot be read is not thrown away");
    }
}
