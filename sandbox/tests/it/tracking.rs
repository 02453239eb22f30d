//! Change tracking.

use dataverse_sandbox::Seed;
use serde_json::{Value, json};

use crate::world::{ANA, BRUNO, Reply, World};

async fn follow(world: &World, link: &Value) -> Reply {
    let path = link.as_str().unwrap().split("/v9.2/").nth(1).unwrap().to_owned();
    world.get(&path).await
}

#[tokio::test]
async fn delta_links_tell_what_changed_and_what_is_gone() {
    let world = World::new(Seed::Crm).await;
    let tracked = world.request("GET", "contacts?$select=fullname").header("Prefer", "odata.track-changes");
    let first = world.send(tracked).await;
    assert_eq!(first.header("preference-applied"), "odata.track-changes");
    let first = first.json();
    assert!(first["value"].as_array().unwrap().len() > 2);

    let none = follow(&world, &first["@odata.deltaLink"]).await.json();
    assert_eq!(none["value"], json!([]));
    assert!(none["@odata.context"].as_str().unwrap().ends_with("#contacts(fullname)/$delta"));
    assert_eq!(world.patch(&format!("contacts({ANA})"), &json!({ "firstname": "Anna" })).await.status, 204);
    let passing = world.post("contacts", &json!({ "lastname": "Passing" })).await.id();
    for id in [BRUNO, &passing] {
        assert_eq!(world.send(world.request("DELETE", &format!("contacts({id})"))).await.status, 204);
    }
    let since = follow(&world, &first["@odata.deltaLink"]).await.json();
    let rows = since["value"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0]["contactid"], ANA);
    assert_eq!((&rows[1]["id"], &rows[1]["reason"]), (&json!(BRUNO), &json!("deleted")));
    assert!(rows[2]["@odata.context"].as_str().unwrap().ends_with("#contacts/$deletedEntity"));
    let link = first["@odata.deltaLink"].as_str().unwrap().replace("contacts?", "contacts/$count?");
    assert_eq!(follow(&world, &json!(link)).await.text.trim_start_matches('\u{feff}'), "3");
}

#[tokio::test]
async fn tracking_refuses_other_options_and_tables_without_it() {
    let world = World::new(Seed::Crm).await;
    for (option, text) in [
        ("$filter=statecode eq 0", "The \"$filter\" query parameter isn't supported when Change Tracking is enabled."),
        ("$top=1", "The \"$top\" query parameter isn't supported when Change Tracking is enabled."),
    ] {
        let request = world.request("GET", &format!("contacts?{}", option.replace(' ', "%20")));
        let reply = world.send(request.header("Prefer", "odata.track-changes")).await;
        assert_eq!((reply.status, reply.message().as_str()), (400, text));
    }
    let links = world.request("GET", "systemuserrolescollection").header("Prefer", "odata.track-changes");
    assert_eq!(world.send(links).await.code(), "0x80072491");
    let old = world.query("contacts", &[("$deltatoken", "1000000!01/01/2020 00:00:00")]).await;
    assert_eq!((old.status, old.code().as_str()), (400, "0x80044352"));
}

#[tokio::test]
async fn a_dynamic_list_has_the_members_its_query_finds() {
    let world = World::new(Seed::Crm).await;
    let query = "<fetch><entity name='contact'><attribute name='contactid'/><filter><condition attribute='firstname' \
                 operator='eq' value='Ana'/></filter></entity></fetch>";
    let list = json!({ "listname": "Anas", "createdfromcode": 2, "type": true, "query": query });
    let list = world.post("lists", &list).await.id();
    let members = world.get(&format!("lists({list})/listcontact_association?$select=contactid")).await;
    assert_eq!(members.json()["value"][0]["contactid"], ANA, "{}", members.text);
    let copy = world.post(&format!("lists({list})/Microsoft.Dynamics.CRM.CopyDynamicListToStatic"), &json!({})).await;
    let copy = copy.json()["StaticListId"].as_str().unwrap().to_owned();
    let copy = world.get(&format!("lists({copy})/listcontact_association?$select=contactid")).await;
    assert_eq!(copy.json()["value"].as_array().unwrap().len(), 1);
}
