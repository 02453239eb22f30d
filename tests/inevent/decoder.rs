//! What holds of the webhook decoder, whatever comes. Fuzzed as `webhook`.

use inevent_d365::{
    inevent::decode::{Delivery, decode, words},
    settings::document::InEvent,
};
use serde_json::{Value, json};

/// The first byte chooses whether the URL says what happened.
pub fn run(bytes: &[u8]) {
    let (first, body) = bytes.split_first().unwrap_or((&0, &[]));
    let trigger = if first % 2 == 0 { Value::Null } else { "event-enrollment".into() };
    let json = json!({ "delivered_to": "main", "trigger": trigger, "received": "2026-05-12T09:00:00Z", "body": String::from_utf8_lossy(body) });
    let Ok(delivery) = serde_json::from_value::<Delivery>(json) else { panic!("a delivery can always be queued") };
    let settings = InEvent::default();
    words(&delivery.body, &settings);
    let Ok(hints) = decode(&delivery, &settings) else { return };
    assert!(!hints.is_empty(), "what is understood says something");
    for hint in hints {
        for id in [&hint.event, &hint.person, &hint.activity].into_iter().flatten() {
            assert!(id.len() <= 20 && id.bytes().all(|byte| byte.is_ascii_digit()), "an id is a number");
        }
        if let Some(profile) = hint.profile {
            assert_eq!(Some(profile.id), hint.person, "a profile is the person's");
        }
    }
}
