//! Who is forgotten is made by nothing that comes afterwards, however little it says of them; and what waits for the pace of its own
//! event waits alone.

use dataverse_sandbox::Seed;
use serde_json::json;

use super::*;
use crate::{
    functions::{
        hydrate_events,
        invocation::QueueInvocation,
        reconcile_events,
        stage::{Stage, envelope, history, statement, until},
    },
    manage::{Ask, Forget, Forgot, StartBackfill},
    parked::{self, Pages, replay},
    queue::envelope::Content,
    synclog::{Query, search},
};

const EVENT: &str = "4711";

/// With both ways, and guests made leads.
async fn stage() -> Stage {
    let stage = Stage::start(
        Seed::Crm,
        &[
            ("INEVENT_API_URL", |connection| connection.inevent.url.clone()),
            ("INEVENT_TOKEN", |connection| connection.inevent.token.clone()),
            ("INEVENT_COMPANY_ID", |connection| connection.inevent.company_id.clone()),
        ],
    )
    .await;
    stage.settings(json!({ "matching": { "without_key": "create" } }));
    stage
}

/// A look at everything that InEvent knows.
async fn look(stage: &Stage) {
    let store = &*stage.app.services().await.unwrap().store;
    for cursor in store.list("reconcile", None, 100, None).await.unwrap().records {
        store.delete(&cursor.key, None).await.unwrap();
    }
    reconcile_events::run(&stage.app).await.unwrap();
}

/// Forgets Ana, or takes it back; ten seconds later every process knows.
async fn forget(stage: &Stage, undo: bool) -> Forgot {
    let forgot = Forget { email: "ana@x.example".to_owned(), undo }.answer(&stage.ground()).await.unwrap();
    stage.app.services().await.unwrap().forgotten.learn(&[], Instant::now()).await.unwrap();
    forgot
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_makes_somebody_anew_who_is_forgotten() {
    let stage = stage().await;
    let services = stage.app.services().await.unwrap();
    let store = &*services.store;
    let profile = [("name", "Ana Silva"), ("username", "ana@x.example")];
    let ana = stage.inevent("event.person.bind", &[("eventID", EVENT)], &profile).await;
    let ana = ana["personID"].as_str().unwrap().to_owned();
    let of_ana = |kind: &str, second: u8| {
        let mut event = statement(kind, second);
        event["participant"] = json!({ "id": ana, "first_name": "Ana", "last_name": "Silva" });
        event
    };
    let theirs = async |table: &str| {
        let rows = stage.dump(table).await.into_iter();
        rows.filter(|row| row["lastname"] == "Silva" || row["new_participantid"] == ana.as_str()).collect::<Vec<_>>()
    };

    // InEvent tells of her; something of her is refused, with her address and without, and a webhook of hers is not understood.
    look(&stage).await;
    stage.drain().await;
    assert_eq!((theirs("lead").await.len(), theirs("new_eventattendance").await.len()), (1, 1));
    for (second, email) in [(1, Some("ana@x.example")), (2, None)] {
        let mut refused = of_ana("checked_in", second);
        refused["session"] = json!({ "id": "47111", "begin": "1600-01-01T00:00:00Z" });
        refused["participant"]["email"] = json!(email);
        stage.deliver(0, refused).await;
    }
    let body = json!({ "type": "badge-lost", "eventID": EVENT, "personID": ana }).to_string();
    let webhook = envelope(history(0), json!({ "delivered_to": "main", "received": Timestamp::now(), "body": body }));
    let (message, text) = (Message::Envelope(webhook.clone()), webhook.to_text());
    hydrate_events::run(&stage.app, Ok(QueueInvocation { message, text, dequeue_count: 1 })).await.unwrap();
    assert_eq!(parked::count(store, 10).await.unwrap(), 3);
    // One that was parked is on its way again, and a check-in that says no address waits beside it.
    let found = Pages::all(store).next(Timestamp::now()).await.unwrap().unwrap().found;
    let origins = replay::Origins { events: &*services.events, webhooks: &*services.hydrate };
    let refused = found.iter().filter(|found| found.entry.participant.is_some());
    for found in refused.take(1) {
        replay::replay(store, origins, &*services.bodies, found, Timestamp::now()).await.unwrap();
    }
    let waiting = envelope(history(0), of_ana("checked_in", 3)).to_text();
    services.events.put(&waiting, PutOptions::default()).await.unwrap();
    let logged = async || {
        let all = search(store, &Query { limit: usize::MAX, ..Query::default() }).await.unwrap();
        all.into_iter().filter(|entry| entry.participant.as_ref() == Some(&ana)).count()
    };
    until("the sync log has all of it", async || logged().await == 3).await;

    let forgot = forget(&stage, false).await;
    let expected = Forgot { entries: 2, logged: 3, participants: 1, ..Forgot::default() };
    assert_eq!(forgot, expected);
    assert_eq!((parked::count(store, 10).await.unwrap(), logged().await), (0, 0));
    for record in store.list("forgotten", None, 100, None).await.unwrap().records {
        assert!(!format!("{record:?}").contains(&ana), "only hashes are kept");
    }
    for (table, set) in [("new_eventattendance", "new_eventattendances"), ("lead", "leads")] {
        for row in theirs(table).await {
            let key = if table == "lead" { "leadid" } else { "activityid" };
            stage.crm("DELETE", &format!("{set}({})", row[key].as_str().unwrap()), json!(null)).await;
        }
    }

    // What waited, a look, a backfill, and what comes later under the same ids.
    stage.drain().await;
    look(&stage).await;
    stage.drain().await;
    let backfill = StartBackfill { event: EVENT.to_owned(), since: None, accept_missing: true };
    backfill.answer(&stage.ground()).await.unwrap();
    reconcile_events::run(&stage.app).await.unwrap();
    assert!(services.events.approximate_len().await.unwrap() > 0, "the backfill speaks of her");
    stage.drain().await;
    stage.deliver(0, of_ana("checked_in", 4)).await;
    assert_eq!((theirs("lead").await, theirs("new_eventattendance").await), (vec![], vec![]));
    assert_eq!(parked::count(store, 10).await.unwrap(), 0);

    // Taken back: what is said of her then is written.
    assert!(forget(&stage, true).await.taken_back);
    stage.deliver(0, of_ana("checked_in", 5)).await;
    assert_eq!((theirs("lead").await.len(), theirs("new_eventattendance").await.len()), (1, 1));
}

/// Dynamics knew nobody of this address when it was forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn whom_the_address_gives_away_once_is_known_without_it_from_then_on() {
    let stage = stage().await;
    let forgot = forget(&stage, false).await;
    assert_eq!(forgot, Forgot::default());
    let mut guest = statement("checked_in", 2);
    guest["participant"]["email"] = json!(null);
    stage.deliver(0, statement("registered", 1)).await;
    stage.deliver(0, guest.clone()).await;
    let rows =
        async || stage.dump("new_eventattendance").await.iter().filter(|row| row["new_participantid"] == "100").count();
    assert_eq!(rows().await, 0);
    guest["participant"]["id"] = "101".into();
    stage.deliver(0, guest).await;
    let others = stage.dump("new_eventattendance").await;
    assert_eq!(others.iter().filter(|row| row["new_participantid"] == "101").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_message_only_what_waits_for_the_pace_of_its_event_is_put_back() {
    let stage = Stage::start(Seed::Empty, &[]).await;
    stage.settings(json!({ "pace": { "requests_per_five_minutes": 100 } }));
    let services = stage.app.services().await.unwrap();
    let of_event = |event: &str, second: u8| {
        let mut statement = statement("registered", second);
        statement["event"] = json!({ "id": event });
        statement["participant"]["id"] = json!(format!("{event}-{second}"));
        statement
    };
    stage.deliver(0, of_event("slow", 1)).await;
    let both = Content::Items(vec![of_event("slow", 2), of_event("quick", 1)]);
    let message = Message::Envelope(Envelope { envelope: 1, history: history(0), content: both });
    deliver(services, &*services.events, message, How { alone: false, flushed: false }).await.unwrap();
    let written = stage.dump("new_eventattendance").await;
    let mut written: Vec<&str> = written.iter().map(|row| row["new_participantid"].as_str().unwrap()).collect();
    written.sort_unstable();
    assert_eq!(written, ["quick-1", "slow-1"]);
    assert_eq!(services.events.approximate_len().await.unwrap(), 1);
    assert!(services.events.receive(1, Duration::from_secs(1)).await.unwrap().is_empty(), "it is not due yet");
    assert_eq!(parked::count(&*services.store, 10).await.unwrap(), 0);
}
