//! Marketing lists.

use dataverse_sandbox::Seed;
use serde_json::{Value, json};

use crate::world::{AMIR, ANA, BRUNO, World};

const CONTACTS: &str = "11570000-0000-4000-8000-000000000001";

#[tokio::test]
async fn members_are_added_once_and_removed() {
    let world = World::new(Seed::Crm).await;
    let person = |id: &str| json!({ "contactid": id, "@odata.type": "Microsoft.Dynamics.CRM.contact" });
    let list = json!({ "listid": CONTACTS, "@odata.type": "Microsoft.Dynamics.CRM.list" });
    let body = json!({ "List": list, "Members": [person(ANA), person(BRUNO)] });
    for _ in 0..2 {
        assert_eq!(world.post("AddListMembersList", &body).await.status, 204);
        assert_eq!(world.get(&format!("lists({CONTACTS})")).await.json()["membercount"], 7, "Ana was there before");
    }
    let path = format!("lists({CONTACTS})/Microsoft.Dynamics.CRM.AddMemberList");
    let again = world.post(&path, &json!({ "EntityId": BRUNO })).await;
    assert!(again.status == 200 && again.json()["Id"].is_string());
    let path = format!("lists({CONTACTS})/Microsoft.Dynamics.CRM.RemoveMemberList");
    assert_eq!(world.post(&path, &json!({ "EntityId": BRUNO })).await.status, 204);
    assert_eq!(world.post(&path, &json!({ "EntityId": BRUNO })).await.code(), "0x80048458");

    let lead = json!({ "leadid": AMIR, "@odata.type": "Microsoft.Dynamics.CRM.lead" });
    let mixed = world.post("AddListMembersList", &json!({ "List": body["List"], "Members": [lead] })).await;
    assert_eq!(mixed.code(), "0x80040301");
    assert_eq!(world.patch(&format!("lists({CONTACTS})"), &json!({ "lockstatus": true })).await.status, 204);
    assert_eq!(world.post("AddListMembersList", &body).await.code(), "0x80040302");
}

#[tokio::test]
async fn members_are_copied_and_picked() {
    let world = World::new(Seed::Crm).await;
    let new = |kind: i64| json!({ "listname": "Regulars", "type": false, "createdfromcode": kind });
    let target = world.post("lists", &new(2)).await.id();
    let copy = format!("lists({CONTACTS})/Microsoft.Dynamics.CRM.CopyMembersList");
    assert_eq!(world.post(&copy, &json!({})).await.status, 400);
    for _ in 0..2 {
        assert_eq!(world.post(&copy, &json!({ "TargetListId": target })).await.status, 204);
    }
    assert_eq!(world.get(&format!("lists({target})")).await.json()["membercount"], 6);
    let leads = world.post("lists", &new(4)).await.id();
    assert_eq!(world.post(&copy, &json!({ "TargetListId": leads })).await.code(), "0x80040301");

    let qualify = format!("lists({target})/Microsoft.Dynamics.CRM.QualifyMemberList");
    let of = |members: &[&str], stay: bool| json!({ "MembersId": members, "OverrideorRemove": stay });
    assert_eq!(world.post(&qualify, &of(&[ANA], false)).await.status, 204);
    assert_eq!(world.get(&format!("lists({target})")).await.json()["membercount"], 5);
    assert_eq!(world.post(&qualify, &of(&[ANA, BRUNO], true)).await.status, 204);
    let left = world.get(&format!("lists({target})/listcontact_association?$select=fullname&$orderby=fullname")).await;
    let left = left.json();
    let left: Vec<&Value> = left["value"].as_array().unwrap().iter().map(|row| &row["contactid"]).collect();
    assert_eq!(left, [ANA, BRUNO]);
}
