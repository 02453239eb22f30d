//! Columns that rows are found by: of another type they are named before anything is written, and an answer that such a column cannot
//! hold holds nothing up, neither its own event nor those beside it.

use inevent_d365::{
    settings::{Prefix, document},
    setup::check::{self, ApplicationUser},
    sync::outcome::Outcome,
};
use serde_json::{Value, json};

use crate::world::{World, registered};

/// A registration of somebody who answered this.
fn answered(participant: &str, answer: Value) -> Value {
    let mut event = registered(1, json!({ "id": participant, "email": format!("{participant}@x.example") }));
    event["answers"] = json!({ "Q": answer });
    event
}

fn settled(outcomes: &[Outcome]) -> bool {
    outcomes.iter().all(|outcome| matches!(outcome, Outcome::Settled { .. }))
}

/// What the environment does not allow of these settings: place and problem.
async fn problems(world: &World, defaults: Value) -> Vec<String> {
    let text = json!({ "version": 1, "defaults": defaults }).to_string();
    let document = document::read(&text, &Prefix::default()).unwrap();
    let problems = check::problems(&world.administrator(), ApplicationUser::SignedIn, &document, true).await.unwrap();
    assert!(problems.iter().all(|problem| !problem.remedy.is_empty()));
    problems.iter().map(|problem| format!("{}: {}", problem.path, problem.problem)).collect()
}

fn lookup(column: &str) -> Value {
    json!({ "mappings": [{ "source": { "answer": "Q" }, "tables": ["lead"], "column": "campaignid",
        "lookup": { "table": "campaign", "column": column } }] })
}

fn related(table: &str, column: &str, source: Value) -> Value {
    json!({ "related": { "r": { "table": table, "key": { "column": column, "source": source } } } })
}

fn matching(part: Value) -> Value {
    json!({ "matching": { "keys": [{ "columns": [part] }, "email"] } })
}

fn fixed(key: Value) -> Value {
    json!({ "lookups": [{ "column": "createdby", "table": "systemuser", "key": key }] })
}

#[tokio::test]
async fn a_column_that_rows_are_not_found_by_is_named_with_its_place() {
    let world = World::start(json!({})).await;
    let (answer, no_key) = (json!({ "answer": "Q" }), "is no text, whole number or unique identifier");
    let long = "x".repeat(300);
    for (settings, expected) in [
        (lookup("statuscode"), format!("mappings[0].lookup.column: statuscode of campaign {no_key}")),
        (lookup("new_x"), "mappings[0].lookup.column: the table campaign has no column new_x".into()),
        (
            related("campaign", "typecode", answer.clone()),
            format!("related.r.key.column: typecode of campaign {no_key}"),
        ),
        (
            related("campaign", "new_x", answer.clone()),
            "related.r.key.column: the table campaign has no column new_x".into(),
        ),
        (
            related("contact", "fullname", answer.clone()),
            "related.r.key.column: fullname of contact cannot be written".into(),
        ),
        (
            related("campaign", "codename", json!({ "field": "event.name" })),
            "related.r.key.column: codename holds 32 characters, fewer than the source may have".into(),
        ),
        (
            matching(json!({ "source": answer, "lead": "leadqualitycode" })),
            format!("matching.keys[0].columns[0].lead: leadqualitycode of lead {no_key}"),
        ),
        (
            matching(json!({ "source": { "field": "event.name" }, "lead": "lastname", "contact": "pager" })),
            "matching.keys[0].columns[0].contact: pager holds 50 characters, fewer than the source may have".into(),
        ),
        (fixed(json!({ "isdisabled": "x" })), format!("lookups[0].key.isdisabled: isdisabled of systemuser {no_key}")),
        (
            fixed(json!({ "lastname": long })),
            "lookups[0].key.lastname: the value is longer than the 256 characters of the column".into(),
        ),
        (
            fixed(json!({ "systemuserid": "abc" })),
            "lookups[0].key.systemuserid: the value is not a unique identifier".into(),
        ),
    ] {
        let told = problems(&world, settings.clone()).await;
        assert!(told.contains(&format!("defaults.{expected}")), "{settings}: {told:?}");
    }
    for settings in [
        lookup("expectedresponse"),
        lookup("campaignid"),
        related("campaign", "expectedresponse", json!({ "answer": "Q" })),
        matching(json!({ "source": { "answer": "Q" }, "lead": "numberofemployees" })),
    ] {
        assert_eq!(problems(&world, settings).await, [""; 0]);
    }
}

#[tokio::test]
async fn settings_with_such_a_column_hold_the_events_and_name_it() {
    for settings in [lookup("statuscode"), related("campaign", "typecode", json!({ "answer": "Q" }))] {
        let world = World::start(settings).await;
        let said = format!("{:?}", world.run(&[answered("p1", json!("Spring"))]).await);
        assert!(said.contains("Held") && said.contains("of campaign is no text"), "{said}");
    }
}

#[tokio::test]
async fn people_are_found_by_a_whole_number_and_what_is_none_is_not_stated() {
    let settings = matching(json!({ "source": { "answer": "Q" }, "lead": "numberofemployees" }));
    let world = World::start(settings).await;
    let known = world.add("leads", json!({ "lastname": "K", "subject": "K", "numberofemployees": 12 })).await;
    let answers = [json!("abc"), json!("012"), json!("99999999999"), json!("12.5"), json!(true), json!(""), json!(12)];
    let people = ["p1", "p2", "p3", "p4", "p5", "p6", "p7"];
    let events: Vec<Value> = people.into_iter().zip(answers).map(|(person, answer)| answered(person, answer)).collect();
    let outcomes = world.run(&events).await;
    assert!(settled(&outcomes), "{outcomes:?}");
    let regards = async |participant: &str| {
        world.with("new_eventattendance", "new_participantid", participant).await[0]["_regardingobjectid_value"].clone()
    };
    for person in people {
        assert_eq!(regards(person).await == known, ["p2", "p7"].contains(&person), "{person}");
    }
    // The others are found by their addresses, and stay who they are.
    assert_eq!(world.rows("lead").await.len(), 6);
    let outcomes = world.run(&events).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Settled { changed: false }), "{outcomes:?}");
}

#[tokio::test]
async fn a_lookup_by_a_number_or_an_identifier_names_nobody_by_anything_else() {
    for column in ["expectedresponse", "campaignid"] {
        let world = World::start(lookup(column)).await;
        let campaign = world.add("campaigns", json!({ "name": "Spring", "expectedresponse": 12 })).await;
        let right = if column == "campaignid" { campaign.to_uppercase() } else { "12.0".to_owned() };
        let outcomes = world.run(&[answered("p1", json!("Spring")), answered("p2", json!(right))]).await;
        assert!(settled(&outcomes), "{outcomes:?}");
        for (person, expected) in [("p1", Value::Null), ("p2", json!(campaign))] {
            let lead = &world.with("lead", "emailaddress1", &format!("{person}@x.example")).await[0];
            assert_eq!(lead["_campaignid_value"], expected, "{column} {person}");
        }
    }
}

/// A row in the table of campaigns for each answer.
fn campaigns(required: bool) -> Value {
    let mut settings = related("campaign", "expectedresponse", json!({ "answer": "Q" }));
    settings["mappings"] = json!([{ "source": { "answer": "Q" }, "tables": ["r"], "column": "name", "mode": "on_create",
        "required": required }]);
    settings
}

#[tokio::test]
async fn a_row_with_a_number_for_a_key_is_not_made_of_anything_else() {
    let world = World::start(campaigns(false)).await;
    let events = [("p1", "abc"), ("p2", "12"), ("p3", "101"), ("p4", "12")];
    let events = events.map(|(person, answer)| answered(person, json!(answer)));
    let outcomes = world.run(&events).await;
    assert!(settled(&outcomes), "{outcomes:?}");
    let rows = world.rows("campaign").await;
    assert_eq!((rows.len(), &rows[0]["expectedresponse"], &rows[0]["name"]), (1, &json!(12), &json!("12")), "{rows:?}");
    assert_eq!(world.rows("new_eventattendance").await.len(), 4);
    assert!(settled(&world.run(&[answered("p5", json!("012"))]).await));
    assert_eq!(world.rows("campaign").await.len(), 1);
}

#[tokio::test]
async fn what_is_required_of_a_row_whose_key_does_not_fit_parks_its_own_event() {
    let world = World::start(campaigns(true)).await;
    let outcomes = world.run(&[answered("p1", json!("abc")), answered("p2", json!("12"))]).await;
    let [Outcome::Refused(refusal), Outcome::Settled { .. }] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert!(refusal.reason.contains("campaign.expectedresponse") && !refusal.reason.contains("abc"), "{refusal:?}");
    assert_eq!((world.rows("campaign").await.len(), world.rows("lead").await.len()), (1, 1));
}
