//! What the changelog of InEvent's own integrations says was once wrong with them, as far as it can go wrong here: rows beyond the
//! three-hundredth, offsets beyond two thousand, people who were there before, phone numbers, plain text and lists of options that did
//! not arrive, a refused token that stopped everything. Yes and no, options by name and number are in `sync/convert`, duplicates in
//! `tests/sync`, a list that takes nobody in `tests/e2e/lists.rs`.

use std::time::{Duration, Instant};

use inevent_d365::{
    inevent::Error,
    reconcile::{
        jobs::{Job, State},
        pass::Broken,
        round::NotLooked,
    },
    settings::document::Document,
    sync::rows::ActivityTable,
};
use serde_json::json;

use crate::world::{ATTENDED, BUDGET, EVENT, HOUR, REGISTERED, World};

#[tokio::test(flavor = "multi_thread")]
async fn two_and_a_half_thousand_people_arrive() {
    let world = World::start(json!({ "level": "registrations" }), json!({})).await;
    let event: u64 = EVENT.parse().unwrap();
    world.inevent_admin("POST", "people", json!({ "eventID": event, "count": 2_500 })).await;
    world.round().await;
    let rows = world.rows("new_eventattendance").await;
    let people: std::collections::BTreeSet<&str> =
        rows.iter().map(|row| row["new_participantid"].as_str().unwrap()).collect();
    assert_eq!((rows.len(), people.len()), (2_500, 2_500));
    world.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_over_before_the_connector_came_is_brought_in_by_a_backfill() {
    let world = World::start(json!({}), json!({})).await;
    let ana = world.register("ana").await;
    world.go_to(HOUR).await;
    world.check("In", &ana, None).await;
    world.later(24 * 30 * HOUR).await;
    assert_eq!(world.try_round().await.unwrap().looked, 0);
    let job = Job::new(EVENT.to_owned(), None, false, world.now());
    let until = Instant::now() + Duration::from_secs(60);
    let settings = Document::default().effective(EVENT);
    let done = world.reconciler.work(job, &settings, ActivityTable::default(), until, |_| {}).await.unwrap().unwrap();
    assert_eq!((done.state, done.people), (State::Done, 1));
    assert_eq!(world.row(&ana, None).await, Some((REGISTERED, ATTENDED)));
    world.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn phone_numbers_plain_text_and_several_options_arrive() {
    let mapped = |question: &str, column: &str| json!({ "source": { "answer": question }, "column": column });
    let phone = json!({ "source": { "field": "participant.phone" }, "column": "telephone1" });
    let mappings = json!([phone, mapped("Budget", "jobtitle"), mapped("f_interests_47122", "description")]);
    for answers in ["keys", "list"] {
        let world = World::start(json!({ "mappings": mappings }), json!({ "answers": answers })).await;
        let body = [
            ("name", "Ana Silva"),
            ("username", "ana@fabrikam.example"),
            ("telephone", "+351 210 000 000"),
            (BUDGET, "as much as it takes"),
            ("f_interests_47122", "Rust, CRM"),
        ];
        world.inevent("event.person.bind", &[("eventID", EVENT)], &body).await;
        world.round().await;
        let leads = world.rows("lead").await;
        let lead = leads.iter().find(|lead| lead["emailaddress1"] == "ana@fabrikam.example").unwrap();
        assert_eq!(lead["telephone1"], "+351 210 000 000", "{answers}");
        assert_eq!(lead["jobtitle"], "as much as it takes", "{answers}");
        assert!(
            lead["description"].as_str().is_some_and(|told| told.contains("Rust") && told.contains("CRM")),
            "{answers}: {lead}"
        );
        world.sandbox.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_stops_nothing_for_good() {
    let world = World::start(json!({}), json!({})).await;
    let ana = world.register("ana").await;
    world.inevent_admin("POST", "faults", json!({ "kind": "unauthorized", "count": 100 })).await;
    let refused = world.try_round().await;
    assert!(matches!(refused, Err(NotLooked::Broken(Broken::InEvent(Error::Unauthorized { .. })))), "{refused:?}");
    world.inevent_admin("DELETE", "faults", json!(null)).await;
    world.later(120).await;
    world.round().await;
    assert_eq!(world.row(&ana, None).await, Some((REGISTERED, None)));
    world.sandbox.stop().await;
}
