//! When the endpoint is away, throttles, or takes a part: the work goes on, and what can still be sent is.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    insights::Answer,
    world::{World, lines, registration},
};

const TRACEPARENT: &str = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_is_sent_again_and_only_that() {
    let world = World::start().await;
    world.insights.answer([Answer::Status(503, None), Answer::Status(429, Some(1)), Answer::Not(&[0], 429)]);
    let host = world.host(&[]).await;
    assert_eq!(world.send(&host, &registration("ana"), TRACEPARENT).await, 202);
    let sent = || async { world.insights.taken().iter().any(|item| item["data"]["baseData"]["name"] == "SyncEvents") };
    world.until(&host, "the trace", sent).await;
    let mut ids: Vec<String> = world
        .insights
        .taken()
        .iter()
        .filter_map(|item| Some(item["data"]["baseData"]["id"].as_str()?.to_owned()))
        .collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "nothing that was taken is sent again");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_refuses_or_is_away_slows_nothing_and_is_told_of() {
    let world = World::start().await;
    // 400 is for good: what was posted is dropped, and counted.
    world.insights.answer([Answer::Status(400, None), Answer::Status(400, None), Answer::Status(400, None)]);
    let host = world.host(&[]).await;
    world.send(&host, &registration("ana"), TRACEPARENT).await;
    let told = || async {
        let dropped = |line: &serde_json::Value| line["message"] == "traces could not be sent to Application Insights";
        lines(&host).iter().any(|line| dropped(line) && line["spans"].as_u64() > Some(0))
    };
    world.until(&host, "the loss is told of", told).await;
    host.stop().await;

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = format!("InstrumentationKey=0;IngestionEndpoint=http://{nobody}");
    let host = world.host(&[("APPLICATIONINSIGHTS_CONNECTION_STRING", &nowhere)]).await;
    let begun = Instant::now();
    let events: Vec<_> = (0..50).map(|n| registration(&format!("p{n}"))).collect();
    assert_eq!(world.send(&host, &json!(events), TRACEPARENT).await, 202);
    world.drained(&host).await;
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert_eq!(world.table("new_eventattendance").await.len(), 51);
    host.stop().await;
}
