//! Putting a document in place: checked first, against its predecessor too, and only over the version that was looked at.

use std::{io::Read, path::Path, sync::Arc};

use inevent_d365::{
    dataverse::{Client, Error, Failure, definition, query},
    settings::{
        document::{self, Change, Document},
        kept::{Kept, PlaceError, SettingsPlace},
    },
};
use serde_json::{Map, Value};

use super::{DATA, Ended, UNAVAILABLE, checked, client, failed, kept, read};

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

/// Checks a text and puts it in place of what is kept.
pub async fn put(place: &Arc<dyn SettingsPlace>, before: Option<&Kept>, text: &str, how: How) -> Ended {
    let new = read(text)?;
    let old = match before {
        // A document that cannot be read is no loss; whether rows are left behind cannot be told.
        Some(kept) => document::read(&kept.text).unwrap_or_default(),
        None => Document::default(),
    };
    let client = if how.offline { None } else { Some(client()?) };
    if let Some(client) = &client {
        checked(&new, client, false).await?;
    }
    let changes = document::changes(&old, &new);
    let mut grave = false;
    for change in changes.iter().filter(|change| change.is_grave()) {
        if has_rows(client.as_deref(), change, &old).await? {
            grave = true;
            warn(change);
        }
    }
    if grave && !how.yes {
        return Err(failed(&"nothing was changed; repeat it with --yes if that is what you want", DATA));
    }
    let etag = place.write(text, before.map(|kept| &kept.etag)).await.map_err(|error| match error {
        PlaceError::Changed => {
            failed(&"somebody else changed the settings meanwhile; look at them and try again", DATA)
        }
        other => failed(&other, UNAVAILABLE),
    })?;
    println!("The settings are in place, as version {}.", etag.0.trim_matches('"'));
    changes.iter().for_each(offer);
    Ok(())
}

/// Puts a version of the history back.
pub async fn restore(place: &Arc<dyn SettingsPlace>, version: &str, how: How) -> Ended {
    let text = place.replaced(version).await.map_err(|error| failed(&error, UNAVAILABLE))?;
    let text = text.ok_or_else(|| {
        failed(&format!("there is no version {version}; `settings history` lists those that there are"), DATA)
    })?;
    put(place, kept(place).await?.as_ref(), &text, how).await
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
}

/// Whether an event has rows where the old settings put them. Where nobody can be asked, it is taken to have some.
async fn has_rows(client: Option<&Client>, change: &Change, old: &Document) -> Result<bool, std::process::ExitCode> {
    let Some(client) = client else { return Ok(true) };
    let settings = change.event.as_ref().map_or_else(|| old.defaults.clone(), |event| old.effective(event));
    let unavailable = |error: Error| match error.failure() {
        Failure::Held(hold) => failed(&format!("{error}. {}", hold.remedy()), UNAVAILABLE),
        _ => failed(&error, UNAVAILABLE),
    };
    let Some(table) = definition::table(client, &settings.activity_table).await.map_err(unavailable)? else {
        return Ok(false);
    };
    // The platform's own tables do not say which event a row is about.
    if !table.columns.contains("new_eventid") {
        return Ok(true);
    }
    let named: Vec<&str> = old.events.keys().map(String::as_str).collect();
    let filter = match &change.event {
        Some(event) => format!("new_eventid eq {}", query::text(event)),
        None if named.is_empty() => "new_eventid ne null".to_owned(),
        None => format!("new_eventid ne null and not {}", query::is_one_of("new_eventid", named)),
    };
    let query = format!("{}&$top=1", query::select(&table.set, &[&table.key], &filter));
    let found = client.read(vec![query]).await.map_err(unavailable)?;
    Ok(found.into_iter().flatten().next().is_some())
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
