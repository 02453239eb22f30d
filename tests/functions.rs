//! The routes by themselves, and the files that tell the host about them.

#![cfg(feature = "local")]
#![allow(clippy::unwrap_used)]

use std::{path::Path, sync::Arc, time::Duration};

use inevent_d365::functions::{App, DEADLINE, DESK_STORAGE, EVENTS_QUEUE, HYDRATE_QUEUE, MAX_DEQUEUE_COUNT, routes};
use serde_json::{Value, json};
use tempfile::TempDir;

fn app(ingests: usize) -> (Arc<App>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("storage.db").display().to_string();
    (App::new(move |name| (name == DESK_STORAGE).then(|| storage.clone()), ingests), folder)
}

fn file(path: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test]
async fn who_comes_when_too_many_are_at_it_is_told_to_wait() {
    let event = json!({
        "id": "1", "time": "2026-05-01T09:00:00Z", "kind": "registered", "event": { "id": "1" },
        "participant": { "id": "1", "email": "ana@x.example" },
    });
    for (ingests, status) in [(0, 429), (1, 202)] {
        let (app, _folder) = app(ingests);
        let request =
            warp::test::request().method("POST").path("/api/events").header("content-type", "application/json");
        let answer = request.body(event.to_string()).reply(&routes(app)).await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers().contains_key("retry-after"), status == 429);
    }
}

#[tokio::test]
async fn without_storage_nothing_is_accepted_and_health_says_why() {
    let routes = routes(App::new(|_| None, 1));
    let ping = warp::test::request().path("/").reply(&routes).await;
    assert_eq!(ping.status(), 200);
    let health = warp::test::request().path("/api/health").reply(&routes).await;
    assert_eq!(health.status(), 503);
    assert!(String::from_utf8_lossy(health.body()).contains("AzureWebJobsStorage"));
    let event = json!([{
        "id": "1", "time": "2026-05-01T09:00:00Z", "kind": "event_closed", "event": { "id": "1" },
    }]);
    let request = warp::test::request().method("POST").path("/api/events").header("content-type", "application/json");
    let answer = request.body(event.to_string()).reply(&routes).await;
    assert_eq!((answer.status().as_u16(), answer.headers().contains_key("retry-after")), (503, true));
    let invocation = json!({ "Data": { "msg": "eyJhIjoxfQ==" }, "Metadata": {} });
    let answer =
        warp::test::request().method("POST").path("/SyncEvents").body(invocation.to_string()).reply(&routes).await;
    assert_eq!(answer.status(), 500, "the message stays with the host");
}

#[tokio::test]
async fn health_is_a_page_for_who_wants_one() {
    let (app, _folder) = app(1);
    let answer = warp::test::request().path("/api/health").header("accept", "text/html,*/*").reply(&routes(app)).await;
    let page = String::from_utf8_lossy(answer.body()).into_owned();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("DATAVERSE_URL"), "{page}");
}

#[test]
fn the_host_is_told_what_the_handler_is_written_for() {
    let host = file("host.json");
    let queues = &host["extensions"]["queues"];
    assert_eq!((&queues["batchSize"], &queues["newBatchThreshold"]), (&32.into(), &224.into()));
    assert_eq!((&queues["messageEncoding"], &queues["maxDequeueCount"]), (&"none".into(), &MAX_DEQUEUE_COUNT.into()));
    assert_eq!(queues["maxPollingInterval"], "00:00:02");
    let handler = &host["customHandler"];
    assert_eq!(
        (&handler["enableProxyingHttpRequest"], &handler["enableForwardingHttpRequest"]),
        (&true.into(), &true.into())
    );
    let timeout: Vec<u64> =
        host["functionTimeout"].as_str().unwrap().split(':').map(|part| part.parse().unwrap()).collect();
    assert!(DEADLINE < Duration::from_secs(timeout[0] * 3_600 + timeout[1] * 60 + timeout[2]));
}

#[tokio::test]
async fn every_function_has_its_route() {
    for (function, queue) in [
        ("SyncEvents", EVENTS_QUEUE.to_owned()),
        ("ParkPoisonedEvents", format!("{EVENTS_QUEUE}-poison")),
        ("HydrateEvents", HYDRATE_QUEUE.to_owned()),
        ("ParkPoisonedWebhooks", format!("{HYDRATE_QUEUE}-poison")),
    ] {
        let trigger = &file(&format!("functions/{function}/function.json"))["bindings"][0];
        assert_eq!(
            (&trigger["queueName"], &trigger["dataType"], &trigger["name"]),
            (&queue.into(), &"binary".into(), &"msg".into()),
            "{function}"
        );
    }
    let (app, _folder) = app(1);
    let routes = routes(app);
    for folder in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("functions")).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        let trigger = &file(&format!("functions/{name}/function.json"))["bindings"][0];
        let (path, method) = match trigger["route"].as_str() {
            Some(route) => (format!("/api/{route}"), trigger["methods"][0].as_str().unwrap().to_uppercase()),
            None => (format!("/{name}"), "POST".to_owned()),
        };
        let answer = warp::test::request().method(&method).path(&path).body("{}").reply(&routes).await;
        assert!(![404, 405].contains(&answer.status().as_u16()), "{method} {path}: {}", answer.status());
    }
}
