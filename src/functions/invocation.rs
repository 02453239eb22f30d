//! What the host sends to a function that is not HTTP (azure-functions-host 4.1037, seen): `{"Data": {…}, "Metadata": {…}}`.
//!
//! Our triggers use `dataType: binary`, which gives plain base64. The other forms that hosts are known to send are read as well:
//! JSON in a string in a string, JSON in a string, bare JSON; numbers as numbers, as text, as quoted text.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::queue::envelope::{Envelope, EnvelopeError};

/// A queue message as a function receives it.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueInvocation {
    pub message: Message,
    /// The message's text as it stood in the queue.
    pub text: String,
    /// How often the message was received, this time included; 1 where the host does not say.
    pub dequeue_count: u32,
}

/// What the message holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    Envelope(Envelope),
    /// Not readable; the text as far as it can be told, for a person to look at.
    Undecodable {
        raw: String,
        error: EnvelopeError,
    },
}

impl Message {
    /// The trace of what put the message into the queue.
    pub fn traceparent(&self) -> Option<&str> {
        match self {
            Self::Envelope(envelope) => envelope.history.traceparent.as_deref(),
            Self::Undecodable { .. } => None,
        }
    }
}

/// Reads an invocation.
///
/// # Errors
/// When the body is not an invocation at all: then nothing is known of the message, and the host keeps it.
pub fn read(body: &[u8], binding: &str) -> Result<QueueInvocation, &'static str> {
    let json: Value = serde_json::from_slice(body).map_err(|_| "the invocation is not JSON")?;
    let data = member(&json, "Data").and_then(Value::as_object).ok_or("the invocation has no Data")?;
    let payload = data
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(binding))
        .map(|(_, value)| value)
        .ok_or("the invocation does not carry the queue message")?;
    let metadata = member(&json, "Metadata");
    let dequeue_count = metadata.and_then(|metadata| member(metadata, "DequeueCount")).and_then(number).unwrap_or(1);
    let (message, text) = message(payload);
    Ok(QueueInvocation { message, text, dequeue_count })
}

fn message(payload: &Value) -> (Message, String) {
    let mut error = EnvelopeError::NotAnEnvelope;
    let mut readings = readings(payload);
    for text in &readings {
        match Envelope::parse(text) {
            Ok(envelope) => return (Message::Envelope(envelope), text.clone()),
            Err(newer @ EnvelopeError::Newer(_)) => error = newer,
            Err(EnvelopeError::NotAnEnvelope) => {}
        }
    }
    let raw = if readings.is_empty() { String::new() } else { readings.swap_remove(0) };
    (Message::Undecodable { raw: raw.clone(), error }, raw)
}

/// What the payload may mean, the likeliest first.
fn readings(payload: &Value) -> Vec<String> {
    let Value::String(text) = payload else { return vec![payload.to_string()] };
    let mut readings = Vec::new();
    if let Some(decoded) = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
        readings.push(decoded);
    }
    if let Ok(Value::String(inner)) = serde_json::from_str(text) {
        readings.push(inner);
    }
    readings.push(text.clone());
    readings
}

/// A number, however often it was quoted on the way.
fn number(value: &Value) -> Option<u32> {
    match value {
        Value::Number(number) => number.as_u64()?.try_into().ok(),
        Value::String(text) => text.trim_matches(['"', ' ']).parse().ok(),
        _ => None,
    }
}

/// The host's property names are case-insensitive.
fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let object = object.as_object()?;
    object.get(name).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}
