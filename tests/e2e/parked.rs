//! What cannot be written: kept, shown, repaired, replayed, and forgotten with the person it is about.

use std::time::Duration;

use inevent_d365::{
    functions::{ACTIVITIES_QUEUE, EVENTS_QUEUE, MAX_DEQUEUE_COUNT},
    queue::{
        AzureBlobBodies, AzureQueues, Bodies, PutOptions, Queue, Queues,
        envelope::{self, Content, Envelope, History},
    },
};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    crm::{self, text},
    world::World,
};

const POISON_QUEUE: &str = "inevent-events-poison";

fn event(id: &str, kind: &str, time: &str) -> Value {
    json!({
        "id": format!("{kind}-{id}"), "time": time, "kind": kind, "event": { "id": "4711", "name": "Breakfast" },
        "participant": { "id": id, "email": format!("{id}@x.example") },
    })
}

/// `parked list --json`.
async fn listed(world: &World, filter: &[&str]) -> Vec<Value> {
    let (code, out, _) = world.command(&[&["parked", "list", "--json"], filter].concat()).await;
    assert_eq!(code, 0);
    assert!(!out.contains("@x.example"), "{out}");
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn queue(world: &World, name: &str) -> std::sync::Arc<dyn Queue> {
    let queue = AzureQueues::new(&world.account()).unwrap().queue(name).unwrap();
    queue.create().await.unwrap();
    queue
}

fn bodies(world: &World) -> AzureBlobBodies {
    AzureBlobBodies::new(&world.account(), "inevent-bodies").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_replayed_when_it_is_repaired() {
    let world = World::start().await;
    let host = world.host().await;
    let mut refused = event("ana", "checked_in", "2026-05-01T09:00:00Z");
    refused["event"]["begin"] = "1600-01-01T00:00:00Z".into();
    world.send(&host, &refused).await;
    world.drained(&host).await;
    assert_eq!(world.given_up().await, (0, 1));

    // Listed without the address, shown with it.
    let [entry] = listed(&world, &["--event", "4711", "--since", "1h"]).await.try_into().unwrap();
    assert_eq!((&entry["kind"], &entry["participant"]), (&"refused".into(), &"ana".into()));
    assert!(entry["code"].as_str().unwrap().starts_with("0x"));
    assert!(listed(&world, &["--participant", "bo"]).await.is_empty());
    let id = entry["id"].as_str().unwrap();
    let (code, table, _) = world.command(&["parked", "list"]).await;
    assert!(code == 0 && table.contains(&id[..12]) && !table.contains('@'), "{table}");
    let (code, shown, _) = world.command(&["parked", "show", &id[..8]]).await;
    assert!(code == 0 && shown.contains("ana@x.example") && shown.contains("1600-01-01"), "{shown}");

    // Nothing is mended: it comes back.
    assert_eq!(world.command(&["parked", "replay", id]).await.0, 0);
    world.drained(&host).await;
    assert_eq!(world.given_up().await, (0, 1));

    // Somebody corrects the date in InEvent, which says so; what the parked event says besides is still true.
    let mut mended = event("ana", "updated", "2026-05-01T10:00:00Z");
    mended["event"]["begin"] = "2026-05-01T08:00:00Z".into();
    world.send(&host, &mended).await;
    world.drained(&host).await;
    let (code, out, _) = world.command(&["parked", "replay", "--event", "4711"]).await;
    assert_eq!((code, out.as_str()), (0, "1 put back into the queue.\n"));
    world.drained(&host).await;
    assert_eq!(world.given_up().await, (0, 0));
    let rows = crm::dump(&world).await;
    let [row] = rows["new_eventattendance"].as_slice() else { panic!("not one row") };
    assert!(text(row, "new_checkintime").unwrap().starts_with("2026-05-01T09:00:00"));
    assert!(text(row, "scheduledstart").unwrap().starts_with("2026-05-01T08:00:00"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_use_of_the_command_line_says_what_to_do() {
    let world = World::start().await;
    for (arguments, code, said) in [
        (&["parked", "replay"][..], 2, "--all"),
        (&["parked", "drop", "--all", "--event", "1"], 2, "--all"),
        (&["parked", "list", "--since", "yesterday"], 2, "how long ago"),
        (&["parked", "show", "abcdef"], 1, "parked list"),
        (&["parked", "drop", "nothing"], 1, "parked list"),
        (&["forget", "--email", "nobody"], 1, "not an e-mail address"),
    ] {
        let (found, _, error) = world.command(arguments).await;
        assert!(found == code && error.contains(said), "{arguments:?}: {found}, {error}");
    }
    assert_eq!(world.command(&["parked", "list"]).await.0, 0);
    assert_eq!(world.command(&["parked", "replay", "--all"]).await.0, 0);

    let queue = queue(&world, EVENTS_QUEUE).await;
    queue.put("nonsense", PutOptions::default()).await.unwrap();
    let host = world.host().await;
    world.drained(&host).await;
    host.stop().await;
    let (code, _, error) = world.command(&["parked", "replay", "--all"]).await;
    assert!(code == 1 && error.contains("published schema"), "{error}");
    let (code, _, error) = world.command(&["parked", "drop", "--all"]).await;
    assert!(code == 1 && error.contains("--yes") && world.given_up().await == (0, 1), "{error}");
    assert_eq!(world.command(&["parked", "drop", "--all", "--yes"]).await.0, 0);
    assert_eq!(world.given_up().await, (0, 0));
}

/// The handler is killed from outside while it writes the message, as a message would that brings it down: no such message
/// is known, and a door for one would have to be built into the handler.
#[tokio::test(flavor = "multi_thread")]
async fn what_brings_the_handler_down_is_parked_in_the_end() {
    let mut world = World::start().await;
    world.give_up_after(2);
    // Here the handler waits for a token while it is killed.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let host = world.host_with(&[("DATAVERSE_URL", &url), ("DATAVERSE_TOKEN_URL", &url)]).await;
    world.send(&host, &event("ana", "registered", "2026-05-01T09:00:00Z")).await;
    for _ in 0..2 {
        let (connection, _) = tokio::time::timeout(crate::world::PATIENCE, silent.accept()).await.unwrap().unwrap();
        host.kill_handler().await;
        drop(connection);
    }
    world.until(&host, "parked", || async { world.given_up().await == (0, 1) }).await;
    assert_eq!(world.waiting().await, 0);
    host.stop().await;
    let [entry] = listed(&world, &[]).await.try_into().unwrap();
    assert_eq!(
        (&entry["kind"], &entry["event"], &entry["participant"]),
        (&"poison".into(), &"4711".into(), &"ana".into())
    );

    let host = world.host().await;
    assert_eq!(world.command(&["parked", "replay", "--all"]).await.0, 0);
    world.drained(&host).await;
    assert_eq!((crm::dump(&world).await["new_eventattendance"].len(), world.given_up().await), (1, (0, 0)));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_message_is_parked_with_its_body() {
    let world = World::start().await;
    let (poison, bodies) = (queue(&world, POISON_QUEUE).await, bodies(&world));
    let history = History::new(Timestamp::now(), None);
    let mut heavy = event("heavy", "registered", "2026-05-01T09:00:00Z");
    heavy["answers"] = json!({ "Essay": "é".repeat(60_000) });
    // As the host puts them: with an end.
    let options = PutOptions { time_to_live: Some(Duration::from_secs(7 * 86_400)), ..PutOptions::default() };
    envelope::put(&*poison, &bodies, &history, &[heavy.clone()], options).await.unwrap();
    let [message] = poison.receive(1, Duration::from_secs(60)).await.unwrap().try_into().unwrap();
    let Content::Body(key) = Envelope::parse(&message.text).unwrap().content else { panic!("not in a body") };
    poison.renew(&message.receipt, Duration::ZERO).await.unwrap();
    let light = ["a", "b"].map(|id| event(id, "registered", "2026-05-01T09:00:00Z"));
    envelope::put(&*poison, &bodies, &history, &light, options).await.unwrap();
    let nowhere = r#"{"envelope":1,"attempt":0,"first_seen":"2026-05-01T09:00:00Z","body":"../x"}"#;
    for text in ["nonsense", nowhere] {
        poison.put(text, options).await.unwrap();
    }

    let host = world.host().await;
    world.until(&host, "parked", || async { world.given_up().await == (0, 5) }).await;
    host.stop().await;
    assert_eq!(bodies.get(&key).await.unwrap(), None);
    let [entry] = listed(&world, &["--participant", "heavy"]).await.try_into().unwrap();
    let (_, shown, _) = world.command(&["parked", "show", "--json", entry["id"].as_str().unwrap()]).await;
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap()["original"], heavy);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_down_no_message_is_lost_or_given_up() {
    let mut world = World::start().await;
    // A single failure would be one too many.
    world.give_up_after(1);
    let (events, poison) = (queue(&world, EVENTS_QUEUE).await, queue(&world, POISON_QUEUE).await);
    let options = PutOptions { time_to_live: Some(Duration::from_secs(7 * 86_400)), ..PutOptions::default() };
    poison.put("nonsense", options).await.unwrap();
    let registered = event("ana", "registered", "2026-05-01T09:00:00Z");
    let history = History::new(Timestamp::now(), None);
    envelope::put(&*events, &bodies(&world), &history, &[registered], PutOptions::default()).await.unwrap();

    // Nothing listens where the tables should be.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let storage = world.connection_string_with_tables_at(&format!("http://{closed}/devstoreaccount1"));
    let host = world.host_with(&[("AzureWebJobsStorage", &storage)]).await;
    for function in ["ParkPoisonedEvents", "SyncEvents"] {
        let succeeded = format!("Executed 'Functions.{function}' (Succeeded");
        let answered = || async { host.lines().iter().any(|line| line.text.contains(&succeeded)) };
        world.until(&host, function, answered).await;
    }
    host.stop().await;
    assert_eq!((world.waiting().await, world.given_up().await), (1, (1, 0)));
    assert!(poison.receive(1, Duration::from_secs(1)).await.unwrap().is_empty(), "it waits a minute");

    // The store is back.
    let host = world.host().await;
    world.drained(&host).await;
    assert_eq!((crm::dump(&world).await["new_eventattendance"].len(), world.given_up().await), (1, (1, 0)));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_flush_gives_up_a_message_that_came_too_often() {
    let world = World::start().await;
    let (activities, bodies) = (queue(&world, ACTIVITIES_QUEUE).await, bodies(&world));
    let history = History::new(Timestamp::now(), None);
    for id in ["often", "seldom"] {
        let events = [event(id, "registered", "2026-05-01T09:00:00Z")];
        envelope::put(&*activities, &bodies, &history, &events, PutOptions::default()).await.unwrap();
        let times = if id == "often" { MAX_DEQUEUE_COUNT } else { 0 };
        for _ in 0..times {
            let [message] = activities.receive(1, Duration::from_secs(60)).await.unwrap().try_into().unwrap();
            activities.renew(&message.receipt, Duration::ZERO).await.unwrap();
        }
    }
    let host = world.host().await;
    world.drained(&host).await;
    host.stop().await;
    assert_eq!((crm::dump(&world).await["new_eventattendance"].len(), world.given_up().await), (1, (0, 1)));
    let [entry] = listed(&world, &[]).await.try_into().unwrap();
    assert_eq!((&entry["kind"], &entry["participant"]), (&"poison".into(), &"often".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_forgotten_while_messages_wait_is_not_written() {
    let world = World::start().await;
    let host = world.host().await;
    let mut refused = event("ana", "checked_in", "2026-05-01T09:00:00Z");
    refused["event"]["begin"] = "1600-01-01T00:00:00Z".into();
    world.send(&host, &refused).await;
    world.drained(&host).await;
    assert_eq!(world.given_up().await, (0, 1));
    host.stop().await;
    let leads = |rows: &std::collections::BTreeMap<&str, Vec<crm::Row>>| -> Vec<crm::Row> {
        rows["lead"].iter().filter(|lead| text(lead, "emailaddress1") == Some("ana@x.example")).cloned().collect()
    };
    let before = leads(&crm::dump(&world).await);

    // They wait: small, large, unreadable, given up by the host.
    let (events, poison, bodies) =
        (queue(&world, EVENTS_QUEUE).await, queue(&world, POISON_QUEUE).await, bodies(&world));
    let history = History::new(Timestamp::now(), None);
    let of = |id| event(id, "registered", "2026-05-01T11:00:00Z");
    let mut heavy = of("ana");
    heavy["answers"] = json!({ "Essay": "é".repeat(60_000) });
    envelope::put(&*events, &bodies, &history, &[of("ana"), of("bo"), heavy], PutOptions::default()).await.unwrap();
    envelope::put(&*poison, &bodies, &history, &[of("ana")], PutOptions::default()).await.unwrap();
    events.put("to: <ana@x.example>", PutOptions::default()).await.unwrap();

    let forget = ["forget", "--email", " Ana@X.example"];
    let (code, _, error) = world.command(&forget).await;
    assert!(code == 1 && error.contains("Dynamics could not be asked"), "{error}");
    let (code, out, _) = world.command_with(&forget, &world.way_to_dataverse()).await;
    assert!(code == 0 && out.contains("erased") && !out.contains('@'), "{out}");
    assert_eq!(world.given_up().await, (1, 0));
    let host = world.host().await;
    world.drained(&host).await;
    world.until(&host, "poison looked at", || async { world.given_up().await == (0, 0) }).await;
    let said = crate::world::said(&host);
    host.stop().await;
    assert!(!said.contains("ana@"), "{said}");
    let rows = crm::dump(&world).await;
    let [row] = rows["new_eventattendance"].as_slice() else { panic!("not one row") };
    assert_eq!(text(row, "new_participantid"), Some("bo"));
    assert_eq!(leads(&rows), before, "what was there before is not touched");

    // Taken back: who registers anew is written.
    assert_eq!(world.command(&["forget", "--email", "ana@x.example", "--undo"]).await.0, 0);
    let host = world.host().await;
    world.send(&host, &of("ana")).await;
    world.drained(&host).await;
    assert_eq!((crm::dump(&world).await["new_eventattendance"].len(), world.given_up().await), (2, (0, 0)));
    host.stop().await;
}
