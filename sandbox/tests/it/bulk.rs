//! `CreateMultiple`, `UpdateMultiple`, `UpsertMultiple`.

use dataverse_sandbox::Seed;
use serde_json::{Value, json};

use crate::world::{ANA, BRUNO, MISSING, World};

fn target(kind: &str, mut values: Value) -> Value {
    values["@odata.type"] = format!("Microsoft.Dynamics.CRM.{kind}").into();
    values
}

async fn count(world: &World, filter: &str) -> usize {
    world.query("contacts", &[("$filter", filter)]).await.json()["value"].as_array().unwrap().len()
}

#[tokio::test]
async fn create_multiple_returns_ids_in_order_or_does_nothing() {
    let world = World::new(Seed::Crm).await;
    let path = "contacts/Microsoft.Dynamics.CRM.CreateMultiple";
    let targets: Vec<Value> = (0..3).map(|n| target("contact", json!({ "lastname": format!("Bulk {n}") }))).collect();
    let reply = world.post(path, &json!({ "Targets": targets })).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["@odata.context"], world.url("$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse"));
    let id = reply.json()["Ids"][2].as_str().unwrap().to_owned();
    assert_eq!(world.get(&format!("contacts({id})")).await.json()["lastname"], "Bulk 2");

    let taken = json!({ "Targets": [
        target("contact", json!({ "lastname": "Bulk 3" })),
        target("contact", json!({ "lastname": "Bulk 4", "contactid": ANA })),
    ] });
    let reply = world.post(path, &taken).await;
    assert_eq!((reply.status, reply.code().as_str()), (412, "0x80040237"));
    assert_eq!(reply.message(), "Cannot insert duplicate key.");
    assert_eq!(count(&world, "startswith(lastname,'Bulk')").await, 3, "all or nothing");

    let untyped = world.post(path, &json!({ "Targets": [{ "lastname": "x" }] })).await;
    assert_eq!((untyped.status, untyped.code().as_str()), (400, "0x80048d19"));
}

#[tokio::test]
async fn update_multiple_needs_every_row() {
    let world = World::new(Seed::Crm).await;
    let path = "contacts/Microsoft.Dynamics.CRM.UpdateMultiple";
    let update = |id: &str| target("contact", json!({ "contactid": id, "nickname": "Bulk" }));
    let reply = world.post(path, &json!({ "Targets": [update(ANA), update(MISSING)] })).await;
    assert_eq!((reply.status, reply.code().as_str()), (404, "0x80040217"));
    assert_eq!(reply.message(), format!("Contact With Ids = {MISSING} Do Not Exist"));
    assert_eq!(count(&world, "nickname eq 'bulk'").await, 0);
    let reply = world.post(path, &json!({ "Targets": [update(ANA), update(BRUNO)] })).await;
    assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    assert_eq!(count(&world, "nickname eq 'bulk'").await, 2);
}

#[tokio::test]
async fn upsert_multiple_mixes_targets_and_stumbles_over_keys_in_bodies() {
    let world = World::new(Seed::Crm).await;
    let key = json!({ "SchemaName": "new_employee", "KeyAttributes": ["employeeid"] });
    assert_eq!(world.post("EntityDefinitions(LogicalName='contact')/Keys", &key).await.status, 204);
    let path = "contacts/Microsoft.Dynamics.CRM.UpsertMultiple";
    let by_key = |extra: Value| {
        let mut values = json!({ "@odata.id": "contacts(employeeid='E1')", "nickname": "upserted" });
        values.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        target("contact", values)
    };
    let quirk = world.post(path, &json!({ "Targets": [by_key(json!({ "employeeid": "E1" }))] })).await;
    assert_eq!((quirk.status, quirk.code().as_str()), (400, "0x80040216"), "on create");
    assert_eq!(quirk.message(), "An unexpected error occurred.");
    let targets = json!({ "Targets": [
        by_key(json!({})),
        target("contact", json!({ "contactid": ANA, "nickname": "upserted" })),
        target("contact", json!({ "contactid": MISSING, "nickname": "upserted" })),
        target("contact", json!({ "nickname": "upserted" })),
    ] });
    let reply = world.post(path, &targets).await;
    assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    assert_eq!(count(&world, "nickname eq 'upserted'").await, 4);
    let again = world.post(path, &json!({ "Targets": [by_key(json!({ "employeeid": "E1" }))] })).await;
    assert_eq!(again.status, 204, "on update it goes through");
}
