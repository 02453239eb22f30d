//! What is decided that somebody may want to look at is in the report of the batch, by ids.

use std::collections::BTreeSet;

use inevent_d365::sync::{decision::Decision, outcome::Report};
use serde_json::{Value, json};

use crate::{
    identity::rule,
    world::{World, read, registered},
};

async fn report(world: &World, event: Value) -> Report {
    world.engine.run(&[read(&event)]).await
}

/// The only decision of a batch.
async fn decided(world: &World, event: Value) -> Decision {
    let report = report(world, event).await;
    assert_eq!(report.about, BTreeSet::from(["4711".to_owned()]));
    let decisions: Vec<Decision> = report.decisions.into_iter().collect();
    let [decision] = &decisions[..] else { panic!("{decisions:?}") };
    let text = decision.to_string();
    assert!(text.starts_with(decision.name()) && !text.contains('@') && !text.contains("Silva"), "{text}");
    decision.clone()
}

fn ana() -> Value {
    let mut event = registered(1, json!({ "id": "1", "email": "a@x.example", "last_name": "Silva", "phone": "555-1" }));
    event["id"] = json!("s1");
    event
}

#[tokio::test]
async fn whom_of_several_is_taken() {
    let world = World::start(json!({})).await;
    let contact = json!({ "lastname": "Silva", "emailaddress1": "a@x.example" });
    world.add("contacts", contact.clone()).await;
    world.a_while_later().await;
    let latest = world.add("contacts", contact).await;
    let Decision::Ambiguous { person, of } = decided(&world, ana()).await else { panic!() };
    assert_eq!((person.id.to_string(), of), (latest, 2));
}

#[tokio::test]
async fn a_column_that_is_left_out() {
    let mapping = json!({ "source": { "answer": "Staff" }, "tables": ["lead"], "column": "numberofemployees" });
    let world = World::start(json!({ "mappings": [mapping] })).await;
    let mut event = ana();
    event["answers"] = json!({ "Staff": "many" });
    let expected = Decision::LeftOut { statement: "s1".into(), column: "lead.numberofemployees".into() };
    assert_eq!(decided(&world, event).await, expected);
}

#[tokio::test]
async fn a_guest_without_a_key_and_a_participant_whom_nobody_matches() {
    let guest = registered(1, json!({ "id": "1", "last_name": "Silva" }));
    for (settings, event) in [(json!({}), guest), (json!({ "unmatched": "update_only" }), ana())] {
        let world = World::start(settings).await;
        let Decision::Unmatched { row } = decided(&world, event).await else { panic!() };
        assert_eq!(world.rows("new_eventattendance").await[0]["activityid"], row.to_string());
    }
}

#[tokio::test]
async fn who_is_adopted_for_a_duplicate() {
    let world = World::start(json!({})).await;
    rule(&world, "Phone of contacts", ("telephone1", "contact", "telephone1")).await;
    let contact = world.add("contacts", json!({ "lastname": "A", "telephone1": "555-1" })).await;
    let Decision::Adopted { person } = decided(&world, ana()).await else { panic!() };
    assert_eq!(person.id.to_string(), contact);
}

#[tokio::test]
async fn whom_the_settings_leave_out() {
    for settings in [json!({ "unmatched": "ignore" }), json!({ "only_if": "participant.country == 'PT'" })] {
        let world = World::start(settings).await;
        let mut event = ana();
        event["participant"]["country"] = json!("BR");
        let expected = Decision::Ignored { statement: "s1".into() };
        assert_eq!(decided(&world, event).await, expected);
    }
}

#[tokio::test]
async fn an_owner_who_cannot_own_is_replaced() {
    let world = World::start(json!({})).await;
    let unit = world.crm("GET", "WhoAmI", Value::Null).await["BusinessUnitId"].as_str().unwrap().to_owned();
    let user = json!({ "lastname": "Left", "businessunitid@odata.bind": format!("/businessunits({unit})") });
    let user = world.add("systemusers", user).await;
    world.admin("POST", "switches", json!({ "owners_need_read": false })).await;
    let owned = json!({ "lastname": "A", "emailaddress1": "a@x.example", "ownerid@odata.bind": format!("/systemusers({user})") });
    world.add("contacts", owned).await;
    world.admin("POST", "switches", json!({ "owners_need_read": true })).await;
    let Decision::UnfitOwner { row, owner } = decided(&world, ana()).await else { panic!() };
    let rows = world.rows("new_eventattendance").await;
    assert_eq!((rows.len(), rows[0]["activityid"].as_str()), (1, Some(row.to_string().as_str())));
    assert!(owner.to_string().contains(&user) && rows[0]["_ownerid_value"] != user.as_str());
}

#[tokio::test]
async fn nothing_is_reported_of_what_is_plain() {
    let world = World::start(json!({})).await;
    for _ in 0..2 {
        assert!(report(&world, ana()).await.decisions.is_empty());
    }
}
