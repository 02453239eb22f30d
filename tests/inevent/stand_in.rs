//! The client against the InEvent stand-in.

use std::time::Duration;

use inevent_d365::{
    functions::connect_inevent,
    inevent::{Client, people::Selection, webhooks::Owner},
    settings::InEventSettings,
};
use serde_json::json;

use crate::desk::{Desk, api, id};

fn client(desk: &Desk) -> Client {
    let settings = api(desk.inevent.connection());
    let lookup = |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    connect_inevent(&InEventSettings::read(&lookup).unwrap(), None).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_of_an_event_is_read_whole() {
    let desk = Desk::start().await;
    let event = desk.event("Day").await;
    let here = [("eventID", event.as_str())];
    let question = desk.inevent("feedback.create", &here, &[("text", "Budget"), ("type", "text")]).await;
    let field = id(&question, "apiField");
    let talk = id(&desk.inevent("activity.create", &here, &[("name", "Talk")]).await, "activityID");
    desk.admin("people", json!({ "eventID": event.parse::<u64>().unwrap(), "count": 250 })).await;
    let person = desk
        .inevent("event.person.bind", &here, &[("name", "Ana Silva"), ("username", "ana@x.example"), (&field, "10k")])
        .await;
    let person = id(&person, "personID");
    desk.inevent("activity.person.bind", &[("activityID", &talk), ("personID", &person)], &[]).await;
    desk.inevent("checklog.checkIn", &[("eventID", &event), ("code", &person)], &[]).await;
    desk.forget_calls().await;
    let client = client(&desk);
    for variant in
        [json!({}), json!({ "count_is_total": true }), json!({ "default_order": "newest", "error_shape": "bodiless" })]
    {
        desk.admin("variants", variant.clone()).await;
        let people = client.people(&event, Selection::ALL).await.unwrap();
        assert_eq!((people.items.len(), people.complete), (251, true), "{variant}");
        let found = client.person(&event, &person).await.unwrap();
        let answers = inevent_d365::inevent::translate::answers(
            &found.item.unwrap().raw,
            &client.questions(&event).await.unwrap().items,
        );
        assert_eq!((&answers["Budget"], &answers[&field]), (&json!("10k"), &json!("10k")));
        assert!(client.person(&event, "999999").await.unwrap().item.is_none());
        let checks = client.checks(&event, Some(&person)).await.unwrap();
        assert_eq!((checks.items.len(), checks.complete), (1, true));
        assert_eq!(client.activity_people(&talk).await.unwrap().items.len(), 1);
        assert!(client.activity_person(&talk, &person).await.unwrap().item.unwrap().enrolled.is_some());
    }
    assert_eq!(client.events("all").await.unwrap().items.len(), 1);
    assert_eq!(client.activities(&event).await.unwrap().items[0].name.as_deref(), Some("Talk"));
    client.create_webhook(Owner::Company, "event_enrollment", "https://x.example/?key=k").await.unwrap();
    let hook = client.webhooks(Owner::Company).await.unwrap().items.remove(0);
    assert!(client.request_example(&hook.id).await.unwrap().unwrap().get("personID").is_some());
    client.remove_webhook(Owner::Company, &hook.id).await.unwrap();
    assert!(client.webhooks(Owner::Company).await.unwrap().items.is_empty());
    desk.calls().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_gives_a_token_again_when_it_has_run_out() {
    let desk = Desk::start().await;
    let event = desk.event("Day").await;
    let connection = desk.inevent.connection().clone();
    let lookup = move |name: &str| match name {
        "INEVENT_API_URL" => Some(connection.url.clone()),
        "INEVENT_USERNAME" => Some(connection.username.clone()),
        "INEVENT_PASSWORD" => Some(connection.password.clone()),
        _ => None,
    };
    let client = connect_inevent(&InEventSettings::read(&lookup).unwrap(), None).unwrap();
    desk.admin("variants", json!({ "query_attributes_in_body": false, "token_lifetime_s": 100 })).await;
    assert!(client.event(&event).await.unwrap().is_some());
    desk.admin("clock", json!({ "advance_s": 1_000 })).await;
    assert!(client.event(&event).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_ask_at_once_it_stays_at_ten_calls_a_second() {
    let desk = Desk::start().await;
    let event = desk.event("Day").await;
    desk.forget_calls().await;
    let client = client(&desk);
    let begun = std::time::Instant::now();
    let calls = (0..30).map(|_| client.event(&event));
    for answer in futures_util::future::join_all(calls).await {
        assert!(answer.unwrap().is_some());
    }
    assert!(begun.elapsed() >= Duration::from_secs(2));
    assert_eq!(desk.calls().await, 30);
}
