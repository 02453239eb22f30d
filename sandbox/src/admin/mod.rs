//! The admin API under `/__admin/`: for tests and scripts, no part of Dataverse.

mod applications;
mod faults;
mod log;
mod organizations;
mod snapshots;

pub(crate) use faults::{Fault, FaultKind, Faults, Scripted};
pub(crate) use log::{Entry, RequestLog};

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use crate::limits::Settings;
use crate::metadata::Table;
use crate::organization::{Data, Organization, Switches};
use crate::query::Query;
use crate::state::Site;
use crate::webapi::{form_pairs, plain_row};

/// An answer: status and JSON text.
type Answer = (u16, String);

/// `{"advance_s": 4000}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    advance_s: i64,
}

/// Answers a request under `/__admin/`; `path` is what follows. It concerns the organisation at whose door it came in,
/// unless the path names another one: `organizations/contoso/faults`.
pub(crate) fn answer(site: &Site<'_>, method: &str, path: &str, query: &str, body: &[u8]) -> Answer {
    if let Some(rest) = path.strip_prefix("applications") {
        return applications::answer(site, method, rest.trim_matches('/'), body);
    }
    let Some(rest) = path.strip_prefix("organizations") else {
        return about(site, site.organization, method, path, query, body);
    };
    match (method, rest.trim_start_matches('/')) {
        ("GET", "") => organizations::list(site),
        ("POST", "") => organizations::create(site, body),
        (_, "") => failed(405, "This method means nothing here."),
        (_, rest) => {
            let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
            match site.state.organizations.named(name) {
                Some(organization) => about(site, &organization, method, path, query, body),
                None => failed(404, "There is no organisation of this name."),
            }
        }
    }
}

/// Answers a request about one organisation.
fn about(site: &Site<'_>, organization: &Organization, method: &str, path: &str, query: &str, body: &[u8]) -> Answer {
    if let Some(name) = path.strip_prefix("snapshots") {
        return snapshots::answer(organization, method, name.trim_matches('/'), body);
    }
    match (method, path) {
        ("GET", "") => (200, organizations::describe(organization).to_string()),
        ("GET", "requests") => ok(&organization.log.snapshot()),
        ("DELETE", "requests") => {
            organization.log.clear();
            done()
        }
        ("GET", "faults") => ok(&organization.faults.pending()),
        ("POST", "faults") => read(body, |fault: Fault| organization.faults.add(fault, organization.now())),
        ("DELETE", "faults") => {
            organization.faults.clear();
            done()
        }
        ("POST", "reset") => match organization.reset() {
            Ok(()) => done(),
            Err(error) => failed(500, &error.to_string()),
        },
        ("GET", "switches") => ok(&organization.switches()),
        ("POST", "switches") => read(body, |switches: Switches| organization.set_switches(switches)),
        ("GET", "limits") => ok(&organization.limits.settings()),
        ("POST", "limits") => read(body, |settings: Settings| organization.limits.set(settings)),
        ("POST", "clock") => read(body, |change: ClockChange| site.state.clock.advance(change.advance_s)),
        ("GET", "dump") => dump(organization, query),
        ("GET", "count") => count(organization, query),
        (_, "" | "requests" | "faults" | "reset" | "switches" | "limits" | "clock" | "dump" | "count") => {
            failed(405, "This method means nothing here.")
        }
        _ => failed(404, "There is nothing of this name in the admin API; README.md lists what there is."),
    }
}

/// Every row of a table with every column, ordered by primary key.
fn dump(organization: &Organization, query: &str) -> Answer {
    of_table(organization, query, |data, table| {
        let rows = data.store.select(&Query::all(table.clone()))?;
        let rows: Vec<String> = rows.iter().map(|row| plain_row(table, row)).collect();
        Ok(format!("[{}]", rows.join(",\n")))
    })
}

/// How many rows a table has.
fn count(organization: &Organization, query: &str) -> Answer {
    of_table(organization, query, |data, table| {
        let count = data.store.count(&Query::all(table.clone()))?;
        Ok(json!({ "count": count }).to_string())
    })
}

/// What `work` makes of the table that the query names.
fn of_table(
    organization: &Organization,
    query: &str,
    work: impl FnOnce(&Data, &Arc<Table>) -> rusqlite::Result<String>,
) -> Answer {
    let pairs = form_pairs(query);
    let Some((_, name)) = pairs.iter().find(|(name, _)| name == "table") else {
        return failed(400, "Say which table: ?table=contact");
    };
    let data = organization.data();
    let Some(table) = data.schema.table(name) else { return failed(404, "There is no such table.") };
    match work(&data, table) {
        Ok(text) => (200, text),
        Err(error) => failed(500, &error.to_string()),
    }
}

fn read<T: for<'de> Deserialize<'de>>(body: &[u8], work: impl FnOnce(T)) -> Answer {
    match serde_json::from_slice(body) {
        Ok(value) => {
            work(value);
            done()
        }
        Err(error) => failed(400, &error.to_string()),
    }
}

fn ok(value: &impl serde::Serialize) -> Answer {
    match serde_json::to_string(value) {
        Ok(text) => (200, text),
        Err(error) => failed(500, &error.to_string()),
    }
}

fn done() -> Answer {
    (200, json!({ "ok": true }).to_string())
}

fn failed(status: u16, message: &str) -> Answer {
    (status, json!({ "error": message }).to_string())
}
