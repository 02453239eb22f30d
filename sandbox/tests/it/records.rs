//! Creating, reading, changing and deleting rows.

use dataverse_sandbox::Seed;
use serde_json::json;

use crate::world::{AMIR, ANA, CONTOSO, MARTA, MISSING, World};

#[tokio::test]
async fn a_created_row_comes_back_as_the_platform_writes_it() {
    let world = World::new(Seed::Crm).await;
    let body = json!({
        "subject": "Registered for: Summit",
        "new_engagementscore": 85.5,
        "new_registrationstatus": 727_000_000,
        "new_checkintime": "2026-06-01T10:00:00.900+02:00",
        "regardingobjectid_contact_new_eventattendance@odata.bind": format!("/contacts({ANA})"),
        "ownerid_new_eventattendance@odata.bind": format!("systemusers({MARTA})"),
    });
    let created = world.post("new_eventattendances", &body).await;
    assert_eq!((created.status, created.text.as_str()), (204, ""));
    assert_eq!(created.header("odata-version"), "4.0");
    let path = format!("new_eventattendances({})", created.id());
    assert_eq!(created.header("odata-entityid"), world.url(&path));

    let request = world.request("GET", &path).header("prefer", "odata.include-annotations=\"*\"");
    let read = world.send(request).await;
    let row = read.json();
    assert!(read.text.contains("\"new_engagementscore\":85.5000000000"), "decimals keep their scale");
    assert_eq!(row["new_checkintime"], "2026-06-01T08:00:00Z");
    assert_eq!(row["new_registrationstatus@OData.Community.Display.V1.FormattedValue"], "Registered");
    assert_eq!(row["_regardingobjectid_value"], ANA);
    assert_eq!(row["_regardingobjectid_value@Microsoft.Dynamics.CRM.lookuplogicalname"], "contact");
    assert_eq!(
        row["_regardingobjectid_value@Microsoft.Dynamics.CRM.associatednavigationproperty"],
        "regardingobjectid_contact_new_eventattendance"
    );
    assert_eq!(row["_regardingobjectid_value@OData.Community.Display.V1.FormattedValue"], "Ana Silva");
    assert_eq!((&row["_ownerid_value"], &row["_owninguser_value"]), (&json!(MARTA), &json!(MARTA)));
    assert_eq!((&row["statecode"], &row["statuscode"]), (&json!(0), &json!(1)));
    assert_eq!(row["activitytypecode"], "new_eventattendance");
    assert_eq!(row["@odata.etag"], format!("W/\"{}\"", row["versionnumber"]));

    let pointer = world.get(&format!("activitypointers({})", created.id())).await.json();
    assert_eq!((&pointer["subject"], &pointer["activitytypecode"]), (&row["subject"], &row["activitytypecode"]));
}

#[tokio::test]
async fn a_representation_is_returned_when_asked_for() {
    let world = World::new(Seed::Empty).await;
    let request =
        world.request("POST", "contacts?$select=fullname,emailaddress1").header("prefer", "return=representation");
    let reply = world.send(request.json(&json!({ "firstname": "Ana", "lastname": "Silva" }))).await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.header("preference-applied"), "return=representation");
    assert_eq!(reply.header("odata-entityid"), "");
    let row = reply.json();
    assert_eq!(row["@odata.context"], format!("{}(fullname,emailaddress1)/$entity", world.url("$metadata#contacts")));
    assert_eq!(row["fullname"], "Ana Silva");
    assert!(row["contactid"].is_string() && row["emailaddress1"].is_null() && row.get("lastname").is_none());
}

#[tokio::test]
async fn conditions_decide_between_create_update_and_refusal() {
    let world = World::new(Seed::Empty).await;
    let path = format!("contacts({MISSING})");
    let send = async |name: &'static str, value: String| {
        let request = world.request("PATCH", &path).header(name, value).json(&json!({ "firstname": "A" }));
        let reply = world.send(request).await;
        let code = if reply.text.is_empty() { String::new() } else { reply.code() };
        (reply.status, code)
    };
    assert_eq!(send("if-match", "*".to_owned()).await, (404, "0x80040217".to_owned()));
    assert_eq!(send("if-match", "W/\"1\"".to_owned()).await, (404, "0x80040217".to_owned()));
    assert_eq!(send("if-none-match", "null".to_owned()).await, (204, String::new()), "an upsert creates");
    assert_eq!(send("if-none-match", "*".to_owned()).await, (412, "0x80040237".to_owned()));
    let tag = world.get(&path).await.header("etag").to_owned();
    assert_eq!(send("if-match", tag.clone()).await, (204, String::new()));
    assert_eq!(send("if-match", tag.clone()).await, (412, "0x80060882".to_owned()));
    assert_eq!(send("if-match", "*".to_owned()).await, (204, String::new()));

    let tag_now = world.get(&path).await.header("etag").to_owned();
    let unchanged = world.send(world.request("GET", &path).header("if-none-match", &tag_now)).await;
    assert_eq!((unchanged.status, unchanged.text.as_str()), (304, ""));
    assert_eq!(world.send(world.request("GET", &path).header("if-none-match", &tag)).await.status, 200);

    let stale = world.send(world.request("DELETE", &path).header("if-match", &tag)).await;
    assert_eq!((stale.status, stale.code().as_str()), (412, "0x80060882"));
    assert_eq!(world.send(world.request("DELETE", &path)).await.status, 204);
    assert_eq!(world.send(world.request("DELETE", &path)).await.status, 404);
}

#[tokio::test]
async fn lookups_are_bound_by_any_url_and_emptied() {
    let world = World::new(Seed::Crm).await;
    let path = format!("contacts({ANA})");
    let absolute = world.url(&format!("accounts({CONTOSO})"));
    for url in [format!("/accounts({CONTOSO})"), format!("accounts({CONTOSO})"), absolute] {
        let reply = world.patch(&path, &json!({ "parentcustomerid_account@odata.bind": null })).await;
        assert_eq!(reply.status, 204, "{}", reply.text);
        assert!(world.get(&path).await.json()["_parentcustomerid_value"].is_null());
        assert_eq!(world.patch(&path, &json!({ "parentcustomerid_account@odata.bind": url })).await.status, 204);
        assert_eq!(world.get(&path).await.json()["_parentcustomerid_value"], CONTOSO);
    }
    let account = world.get(&format!("{path}/parentcustomerid_account?$select=name")).await.json();
    assert_eq!(account["name"], "Contoso Ltd");
    let unlink = world.request("DELETE", &format!("{path}/parentcustomerid_account/$ref"));
    assert_eq!(world.send(unlink).await.status, 204);
    assert!(world.get(&path).await.json()["_parentcustomerid_value"].is_null());
}

#[tokio::test]
async fn states_move_and_statuses_follow() {
    let world = World::new(Seed::Crm).await;
    let path = format!("leads({AMIR})");
    assert_eq!(world.patch(&path, &json!({ "statecode": 2 })).await.status, 204);
    assert_eq!(world.get(&path).await.json()["statuscode"], 4, "the default status of the state");
    let wrong = world.patch(&path, &json!({ "statecode": 1, "statuscode": 4 })).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (400, "0x80048408"));
    assert_eq!(
        wrong.message(),
        format!("4 is not a valid status code for state code LeadState.Qualified on lead with Id {AMIR}.")
    );

    let created = world.post("tasks", &json!({ "subject": "x", "statecode": 1, "statuscode": 5 })).await;
    let task = world.get(&format!("tasks({})", created.id())).await.json();
    assert_eq!(task["statecode"], 0, "a create leaves the state alone, unless a switch says otherwise");
    world.admin("POST", "switches", Some(json!({ "create_state": "honour" }))).await;
    let created = world.post("tasks", &json!({ "subject": "x", "statecode": 1, "statuscode": 5 })).await;
    assert_eq!(world.get(&format!("tasks({})", created.id())).await.json()["statecode"], 1);
}

#[tokio::test]
async fn deleting_a_person_takes_their_activities_along() {
    let world = World::new(Seed::Crm).await;
    let filter = format!("_regardingobjectid_value eq {ANA}");
    let before = world.query("activitypointers", &[("$filter", &filter)]).await.json();
    assert!(!before["value"].as_array().unwrap().is_empty());
    assert_eq!(world.send(world.request("DELETE", &format!("contacts({ANA})"))).await.status, 204);
    let after = world.query("activitypointers", &[("$filter", &filter)]).await.json();
    assert_eq!(after["value"], json!([]));
}

#[tokio::test]
async fn activities_follow_the_owner_of_the_person() {
    let world = World::new(Seed::Crm).await;
    let team = "70000000-0000-4000-8000-000000000001";
    let bind = json!({ "ownerid@odata.bind": format!("/teams({team})") });
    let request = world.request("PATCH", &format!("contacts({ANA})")).header("prefer", "return=representation");
    let person = world.send(request.json(&bind)).await;
    assert_eq!(person.status, 200);
    assert_eq!(
        (&person.json()["_owningteam_value"], &person.json()["_owninguser_value"]),
        (&json!(team), &json!(null))
    );
    let filter = format!("_regardingobjectid_value eq {ANA} and _ownerid_value ne {team}");
    let others = world.query("activitypointers", &[("$filter", &filter)]).await.json();
    assert_eq!(others["value"], json!([]));
}

#[tokio::test]
async fn single_columns_are_read_set_and_emptied() {
    let world = World::new(Seed::Crm).await;
    let path = format!("contacts({ANA})/jobtitle");
    assert_eq!(world.get(&path).await.json()["value"], "Head of Marketing");
    let put = world.request("PUT", &path).json(&json!({ "value": "CEO" }));
    assert_eq!(world.send(put).await.status, 204);
    assert_eq!(world.get(&path).await.json()["value"], "CEO");
    assert_eq!(world.send(world.request("DELETE", &path)).await.status, 204);
    assert_eq!(world.get(&path).await.status, 204);
}

#[tokio::test]
async fn rows_are_addressed_and_upserted_by_alternate_key() {
    let world = World::new(Seed::Crm).await;
    let key = json!({ "SchemaName": "new_number", "KeyAttributes": ["accountnumber"] });
    assert_eq!(world.post("EntityDefinitions(LogicalName='account')/Keys", &key).await.status, 204);
    let row = world.get("accounts(accountnumber='CON-001')?$select=name").await.json();
    assert_eq!(row["name"], "Contoso Ltd");
    let reply = world.get("accounts(accountnumber='none')").await;
    assert_eq!((reply.status, reply.code().as_str()), (404, "0x80060891"));
    let reply = world.get("accounts(name='Contoso Ltd')").await;
    assert_eq!(reply.status, 400);
    assert!(reply.message().starts_with("The key in the request URI is not valid for resource"));
    assert_eq!(world.get("accounts(accountnumber='A%2B1')").await.status, 400);

    let path = "accounts(accountnumber='NEW-1')";
    let created = world.patch(path, &json!({ "name": "New" })).await;
    assert_eq!((created.status, created.header("odata-entityid")), (204, world.url(path).as_str()));
    assert_eq!(world.get(path).await.json()["accountnumber"], "NEW-1");
    let twice = world.post("accounts", &json!({ "name": "Other", "accountnumber": "NEW-1" })).await;
    assert_eq!((twice.status, twice.code().as_str()), (412, "0x80060892"));
    assert!(twice.message().starts_with("Entity Key new_number violated."), "{}", twice.text);
    let kept = world.patch(path, &json!({ "accountnumber": "NEW-2", "name": "Kept" })).await;
    assert_eq!(kept.status, 204);
    assert_eq!(world.get(path).await.json()["name"], "Kept", "a row keeps its key when addressed by it");
}
