use dataverse_sandbox::Seed;
use serde_json::Value;

use super::*;
use crate::{
    functions::{
        delivery::{self, Undelivered},
        hydrate_events,
        invocation::{Message, QueueInvocation},
        stage::{self, Stage, envelope, history, statement},
    },
    queue::{QueueError, envelope::History},
    store::SqliteStore,
    sync::closings::Conclusion,
};

#[test]
fn a_closing_waits_for_what_is_older() {
    let at = |minute: i64| Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap();
    let queue = |length, oldest: Option<i64>| Told { length, oldest: oldest.map(at), held: false };
    let nothing = Told::default();
    let newer = [nothing, queue(3, Some(101)), nothing];
    let waits = |queues| WhatWaits { queues, ..WhatWaits::default() };
    let put_back = |until| WhatWaits { put_back: Some(at(until)), ..waits(newer) };
    let of_any = |until| WhatWaits { put_back_of_any: Some(at(until)), ..waits(newer) };
    for (what, waits, now, expected) in [
        ("nothing waits", waits([nothing; 3]), 101, true),
        ("something older is seen", waits([nothing, queue(9, Some(50)), nothing]), 150, false),
        ("something older is seen among the gathered", waits([nothing, nothing, queue(1, Some(100))]), 150, false),
        ("an older webhook is seen", waits([queue(1, Some(99)), nothing, nothing]), 150, false),
        ("something older is seen for long", waits([nothing, queue(9, Some(50)), nothing]), 900, false),
        ("something is under way", waits([nothing, queue(3, None), nothing]), 114, false),
        ("what was under way is done, newer waits", waits(newer), 115, true),
        ("something was put back", put_back(120), 119, false),
        ("something was put back for long", put_back(900), 890, false),
        ("what was put back is being delivered", put_back(120), 134, false),
        ("what was put back was delivered", put_back(120), 135, true),
        ("something of an unknown event was put back", of_any(120), 119, false),
        ("something of an unknown event is put back again and again", of_any(470), 460, true),
        ("events are held", waits([nothing, Told { held: true, ..queue(3, Some(101)) }, nothing]), 900, false),
    ] {
        assert_eq!(waits.may_conclude(at(100), at(now)), expected, "{what}");
    }
}

#[test]
fn a_message_that_was_put_back_is_as_old_as_what_it_holds() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let history = |first_seen| History::new(at(first_seen), None);
    let peeked = |text| first_seen(&Peeked { text, inserted: at(100) });
    let message = |first_seen| envelope(history(first_seen), statement("registered", 1)).to_text();
    assert_eq!((peeked(message(50)), peeked(message(150)), peeked("?".to_owned())), (at(50), at(100), at(100)));
}

#[test]
fn the_events_of_a_message_are_known_if_all_of_them_are() {
    let history = || History::new(Timestamp::UNIX_EPOCH, None);
    let known = envelope(history(), statement("registered", 1)).to_text();
    assert_eq!(events_in(&known), Some(vec!["4711".to_owned()]));
    let body = Envelope { envelope: 1, history: history(), content: Content::Body("body/1".into()) };
    assert_eq!(events_in(&body.to_text()), None);
    assert_eq!(events_in(&envelope(history(), json!({ "delivered_to": "main" })).to_text()), None);
    assert_eq!(events_in("nonsense"), None);
}

#[tokio::test]
async fn what_comes_on_and_on_after_a_closing_does_not_look_older() {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(":memory:").unwrap());
    let (notes, at) =
        (PutBack::new(store.clone()), |minute: i64| Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap());
    let event: ParticipantEvent = serde_json::from_value(statement("scored", 1)).unwrap();
    let noted = async || until(&put_back(&*store, &part("4711"), at(500)).await.unwrap(), at(100));
    notes.note([&event], OutOfSight { since: at(90), until: at(105) }).await.unwrap();
    assert_eq!(noted().await, None, "that was over an hour ago");
    notes.note([&event], OutOfSight { since: at(90), until: at(505) }).await.unwrap();
    assert_eq!(noted().await, Some(at(506)));
    // In another hour than the closing, and so beside it.
    notes.note([&event], OutOfSight { since: at(400), until: at(900) }).await.unwrap();
    assert_eq!(noted().await, Some(at(506)));
    notes.note_ids(None, OutOfSight { since: at(0), until: at(900) }).await.unwrap();
    assert_eq!(noted().await, Some(at(506)), "what may be of any event is noted apart");
}

/// Seven hours after the event closed the hold is mended, and a check-in of before is still out of sight.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_a_no_show_while_their_check_in_is_put_back_however_long_the_hold_took() {
    let stage = stage().await;
    let services = stage.app.services().await.unwrap();
    let now = Timestamp::now();
    stage.deliver(0, statement("registered", 1)).await;
    closed(&stage, now - SignedDuration::from_hours(7)).await;

    let secrets = format!("applications/{}/secrets", stage.sandbox.connection().client_id);
    stage.admin("DELETE", &secrets, Value::Null).await;
    stage.admin("POST", "clock", json!({ "advance_s": 24 * 3_600 })).await;
    // The twelfth attempt: it is put back for minutes.
    let check_in = statement("checked_in", 2);
    stage.deliver(12, check_in.clone()).await;
    assert_eq!(services.events.approximate_len().await.unwrap(), 1);
    assert_eq!(services.events.front().await.unwrap(), []);
    let is_held = async || held::read(&*services.store, Way::Dataverse).await.unwrap().is_some();
    stage::until("the hold is noted", &is_held).await;
    conclude(&stage, now).await;

    let secret = json!({ "secret": stage.sandbox.connection().client_secret });
    stage.admin("POST", &secrets, secret).await;
    let mut other = statement("registered", 3);
    other["event"]["id"] = "4712".into();
    // After a failure it is not tried again at once.
    stage::until("the hold is over", async || {
        stage.deliver(0, other.clone()).await;
        !is_held().await
    })
    .await;
    conclude(&stage, now).await;
    assert_eq!(subjects(&stage).await, ["Registered for: Partner Day"; 2]);
    assert_eq!(stage.dump("listmember").await, Vec::<Value>::new());
    assert_eq!(closings::waiting(&*services.store).await.unwrap().len(), 1);

    stage.deliver(0, check_in).await;
    conclude(&stage, now + SignedDuration::from_hours(1)).await;
    assert_eq!(subjects(&stage).await, ["Attended: Partner Day", "Registered for: Partner Day"]);
    assert_eq!(stage.dump("listmember").await, Vec::<Value>::new());
    assert_eq!(closings::waiting(&*services.store).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_in_that_storage_put_back_is_waited_for() {
    let stage = stage().await;
    let services = stage.app.services().await.unwrap();
    stage.deliver(0, statement("registered", 1)).await;
    let now = Timestamp::now();
    closed(&stage, now - SignedDuration::from_hours(7)).await;
    let check_in = envelope(history(12), statement("checked_in", 2)).to_text();
    let outage = Undelivered::Queue(QueueError::Unavailable("503".to_owned()));
    delivery::put_back(services, &*services.events, &check_in, outage).await.unwrap();
    // Newer messages come and go meanwhile.
    conclude(&stage, now).await;
    assert_eq!(subjects(&stage).await, ["Registered for: Partner Day"]);
}

/// It says too little, and InEvent cannot be asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_waits_for_inevent_is_waited_for() {
    let stage = stage().await;
    let services = stage.app.services().await.unwrap();
    stage.deliver(0, statement("registered", 1)).await;
    let now = Timestamp::now();
    closed(&stage, now - SignedDuration::from_hours(7)).await;
    let body = json!({ "type": "event-check-in", "eventID": "4711", "personID": "100" }).to_string();
    let webhook = envelope(history(12), json!({ "delivered_to": "main", "received": now, "body": body }));
    let (message, text) = (Message::Envelope(webhook.clone()), webhook.to_text());
    hydrate_events::run(&stage.app, Ok(QueueInvocation { message, text, dequeue_count: 1 })).await.unwrap();
    assert_eq!(services.hydrate.approximate_len().await.unwrap(), 1);
    assert_eq!(services.events.approximate_len().await.unwrap(), 0);
    let noted = put_back(&*services.store, &part("4711"), now).await.unwrap();
    assert!(until(&noted, now).is_some_and(|until| until > now));
    conclude(&stage, now).await;
    assert_eq!(subjects(&stage).await, ["Registered for: Partner Day"]);
}

/// A CRM with a list for no-shows.
async fn stage() -> Stage {
    let stage = Stage::start(Seed::Empty, &[]).await;
    let list = stage.crm("POST", "lists", json!({ "listname": "Missed", "createdfromcode": 4, "type": false })).await;
    stage.settings(json!({ "list_rules": [{ "name": "missed", "when": "no_show", "lead_list": list["listid"] }] }));
    stage
}

/// What the attendance rows say, in the order of the alphabet.
async fn subjects(stage: &Stage) -> Vec<String> {
    let rows = stage.dump("new_eventattendance").await;
    let mut subjects: Vec<String> = rows.iter().map(|row| row["subject"].as_str().unwrap().to_owned()).collect();
    subjects.sort_unstable();
    subjects
}

/// That the event is over, as it was noted then.
async fn closed(stage: &Stage, at: Timestamp) {
    let services = stage.app.services().await.unwrap();
    let closing =
        json!({ "id": "end", "time": "2026-05-01T18:00:00Z", "kind": "event_closed", "event": { "id": "4711" } });
    let closing: ParticipantEvent = serde_json::from_value(closing).unwrap();
    closings::record(&*services.store, &closing, at, Conclusion::WhenTold).await.unwrap();
}

async fn conclude(stage: &Stage, now: Timestamp) {
    let services = stage.app.services().await.unwrap();
    run(services, services.dataverse.as_ref().unwrap(), now).await.unwrap();
}
