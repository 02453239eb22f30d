//! Marketing lists.

use dataverse_sandbox::Seed;
use serde_json::json;

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
