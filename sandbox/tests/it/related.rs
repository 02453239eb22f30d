//! Writing rows together with those that belong to them.

use dataverse_sandbox::Seed;
use serde_json::{Value, json};

use crate::world::{AMIR, ANA, BRUNO, CONTOSO, MARTA, World};

const LIST: &str = "11570000-0000-4000-8000-000000000001";

async fn ids(world: &World, path: &str, name: &str) -> Vec<Value> {
    let reply = world.get(path).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text);
    reply.json()["value"].as_array().unwrap().iter().map(|row| row[name].clone()).collect()
}

#[tokio::test]
async fn a_create_brings_its_related_rows_along() {
    let world = World::new(Seed::Crm).await;
    let body = json!({
        "name": "Deep Ltd",
        "primarycontactid": {
            "firstname": "Dora", "lastname": "Deep",
            "Contact_Tasks": [{ "subject": "Call Dora" }]
        },
        "Account_Tasks": [
            { "subject": "First", "ownerid@odata.bind": format!("/systemusers({MARTA})") },
            { "subject": "Second" }
        ],
        "contact_customer_accounts@odata.bind": [format!("/contacts({BRUNO})")]
    });
    let created = world.post("accounts", &body).await;
    assert_eq!(created.status, 204, "{}", created.text);
    let id = created.id();
    let expand =
        "primarycontactid($select=fullname;$expand=Contact_Tasks($select=subject)),Account_Tasks($select=subject)";
    let row = world.query(&format!("accounts({id})"), &[("$select", "name"), ("$expand", expand)]).await.json();
    assert_eq!(row["primarycontactid"]["fullname"], "Dora Deep");
    assert_eq!(row["primarycontactid"]["Contact_Tasks"][0]["subject"], "Call Dora");
    assert_eq!(row["Account_Tasks"].as_array().unwrap().len(), 2);
    assert_eq!(ids(&world, &format!("accounts({id})/contact_customer_accounts"), "contactid").await, [BRUNO]);
}

#[tokio::test]
async fn a_failed_part_takes_the_whole_create_back() {
    let world = World::new(Seed::Crm).await;
    let before = world.get("contacts/$count").await.text;
    let body = json!({ "name": "Broken", "primarycontactid": { "lastname": "Lost" },
                       "Account_Tasks": [{ "subject": "x".repeat(300) }] });
    assert_eq!(world.post("accounts", &body).await.code(), "0x80044331");
    assert_eq!(world.get("contacts/$count").await.text, before);
    assert_eq!(world.get("accounts/$count?$filter=name eq 'Broken'").await.text.trim_start_matches('\u{feff}'), "0");
    let update = json!({ "primarycontactid": { "lastname": "No" } });
    assert_eq!(world.patch(&format!("accounts({CONTOSO})"), &update).await.status, 400);
    let update = json!({ "Account_Tasks": [{ "subject": "No" }] });
    assert_eq!(world.patch(&format!("accounts({CONTOSO})"), &update).await.status, 400);
}

#[tokio::test]
async fn activities_have_parties() {
    let world = World::new(Seed::Crm).await;
    let party = |id: &str, mask: i64| json!({ "partyid_contact@odata.bind": format!("/contacts({id})"), "participationtypemask": mask });
    let body = json!({ "subject": "Fair", "new_eventattendance_activity_parties": [party(ANA, 5), party(BRUNO, 6)] });
    let id = world.post("new_eventattendances", &body).await.id();
    let path = format!(
        "new_eventattendances({id})/new_eventattendance_activity_parties?$select=participationtypemask,_partyid_value&$orderby=participationtypemask&$filter=participationtypemask lt 8"
    );
    assert_eq!(ids(&world, &path, "_partyid_value").await, [ANA, BRUNO]);
    // The owner is a party, too; the platform sees to that.
    let owner = path.replace("lt 8", "eq 9");
    assert_eq!(ids(&world, &owner, "_partyid_value").await.len(), 1);
    let who = "new_eventattendance_activity_parties/any(p:p/partyid_contact/firstname eq 'Bruno')";
    let found = world.query("new_eventattendances", &[("$filter", who)]).await.json();
    assert_eq!(found["value"][0]["activityid"], id);

    let put = world.request("PUT", &format!("new_eventattendances({id})/new_eventattendance_activity_parties"));
    let put = world.send(put.json(&json!({ "value": [party(BRUNO, 5)] }))).await;
    assert_eq!(put.status, 204, "{}", put.text);
    assert_eq!(ids(&world, &path, "_partyid_value").await, [BRUNO]);
}

#[tokio::test]
async fn references_put_rows_into_collections_and_take_them_out() {
    let world = World::new(Seed::Crm).await;
    let people = format!("accounts({CONTOSO})/contact_customer_accounts");
    let link = json!({ "@odata.id": world.url(&format!("contacts({BRUNO})")) });
    assert_eq!(world.post(&format!("{people}/$ref"), &link).await.status, 204);
    assert!(ids(&world, &people, "contactid").await.contains(&json!(BRUNO)));
    let removed = world.send(world.request("DELETE", &format!("{people}({BRUNO})/$ref"))).await;
    assert_eq!(removed.status, 204, "{}", removed.text);
    assert!(!ids(&world, &people, "contactid").await.contains(&json!(BRUNO)));

    let person = world.post("contacts", &json!({ "lastname": "Listed" })).await.id();
    let members = format!("lists({LIST})/listcontact_association");
    let link = json!({ "@odata.id": format!("contacts({person})") });
    for _ in 0..2 {
        assert_eq!(world.post(&format!("{members}/$ref"), &link).await.status, 204);
    }
    let count = |reply: crate::world::Reply| reply.json()["membercount"].as_i64().unwrap();
    assert_eq!(count(world.get(&format!("lists({LIST})?$select=membercount")).await), 7);
    let url = world.url(&format!("contacts({person})"));
    let request = world.request("DELETE", &format!("{members}/$ref")).query(&[("$id", url)]);
    assert_eq!(world.send(request).await.status, 204);
    assert_eq!(count(world.get(&format!("lists({LIST})?$select=membercount")).await), 6);
    let lead = json!({ "@odata.id": format!("leads({AMIR})") });
    assert_eq!(world.post(&format!("lists({LIST})/listlead_association/$ref"), &lead).await.code(), "0x80040301");
    assert_eq!(world.post(&format!("{members}/$ref"), &lead).await.status, 400);

    let team = "70000000-0000-4000-8000-000000000001";
    let users = format!("teams({team})/teammembership_association");
    let user = json!({ "@odata.id": world.url(&format!("systemusers({MARTA})")) });
    assert_eq!(world.post(&format!("{users}/$ref"), &user).await.status, 204);
    assert_eq!(world.post(&format!("{users}/$ref"), &user).await.code(), "0x80040237");
    let teams = world
        .get(&format!("systemusers({MARTA})?$select=fullname&$expand=teammembership_association($select=name)"))
        .await;
    assert_eq!(teams.json()["teammembership_association"][0]["teamid"], team);
}

#[tokio::test]
async fn a_row_can_be_made_inside_a_collection() {
    let world = World::new(Seed::Crm).await;
    let reply = world.post(&format!("contacts({ANA})/Contact_Tasks"), &json!({ "subject": "Inside" })).await;
    assert_eq!(reply.status, 204, "{}", reply.text);
    let task = world.get(&format!("tasks({})?$select=_regardingobjectid_value", reply.id())).await.json();
    assert_eq!(task["_regardingobjectid_value"], ANA);
    let request = world.request("POST", &format!("contacts({ANA})/Contact_Tasks?$select=subject"));
    let request = request.header("prefer", "return=representation").json(&json!({ "subject": "Shown" }));
    let shown = world.send(request).await;
    assert_eq!((shown.status, &shown.json()["subject"]), (201, &json!("Shown")));
}

#[tokio::test]
async fn keys_with_lookups_address_rows() {
    let world = World::new(Seed::Crm).await;
    let key = json!({ "SchemaName": "new_byperson", "KeyAttributes": ["parentcustomerid", "employeeid"] });
    let made = world.post("EntityDefinitions(LogicalName='contact')/Keys", &key).await;
    assert_eq!(made.status, 204, "{}", made.text);
    let number = json!({ "employeeid": "E7" });
    assert_eq!(world.patch(&format!("contacts({ANA})"), &number).await.status, 204);
    let address = format!("contacts(_parentcustomerid_value={CONTOSO},employeeid='E7')");
    assert_eq!(world.get(&format!("{address}?$select=fullname")).await.json()["fullname"], "Ana Silva");
    let task = json!({ "subject": "By key", "regardingobjectid_contact_task@odata.bind": format!("/{address}") });
    let task = world.post("tasks", &task).await;
    assert_eq!(task.status, 204, "{}", task.text);
}

#[tokio::test]
async fn a_dynamic_list_finds_its_members_by_a_query() {
    let world = World::new(Seed::Crm).await;
    let query = "<fetch><entity name='contact'><attribute name='contactid'/><filter><condition attribute='statecode' \
                 operator='eq' value='1'/></filter></entity></fetch>";
    let list = json!({ "listname": "Gone", "createdfromcode": 2, "type": true, "query": query });
    let id = world.post("lists", &list).await.id();
    let copied = world.post(&format!("lists({id})/Microsoft.Dynamics.CRM.CopyDynamicListToStatic"), &json!({})).await;
    assert_eq!(copied.status, 200, "{}", copied.text);
    let copy = copied.json()["StaticListId"].as_str().unwrap().to_owned();
    let members = ids(&world, &format!("lists({copy})/listcontact_association?$select=fullname"), "fullname").await;
    assert_eq!(members, ["Walter Young"]);
}
