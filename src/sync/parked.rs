//! The place where refused events and undecodable messages are kept, with the reason, until somebody repairs them.

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::outcome::Refusal;
use crate::{
    model::ParticipantEvent,
    store::{Key, MAX_RECORD_BYTES, Store, StoreError},
};

const KIND: &str = "parked";
/// The partition of messages of which not even the InEvent event is known.
const UNDECODED: &str = "-";

/// What is parked, and why.
#[derive(Debug)]
pub enum Parked<'a> {
    /// An event that Dataverse refuses.
    Refused { event: &'a ParticipantEvent, refusal: &'a Refusal },
    /// A message, or an item of one, that cannot be read as an event.
    Undecoded { raw: &'a str, reason: &'static str },
}

/// Keeps it. The same thing parked twice is kept once.
///
/// # Errors
/// When it could not be stored; nothing is lost as long as the message it came in is not removed.
pub async fn park(store: &dyn Store, parked: &Parked<'_>, now: Timestamp) -> Result<(), StoreError> {
    let (partition, original, record) = match parked {
        Parked::Refused { event, refusal } => {
            let original = serde_json::to_value(event).unwrap_or_default();
            let record = json!({
                "at": now,
                "code": refusal.code.map(|code| format!("0x{code:08x}")),
                "reason": refusal.reason,
                "remedy": "Change the record, the rule or the event as the reason says, then replay it.",
                "event": original,
            });
            (event.event.id.as_str(), original.to_string(), record)
        }
        Parked::Undecoded { raw, reason } => (
            UNDECODED,
            (*raw).to_owned(),
            json!({ "at": now, "reason": reason, "remedy": "Send it again in the published schema.", "raw": raw }),
        ),
    };
    let row: String = Sha256::digest(original.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let chunks = chunks(&record.to_string());
    for (index, chunk) in chunks.iter().enumerate().skip(1) {
        store.put(&Key::new(KIND, partition, format!("{row}.{index}")), &json!({ "more": chunk })).await?;
    }
    let head = match chunks.as_slice() {
        [_] => record,
        [first, more @ ..] => json!({ "at": now, "pieces": more.len() + 1, "more": first }),
        [] => Value::Null,
    };
    match store.insert(&Key::new(KIND, partition, row), &head).await {
        Ok(_) | Err(StoreError::Exists) => Ok(()),
        Err(error) => Err(error),
    }
}

/// How many are parked, up to `limit`.
pub async fn count(store: &dyn Store, limit: usize) -> Result<usize, StoreError> {
    let page = store.list(KIND, None, limit.clamp(1, 1_000), None).await?;
    Ok(page.records.iter().filter(|record| !record.key.row.contains('.')).count())
}

/// Cuts text into pieces that a record can hold, however they are escaped.
fn chunks(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in text.chars() {
        if pieces.last().is_some_and(|piece| piece.len() + 8 > MAX_RECORD_BYTES / 8) {
            pieces.push(String::new());
        }
        pieces.last_mut().into_iter().for_each(|piece| piece.push(c));
    }
    pieces
}
