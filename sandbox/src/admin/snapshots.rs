//! Snapshots of an organisation's tables and rows, by name.

use serde::Deserialize;

use super::{Answer, done, failed, ok};
use crate::organization::Organization;

/// `{"name": "before the import"}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Name {
    name: String,
}

/// Answers what is asked of `snapshots` and of `snapshots/<name>`.
pub(super) fn answer(organization: &Organization, method: &str, name: &str, body: &[u8]) -> Answer {
    let missing = || failed(404, "There is no snapshot of this name.");
    match (method, name, name.strip_suffix("/restore")) {
        ("GET", "", _) => ok(&organization.snapshots()),
        ("POST", "", _) => match serde_json::from_slice(body) {
            Ok(Name { name }) if !name.is_empty() && !name.contains('/') => match organization.take_snapshot(name) {
                Ok(()) => done(),
                Err(error) => failed(500, &error.to_string()),
            },
            Ok(_) => failed(400, "A snapshot needs a name without slashes."),
            Err(error) => failed(400, &error.to_string()),
        },
        ("POST", _, Some(name)) => match organization.restore_snapshot(name) {
            Ok(true) => done(),
            Ok(false) => missing(),
            Err(error) => failed(500, &error.to_string()),
        },
        ("DELETE", name, None) if !name.is_empty() => {
            if organization.drop_snapshot(name) {
                done()
            } else {
                missing()
            }
        }
        _ => failed(405, "This method means nothing here."),
    }
}
