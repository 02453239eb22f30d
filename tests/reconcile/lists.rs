//! What follows from who is missing, and what does not.

use inevent_d365::reconcile::{
    cursor,
    jobs::{self, Job, State},
};
use serde_json::json;

use crate::world::{CANCELLED, EVENT, HOUR, REGISTERED, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_implausibly_short_changes_nothing_until_somebody_says_that_it_is_right() {
    let world = World::start(json!({}), json!({})).await;
    let mut people = Vec::new();
    for number in 0..30 {
        people.push(world.register(&format!("p{number}")).await);
    }
    world.round().await;
    for person in &people[..20] {
        world.about("event.person.dismiss", person).await;
    }
    world.later(25 * HOUR).await;
    world.round().await;
    for person in &people {
        assert_eq!(world.row(person, None).await, Some((REGISTERED, None)));
    }
    let alarms = cursor::alarms(&*world.reconciler.store).await.unwrap();
    assert_eq!(alarms.len(), 1);
    assert!(alarms[0].0 == EVENT && alarms[0].1.contains("20 of the 30"), "{alarms:?}");

    let job = Job::new(EVENT.to_owned(), None, true, world.now());
    let document = inevent_d365::settings::document::Document::default();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let table = inevent_d365::sync::rows::ActivityTable::default();
    let done = world.reconciler.work(job, &document.effective(EVENT), table, until, |_| {}).await.unwrap().unwrap();
    assert_eq!(done.state, State::Done);
    for person in &people[..20] {
        assert_eq!(world.row(person, None).await, Some((CANCELLED, None)));
    }
    world.later(25 * HOUR).await;
    world.round().await;
    assert_eq!(cursor::alarms(&*world.reconciler.store).await.unwrap(), []);
    world.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_settings_reach_rows_that_exist_by_a_backfill() {
    let mut world = World::start(json!({ "level": "registrations" }), json!({})).await;
    let ana = world.register("ana").await;
    world.inevent("activity.person.bind", &[("activityID", "47112"), ("personID", &ana)], &[]).await;
    world.round().await;
    assert_eq!(world.row(&ana, Some("47112")).await, None);
    let document = inevent_d365::settings::document::Document::default();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let table = inevent_d365::sync::rows::ActivityTable::default();
    let job = Job::new(EVENT.to_owned(), None, false, world.now());
    world.use_settings(json!({ "level": "sessions" }));
    world.reconciler.work(job, &document.effective(EVENT), table, until, |_| {}).await.unwrap().unwrap();
    assert_eq!(world.row(&ana, Some("47112")).await, Some((REGISTERED, None)));
    world.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_inevent_does_not_tell_of_takes_no_other_along() {
    let world = World::start(json!({}), json!({})).await;
    let company = world.sandbox.connection().inevent.company_id.clone();
    world.inevent("company.event.bind", &[("companyID", &company)], &[("name", "Another Day")]).await;
    let ana = world.register("ana").await;
    // One call, made again once: the event that is looked at first.
    world.inevent_admin("POST", "faults", json!({ "kind": "unavailable", "match": "event.get", "count": 2 })).await;
    let round = world.try_round().await.unwrap();
    assert_eq!((round.events, round.looked, round.failed), (2, 1, 1));
    world.later(120).await;
    let round = world.try_round().await.unwrap();
    assert_eq!((round.looked, round.failed), (1, 0));
    assert_eq!(world.row(&ana, None).await, Some((REGISTERED, None)));
    world.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_that_fails_takes_no_other_along() {
    let world = World::start(json!({}), json!({})).await;
    let ana = world.register("ana").await;
    let store = &*world.reconciler.store;
    for event in ["10", EVENT] {
        jobs::save(store, &Job::new(event.to_owned(), None, false, world.now())).await.unwrap();
    }
    world.inevent_admin("POST", "faults", json!({ "kind": "unavailable", "match": "event.get", "count": 2 })).await;
    let document = inevent_d365::settings::document::Document::default();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let work = async || {
        world.reconciler.jobs(&document, |_| inevent_d365::sync::rows::ActivityTable::default(), until).await.unwrap()
    };
    work().await;
    let states = async || jobs::all(store).await.unwrap().iter().map(|job| job.state).collect::<Vec<_>>();
    assert_eq!(states().await, [State::Waiting, State::Done]);
    assert_eq!(world.row(&ana, None).await, Some((REGISTERED, None)));
    // There is no such event.
    work().await;
    assert_eq!(states().await, [State::Failed, State::Done]);
    world.sandbox.stop().await;
}
