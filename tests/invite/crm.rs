//! Contacts, leads and lists in the CRM.

use serde_json::{Value, json};

use crate::world::World;

/// Creates a contact, and returns its id.
pub async fn contact(world: &World, row: Value) -> String {
    world.crm("POST", "contacts", row).await["contactid"].as_str().unwrap().to_owned()
}

pub async fn lead(world: &World, row: Value) -> String {
    world.crm("POST", "leads", row).await["leadid"].as_str().unwrap().to_owned()
}

/// A contact with this address.
pub async fn named(world: &World, name: &str) -> String {
    let address = format!("{name}@x.example");
    contact(world, json!({ "firstname": name, "lastname": "Doe", "emailaddress1": address })).await
}

/// A static list, of contacts (2) or leads (4), with these members.
pub async fn list(world: &World, kind: i64, members: &[String]) -> String {
    let row = json!({ "listname": "Invited", "createdfromcode": kind, "type": false });
    let list = world.crm("POST", "lists", row).await["listid"].as_str().unwrap().to_owned();
    join(world, &list, kind, members).await;
    list
}

pub async fn dynamic(world: &World, kind: i64, query: &str) -> String {
    let row = json!({ "listname": "Invited", "createdfromcode": kind, "type": true, "query": query });
    world.crm("POST", "lists", row).await["listid"].as_str().unwrap().to_owned()
}

pub async fn join(world: &World, list: &str, kind: i64, members: &[String]) {
    let (key, table) = if kind == 2 { ("contactid", "contact") } else { ("leadid", "lead") };
    let kind = format!("Microsoft.Dynamics.CRM.{table}");
    let members: Vec<Value> = members.iter().map(|id| json!({ key: id, "@odata.type": kind })).collect();
    let list = json!({ "listid": list, "@odata.type": "Microsoft.Dynamics.CRM.list" });
    world.crm("POST", "AddListMembersList", json!({ "List": list, "Members": members })).await;
}

pub async fn leave(world: &World, list: &str, member: &str) {
    let path = format!("lists({list})/Microsoft.Dynamics.CRM.RemoveMemberList");
    world.crm("POST", &path, json!({ "EntityId": member })).await;
}
