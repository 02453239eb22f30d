//! The published schema says what the connector does.

#![allow(clippy::unwrap_used)]

use inevent_d365::model::{event::json_schema, validate};
use jiff::Timestamp;
use serde_json::{Value, json};

#[test]
fn the_published_schema_is_the_one_in_the_code() {
    let published = include_str!("../docs/participant-event.schema.json");
    assert_eq!(
        published.trim(),
        json_schema().trim(),
        "print it anew: cargo run -- schema > docs/participant-event.schema.json"
    );
}

#[test]
fn schema_and_connector_agree() {
    let schema: Value = serde_json::from_str(&json_schema()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let now: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    for line in include_str!("e2e/stream.jsonl").lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert!(schema.is_valid(&event), "{line}");
        assert_eq!(validate::read(&event, now).err(), None, "{line}");
    }
    let good = json!({
        "id": "1", "time": "2026-05-01T09:00:00Z", "kind": "registered", "event": { "id": "1" },
        "participant": { "id": "1", "email": "ana@x.example" },
    });
    for (path, value) in [
        ("/kind", json!("arrived")),
        ("/id", json!("")),
        ("/id", json!(true)),
        ("/event", json!({})),
        ("/event", json!({ "id": "1", "colour": "blue" })),
        ("/time", json!(12)),
        ("/participant", json!({ "id": "1", "email": "x".repeat(101) })),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap() = value;
        assert!(!schema.is_valid(&bad), "{bad}");
        assert!(validate::read(&bad, now).is_err(), "{bad}");
    }
}
