//! What the host sends to queue functions, in every form that hosts are known to send it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod target;

use base64::{Engine, engine::general_purpose::STANDARD};
use inevent_d365::{
    functions::invocation::{Message, read},
    queue::envelope::{Content, Envelope},
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Exchanges of the real host; the first line explains them.
const VECTORS: &str = include_str!("../functions_host/vectors.jsonl");

fn envelope() -> Value {
    json!({ "envelope": 1, "attempt": 3, "first_seen": "2026-05-01T09:00:00Z", "items": [{ "id": "é♥<&>\"\\ 😀" }] })
}

fn dequeued(payload: Value, metadata: Value) -> (Message, u32) {
    let body = json!({ "Data": { "msg": payload }, "Metadata": metadata });
    let invocation = read(body.to_string().as_bytes(), "msg").unwrap();
    (invocation.message, invocation.dequeue_count)
}

#[test]
fn an_envelope_is_read_in_every_form() {
    let text = envelope().to_string();
    let quoted = Value::from(text.clone()).to_string();
    for (what, payload) in [
        ("binary", Value::from(STANDARD.encode(&text))),
        ("encoded twice", Value::from(quoted)),
        ("encoded once", Value::from(text)),
        ("bare", envelope()),
    ] {
        let (message, _) = dequeued(payload, json!({}));
        let Message::Envelope(Envelope { history, content: Content::Items(items), .. }) = message else {
            panic!("{what}: not read")
        };
        assert_eq!((history.attempt, items), (3, vec![envelope()["items"][0].clone()]), "{what}");
    }
}

#[test]
fn the_dequeue_count_is_read_in_every_form() {
    for (what, metadata, count) in [
        ("a number", json!({ "DequeueCount": 7 }), 7),
        ("text", json!({ "DequeueCount": "7" }), 7),
        ("quoted text", json!({ "DequeueCount": "\"7\"" }), 7),
        ("another case", json!({ "dequeueCount": "7" }), 7),
        ("absent", json!({}), 1),
        ("replaced by a property of the message", json!({ "DequeueCount": { "a": 1 } }), 1),
        ("replaced by other text", json!({ "DequeueCount": "\"often\"" }), 1),
        ("negative", json!({ "DequeueCount": -1 }), 1),
    ] {
        assert_eq!(dequeued(envelope(), metadata).1, count, "{what}");
    }
}

#[test]
fn the_envelope_collides_with_no_metadata() {
    let taken = ["id", "dequeuecount", "popreceipt", "insertiontime", "expirationtime", "nextvisibletime", "sys"];
    for name in envelope().as_object().unwrap().keys() {
        assert!(!taken.contains(&name.to_lowercase().as_str()) && !name.ends_with("trigger"), "{name}");
    }
}

#[test]
fn what_the_real_host_sent_is_read_as_it_was_put() {
    let mut checked = 0;
    for vector in VECTORS.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let Some((mode, text)) = vector["put"].as_str().and_then(|put| put.split_once(" text=")) else { continue };
        let base64_of_text = vector["mode"] == "messageEncoding none" && mode.ends_with("putb64");
        for request in vector["requests"].as_array().into_iter().flatten() {
            let invocation = read(request["body"].as_str().unwrap().as_bytes(), "msg").unwrap();
            let Message::Undecodable { raw, .. } = invocation.message else { panic!("no vector holds an envelope") };
            let put = match mode.rsplit_once("mode=").unwrap().1 {
                "putbin" => "//4AAQ==".to_owned(),
                _ if base64_of_text => STANDARD.encode(text),
                _ => text.to_owned(),
            };
            assert_eq!(raw, put, "{}", vector["name"]);
            assert!(invocation.dequeue_count >= 1);
            checked += 1;
        }
    }
    assert!(checked > 30, "only {checked} exchanges were found");
}

#[test]
fn what_is_no_invocation_stays_with_the_host() {
    for body in ["", "{", "[]", "7", "{}", r#"{"Data":7}"#, r#"{"Data":{}}"#, r#"{"Data":{"other":"x"}}"#] {
        assert!(read(body.as_bytes(), "msg").is_err(), "{body}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    /// The fuzz target's own property, for a fixed budget: mutations of real invocations, and noise.
    #[test]
    fn no_bytes_bring_the_decoder_down(noise in any::<Vec<u8>>(), pick in any::<prop::sample::Index>(), cuts in any::<[(prop::sample::Index, u8); 4]>()) {
        let seeds = [envelope().to_string(), json!({ "Data": { "msg": STANDARD.encode(envelope().to_string()) }, "Metadata": { "DequeueCount": "1" } }).to_string(),
            json!({ "Data": { "msg": Value::from(envelope().to_string()).to_string() } }).to_string()];
        let mut bytes = seeds[pick.index(seeds.len())].clone().into_bytes();
        for (place, byte) in cuts {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        target::run(&bytes);
        target::run(&noise);
    }
}
