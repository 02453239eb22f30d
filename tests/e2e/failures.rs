//! The four kinds of failure (decision 6 of `docs/architecture.md`), from outside.

use inevent_d365::{
    functions::ACTIVITIES_QUEUE,
    queue::{
        AzureBlobBodies, AzureQueues, PutOptions, Queues,
        envelope::{self, History},
    },
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    crm::{self, text},
    world::World,
};

fn registration(id: &str) -> Value {
    json!({
        "id": id, "time": "2026-05-01T09:00:00Z", "kind": "registered", "event": { "id": "1", "name": "Breakfast" },
        "participant": { "id": id, "email": format!("{id}@x.example") },
    })
}

async fn rows(world: &World) -> usize {
    crm::dump(world).await["new_eventattendance"].len()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_meets_every_row_is_held_and_flows_on_when_it_is_mended() {
    let world = World::start().await;
    for (index, (setting, value, hold)) in
        [("DATAVERSE_CLIENT_SECRET", "expired", "credentials"), ("DATAVERSE_URL", "", "settings")]
            .into_iter()
            .enumerate()
    {
        let host = world.host_with(&[(setting, value)]).await;
        world.send(&host, &registration(&format!("held{index}"))).await;
        world.until(&host, hold, || async { world.health(&host).await.1["held"]["name"] == hold }).await;
        let (status, health) = world.health(&host).await;
        assert_eq!(status, 503);
        assert!(health["held"]["remedy"].as_str().unwrap().len() > 20);
        assert!(world.waiting().await > 0);
        host.stop().await;

        let host = world.host().await;
        world.drained(&host).await;
        assert_eq!((rows(&world).await, world.given_up().await), (index + 1, (0, 0)));
        world.until(&host, "the hold is lifted", || async { world.health(&host).await.0 == 200 }).await;
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_tried_again() {
    let world = World::start().await;
    let host = world.host().await;
    for fault in [
        json!({ "kind": "throttle", "count": 2, "retry_after": 1 }),
        json!({ "kind": "unavailable", "count": 2 }),
        json!({ "kind": "deadlock", "count": 1 }),
        json!({ "kind": "reset_before", "count": 1, "skip": 3 }),
        json!({ "kind": "reset_after", "count": 1, "skip": 3 }),
    ] {
        world.fail(fault).await;
    }
    let events: Vec<Value> = (0..30).map(|n| registration(&format!("p{n}"))).collect();
    world.send(&host, &events.into()).await;
    world.drained(&host).await;
    assert_eq!((rows(&world).await, world.given_up().await), (30, (0, 0)));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_parked_without_its_neighbours() {
    let world = World::start().await;
    let host = world.host().await;
    let mut refused = registration("refused");
    refused["event"]["begin"] = "1600-01-01T00:00:00Z".into();
    world.send(&host, &Value::from(vec![registration("a"), refused, registration("b")])).await;
    world.drained(&host).await;
    let found = crm::dump(&world).await;
    let mut participants: Vec<&str> =
        found["new_eventattendance"].iter().map(|row| text(row, "new_participantid").unwrap()).collect();
    participants.sort_unstable();
    assert_eq!((participants, world.given_up().await), (vec!["a", "b"], (0, 1)));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_decoded_is_parked() {
    let world = World::start().await;
    let host = world.host().await;
    let queue = AzureQueues::new(&world.account()).unwrap().queue(inevent_d365::functions::EVENTS_QUEUE).unwrap();
    queue.create().await.unwrap();
    for text in ["plain text", "{\"envelope\":1}", "[1,2]"] {
        queue.put(text, PutOptions::default()).await.unwrap();
    }
    world.drained(&host).await;
    assert_eq!(world.given_up().await, (0, 3));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timer_drains_the_queue_of_batched_mode() {
    let world = World::start().await;
    let host = world.host().await;
    let queue = AzureQueues::new(&world.account()).unwrap().queue(ACTIVITIES_QUEUE).unwrap();
    let bodies = AzureBlobBodies::new(&world.account(), "inevent-bodies").unwrap();
    queue.create().await.unwrap();
    let history = History::new(Timestamp::now(), None);
    for n in 0..40 {
        let events = [registration(&format!("p{n}"))];
        envelope::put(&*queue, &bodies, &history, &events, PutOptions::default()).await.unwrap();
    }
    world.drained(&host).await;
    assert_eq!((rows(&world).await, world.given_up().await), (40, (0, 0)));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_invocations_meet_in_few_batches() {
    let world = World::start().await;
    let queue = AzureQueues::new(&world.account()).unwrap().queue(inevent_d365::functions::EVENTS_QUEUE).unwrap();
    let bodies = AzureBlobBodies::new(&world.account(), "inevent-bodies").unwrap();
    queue.create().await.unwrap();
    let history = History::new(Timestamp::now(), None);
    for n in 0..200 {
        let events = [registration(&format!("p{n}"))];
        envelope::put(&*queue, &bodies, &history, &events, PutOptions::default()).await.unwrap();
    }
    let host = world.host().await;
    world.drained(&host).await;
    assert_eq!(rows(&world).await, 200);
    let calls = world.calls().await;
    assert!(calls <= 60, "{calls} calls for 200 messages of one event each");
    host.stop().await;
}
