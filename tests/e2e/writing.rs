//! When is written what: gathered events, and bulks that take too long.

use inevent_d365::{
    functions::ACTIVITIES_QUEUE,
    queue::{AzureQueues, Queues},
};
use serde_json::{Value, json};

use crate::{crm, desk::Desk};

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
