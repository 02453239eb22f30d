//! The envelope around what a queue message carries: how often it was tried, since when, and why it waits.
//!
//! Top-level names avoid those that the Functions host copies into a trigger's metadata (`id`, `dequeueCount`, `popReceipt`,
//! `insertionTime`, `expirationTime`, `nextVisibleTime`, `sys`).

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use super::{Bodies, PutOptions, Queue, QueueError};

/// The version that this binary writes, and the newest that it reads.
pub const VERSION: u32 = 1;

/// What a packed message may weigh. A little under the limit, for characters that XML spells longer.
const PACK_BYTES: usize = 60 * 1024;

/// A message: its history, and its items inline or in a body beside the queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    pub envelope: u32,
    #[serde(flatten)]
    pub history: History,
    #[serde(flatten)]
    pub content: Content,
}

/// What happened to the items so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// How often they were put back.
    pub attempt: u32,
    pub first_seen: Timestamp,
    /// Why they were put back last: a short name, never a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// W3C trace context of the request that brought them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// The items, or where they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    Items(Vec<Value>),
    /// The key of a body that holds the items as a JSON array.
    Body(String),
}

impl Content {
    /// The key of the body, where the items are in one.
    pub fn body(&self) -> Option<&str> {
        match self {
            Self::Items(_) => None,
            Self::Body(key) => Some(key),
        }
    }
}

impl History {
    pub fn new(first_seen: Timestamp, traceparent: Option<String>) -> Self {
        Self { attempt: 0, first_seen, last_error: None, traceparent }
    }

    /// The trace of the request that brought the items.
    pub fn trace_id(&self) -> Option<&str> {
        let id = self.traceparent.as_deref()?.split('-').nth(1)?;
        (id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())).then_some(id)
    }

    /// The history of what goes back to the queue.
    pub fn postponed(&self, why: &str) -> Self {
        Self { attempt: self.attempt.saturating_add(1), last_error: Some(why.to_owned()), ..self.clone() }
    }
}

/// Why a message is not an envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("the message is not an envelope of the connector's")]
    NotAnEnvelope,
    /// Written by a newer binary: it waits for one that reads it.
    #[error("the message has envelope version {0}, newer than this binary reads")]
    Newer(u32),
}

impl Envelope {
    pub fn parse(text: &str) -> Result<Self, EnvelopeError> {
        #[derive(Deserialize)]
        struct Versioned {
            envelope: u32,
        }
        let version: Versioned = serde_json::from_str(text).map_err(|_| EnvelopeError::NotAnEnvelope)?;
        if version.envelope > VERSION {
            return Err(EnvelopeError::Newer(version.envelope));
        }
        serde_json::from_str(text).map_err(|_| EnvelopeError::NotAnEnvelope)
    }

    /// The whole message, to be put back as it is but for its history.
    pub fn postponed(self, why: &str) -> Self {
        Self { history: self.history.postponed(why), ..self }
    }

    pub fn to_text(&self) -> String {
        // Maps with text keys and finite numbers always print.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn print(history: &History, content: Content) -> String {
        Self { envelope: VERSION, history: history.clone(), content }.to_text()
    }
}

/// Puts items into as few messages as their size allows; an item that no message can carry goes into a body.
/// Everything is durable when this returns.
///
/// # Errors
/// When a put failed: some of the items may be queued, and will be again when the caller tries again.
pub async fn put<T: Serialize>(
    queue: &dyn Queue,
    bodies: &dyn Bodies,
    history: &History,
    items: &[T],
    options: PutOptions,
) -> Result<usize, QueueError> {
    let overhead = Envelope::print(history, Content::Items(Vec::new())).len();
    let runs = pack(items, PACK_BYTES.saturating_sub(overhead));
    for run in &runs {
        let text = match run {
            Run::Message(items) => Envelope::print(history, Content::Items(items.clone())),
            Run::Body(item) => {
                let key = format!("body/{}", Uuid::new_v4());
                bodies.put(&key, Value::Array(vec![item.clone()]).to_string().as_bytes()).await?;
                Envelope::print(history, Content::Body(key))
            }
        };
        queue.put(&text, options).await?;
    }
    Ok(runs.len())
}

/// What one message carries.
#[derive(Debug, PartialEq)]
enum Run {
    Message(Vec<Value>),
    Body(Value),
}

fn pack<T: Serialize>(items: &[T], room: usize) -> Vec<Run> {
    let (mut runs, mut run, mut size) = (Vec::new(), Vec::new(), 0);
    for item in items {
        let value = serde_json::to_value(item).unwrap_or_default();
        let text = value.to_string();
        let weight = super::xml_safe_json(&text).map_or(text.len(), |safe| safe.len()) + 1;
        if weight > room {
            runs.push(Run::Body(value));
            continue;
        }
        if size + weight > room {
            runs.push(Run::Message(std::mem::take(&mut run)));
            size = 0;
        }
        size += weight;
        run.push(value);
    }
    if !run.is_empty() {
        runs.push(Run::Message(run));
    }
    runs
}

/// Reads the items of a body.
pub fn read_body<T: DeserializeOwned>(bytes: &[u8]) -> Option<Vec<T>> {
    serde_json::from_slice(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_packed_and_none_is_lost() {
        let items: Vec<String> = (0..1_000).map(|n| format!("{n}-{}", "x".repeat(n % 300))).collect();
        let runs = pack(&items, 4_000);
        let mut back = Vec::new();
        for run in &runs {
            let Run::Message(values) = run else { panic!("no item is too large") };
            assert!(Value::Array(values.clone()).to_string().len() <= 4_001);
            back.extend(values.iter().filter_map(|value| value.as_str().map(str::to_owned)));
        }
        assert_eq!(back, items);
        assert_eq!(pack(&["x".repeat(5_000)], 4_000).len(), 1);
        assert!(matches!(pack(&["x".repeat(5_000)], 4_000)[0], Run::Body(_)));
    }

    #[test]
    fn versions_and_nonsense() {
        let history = History::new(Timestamp::UNIX_EPOCH, None);
        let text = Envelope::print(&history, Content::Items(vec![1.into()]));
        assert_eq!(Envelope::parse(&text).unwrap().content, Content::Items(vec![1.into()]));
        let newer = text.replace("\"envelope\":1", "\"envelope\":2,\"surprise\":{}");
        assert_eq!(Envelope::parse(&newer), Err(EnvelopeError::Newer(2)));
        for bad in ["", "1", "[]", "{}", "{\"envelope\":1}", "{\"envelope\":\"1\"}"] {
            assert_eq!(Envelope::parse(bad), Err(EnvelopeError::NotAnEnvelope), "{bad}");
        }
        assert_eq!(history.postponed("held").postponed("held").attempt, 2);
        let trace =
            |text: &str| History::new(Timestamp::UNIX_EPOCH, Some(text.to_owned())).trace_id().map(str::to_owned);
        assert_eq!(trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap().len(), 32);
        assert_eq!(trace("ana@x.example"), None);
    }
}
