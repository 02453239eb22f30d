//! Marketing lists out, over the wire: lists that take nobody and are mended later, and what people do with them by hand.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    crm::{self, text},
    desk::Desk,
    world::World,
};

/// A static list of contacts (2) or leads (4).
pub async fn list(world: &World, kind: i64) -> String {
    let body = json!({ "listname": "List", "createdfromcode": kind, "type": false });
    let answer = crm::call(world, Method::POST, "lists", body).await;
    let url = answer.headers()["odata-entityid"].to_str().unwrap().to_owned();
    url.rsplit_once('(').unwrap().1.trim_end_matches(')').to_owned()
}

/// A list of leads whose members are found anew each time.
pub async fn dynamic_list(world: &World) -> String {
    let query = "<fetch><entity name='lead'><attribute name='leadid'/></entity></fetch>";
    let body = json!({ "listname": "Dynamic", "createdfromcode": 4, "type": true, "query": query });
    let answer = crm::call(world, Method::POST, "lists", body).await;
    let url = answer.headers()["odata-entityid"].to_str().unwrap().to_owned();
    url.rsplit_once('(').unwrap().1.trim_end_matches(')').to_owned()
}

pub async fn members(world: &World, list: &str) -> BTreeSet<String> {
    let path = format!("listmembers?$select=_entityid_value&$filter=_listid_value eq {list}");
    let rows: Value = crm::call(world, Method::GET, &path, Value::Null).await.json().await.unwrap();
    rows["value"].as_array().unwrap().iter().map(|row| row["_entityid_value"].as_str().unwrap().to_owned()).collect()
}

async fn lead(desk: &Desk, name: &str) -> String {
    text(&desk.found(name).await.1[0], "leadid").unwrap().to_owned()
}

fn said(name: &str, kind: &str, second: u8) -> Value {
    json!({
        "id": format!("{name}-{second}"), "time": format!("2026-05-01T09:00:{second:02}Z"), "kind": kind,
        "event": { "id": "4711", "name": "Partner Day" },
        "participant": { "id": name, "email": format!("{name}@fabrikam.example"), "last_name": "Doe" },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_takes_nobody_holds_no_event_and_loses_no_member() {
    let desk = Desk::start().await;
    let (leads, contacts) = (list(&desk.world, 4).await, list(&desk.world, 2).await);
    let patch = async |column: Value| {
        crm::call(&desk.world, Method::PATCH, &format!("lists({leads})"), column).await;
    };
    let rule = |list: &str| json!({ "list_rules": [{ "name": "seen", "when": "attended", "lead_list": list }] });
    let troubles = async || desk.world.health(&desk.host).await.1["lists"].as_array().map_or(0, Vec::len);

    desk.set_defaults(rule(&leads));
    patch(json!({ "lockstatus": true })).await;
    desk.send(said("locked", "checked_in", 1)).await;
    assert_eq!((desk.found("locked").await.2.len(), desk.world.given_up().await), (1, (0, 0)));
    assert!(members(&desk.world, &leads).await.is_empty());
    desk.world.until(&desk.host, "Health tells of the list", || async { troubles().await == 1 }).await;
    let health = desk.world.health(&desk.host).await.1;
    assert!(health["lists"][0]["remedy"].as_str().unwrap().contains("Unlock"), "{health}");

    patch(json!({ "lockstatus": false })).await;
    let expected = BTreeSet::from([lead(&desk, "locked").await]);
    let there = async || members(&desk.world, &leads).await == expected;
    desk.world.until(&desk.host, "the member is there", &there).await;
    desk.world.until(&desk.host, "Health is quiet", || async { troubles().await == 0 }).await;

    let inactive = list(&desk.world, 4).await;
    crm::call(&desk.world, Method::PATCH, &format!("lists({inactive})"), json!({ "statecode": 1, "statuscode": 1 }))
        .await;
    let dynamic = dynamic_list(&desk.world).await;
    for (wrong, remedy) in [
        (contacts.as_str(), "Name a list of contacts"),
        ("00000000-0000-0000-0000-00000000dead", "Correct the id"),
        (&inactive, "Activate the list"),
        (&dynamic, "name a static one"),
    ] {
        desk.set_defaults(rule(wrong));
        let name = format!("wrong{}", &wrong[32..]);
        desk.send(said(&name, "checked_in", 1)).await;
        assert_eq!(desk.found(&name).await.2.len(), 1, "the event is not held");
        let told = async || {
            let lists = desk.world.health(&desk.host).await.1["lists"].clone();
            let lists = lists.as_array().cloned().unwrap_or_default();
            lists.iter().any(|told| told["list"] == wrong && told["remedy"].as_str().unwrap().contains(remedy))
        };
        desk.world.until(&desk.host, remedy, &told).await;
    }
    assert_eq!(desk.world.given_up().await, (0, 0));
    desk.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_did_by_hand_stays_and_the_rule_takes_off_whom_it_put_on() {
    let desk = Desk::start().await;
    let leads = list(&desk.world, 4).await;
    desk.set_defaults(json!({ "list_rules": [
        { "name": "coming", "when": "registered and not no_show", "lead_list": leads, "remove": true },
    ] }));
    let expected = async |names: &[&str]| {
        let mut ids = BTreeSet::new();
        for name in names {
            ids.insert(lead(&desk, name).await);
        }
        assert_eq!(members(&desk.world, &leads).await, ids, "{names:?}");
    };
    let registered: Vec<Value> = ["a", "b", "c"].map(|name| said(name, "registered", 1)).into();
    desk.send(registered.clone().into()).await;
    expected(&["a", "b", "c"]).await;

    let by_hand = json!({ "EntityId": lead(&desk, "b").await });
    let remove = format!("lists({leads})/Microsoft.Dynamics.CRM.RemoveMemberList");
    crm::call(&desk.world, Method::POST, &remove, by_hand).await;
    desk.send(registered.into()).await;
    desk.send(said("b", "updated", 2)).await;
    expected(&["a", "c"]).await;

    desk.send(said("a", "cancelled", 3)).await;
    expected(&["c"]).await;
    desk.send(said("a", "registered", 4)).await;
    expected(&["a", "c"]).await;
    let closed =
        json!({ "id": "end", "time": "2026-05-01T18:00:00Z", "kind": "event_closed", "event": { "id": "4711" } });
    desk.send(closed).await;
    expected(&[]).await;
    desk.send(said("c", "checked_in", 9)).await;
    expected(&["c"]).await;
    desk.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_attended_a_session_of_a_track_is_listed() {
    let desk = Desk::start().await;
    let leads = list(&desk.world, 4).await;
    desk.set_defaults(json!({ "list_rules": [
        { "name": "cloud", "when": "'Cloud' in tracks_attended", "lead_list": leads },
    ] }));
    let at = |name: &str, kind: &str, second: u8, session: &str, tracks: &[&str]| {
        let mut event = said(name, kind, second);
        event["session"] = json!({ "id": session, "name": session, "tracks": tracks });
        event
    };
    desk.send(json!([said("a", "registered", 1), said("b", "registered", 1), said("c", "registered", 1)])).await;
    desk.send(at("a", "checked_in", 2, "12", &["Data", "Cloud"])).await;
    desk.send(at("b", "checked_in", 2, "13", &["Data"])).await;
    desk.send(at("c", "session_enrolled", 2, "12", &["Data", "Cloud"])).await;
    assert_eq!(members(&desk.world, &leads).await, BTreeSet::from([lead(&desk, "a").await]));
    // That somebody else's session has the track is told later.
    desk.send(at("b", "updated", 3, "13", &["Cloud"])).await;
    let both = BTreeSet::from([lead(&desk, "a").await, lead(&desk, "b").await]);
    assert_eq!(members(&desk.world, &leads).await, both);
    assert_eq!(desk.world.given_up().await, (0, 0));
    desk.host.stop().await;
}
