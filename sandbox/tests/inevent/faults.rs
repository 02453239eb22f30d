//! What goes wrong on demand.

use serde_json::json;

use crate::world::{EVENT, World};

#[tokio::test]
async fn an_outage_lasts_as_long_as_was_ordered() {
    let world = World::start().await;
    let status = async || world.get("event.get", &[("eventID", EVENT)]).await.status;
    world.admin("POST", "faults", json!({ "kind": "unavailable", "for_s": 600 })).await;
    assert_eq!((status().await, status().await), (503, 503));
    let reading = world.admin("GET", "calls", json!(null)).await.json();
    assert_ne!(reading["highest_per_second"], 0, "calls during an outage count too");
    world.advance(601).await;
    assert_eq!(status().await, 200);
    world.admin("POST", "faults", json!({ "kind": "reset_before", "for_s": 600 })).await;
    assert!(world.request("event.get", &[("eventID", EVENT)], &[]).send().await.is_err());
    assert_eq!(world.admin("DELETE", "faults", json!(null)).await.status, 200);
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn an_invitation_can_go_out_although_no_answer_comes() {
    let world = World::start().await;
    world.admin("POST", "faults", json!({ "kind": "reset_after", "match": "event.invite.create", "skip": 1 })).await;
    for (email, answered) in
        [("ana@contoso.example", true), ("bo@contoso.example", false), ("cleo@contoso.example", true)]
    {
        let request = world.request("event.invite.create", &[("eventID", EVENT)], &[("email", email)]);
        assert_eq!(request.send().await.is_ok(), answered, "{email}");
        assert_eq!(world.get("event.invite.get", &[("eventID", EVENT), ("email", email)]).await.status, 200);
    }
    let mails = world.admin("GET", "mails", json!(null)).await.json();
    assert_eq!((&mails["sent"], &mails["repeated"]), (&json!(3), &json!([])));
    let calls = world.admin("GET", "calls", json!(null)).await.json();
    assert_eq!(calls["by_action"]["event.invite.create"], 3, "a cut call counts");
}

#[tokio::test]
async fn every_kind_of_fault_has_its_status() {
    let world = World::start().await;
    for (fault, status) in [
        (json!({ "kind": "throttle" }), 429),
        (json!({ "kind": "bad_gateway" }), 502),
        (json!({ "kind": "gateway_timeout" }), 504),
        (json!({ "kind": "unauthorized" }), 401),
        (json!({ "kind": "slow", "ms": 1 }), 200),
    ] {
        assert_eq!(world.admin("POST", "faults", fault.clone()).await.status, 200);
        assert_eq!(world.get("event.get", &[("eventID", EVENT)]).await.status, status, "{fault}");
        assert_eq!(world.get("event.get", &[("eventID", EVENT)]).await.status, 200, "{fault} is over");
    }
    for meaningless in [json!({ "kind": "deadlock" }), json!({ "kind": "slow", "parts": true }), json!({})] {
        assert_eq!(world.admin("POST", "faults", meaningless).await.status, 400);
    }
    world.admin("POST", "faults", json!({ "kind": "expired_token" })).await;
    for _ in 0..2 {
        assert_eq!(world.get("event.get", &[("eventID", EVENT)]).await.status, 401);
    }
}

#[tokio::test]
async fn the_sandbox_says_where_its_inevent_is() {
    let sandbox = dataverse_sandbox::start(dataverse_sandbox::Options::default()).await.unwrap();
    let line = serde_json::to_value(sandbox.connection()).unwrap();
    let [url, token, company] =
        ["inevent_url", "inevent_token", "inevent_company_id"].map(|name| line[name].as_str().unwrap());
    let url = format!("{url}/?action=company.event.find&companyID={company}");
    let answer =
        reqwest::Client::builder().no_proxy().build().unwrap().get(url).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    sandbox.stop().await;
}
