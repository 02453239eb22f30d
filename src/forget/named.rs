//! Participants whom events and texts are about: what says no address is known by their ids.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    inevent::decode::{self, Delivery},
    model::{Address, ParticipantEvent},
    sync::plan::EventParticipant,
};

/// Whom something is about, and the address that it states of them.
pub(super) struct Named {
    pub(super) of: EventParticipant,
    pub(super) address: Option<Address>,
}

impl Named {
    fn new(event: String, participant: String, email: Option<&str>) -> Self {
        let address = email.and_then(|email| Address::parse(email).ok());
        Self { of: EventParticipant { event, participant }, address }
    }

    /// `None` for a closing.
    pub(super) fn of(event: &ParticipantEvent) -> Option<Self> {
        let participant = event.participant.as_ref()?;
        Some(Self::new(event.event.id.clone(), participant.id.clone(), participant.email.as_deref()))
    }
}

/// Everybody whom a text is about in a way that can be read: events, webhooks as they wait, and messages of these.
pub(super) fn in_text(text: &str) -> Vec<Named> {
    let items = match serde_json::from_str(text) {
        Ok(Value::Array(items)) => items,
        Ok(Value::Object(mut message)) => match message.remove("items") {
            Some(Value::Array(items)) => items,
            _ => vec![Value::Object(message)],
        },
        _ => Vec::new(),
    };
    items.iter().flat_map(in_item).collect()
}

fn in_item(item: &Value) -> Vec<Named> {
    if let Ok(webhook) = Delivery::deserialize(item) {
        let named = decode::named(&webhook.body).into_iter();
        return named.map(|(event, person, email)| Named::new(event, person, email.as_deref())).collect();
    }
    let participant = &item["participant"];
    let ids = id(&item["event"]["id"]).zip(id(&participant["id"]));
    ids.map(|(event, id)| Named::new(event, id, participant["email"].as_str())).into_iter().collect()
}

/// An id is text, or a number that stands for it.
fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn participants_are_found_in_whatever_can_be_parked() {
        let event =
            json!({ "event": { "id": 4711 }, "participant": { "id": "9", "email": "ana@x.example" }, "new": 1 });
        let body = json!({ "what": "?", "eventID": "4711", "personID": 9, "email": "ana@x.example" }).to_string();
        let webhook = json!({ "delivered_to": "main", "received": "2026-05-01T09:00:00Z", "body": body });
        for text in [
            event.to_string(),
            json!([event]).to_string(),
            json!({ "envelope": 2, "items": [event], "more": [] }).to_string(),
            webhook.to_string(),
        ] {
            let [named] = &in_text(&text)[..] else { panic!("{text}") };
            assert_eq!((named.of.event.as_str(), named.of.participant.as_str()), ("4711", "9"), "{text}");
            assert_eq!(named.address, Address::parse("ana@x.example").ok(), "{text}");
        }
        for text in ["", "nonsense", "7", "{}", r#"{"event":{"id":"1"}}"#, r#"{"participant":{"id":"1"}}"#] {
            assert!(in_text(text).is_empty(), "{text}");
        }
    }
}
