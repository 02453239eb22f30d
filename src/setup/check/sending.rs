//! One marked registration, sent the way that events come, and looked for where they end.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::super::present;
use crate::{
    dataverse::{Client, query},
    model::{SourceTime, attendance},
    settings::document::Document,
    sync::rows::{self, ActivityTable, Names},
};

/// InEvent's id of the event that the connection test pretends, and of its participant.
pub const EVENT: &str = "connection-test";
/// Nobody has an address of this domain (RFC 2606).
const ADDRESS: &str = "connection-test@inevent.invalid";

/// Where events are taken.
#[derive(Debug, Clone)]
pub struct Sending {
    /// `https://{app}.azurewebsites.net`
    pub url: String,
    /// The function's key.
    pub key: String,
}

/// Sends the registration. Every test is about the same participant, so there is one row, and one lead.
///
/// # Errors
/// In words: what is wrong and what to do about it.
pub async fn send(http: &reqwest::Client, sending: &Sending, now: Timestamp) -> Result<(), String> {
    let event = json!([{
        "id": format!("{EVENT}-{}", Uuid::now_v7()),
        "time": now.to_string(),
        "kind": "registered",
        "event": { "id": EVENT, "name": "InEvent connection test" },
        "participant": { "id": EVENT, "email": ADDRESS, "first_name": "Connection", "last_name": "Test" },
    }]);
    let url = format!("{}/api/events", sending.url.trim_end_matches('/'));
    let request = http.post(&url).header("x-functions-key", &sending.key).json(&event);
    let answer = request.timeout(Duration::from_secs(60)).send().await;
    let answer = answer.map_err(|error| format!("{}.", crate::dataverse::Error::from(error)))?;
    match answer.status().as_u16() {
        202 => Ok(()),
        401 | 403 => Err(format!("{url} refuses the key: give that of the function IngestEvents.")),
        404 => Err(format!("{url} is not there: give the function app's address, and see whether it runs.")),
        status => Err(format!("{url} answers {status}: see its Health.")),
    }
}

/// Waits for the row of the registration that was sent at this time, and says where a person sees it; `None` where it did not arrive
/// in time. Without patience it only looks.
///
/// # Errors
/// In words: what is wrong and what to do about it.
pub async fn arrival(
    client: &Client,
    document: &Document,
    sent: Timestamp,
    patience: Duration,
) -> Result<Option<String>, String> {
    let (settings, ours) = (document.effective(EVENT), ActivityTable::ours(Names::of(&document.prefix)));
    let (table, names) = (ours.table, ours.names);
    if settings.activity_table != table.name || !settings.sync {
        return Err(format!(
            "The settings write events to {} or not at all: give the event {EVENT} settings of its own with sync and the \
             activity_table {}.",
            settings.activity_table, table.name
        ));
    }
    let (begun, stated) = (Instant::now(), SourceTime::new(sent));
    let filter = format!("{} eq {}", names.event_id, query::text(EVENT));
    let columns = [table.key, names.registration_stamp];
    let mut pause = Duration::from_millis(200);
    loop {
        let found = present::rows(client, table.set, &columns, &filter).await.map_err(|error| error.to_string())?;
        let arrived = found.iter().find(|row| {
            let stamp = row[names.registration_stamp].as_str().and_then(attendance::parse_registration);
            stamp.is_some_and(|cell| Some(cell.time) >= stated)
        });
        if let Some(id) = arrived.and_then(|row| row.as_object()).and_then(|row| rows::guid(row, table.key)) {
            return Ok(Some(client.page(&format!("main.aspx?pagetype=entityrecord&etn={}&id={id}", table.name))));
        }
        if begun.elapsed() >= patience {
            return Ok(None);
        }
        sleep(pause.min(patience.saturating_sub(begun.elapsed()))).await;
        pause = (pause * 2).min(Duration::from_secs(3));
    }
}
