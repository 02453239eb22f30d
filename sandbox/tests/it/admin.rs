//! The admin API.

use dataverse_sandbox::Seed;
use serde_json::json;

use crate::world::{ANA, World};

#[tokio::test]
async fn faults_come_as_ordered_and_then_stop() {
    let world = World::new(Seed::Crm).await;
    for (kind, status, code) in
        [("throttle", 429, "0x80072322"), ("unavailable", 503, ""), ("deadlock", 500, "0x80044150")]
    {
        let fault = json!({ "kind": kind, "count": 2, "retry_after": 7, "match": "/leads", "skip": 1 });
        assert_eq!(world.admin("POST", "faults", Some(fault)).await.status, 200);
        assert_eq!(world.get("contacts?$top=1").await.status, 200, "other paths are not met");
        assert_eq!(world.get("leads?$top=1").await.status, 200, "the first is let through");
        for _ in 0..2 {
            let reply = world.get("leads?$top=1").await;
            assert_eq!(reply.status, status);
            if !code.is_empty() {
                assert_eq!(reply.code(), code);
            }
            if status != 500 {
                assert_eq!(reply.header("retry-after"), "7");
            }
        }
        assert_eq!(world.get("leads?$top=1").await.status, 200);
    }
    world.admin("POST", "faults", Some(json!({ "kind": "unauthorized" }))).await;
    assert_eq!(world.get("WhoAmI").await.status, 401);
    assert_eq!(world.admin("POST", "faults", Some(json!({ "kind": "nonsense" }))).await.status, 400);
}

#[tokio::test]
async fn connections_are_cut_before_or_after_the_work_is_done() {
    let world = World::new(Seed::Empty).await;
    for (kind, done) in [("reset_before", 0), ("reset_after", 1)] {
        world.admin("POST", "faults", Some(json!({ "kind": kind, "match": "/tasks" }))).await;
        let request = world.request("POST", "tasks").json(&json!({ "subject": kind }));
        assert!(request.send().await.is_err(), "{kind}");
        let filter = format!("subject eq '{kind}'");
        let found = world.query("activitypointers", &[("$filter", &filter)]).await.json();
        assert_eq!(found["value"].as_array().unwrap().len(), done, "{kind}");
    }
}

#[tokio::test]
async fn every_kind_of_fault_has_its_status() {
    let world = World::new(Seed::Empty).await;
    for (fault, status, code) in [
        (json!({ "kind": "throttle", "limit": "execution_time" }), 429, "0x80072321"),
        (json!({ "kind": "throttle", "limit": "concurrency" }), 429, "0x80072326"),
        (json!({ "kind": "sql_timeout" }), 500, "0x80044151"),
        (json!({ "kind": "solution_lock" }), 400, "0x80071151"),
        (json!({ "kind": "organization_disabled" }), 403, "0x8004a104"),
        (json!({ "kind": "user_disabled" }), 403, "0x80040225"),
        (json!({ "kind": "plugin", "message": "Not on Sundays." }), 400, "0x80040265"),
        (json!({ "kind": "bad_gateway" }), 502, ""),
        (json!({ "kind": "gateway_timeout" }), 504, ""),
        (json!({ "kind": "slow", "ms": 1 }), 200, ""),
    ] {
        assert_eq!(world.admin("POST", "faults", Some(fault.clone())).await.status, 200);
        let reply = world.get("WhoAmI").await;
        assert_eq!(reply.status, status, "{fault}");
        if !code.is_empty() {
            assert_eq!(reply.code(), code);
        }
        assert_eq!(world.get("WhoAmI").await.status, 200, "{fault} is over");
    }
}

#[tokio::test]
async fn an_outage_lasts_as_long_as_was_ordered() {
    let world = World::new(Seed::Empty).await;
    world.admin("POST", "faults", Some(json!({ "kind": "unavailable", "for_s": 60 }))).await;
    for _ in 0..3 {
        assert_eq!(world.get("WhoAmI").await.status, 503);
    }
    world.admin("POST", "clock", Some(json!({ "advance_s": 61 }))).await;
    assert_eq!(world.get("WhoAmI").await.status, 200);
}

#[tokio::test]
async fn a_token_taken_away_stays_away() {
    let world = World::new(Seed::Empty).await;
    world.admin("POST", "faults", Some(json!({ "kind": "expired_token", "skip": 1 }))).await;
    let statuses =
        [world.get("WhoAmI").await.status, world.get("WhoAmI").await.status, world.get("WhoAmI").await.status];
    assert_eq!(statuses, [200, 401, 401]);
}

#[tokio::test]
async fn others_can_change_things_under_way() {
    let world = World::new(Seed::Crm).await;
    let request = json!({ "method": "PATCH", "path": format!("contacts({ANA})"), "body": { "jobtitle": "Changed" } });
    let fault = json!({ "kind": "meanwhile", "skip": 1, "match": "/contacts", "request": request });
    world.admin("POST", "faults", Some(fault)).await;
    let path = format!("contacts({ANA})?$select=jobtitle");
    let before = world.get(&path).await.json();
    assert_ne!(before["jobtitle"], "Changed");
    let tag = before["@odata.etag"].as_str().unwrap();
    let stale = world.request("PATCH", &path).header("if-match", tag).json(&json!({ "jobtitle": "Mine" }));
    assert_eq!(world.send(stale).await.status, 412);
    assert_eq!(world.get(&path).await.json()["jobtitle"], "Changed");

    // A column goes away between two pages.
    let column = "EntityDefinitions(LogicalName='contact')/Attributes(LogicalName='new_budget')";
    let fault = json!({ "kind": "meanwhile", "skip": 1, "request": { "method": "DELETE", "path": column } });
    world.admin("POST", "faults", Some(fault)).await;
    let path = "contacts?$select=new_budget&$top=1";
    let replies = [world.get(path).await, world.get(path).await];
    assert_eq!((replies[0].status, replies[1].status), (200, 400), "{}", replies[1].text);
}

#[tokio::test]
async fn a_cut_connection_is_reset() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let world = World::new(Seed::Empty).await;
    world.admin("POST", "faults", Some(json!({ "kind": "reset_before" }))).await;
    let address = world.sandbox.connection().http.trim_start_matches("http://").to_owned();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /api/data/v9.2/WhoAmI HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let error = stream.read(&mut [0; 64]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_single_operation_of_a_batch_can_be_throttled() {
    let world = World::new(Seed::Crm).await;
    let fault = json!({ "kind": "throttle", "retry_after": 9, "parts": true, "skip": 1 });
    world.admin("POST", "faults", Some(fault)).await;
    assert_eq!(world.get("WhoAmI").await.status, 200, "whole requests are not met");
    let part = "--b\nContent-Type: application/http\n\nGET WhoAmI HTTP/1.1\n\n\n";
    let reply = world.batch(&format!("{}--b--\n", part.repeat(3)), Some("odata.continue-on-error")).await;
    let count = |text: &str| reply.text.matches(text).count();
    assert_eq!((reply.status, count("HTTP/1.1 200"), count("HTTP/1.1 429")), (200, 2, 1));
    assert_eq!(count("Retry-After: 9"), 1);
}

#[tokio::test]
async fn a_reset_brings_the_seed_back() {
    let world = World::new(Seed::Crm).await;
    let before = world.admin("GET", "dump?table=contact", None).await;
    assert_eq!(before.json().as_array().unwrap().len(), 24);
    assert_eq!(world.admin("GET", "count?table=contact", None).await.json(), json!({ "count": 24 }));
    assert_eq!(world.patch(&format!("contacts({ANA})"), &json!({ "firstname": "Anna" })).await.status, 204);
    assert_ne!(world.admin("GET", "dump?table=contact", None).await.text, before.text);
    assert_eq!(world.admin("POST", "reset", None).await.status, 200);
    assert_eq!(world.admin("GET", "dump?table=contact", None).await.text, before.text);
}

#[tokio::test]
async fn the_log_counts_calls_and_operations_and_keeps_no_queries() {
    let world = World::new(Seed::Crm).await;
    world.admin("DELETE", "requests", None).await;
    world.query("contacts", &[("$filter", "emailaddress1 eq 'ana.silva@contoso.example'")]).await;
    let part = "--b\nContent-Type: application/http\n\nGET WhoAmI HTTP/1.1\n\n\n";
    world.batch(&format!("{}--b--\n", part.repeat(3)), None).await;
    let log = world.admin("GET", "requests", None).await;
    assert_eq!((&log.json()["calls"], &log.json()["parts"]), (&json!(2), &json!(4)));
    assert_eq!(log.json()["requests"][0]["path"], "/api/data/v9.2/contacts");
    assert_eq!(log.json()["requests"][1]["parts"], 3);
    assert!(!log.text.contains("ana.silva"));
}
