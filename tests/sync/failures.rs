//! What each failure of Dataverse does to the events under way: they wait, or are refused alone, and flow on when it is mended.

use std::time::Duration;

use futures_util::future::join_all;
use inevent_d365::sync::outcome::{Outcome, Postponement};
use serde_json::{Value, json};

use crate::world::{CONNECTOR, SECRET, World, registered, role_privileges};

const A_DAY: u64 = 24 * 3_600;

/// Two participants of whom nothing was said before.
fn news(first: u8) -> [Value; 2] {
    [first, first + 1].map(|n| registered(1, json!({ "id": n.to_string(), "email": format!("p{n}@x.example") })))
}

/// An engine with a role of its own that has written once already, so that tokens and definitions are there.
async fn running() -> World {
    let world = World::start(json!({})).await.with_role(&role_privileges("Global")).await;
    for event in news(1) {
        world.settle(event).await;
    }
    world
}

/// For days, what comes waits under this name, and nothing of it is refused.
async fn is_held(world: &World, name: &str) {
    for _ in 0..3 {
        let outcomes = world.run(&news(3)).await;
        for outcome in &outcomes {
            let Outcome::Postponed(Postponement::Held(held)) = outcome else { panic!("{name}: {outcomes:?}") };
            assert_eq!(held.name, name);
            assert!(held.remedy.len() > 20);
        }
        world.later(A_DAY).await;
    }
}

/// Each participant has one row and one lead, those who waited too.
async fn flows_on(world: &World) {
    let outcomes = world.run(&news(3)).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Settled { .. })), "{outcomes:?}");
    assert_eq!((world.rows("new_eventattendance").await.len(), world.rows("lead").await.len()), (4, 4));
}

/// The connector's application user.
async fn user(world: &World) -> String {
    let path = format!("systemusers?$select=systemuserid&$filter=applicationid eq {CONNECTOR}");
    world.crm("GET", &path, Value::Null).await["value"][0]["systemuserid"].as_str().unwrap().to_owned()
}

/// The connector's role.
async fn role(world: &World) -> String {
    let path = "roles?$select=roleid&$filter=name eq 'Connector'";
    world.crm("GET", path, Value::Null).await["value"][0]["roleid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_expired_secret() {
    let world = running().await;
    let secrets = format!("applications/{CONNECTOR}/secrets");
    world.admin("DELETE", &secrets, Value::Null).await;
    world.later(A_DAY).await;
    is_held(&world, "credentials").await;
    world.admin("POST", &secrets, json!({ "secret": SECRET })).await;
    flows_on(&world).await;
}

#[tokio::test]
async fn a_disabled_app_registration() {
    let world = running().await;
    let application = format!("applications/{CONNECTOR}");
    world.admin("PATCH", &application, json!({ "disabled": true })).await;
    world.later(A_DAY).await;
    is_held(&world, "credentials").await;
    world.admin("PATCH", &application, json!({ "disabled": false })).await;
    flows_on(&world).await;
}

#[tokio::test]
async fn a_consent_that_was_taken_back() {
    let world = running().await;
    let application = format!("applications/{CONNECTOR}");
    world.admin("PATCH", &application, json!({ "consented": false })).await;
    world.later(A_DAY).await;
    is_held(&world, "credentials").await;
    let [one, _] = news(3);
    let said = format!("{:?}", world.run(&[one]).await);
    assert!(said.contains("Nobody has consented for the application"), "{said}");
    world.admin("PATCH", &application, json!({ "consented": true })).await;
    flows_on(&world).await;
}

#[tokio::test]
async fn tokens_that_are_never_accepted() {
    let world = running().await;
    world.admin("POST", "faults", json!({ "kind": "unauthorized", "count": 1_000 })).await;
    is_held(&world, "credentials").await;
    world.admin("DELETE", "faults", Value::Null).await;
    flows_on(&world).await;
}

#[tokio::test]
async fn a_token_that_ends_under_way_is_renewed() {
    let world = running().await;
    world.later(A_DAY).await;
    flows_on(&world).await;
    world.admin("POST", "faults", json!({ "kind": "expired_token", "skip": 1 })).await;
    world.settle(registered(2, json!({ "id": "3", "email": "p3@x.example", "job_title": "Head" }))).await;
}

#[tokio::test]
async fn a_disabled_application_user() {
    let world = running().await;
    let user = format!("systemusers({})", user(&world).await);
    world.crm("PATCH", &user, json!({ "isdisabled": true })).await;
    is_held(&world, "application-user").await;
    world.crm("PATCH", &user, json!({ "isdisabled": false })).await;
    flows_on(&world).await;
}

/// Whoever adds it again makes another user of it.
#[tokio::test]
async fn an_application_user_that_was_removed() {
    let world = running().await;
    world.crm("DELETE", &format!("systemusers({})", user(&world).await), Value::Null).await;
    is_held(&world, "application-user").await;
    let unit = world.crm("GET", "WhoAmI", Value::Null).await["BusinessUnitId"].as_str().unwrap().to_owned();
    let bind = format!("/businessunits({unit})");
    let again = json!({ "applicationid": CONNECTOR, "lastname": "Connector", "accessmode": 4, "businessunitid@odata.bind": bind });
    let user = world.add("systemusers", again).await;
    is_held(&world, "role").await;
    let role = role(&world).await;
    let link = json!({ "@odata.id": format!("{}/api/data/v9.2/roles({role})", world.sandbox.connection().http) });
    world.crm("POST", &format!("systemusers({user})/systemuserroles_association/$ref"), link).await;
    flows_on(&world).await;
}

#[tokio::test]
async fn a_revoked_role() {
    let world = running().await;
    let (user, role) = (user(&world).await, role(&world).await);
    world.crm("DELETE", &format!("systemusers({user})/systemuserroles_association({role})/$ref"), Value::Null).await;
    is_held(&world, "role").await;
    let link = json!({ "@odata.id": format!("{}/api/data/v9.2/roles({role})", world.sandbox.connection().http) });
    world.crm("POST", &format!("systemusers({user})/systemuserroles_association/$ref"), link).await;
    flows_on(&world).await;
}

#[tokio::test]
async fn a_missing_privilege() {
    for missing in ["prvReadContact", "prvCreateLead", "prvCreateActivity", "prvAppendToLead"] {
        let world = running().await;
        let role = format!("roles({})", role(&world).await);
        let unit = world.crm("GET", "WhoAmI", Value::Null).await["BusinessUnitId"].clone();
        let found = world.crm("GET", "privileges?$select=privilegeid,name", Value::Null).await;
        let privileges = |but: &str| -> Vec<Value> {
            let id = |name: &str| {
                found["value"].as_array().unwrap().iter().find(|found| found["name"] == name).unwrap()["privilegeid"]
                    .clone()
            };
            let kept = role_privileges("Global").into_iter().filter(|(name, _)| *name != but);
            let one = |(name, depth): (&str, &str)| json!({ "PrivilegeId": id(name), "PrivilegeName": name, "Depth": depth, "BusinessUnitId": unit });
            kept.map(one).collect()
        };
        let replace = format!("{role}/Microsoft.Dynamics.CRM.ReplacePrivilegesRole");
        world.crm("POST", &replace, json!({ "Privileges": privileges(missing) })).await;
        is_held(&world, "privilege").await;
        world.crm("POST", &replace, json!({ "Privileges": privileges("") })).await;
        flows_on(&world).await;
    }
}

#[tokio::test]
async fn a_disabled_organisation() {
    let world = running().await;
    world.admin("POST", "faults", json!({ "kind": "organization_disabled", "count": 1_000 })).await;
    is_held(&world, "organisation").await;
    world.admin("DELETE", "faults", Value::Null).await;
    flows_on(&world).await;
}

/// Takes a column or table away, before the events come or between reading and writing.
#[tokio::test]
async fn what_the_solution_lacks() {
    let column = "EntityDefinitions(LogicalName='new_eventattendance')/Attributes(LogicalName='new_eventname')";
    let table = "EntityDefinitions(LogicalName='new_eventattendance')";
    for (what, under_way) in [(column, false), (column, true), (table, false)] {
        let world = running().await;
        world.admin("POST", "snapshots", json!({ "name": "whole" })).await;
        if under_way {
            let request = json!({ "method": "DELETE", "path": what });
            let fault = json!({ "kind": "meanwhile", "match": "CreateMultiple", "request": request });
            world.admin("POST", "faults", fault).await;
        } else {
            world.crm("DELETE", what, Value::Null).await;
        }
        is_held(&world, "schema").await;
        world.admin("POST", "snapshots/whole/restore", Value::Null).await;
        flows_on(&world).await;
    }
}

/// What fails on the way to Dataverse never meets a single operation of a batch.
const ON_THE_WAY: [&str; 2] = ["bad_gateway", "gateway_timeout"];

/// While `fault` meets every call, or every operation of the batches, all events wait; afterwards they flow on.
async fn passes(fault: Value) {
    for parts in [false, true] {
        if parts && ON_THE_WAY.iter().any(|kind| fault["kind"] == *kind) {
            continue;
        }
        let world = running().await;
        let mut fault = fault.clone();
        fault["count"] = json!(1_000);
        fault["parts"] = json!(parts);
        world.admin("POST", "faults", fault.clone()).await;
        let outcomes = world.run(&news(3)).await;
        for outcome in &outcomes {
            let Outcome::Postponed(Postponement::Transient { retry_after }) = outcome else {
                panic!("{fault}: {outcomes:?}")
            };
            // What is left of it, where the connector has begun to wait.
            let asked = fault["retry_after"].as_u64().map(Duration::from_secs);
            assert!(retry_after.is_some() == asked.is_some() && *retry_after <= asked, "{fault}: {outcomes:?}");
        }
        world.admin("DELETE", "faults", Value::Null).await;
        flows_on(&world).await;
    }
}

#[tokio::test]
async fn what_may_pass() {
    let database = ["deadlock", "sql_timeout", "solution_lock"].map(|kind| json!({ "kind": kind }));
    let service = ["unavailable"].into_iter().chain(ON_THE_WAY).map(|kind| json!({ "kind": kind }));
    join_all(database.into_iter().chain(service).map(passes)).await;
}

#[tokio::test]
async fn throttling_of_each_kind() {
    let limits = ["requests", "execution_time", "concurrency"];
    let throttled = limits.map(|limit| json!({ "kind": "throttle", "limit": limit, "retry_after": 1 }));
    let busy = json!({ "kind": "unavailable", "retry_after": 1 });
    join_all(throttled.into_iter().chain([busy]).map(passes)).await;
}

#[tokio::test]
async fn a_longer_wait_is_left_to_the_queue() {
    let world = running().await;
    world.admin("POST", "faults", json!({ "kind": "throttle", "retry_after": 240 })).await;
    for _ in 0..2 {
        for outcome in world.run(&news(3)).await {
            let Outcome::Postponed(Postponement::Transient { retry_after: Some(wait) }) = outcome else {
                panic!("{outcome:?}")
            };
            assert!(wait > Duration::from_secs(200) && wait <= Duration::from_secs(240), "{wait:?}");
        }
    }
}

/// Whichever call the connection is cut in, and whether before or after it took effect.
#[tokio::test]
async fn a_connection_that_is_cut_doubles_and_loses_nothing() {
    for kind in ["reset_before", "reset_after"] {
        for (skip, count) in [(0, 1), (1, 1), (2, 1), (3, 1), (1, 4), (2, 4), (3, 4)] {
            let world = running().await;
            world.admin("POST", "faults", json!({ "kind": kind, "skip": skip, "count": count })).await;
            let outcomes = world.run(&news(3)).await;
            let refused = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Refused(_)));
            assert!(!refused, "{kind} {skip} {count}: {outcomes:?}");
            world.admin("DELETE", "faults", Value::Null).await;
            flows_on(&world).await;
        }
    }
}

#[tokio::test]
async fn a_row_outside_the_role_is_refused_alone() {
    let of = |(name, depth)| (name, if name == "prvWriteContact" { "Basic" } else { depth });
    let role: Vec<(&str, &str)> = role_privileges("Global").into_iter().map(of).collect();
    let world = World::start(json!({})).await.with_role(&role).await;
    let contact = world.add("contacts", json!({ "lastname": "A", "emailaddress1": "a@x.example" })).await;
    let ana = registered(1, json!({ "id": "a", "email": "a@x.example", "job_title": "Head" }));
    let [one, other] = news(1);
    let outcomes = world.run(&[one, ana, other]).await;
    let [Outcome::Settled { .. }, Outcome::Refused(refusal), Outcome::Settled { .. }] = &outcomes[..] else {
        panic!("{outcomes:?}")
    };
    assert!(refusal.code == Some(0x8004_8306) && refusal.reason.contains(&contact), "{refusal:?}");
    assert!(!refusal.reason.contains("a@x.example"));
}

/// Somebody else's request, right before the connector's second batch: between reading and updating.
async fn meanwhile(world: &World, request: Value) {
    let fault = json!({ "kind": "meanwhile", "match": "$batch", "skip": 1, "request": request });
    world.admin("POST", "faults", fault).await;
}

#[tokio::test]
async fn what_somebody_changes_under_way_is_read_again() {
    let world = running().await;
    let contact = world.add("contacts", json!({ "lastname": "A", "emailaddress1": "a@x.example" })).await;
    let path = format!("contacts({contact})");
    meanwhile(&world, json!({ "method": "PATCH", "path": path, "body": { "telephone1": "555-1" } })).await;
    world.settle(registered(1, json!({ "id": "a", "email": "a@x.example", "job_title": "Head" }))).await;
    let row = &world.with("contact", "contactid", &contact).await[0];
    assert_eq!((&row["telephone1"], &row["jobtitle"]), (&json!("555-1"), &json!("Head")));

    // A row that is deleted right before it is updated is written anew.
    let rows = world.with("new_eventattendance", "new_participantid", "a").await;
    let path = format!("new_eventattendances({})", rows[0]["activityid"].as_str().unwrap());
    meanwhile(&world, json!({ "method": "DELETE", "path": path })).await;
    let mut cancelled = registered(2, json!({ "id": "a", "email": "a@x.example" }));
    cancelled["kind"] = json!("cancelled");
    world.settle(cancelled).await;
    let rows = world.with("new_eventattendance", "new_participantid", "a").await;
    assert_eq!((rows.len(), &rows[0]["subject"]), (1, &json!("Cancelled: Partner Day")));
    assert_eq!(world.admin("GET", "faults", Value::Null).await, json!([]), "nobody interfered");
}
