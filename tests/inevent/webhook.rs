//! What the webhook's URL lets in, and what becomes of bodies that say nothing.

use inevent_d365::{
    functions::{App, EVENTS_QUEUE, HYDRATE_QUEUE, routes},
    parked::{
        Pages,
        replay::{Origins, Replayed, replay},
    },
};
use jiff::Timestamp;
use serde_json::json;

use crate::desk::{Desk, KEY};

async fn send(desk: &Desk, method: &str, query: &str, body: &str) -> u16 {
    let path = format!("/api/inevent/webhook/main?{query}");
    let request = warp::test::request().method(method).path(&path).body(body);
    request.reply(&routes(desk.app.clone())).await.status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_has_a_key_is_let_in() {
    let desk = Desk::without_api().await;
    let body = r#"{"type":"event_check_in","eventID":"1","personID":"2"}"#;
    let long = "x".repeat(1024 * 1024 + 1);
    for (method, query, body, status) in [
        ("POST", format!("key={KEY}"), body, 202),
        ("PUT", "key=old-key-0123456789&code=abc".to_owned(), body, 202),
        ("GET", format!("key={KEY}&type=event_check_in&eventID=1&personID=2"), "", 202),
        ("GET", format!("key={KEY}"), "", 200),
        ("HEAD", format!("key={KEY}&trigger=event-check-in"), "", 200),
        ("POST", "key=another-key-0123456789".to_owned(), body, 401),
        ("POST", String::new(), body, 401),
        ("GET", String::new(), "", 401),
        ("POST", format!("key={KEY}"), long.as_str(), 413),
    ] {
        assert_eq!(send(&desk, method, &query, body).await, status, "{method} {query}");
    }
    assert_eq!(desk.queue(HYDRATE_QUEUE).approximate_len().await.unwrap(), 3);
}

#[tokio::test]
async fn without_storage_or_keys_it_says_to_come_again() {
    let app = App::new(|_| None, 1);
    let request = warp::test::request().method("POST").path("/api/inevent/webhook/main?key=x").body("{}");
    let answer = request.reply(&routes(app)).await;
    assert_eq!((answer.status().as_u16(), answer.headers().contains_key("retry-after")), (503, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_is_kept_beside_its_message_and_read_all_the_same() {
    let desk = Desk::without_api().await;
    let body = json!({
        "type": "event_check_in", "eventID": "1", "timestamp": Timestamp::now().as_second(), "noise": "x".repeat(200_000),
        "person": { "personID": "2", "email": "ana@x.example" },
    });
    assert_eq!(send(&desk, "POST", &format!("key={KEY}"), &body.to_string()).await, 202);
    assert_eq!(desk.hydrate().await, 1);
    let events = desk.events().await;
    assert_eq!((events.len(), events[0].event.id.as_str()), (1, "1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_nothing_is_parked_whole_takes_no_other_along_and_can_be_replayed() {
    let desk = Desk::without_api().await;
    let now = Timestamp::now().as_second();
    let good = json!({ "type": "event_dismissal", "eventID": "1", "personID": "2", "timestamp": now }).to_string();
    for body in [
        r#"{"type":"ticket.sold","eventID":"1"}"#,
        "<html>",
        good.as_str(),
        r#"{"type":"event_dismissal","eventID":"1"}"#,
    ] {
        assert_eq!(send(&desk, "POST", &format!("key={KEY}"), body).await, 202);
    }
    desk.hydrate().await;
    assert_eq!(desk.events().await.len(), 1);
    let reasons = desk.parked().await;
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("inevent learn")), "{reasons:?}");
    let mut pages = Pages::all(&*desk.store);
    let page = pages.next(Timestamp::now()).await.unwrap().unwrap();
    let (events, webhooks) = (desk.queue(EVENTS_QUEUE), desk.queue(HYDRATE_QUEUE));
    let origins = Origins { events: &*events, webhooks: &*webhooks };
    for found in page.found {
        let replayed = replay(&*desk.store, origins, &desk.bodies(), &found, Timestamp::now()).await.unwrap();
        assert_eq!(replayed, Replayed::Queued);
    }
    // The settings still do not know the word: they are parked again.
    assert_eq!(desk.hydrate().await, 2);
    assert_eq!(desk.parked().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_rich_bodies_flow_and_thin_ones_are_held_with_the_remedy() {
    let desk = Desk::without_api().await;
    let now = Timestamp::now().as_second();
    let rich = json!({ "type": "event_enrollment", "eventID": "1", "personID": "2", "email": "ana@x.example",
        "firstName": "Ana", "lastName": "Silva", "enrollmentDate": now });
    let thin = json!({ "type": "event_enrollment", "eventID": "1", "personID": "3" });
    for body in [rich, thin] {
        assert_eq!(send(&desk, "POST", &format!("key={KEY}"), &body.to_string()).await, 202);
    }
    desk.hydrate().await;
    let events = desk.events().await;
    assert_eq!(events.len(), 1);
    let ana = events[0].participant.as_ref().unwrap();
    assert_eq!((ana.first_name.as_deref(), ana.email.as_deref()), (Some("Ana"), Some("ana@x.example")));
    let health = desk.health().await;
    assert!(health["held_webhooks"]["remedy"].as_str().unwrap().contains("INEVENT_TOKEN"), "{health}");
    assert_eq!(desk.queue(HYDRATE_QUEUE).approximate_len().await.unwrap(), 1, "it waits");
}
