//! One trace from the request through the queue to Dataverse, and the numbers.

use std::collections::BTreeSet;

use inevent_d365::telemetry::metrics;
use serde_json::{Value, json};

use crate::{
    insights::{CLIENT_ID, TOKEN},
    world::{World, lines, registration},
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// The items of the trace that have this name.
fn named(items: &[Value], name: &str) -> Vec<Value> {
    let of_trace = items.iter().filter(|item| item["tags"]["ai.operation.id"] == TRACE);
    of_trace.filter(|item| item["data"]["baseData"]["name"] == name).cloned().collect()
}

fn one(items: &[Value], name: &str) -> Value {
    let mut found = named(items, name);
    assert!(!found.is_empty(), "no {name} in {items:#?}");
    found.remove(0)
}

fn id(item: &Value) -> &Value {
    &item["data"]["baseData"]["id"]
}

fn parent(item: &Value) -> &Value {
    &item["tags"]["ai.operation.parentId"]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_from_the_request_through_the_queue_to_dataverse() {
    let world = World::start().await;
    let host = world.host(&[]).await;
    assert_eq!(world.send(&host, &registration("ana"), TRACEPARENT).await, 202);
    world.drained(&host).await;
    let arrived = || async { !named(&world.insights.taken(), "$batch").is_empty() };
    world.until(&host, "the batch is in the trace", arrived).await;
    world
        .until(&host, "the message is in the trace", || async {
            !named(&world.insights.taken(), "SyncEvents").is_empty()
        })
        .await;

    let items = world.insights.taken();
    let request = one(&items, "POST /api/events");
    let message = one(&items, "SyncEvents");
    let batch = one(&items, "write batch");
    let call = one(&items, "$batch");
    assert_eq!(request["data"]["baseType"], "RequestData");
    assert_eq!(request["data"]["baseData"]["responseCode"], "202");
    assert_eq!(request["data"]["baseData"]["success"], true);
    assert_eq!(parent(&request).as_str().map(str::len), Some(16), "the host's call is its parent");
    assert_eq!(message["data"]["baseType"], "RequestData");
    assert_eq!((parent(&message), parent(&batch)), (id(&request), id(&message)));
    assert_eq!(parent(&call), id(&batch));
    let host_call = message["data"]["baseData"]["properties"]["_MS.links"].as_str().unwrap();
    assert!(
        host_call.contains("operation_Id") && !host_call.contains(TRACE),
        "the host's own trace is linked: {host_call}"
    );

    let data = &call["data"]["baseData"];
    assert_eq!((&call["data"]["baseType"], &data["type"]), (&json!("RemoteDependencyData"), &json!("Dataverse")));
    assert_eq!((&data["resultCode"], &data["success"]), (&json!("200"), &json!(true)));
    assert_eq!(data["target"], world.sandbox.connection().http.parse::<reqwest::Url>().unwrap().host_str().unwrap());
    assert!(data["data"].is_null(), "no address of what was called: {data}");
    let put = one(&items, "Azure queue POST");
    assert_eq!(put["data"]["baseData"]["type"], "Azure queue");
    for item in &items {
        assert_eq!(item["tags"]["ai.cloud.role"], "inevent-d365", "{item}");
        assert!(item["iKey"].as_str().is_some_and(|key| key.len() == 36) && item["time"].is_string());
    }

    // Entra signs in, and nobody else's identity.
    for (authorization, _) in world.insights.posts() {
        assert_eq!(authorization, format!("Bearer {TOKEN}"));
    }
    let asked = world.insights.tokens();
    assert!(
        !asked.is_empty() && asked.iter().all(|query| query.contains(CLIENT_ID) && query.contains("monitor.azure.com")),
        "{asked:?}"
    );

    // Lines know their trace, and each goes one way only.
    let lines = lines(&host);
    let written: Vec<&Value> = lines.iter().filter(|line| line["message"] == "batch written").collect();
    assert_eq!(written.len(), 1, "{lines:#?}");
    assert_eq!((&written[0]["trace_id"], &written[0]["function"]), (&json!(TRACE), &json!("SyncEvents")));
    assert_eq!(written[0]["invocation"].as_str().map(str::len), Some(36));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_has_the_names_that_are_documented() {
    let world = World::start().await;
    let host = world.host(&[]).await;
    let mut refused = registration("refused");
    refused["event"]["begin"] = "1600-01-01T00:00:00Z".into();
    world.fail(json!({ "kind": "throttle", "count": 1, "retry_after": 1, "skip": 1 })).await;
    world.send(&host, &json!([registration("ana"), refused]), TRACEPARENT).await;
    world.drained(&host).await;
    host.run_timer("FlushActivities").await.unwrap();
    let seen = || -> BTreeSet<String> {
        let metrics = world.insights.of("MetricData");
        metrics.iter().map(|item| item["data"]["baseData"]["metrics"][0]["name"].as_str().unwrap().to_owned()).collect()
    };
    let all: BTreeSet<String> = metrics::NAMES.iter().map(|(name, _)| (*name).to_owned()).collect();
    world.until(&host, &format!("{all:?}"), || async { seen() == all }).await;
    let sum = |name: &str, dimension: &str, value: &str| -> f64 {
        let metrics = world.insights.of("MetricData");
        let data = metrics.iter().map(|item| &item["data"]["baseData"]);
        data.filter(|data| {
            data["metrics"][0]["name"] == name && (dimension.is_empty() || data["properties"][dimension] == value)
        })
        .map(|data| data["metrics"][0]["value"].as_f64().unwrap())
        .sum()
    };
    assert_eq!(sum("inevent_d365.rows", "outcome", "refused"), 1.0);
    assert!(sum("inevent_d365.rows", "outcome", "created") >= 2.0);
    assert_eq!(sum("inevent_d365.throttled", "api", "dataverse"), 1.0);
    assert!(sum("inevent_d365.calls", "api", "dataverse") >= 3.0);
    assert_eq!(sum("inevent_d365.parked", "", ""), 1.0);
    assert!(sum("inevent_d365.delay_seconds", "", "") > 3_600.0);
    for (name, dimensions) in metrics::NAMES {
        for item in world.insights.of("MetricData") {
            let data = &item["data"]["baseData"];
            if data["metrics"][0]["name"] == name {
                let ours = |key: &&String| !key.starts_with("service.");
                let found: BTreeSet<&str> =
                    data["properties"].as_object().unwrap().keys().filter(ours).map(String::as_str).collect();
                assert_eq!(found, dimensions.iter().copied().collect(), "{name}");
            }
        }
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_connection_string_nothing_is_sent_and_lines_still_know_their_trace() {
    let world = World::start().await;
    let host = world.host(&[("APPLICATIONINSIGHTS_CONNECTION_STRING", "")]).await;
    world.send(&host, &registration("ana"), TRACEPARENT).await;
    world.drained(&host).await;
    world
        .until(&host, "the line", || async { lines(&host).iter().any(|line| line["message"] == "batch written") })
        .await;
    let lines = lines(&host);
    let written = lines.iter().find(|line| line["message"] == "batch written").unwrap();
    assert_eq!(written["trace_id"], TRACE);
    assert!(world.insights.posts().is_empty() && world.insights.tokens().is_empty());
    host.stop().await;
}

/// The record of a batch: counts, ids, durations, decisions.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_leaves_one_record_with_what_was_decided() {
    let world = World::start().await;
    world.settings(
        &json!({ "version": 1, "events": { "2": { "unmatched": "update_only" }, "3": { "unmatched": "ignore" } } }),
    );
    let host = world.host(&[]).await;
    let at = |event: &str| {
        let mut registration = registration("ana");
        registration["event"]["id"] = json!(event);
        registration["participant"]["email"] = json!(format!("nobody{event}@x.example"));
        registration
    };
    let mut calls = 0;
    for (batch, about, created, unmatched, ignored) in
        [(json!([at("1")]), "1", 2, 0, 0), (json!([at("2"), at("3")]), "2, 3", 1, 1, 1)]
    {
        let records = || -> Vec<Value> {
            lines(&host)
                .into_iter()
                .filter(|line| line["message"] == "batch written" && line["about"] == about)
                .collect()
        };
        world.send(&host, &batch, TRACEPARENT).await;
        world.drained(&host).await;
        world.until(&host, "the record", || async { records().len() == 1 }).await;
        let record = records().remove(0);
        for (field, expected) in [
            ("events", batch.as_array().unwrap().len()),
            ("created", created),
            ("updated", 0),
            ("refused", 0),
            ("postponed", 0),
            ("unmatched", unmatched),
            ("ignored", ignored),
            ("ambiguous", 0),
            ("adopted", 0),
            ("left_out", 0),
            ("unfit_owner", 0),
        ] {
            assert_eq!(record[field], expected, "{field}: {record}");
        }
        assert!(record["duration_ms"].is_u64());
        calls += record["calls"].as_u64().unwrap();
        match record["decisions"].as_str() {
            None => assert_eq!(unmatched + ignored, 0),
            Some(decisions) => {
                let row = &world.table("new_eventattendance").await;
                let row = row.iter().find(|row| row["new_eventid"] == "2").unwrap()["activityid"].as_str().unwrap();
                assert_eq!(decisions, format!("unmatched {row}, ignored ana"), "{record}");
            }
        }
        assert!(!record.to_string().contains("nobody"));
    }
    // Of each batch only its own: a handful.
    assert!((4..40).contains(&calls), "{calls}");
    host.stop().await;
}
