//! The service protection limits.

use dataverse_sandbox::Seed;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn requests_beyond_the_window_are_turned_away_until_it_has_moved_on() {
    let world = World::new(Seed::Empty).await;
    let first = world.get("WhoAmI").await;
    assert_eq!(first.header("x-ms-ratelimit-burst-remaining-xrm-requests"), "5999");
    assert!(first.header("x-ms-ratelimit-time-remaining-xrm-requests").starts_with("1,"));
    assert_eq!(first.header("x-ms-dop-hint"), "48");

    world.admin("POST", "limits", Some(json!({ "requests": 3, "dop_hint": 4 }))).await;
    for left in ["2", "1", "0"] {
        let reply = world.get("WhoAmI").await;
        assert_eq!((reply.status, reply.header("x-ms-ratelimit-burst-remaining-xrm-requests")), (200, left));
        assert_eq!(reply.header("x-ms-dop-hint"), "4");
    }
    let mut waits = Vec::new();
    for _ in 0..3 {
        let reply = world.get("WhoAmI").await;
        assert_eq!((reply.status, reply.code().as_str()), (429, "0x80072322"));
        assert_eq!(reply.message(), "Number of requests exceeded the limit of 3 over time window of 300 seconds.");
        waits.push(reply.header("retry-after").parse::<u64>().unwrap());
    }
    assert!(waits[0] > 200 && waits.is_sorted(), "{waits:?}");
    world.admin("POST", "clock", Some(json!({ "advance_s": 301 }))).await;
    assert_eq!(world.get("WhoAmI").await.status, 200);
}

#[tokio::test]
async fn time_and_concurrency_are_limited_too() {
    let world = World::new(Seed::Empty).await;
    world.admin("POST", "limits", Some(json!({ "execution_s": 2, "execution_ms": 1500 }))).await;
    assert_eq!(world.get("WhoAmI").await.status, 200);
    assert_eq!(world.get("WhoAmI").await.header("x-ms-ratelimit-time-remaining-xrm-requests"), "0.00");
    let reply = world.get("WhoAmI").await;
    assert_eq!((reply.status, reply.code().as_str()), (429, "0x80072321"));
    assert!(reply.message().contains("exceeded limit of 2,000 milliseconds over time window of 300 seconds."));

    world.admin("POST", "limits", Some(json!({ "concurrent": 0 }))).await;
    let reply = world.get("WhoAmI").await;
    assert_eq!((reply.status, reply.code().as_str()), (429, "0x80072326"));
    assert_eq!(reply.message(), "Number of concurrent requests exceeded the limit of 0.");

    world.admin("POST", "limits", Some(json!({ "concurrent": 0, "enforce": false }))).await;
    assert_eq!(world.get("WhoAmI").await.status, 200);
}

#[tokio::test]
async fn an_answer_that_is_held_back_holds_its_place_among_concurrent_requests() {
    let world = World::new(Seed::Empty).await;
    let limits = json!({ "concurrent": 2, "latency": { "min_ms": 1500, "max_ms": 1500 } });
    world.admin("POST", "limits", Some(limits)).await;
    let ask = || world.get("WhoAmI");
    let (a, b, c, d) = tokio::join!(ask(), ask(), ask(), ask());
    let mut statuses = [a.status, b.status, c.status, d.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 429, 429]);

    assert_eq!(ask().await.status, 200, "places are free again once answers have left");

    let slow = json!({ "kind": "slow", "count": 1, "ms": 1500 });
    world.admin("POST", "limits", Some(json!({ "concurrent": 1 }))).await;
    world.admin("POST", "faults", Some(slow)).await;
    let (a, b) = tokio::join!(ask(), ask());
    assert_eq!(a.status.max(b.status), 429, "a fault holds it, too");
}

#[tokio::test]
async fn a_batch_counts_once_or_by_its_parts() {
    let world = World::new(Seed::Empty).await;
    let part = "--b\nContent-Type: application/http\n\nGET WhoAmI HTTP/1.1\n\n\n";
    let body = format!("{}--b--\n", part.repeat(3));
    for (count_batch_parts, left) in [(false, "9"), (true, "7")] {
        let limits = json!({ "requests": 10, "count_batch_parts": count_batch_parts });
        world.admin("POST", "limits", Some(limits)).await;
        let reply = world.batch(&body, None).await;
        assert_eq!((reply.status, reply.header("x-ms-ratelimit-burst-remaining-xrm-requests")), (200, left));
    }
}
