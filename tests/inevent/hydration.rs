//! Webhooks of the stand-in, in every shape that it knows, become events.

use std::time::Duration;

use inevent_d365::{
    functions::HYDRATE_QUEUE,
    model::{Kind, ParticipantEvent},
};
use serde_json::{Value, json};

use crate::desk::{Desk, id, of};

const TYPES: [&str; 8] = [
    "event_enrollment",
    "event_enrollment_update",
    "event_dismissal",
    "event_check_in",
    "event_check_out",
    "activity_enrollment",
    "activity_check_in",
    "end_of_event",
];

/// Two people register; one attends a talk, the other one cancels.
async fn play(desk: &Desk) -> (String, String, String, String) {
    let event = desk.event("Day").await;
    let here = [("eventID", event.as_str())];
    let question = desk.inevent("feedback.create", &here, &[("text", "Budget"), ("type", "text")]).await;
    let field = id(&question, "apiField");
    let talk = id(&desk.inevent("activity.create", &here, &[("name", "Talk")]).await, "activityID");
    let track = id(&desk.inevent("tag.create", &here, &[("name", "Cloud")]).await, "tagID");
    desk.inevent("activity.tag.bind", &[("activityID", &talk), ("tagID", &track)], &[]).await;
    let register = async |name: &str, email: &str| {
        let body = [("name", name), ("username", email), ("company", "Contoso"), (field.as_str(), "10k")];
        id(&desk.inevent("event.person.bind", &here, &body).await, "personID")
    };
    let (ana, bo) = (register("Ana Silva", "ana@x.example").await, register("Bo Dyk", "bo@x.example").await);
    desk.inevent("checklog.checkIn", &[("eventID", &event), ("code", &ana)], &[]).await;
    desk.inevent("activity.person.bind", &[("activityID", &talk), ("personID", &ana)], &[]).await;
    desk.inevent("checklog.checkIn", &[("eventID", &event), ("activityID", &talk), ("code", &ana)], &[]).await;
    desk.inevent("event.person.dismiss", &[("eventID", &event), ("personID", &bo)], &[]).await;
    (event, talk, ana, bo)
}

fn check(events: &[ParticipantEvent], (event, talk, ana, bo): &(String, String, String, String), what: &str) {
    assert!(events.iter().all(|one| one.event.id == *event && one.event.name.as_deref() == Some("Day")), "{what}");
    let registered = of(events, Kind::Registered, ana);
    assert_eq!(registered.len(), 1, "{what}: {events:#?}");
    let profile = registered[0].participant.as_ref().unwrap();
    assert_eq!((profile.first_name.as_deref(), profile.last_name.as_deref()), (Some("Ana"), Some("Silva")), "{what}");
    assert_eq!(
        (profile.email.as_deref(), profile.company.as_deref()),
        (Some("ana@x.example"), Some("Contoso")),
        "{what}"
    );
    assert!(registered[0].answers.values().any(|answer| answer == "10k"), "{what}: {:?}", registered[0].answers);
    let checked_in = of(events, Kind::CheckedIn, ana);
    let places: Vec<Option<&str>> =
        checked_in.iter().map(|one| one.session.as_ref().map(|session| session.id.as_str())).collect();
    assert!(places.contains(&None) && places.contains(&Some(talk.as_str())), "{what}: {places:?}");
    assert!(checked_in.iter().all(|one| !one.read), "{what}: the time of a check-in is known");
    let named = checked_in.iter().filter_map(|one| one.session.as_ref());
    assert!(named.clone().all(|session| session.name.as_deref() == Some("Talk")), "{what}");
    assert!(named.clone().all(|session| session.tracks() == Some("Cloud".to_owned())), "{what}");
    assert_eq!(of(events, Kind::SessionEnrolled, ana).len(), 1, "{what}");
    assert!(!of(events, Kind::Cancelled, bo).is_empty(), "{what}: {events:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shape_of_body_gives_the_same_events() {
    let shapes = [
        (json!({ "body": "thin" }), true),
        (json!({ "body": "thin", "ids_as_numbers": true, "type_field": "event" }), false),
        (json!({ "body": "rich", "type_field": "" }), true),
        (json!({ "body": "nested", "data_key": "Data" }), false),
        (json!({ "body": "form" }), false),
    ];
    let run = async |(settings, with_trigger): (Value, bool)| {
        let desk = Desk::start().await;
        let what = settings.to_string();
        desk.admin("webhooks", settings).await;
        desk.webhooks(&TYPES, with_trigger).await;
        let played = play(&desk).await;
        desk.sent(6).await;
        desk.forget_calls().await;
        desk.hydrate().await;
        check(&desk.events().await, &played, &what);
        assert_eq!(desk.parked().await, [""; 0], "{what}");
        desk.calls().await;
    };
    futures_util::future::join_all(shapes.into_iter().map(run)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_comes_twice_says_the_same_with_the_same_id() {
    let desk = Desk::start().await;
    desk.admin("webhooks", json!({ "body": "rich", "duplication": 1.0 })).await;
    desk.webhooks(&["event_enrollment"], true).await;
    let event = desk.event("Day").await;
    desk.inevent("event.person.bind", &[("eventID", &event)], &[("name", "Ana Silva"), ("username", "ana@x.example")])
        .await;
    desk.sent(2).await;
    desk.hydrate().await;
    let events = desk.events().await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[0], events[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_is_gone_is_cancelled_by_id_however_inevent_says_so() {
    for missing in ["not_found", "empty", "unauthorized"] {
        let desk = Desk::start().await;
        let event = desk.event("Day").await;
        let here = [("eventID", event.as_str())];
        let bo = desk.inevent("event.person.bind", &here, &[("name", "Bo Dyk"), ("username", "bo@x.example")]).await;
        let bo = id(&bo, "personID");
        desk.admin("variants", json!({ "missing_person": missing })).await;
        desk.inevent("event.person.dismiss", &[("eventID", &event), ("personID", &bo)], &[]).await;
        let body = json!({ "eventID": event, "personID": bo }).to_string();
        let url = format!("{}&trigger=event-dismissal", desk.webhook_url);
        reqwest::Client::builder().no_proxy().build().unwrap().post(url).body(body).send().await.unwrap();
        desk.hydrate().await;
        let events = desk.events().await;
        assert_eq!(events.len(), 1, "{missing}: {:?}", desk.parked().await);
        assert_eq!((events[0].kind, events[0].read), (Kind::Cancelled, true), "{missing}");
        assert_eq!(events[0].participant.as_ref().unwrap().id, bo, "{missing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_thin_webhooks_of_an_event_are_settled_by_few_calls() {
    let desk = Desk::start().await;
    let event = desk.event("Day").await;
    desk.webhooks(&["event_enrollment"], true).await;
    let people = json!({ "eventID": event.parse::<u64>().unwrap(), "count": 60, "webhooks": true });
    desk.admin("people", people).await;
    desk.sent(60).await;
    desk.forget_calls().await;
    desk.hydrate().await;
    let events = desk.events().await;
    assert_eq!(events.len(), 60);
    assert!(events.iter().all(|event| event.participant.as_ref().unwrap().email.is_some()));
    assert!(desk.calls().await < 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_inevent_cannot_tell_now_goes_back_and_a_refused_token_is_held() {
    let desk = Desk::start().await;
    let event = desk.event("Day").await;
    let person =
        desk.inevent("event.person.bind", &[("eventID", &event)], &[("name", "A"), ("username", "a@x.example")]).await;
    let body = json!({ "eventID": event, "personID": id(&person, "personID") }).to_string();
    let url = format!("{}&trigger=event-enrollment", desk.webhook_url);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let revoked = format!("{}/tokens", desk.inevent.connection().admin_url);
    http.delete(revoked).send().await.unwrap();
    http.post(&url).body(body).send().await.unwrap();
    assert_eq!(desk.hydrate().await, 1);
    assert_eq!(desk.queue(HYDRATE_QUEUE).approximate_len().await.unwrap(), 1, "it waits");
    assert!(desk.events().await.is_empty() && desk.parked().await.is_empty());
    let health = desk.health().await;
    assert!(health["held_webhooks"]["remedy"].as_str().unwrap().contains("Renew INEVENT_TOKEN"), "{health}");
    let oldest = desk.queue(HYDRATE_QUEUE).receive(1, Duration::from_secs(1)).await.unwrap();
    assert!(oldest.is_empty(), "not at once");
}

/// What InEvent answers while it blocks a token is not published: with 403 it may also mean that the token may not.
#[tokio::test(flavor = "multi_thread")]
async fn a_block_told_by_403_parks_nothing() {
    let desk = Desk::start().await;
    let event = desk.event("Day").await;
    let person =
        desk.inevent("event.person.bind", &[("eventID", &event)], &[("name", "A"), ("username", "a@x.example")]).await;
    let body = json!({ "eventID": event, "personID": id(&person, "personID") }).to_string();
    let url = format!("{}&trigger=event-enrollment", desk.webhook_url);
    let blocked = json!({ "rate_limit_status": 403, "rate_limit_per_second": 1, "rate_limit_block_ms": 60_000 });
    desk.admin("variants", blocked).await;
    reqwest::Client::builder().no_proxy().build().unwrap().post(&url).body(body).send().await.unwrap();
    assert_eq!(desk.hydrate().await, 1);
    assert_eq!(desk.queue(HYDRATE_QUEUE).approximate_len().await.unwrap(), 1, "it waits");
    assert!(desk.events().await.is_empty() && desk.parked().await.is_empty());
    let health = desk.health().await;
    assert!(health["held_webhooks"]["remedy"].as_str().unwrap().contains("blocked for too many calls"), "{health}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_closed_when_it_is_over_and_not_before() {
    let desk = Desk::start().await;
    let event = desk.event("Day").await;
    let url = format!("{}&trigger=event-end", desk.webhook_url);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = json!({ "eventID": event }).to_string();
    http.post(&url).body(body.clone()).send().await.unwrap();
    desk.hydrate().await;
    assert!(desk.events().await.is_empty(), "InEvent says that it goes on");
    let begun = (jiff::Timestamp::now().as_second() - 7_200).to_string();
    let ended = (jiff::Timestamp::now().as_second() - 3_600).to_string();
    for (key, value) in [("dateBegin", &begun), ("dateEnd", &ended)] {
        desk.inevent("event.edit", &[("eventID", &event), ("key", key)], &[("value", value)]).await;
    }
    http.post(&url).body(body).send().await.unwrap();
    desk.hydrate().await;
    let events = desk.events().await;
    assert_eq!((events.len(), events[0].kind), (1, Kind::EventClosed));
    assert_eq!(events[0].time.timestamp().as_second().to_string(), ended);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_check_ins_that_are_no_change_are_settled_by_few_calls_too() {
    let desk = Desk::start().await;
    desk.admin("clock", json!({ "advance_s": -86_400 })).await;
    let event = desk.event("Day").await;
    desk.admin("people", json!({ "eventID": event.parse::<u64>().unwrap(), "count": 30 })).await;
    desk.admin("clock", json!({ "advance_s": 86_400 })).await;
    desk.webhooks(&["event_check_in"], true).await;
    let quiet = json!({ "check_in_does_not_touch_date_updated": true, "rate_limit_per_second": 0 });
    desk.admin("variants", quiet).await;
    let listed = desk.told(&format!("events/{event}")).await;
    for person in listed["people"].as_array().unwrap() {
        desk.inevent("checklog.checkIn", &[("eventID", &event), ("code", &id(person, "personID"))], &[]).await;
    }
    desk.sent(30).await;
    desk.forget_calls().await;
    desk.hydrate().await;
    let events = desk.events().await;
    assert_eq!(events.iter().filter(|event| event.kind == Kind::CheckedIn).count(), 30, "{:?}", desk.parked().await);
    assert!(events.iter().all(|event| event.participant.as_ref().unwrap().email.is_some()));
    assert!(desk.calls().await < 15);
}
