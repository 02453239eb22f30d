//! What a person corrects in the CRM stays until InEvent says something new.

use inevent_d365::sync::outcome::Outcome;
use serde_json::{Value, json};

use crate::world::{World, registered};

fn titled(second: u8, title: &str) -> Value {
    registered(second, json!({ "id": "1", "email": "a@x.example", "job_title": title }))
}

fn scored(second: u8, score: u8) -> Value {
    let mut event = registered(second, json!({ "id": "1", "email": "a@x.example" }));
    event["kind"] = json!("scored");
    event["score"] = json!(score);
    event
}

/// The same event again, and a newer one that says the same, write nothing over the correction; a newer value does.
async fn survives(world: &World, table: &str, column: &str, said: impl Fn(u8) -> Value, newer: Value, value: Value) {
    let corrected = world.rows(table).await[0][column].clone();
    let outcomes = world.run(&[said(1)]).await;
    assert_eq!(outcomes, [Outcome::Settled { changed: false }], "a replay of {column}");
    assert_eq!(world.rows(table).await[0][column], corrected, "a replay of {column}");
    world.settle(said(2)).await;
    assert_eq!(world.rows(table).await[0][column], corrected, "{column}, said again");
    world.settle(newer).await;
    assert_eq!(world.rows(table).await[0][column], value, "{column}, said anew");
    // And what was said before stays in the past.
    for second in [1, 2] {
        world.settle(said(second)).await;
    }
    assert_eq!(world.rows(table).await[0][column], value, "old news of {column}");
}

#[tokio::test]
async fn a_corrected_contact() {
    let world = World::start(json!({})).await;
    let contact = world.add("contacts", json!({ "lastname": "Silva", "emailaddress1": "a@x.example" })).await;
    world.settle(titled(1, "Head")).await;
    world.crm("PATCH", &format!("contacts({contact})"), json!({ "jobtitle": "Head of Sales" })).await;
    survives(&world, "contact", "jobtitle", |second| titled(second, "Head"), titled(3, "Chief"), json!("Chief")).await;
}

#[tokio::test]
async fn a_corrected_lead_that_the_connector_created() {
    let world = World::start(json!({})).await;
    world.settle(titled(1, "Head")).await;
    let lead = world.rows("lead").await[0]["leadid"].as_str().unwrap().to_owned();
    world.crm("PATCH", &format!("leads({lead})"), json!({ "jobtitle": Value::Null })).await;
    survives(&world, "lead", "jobtitle", |second| titled(second, "Head"), titled(3, "Chief"), json!("Chief")).await;
}

#[tokio::test]
async fn a_corrected_score() {
    let world = World::start(json!({})).await;
    world.settle(scored(1, 50)).await;
    let row = world.rows("new_eventattendance").await[0]["activityid"].as_str().unwrap().to_owned();
    world.crm("PATCH", &format!("new_eventattendances({row})"), json!({ "new_engagementscore": 80 })).await;
    let said = |second| scored(second, 50);
    survives(&world, "new_eventattendance", "new_engagementscore", said, scored(3, 60), json!(60.0)).await;
}
