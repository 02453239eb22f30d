//! When is written what: gathered events, and bulks that take too long.

use inevent_d365::{
    functions::{ACTIVITIES_QUEUE, EVENTS_QUEUE},
    queue::{
        AzureBlobBodies, AzureQueues, PutOptions, Queues,
        envelope::{self, History},
    },
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{crm, desk::Desk, world::World};

fn registered(name: &str) -> Value {
    json!({
        "id": name, "time": "2026-05-01T09:00:00Z", "kind": "registered", "event": { "id": "4711", "name": "Partner Day" },
        "participant": { "id": name, "email": format!("{name}@fabrikam.example"), "last_name": "Doe" },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn of_gathered_events_the_people_are_written_at_once_and_the_rows_when_they_are_flushed() {
    let desk = Desk::start().await;
    let gathered = AzureQueues::new(&desk.world.account()).unwrap().queue(ACTIVITIES_QUEUE).unwrap();
    desk.set_defaults(json!({ "writing": "batched", "batch_minutes": 60 }));
    desk.world.send(&desk.host, &registered("later")).await;
    desk.world
        .until(&desk.host, "the event is gathered", || async { gathered.approximate_len().await.unwrap() == 1 })
        .await;
    let (_, leads, rows) = desk.found("later").await;
    assert_eq!((leads.len(), rows.len()), (1, 0));

    // Within a minute, the next round one.
    desk.set_defaults(json!({ "writing": "automatic", "backlog_threshold": 0, "batch_minutes": 1 }));
    let many: Vec<Value> = (0..50).map(|n| registered(&format!("soon{n}"))).collect();
    for event in &many {
        desk.world.send(&desk.host, event).await;
    }
    let rows = async || crm::dump(&desk.world).await["new_eventattendance"].len();
    desk.world.until(&desk.host, "the rows are there", || async { rows().await == 50 }).await;
    desk.world.until(&desk.host, "they are gone", || async { gathered.approximate_len().await.unwrap() == 1 }).await;
    assert_eq!(desk.world.given_up().await, (0, 0));
    desk.host.stop().await;
}

/// A backlog waits when the connector starts; once it is gone, what comes is written at once again, mostly before what was gathered.
#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_gathered_and_what_comes_after_it_is_written_at_once_with_nothing_lost_in_between() {
    let world = World::start().await;
    let queues = AzureQueues::new(&world.account()).unwrap();
    let (events, gathered) = (queues.queue(EVENTS_QUEUE).unwrap(), queues.queue(ACTIVITIES_QUEUE).unwrap());
    events.create().await.unwrap();
    let bodies = AzureBlobBodies::new(&world.account(), "inevent-bodies").unwrap();
    const BACKLOG: usize = 60;
    for number in 0..BACKLOG {
        let history = History::new(Timestamp::now(), None);
        let event = [registered(&format!("early{number}"))];
        envelope::put(&*events, &bodies, &history, &event, PutOptions::default()).await.unwrap();
    }
    let automatic = json!({ "writing": "automatic", "backlog_threshold": 20, "batch_minutes": 1 });
    let desk = Desk::of(world, Some(automatic)).await;
    let early = |name: &str| name.starts_with("early");
    let rows = async || crm::table(&desk.world, "new_eventattendance").await;
    let people = async || {
        let leads = crm::table(&desk.world, "lead").await;
        leads.iter().filter(|lead| crm::text(lead, "emailaddress1").is_some_and(early)).count()
    };
    desk.world.until(&desk.host, "the people are there", || async { people().await == BACKLOG }).await;
    desk.world.until(&desk.host, "no message waits", || async { events.approximate_len().await.unwrap() == 0 }).await;
    let flushed = async || {
        let rows = rows().await;
        rows.iter().filter(|row| crm::text(row, "new_participantid").is_some_and(early)).count()
    };
    let all_waited = gathered.approximate_len().await.unwrap() > 0 || flushed().await == BACKLOG;
    assert!(all_waited, "the backlog was not gathered");

    // What is sent is gathered until the backlog is counted anew. Then it is written at once.
    let (mut sent, begun) = (0, std::time::Instant::now());
    loop {
        let name = format!("late{sent}");
        desk.world.send(&desk.host, &registered(&name)).await;
        sent += 1;
        desk.world.until(&desk.host, "its person is there", || async { desk.found(&name).await.1.len() == 1 }).await;
        desk.world
            .until(&desk.host, "no message waits", || async { events.approximate_len().await.unwrap() == 0 })
            .await;
        // What is gathered has no row before the minute is over.
        if desk.found(&name).await.2.len() == 1 {
            break;
        }
        assert!(begun.elapsed() < crate::world::PATIENCE, "what comes is still gathered");
    }
    let mut cancelled = registered("early0");
    cancelled["kind"] = "cancelled".into();
    cancelled["id"] = "early0-cancelled".into();
    cancelled["time"] = "2026-05-01T10:00:00Z".into();
    desk.send(cancelled).await;

    let rows = rows().await;
    assert_eq!(rows.len(), BACKLOG + sent, "every event has its row");
    for row in rows {
        let (subject, participant) = (crm::text(&row, "subject"), crm::text(&row, "new_participantid"));
        let expected = if participant == Some("early0") { "Cancelled" } else { "Registered" };
        assert!(subject.is_some_and(|subject| subject.starts_with(expected)), "{participant:?}: {subject:?}");
    }
    assert_eq!(desk.world.given_up().await, (0, 0));
    desk.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_that_takes_too_long_comes_through_by_halves() {
    let desk = Desk::start().await;
    for kind in ["sql_timeout", "gateway_timeout"] {
        desk.world.fail(json!({ "kind": kind, "count": 3, "match": "CreateMultiple" })).await;
        let many: Vec<Value> = (0..100).map(|n| registered(&format!("{}{n}", &kind[..3]))).collect();
        desk.send(many.into()).await;
    }
    assert_eq!(crm::dump(&desk.world).await["new_eventattendance"].len(), 200);
    let told: Vec<String> = desk.host.lines().iter().map(|line| line.text.clone()).collect();
    assert!(!told.iter().any(|line| line.contains("\"postponed\":100")), "no event went back to the queue");
    desk.host.stop().await;
}
