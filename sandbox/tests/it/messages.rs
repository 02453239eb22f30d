//! Functions and actions.

use dataverse_sandbox::Seed;
use serde_json::json;

use crate::world::{AMIR, ANA, BRUNO, MARTA, MISSING, World};

#[tokio::test]
async fn a_qualified_lead_becomes_contact_account_and_opportunity() {
    let world = World::new(Seed::Crm).await;
    let lead = json!({ "subject": "Summit", "firstname": "Lia", "lastname": "Costa", "companyname": "Costa Ltd",
        "emailaddress1": "lia@costa.example" });
    let id = world.post("leads", &lead).await.id();
    let path = format!("leads({id})/Microsoft.Dynamics.CRM.QualifyLead");
    let body = json!({ "CreateAccount": true, "CreateContact": true, "CreateOpportunity": true, "Status": 3 });
    let wrong =
        json!({ "CreateAccount": true, "CreateContact": true, "CreateOpportunity": true, "Status": "Qualified" });
    assert_eq!(world.post(&path, &wrong).await.code(), "0x80048d19");
    let reply = world.post(&path, &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let made = reply.json()["value"].clone();
    assert_eq!(made.as_array().unwrap().len(), 3);
    let contact = made[1]["contactid"].as_str().unwrap();
    let read = world.get(&format!("contacts({contact})")).await.json();
    assert_eq!((&read["fullname"], &read["_originatingleadid_value"]), (&json!("Lia Costa"), &json!(id)));
    assert_eq!(read["_parentcustomerid_value"], made[0]["accountid"]);
    let opportunity = world.get(&format!("opportunities({})", made[2]["opportunityid"].as_str().unwrap())).await.json();
    assert_eq!((&opportunity["name"], &opportunity["_customerid_value"]), (&json!("Summit"), &made[0]["accountid"]));
    let closed = world.get(&format!("leads({id})")).await.json();
    assert_eq!((&closed["statecode"], &closed["statuscode"]), (&json!(1), &json!(3)));
    assert_eq!(world.post(&path, &body).await.code(), "0x80040519");
}

#[tokio::test]
async fn merging_moves_activities_and_closes_the_subordinate() {
    let world = World::new(Seed::Crm).await;
    let task = json!({ "subject": "Call", "regardingobjectid_contact@odata.bind": format!("/contacts({BRUNO})") });
    let task = world.post("tasks", &task).await.id();
    let kind = "Microsoft.Dynamics.CRM.contact";
    let body = json!({
        "Target": { "@odata.type": kind, "contactid": ANA },
        "Subordinate": { "@odata.type": kind, "contactid": BRUNO },
        "UpdateContent": { "@odata.type": kind, "contactid": ANA, "jobtitle": "Director" },
        "PerformParentingChecks": false,
    });
    let reply = world.post("Merge", &body).await;
    assert_eq!(reply.status, 204, "{}", reply.text);
    let merged = world.get(&format!("contacts({BRUNO})")).await.json();
    assert_eq!(
        (&merged["merged"], &merged["_masterid_value"], &merged["statecode"]),
        (&json!(true), &json!(ANA), &json!(1))
    );
    assert_eq!(world.get(&format!("contacts({ANA})")).await.json()["jobtitle"], "Director");
    assert_eq!(world.get(&format!("tasks({task})")).await.json()["_regardingobjectid_value"], ANA);
    assert_eq!(world.post("Merge", &body).await.code(), "0x80045304");
    let same = json!({ "Target": body["Target"], "Subordinate": body["Target"], "PerformParentingChecks": false });
    assert_eq!(world.post("Merge", &same).await.code(), "0x80045305");
}

#[tokio::test]
async fn duplicates_are_refused_when_asked_for() {
    let world = World::new(Seed::Empty).await;
    let ana = json!({ "lastname": "Silva", "emailaddress1": "ana@x.example" });
    let first = world.post("contacts", &ana).await.id();
    assert_eq!(world.post("contacts", &ana).await.status, 204, "detection is off by default");
    let watchful =
        |method: &str, path: &str| world.request(method, path).header("MSCRM.SuppressDuplicateDetection", "false");
    let refused = world.send(watchful("POST", "contacts").json(&ana)).await;
    assert_eq!((refused.status, refused.code().as_str()), (412, "0x80040333"));
    assert_eq!(
        refused.message(),
        "A record was not created or updated because a duplicate of the current record already exists."
    );
    let bulk =
        json!({ "Targets": [{ "@odata.type": "Microsoft.Dynamics.CRM.contact", "emailaddress1": "ANA@x.example" }] });
    let refused = world.send(watchful("POST", "contacts/Microsoft.Dynamics.CRM.CreateMultiple").json(&bulk)).await;
    assert_eq!(refused.code(), "0x80040333");
    let other = world.post("contacts", &json!({ "lastname": "Other" })).await.id();
    let change = json!({ "emailaddress1": "ana@x.example" });
    assert_eq!(world.send(watchful("PATCH", &format!("contacts({other})")).json(&change)).await.code(), "0x80040333");
    let harmless = json!({ "firstname": "An" });
    assert_eq!(world.send(watchful("PATCH", &format!("contacts({first})")).json(&harmless)).await.status, 204);

    let found = world
        .query(
            "RetrieveDuplicates(BusinessEntity=@p1,MatchingEntityName=@p2,PagingInfo=@p3)",
            &[
                ("@p1", "{'@odata.type':'Microsoft.Dynamics.CRM.contact','emailaddress1':'ana@x.example'}"),
                ("@p2", "'contact'"),
                ("@p3", "{\"PageNumber\":1,\"Count\":50}"),
            ],
        )
        .await;
    assert_eq!(found.json()["value"].as_array().unwrap().len(), 2, "{}", found.text);

    // Closed rows don't count under the rules an organisation is born with.
    for row in found.json()["value"].as_array().unwrap() {
        let path = format!("contacts({})", row["contactid"].as_str().unwrap());
        assert_eq!(world.patch(&path, &json!({ "statecode": 1 })).await.status, 204);
    }
    assert_eq!(world.send(watchful("POST", "contacts").json(&ana)).await.status, 204);
    world.admin("POST", "switches", Some(json!({ "duplicates_status": 500 }))).await;
    assert_eq!(world.send(watchful("POST", "contacts").json(&ana)).await.status, 500);
}

#[tokio::test]
async fn bulk_delete_works_as_the_python_client_calls_it() {
    let world = World::new(Seed::Crm).await;
    let body = json!({
        "JobName": "Bulk delete", "SendEmailNotification": false, "ToRecipients": [], "CCRecipients": [],
        "RecurrencePattern": "", "StartDateTime": "2026-11-22T00:00:00Z",
        "QuerySet": [{ "@odata.type": "Microsoft.Dynamics.CRM.QueryExpression", "EntityName": "contact",
            "ColumnSet": { "AllColumns": false, "Columns": [] },
            "Criteria": { "FilterOperator": "And", "Conditions": [{ "AttributeName": "contactid", "Operator": "In",
                "Values": [{ "Value": ANA, "Type": "System.Guid" }, { "Value": MISSING, "Type": "System.Guid" }] }] } }],
    });
    let reply = world.post("BulkDelete", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let job = reply.json()["JobId"].as_str().unwrap().to_owned();
    let job = world.get(&format!("asyncoperations({job})?$select=statecode,statuscode")).await.json();
    assert_eq!((&job["statecode"], &job["statuscode"]), (&json!(3), &json!(30)));
    assert_eq!(world.get(&format!("contacts({ANA})")).await.status, 404);
    assert_eq!(world.get(&format!("contacts({BRUNO})")).await.status, 200);
}

#[tokio::test]
async fn roles_get_privileges_and_users_tell_theirs() {
    let world = World::new(Seed::Crm).await;
    let me = world.get("WhoAmI").await.json();
    let (user, unit) = (me["UserId"].as_str().unwrap(), me["BusinessUnitId"].as_str().unwrap());
    let role = json!({ "name": "InEvent Integration", "businessunitid@odata.bind": format!("businessunits({unit})") });
    let role = world.post("roles", &role).await.id();
    let found = world
        .query("privileges", &[("$select", "privilegeid,name"), ("$filter", "name eq 'prvReadContact'")])
        .await
        .json();
    let privilege = found["value"][0]["privilegeid"].as_str().unwrap();
    let body = json!({ "Privileges": [{ "BusinessUnitId": unit, "Depth": "Local", "PrivilegeId": privilege,
        "PrivilegeName": "prvReadContact" }] });
    let path = format!("roles({role})/Microsoft.Dynamics.CRM.AddPrivilegesRole");
    assert_eq!(world.post(&path, &body).await.status, 204);
    let listed = world.get(&format!("roles({role})/roleprivileges_association")).await.json();
    assert_eq!(listed["value"][0]["name"], "prvReadContact");
    let wrong = json!({ "Privileges": [{ "Depth": "Endless", "PrivilegeId": privilege }] });
    assert_eq!(world.post(&path, &wrong).await.code(), "0x8004140b");

    let mine = world.get(&format!("systemusers({user})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()")).await.json();
    let mine = mine["RolePrivileges"].as_array().unwrap();
    assert!(mine.iter().any(|p| p["PrivilegeName"] == "prvCreateActivity" && p["Depth"] == "Global"));
}

#[tokio::test]
async fn the_organisation_tells_about_itself() {
    let world = World::new(Seed::Crm).await;
    let counts = world.query("RetrieveTotalRecordCount(EntityNames=@p1)", &[("@p1", "[\"contact\",\"team\"]")]).await;
    let counts = counts.json()["EntityRecordCountCollection"].clone();
    assert_eq!((&counts["Count"], &counts["Keys"][1]), (&json!(2), &json!("team")));
    let path = "RetrieveCurrentOrganization(AccessType=Microsoft.Dynamics.CRM.EndpointAccessType'Default')";
    let about = world.get(path).await.json();
    assert_eq!(about["Detail"]["OrganizationId"], world.get("WhoAmI").await.json()["OrganizationId"]);
    assert!(world.get("RetrieveVersion").await.json()["Version"].as_str().unwrap().starts_with("9.2."));
    assert_eq!(world.get("Merge").await.status, 404);
}

#[tokio::test]
async fn tables_say_which_messages_they_understand() {
    let world = World::new(Seed::Empty).await;
    for (message, table, count) in [
        ("CreateMultiple", "contact", 1),
        ("UpdateMultiple", "new_eventattendance", 1),
        ("UpsertMultiple", "contact", 0),
        ("CreateMultiple", "listmember", 0),
    ] {
        let found = world
            .query(
                "sdkmessagefilters",
                &[
                    ("$select", "sdkmessagefilterid"),
                    ("$filter", "sdkmessageid/name eq @message and primaryobjecttypecode eq @table"),
                    ("@message", &format!("'{message}'")),
                    ("@table", &format!("'{table}'")),
                ],
            )
            .await;
        assert_eq!(found.json()["value"].as_array().unwrap().len(), count, "{message} {table}: {}", found.text);
    }
}

#[tokio::test]
async fn marketing_lists_refuse_what_the_catalogue_says() {
    let world = World::new(Seed::Crm).await;
    let list = |more: serde_json::Value| {
        let mut body = json!({ "listname": "L", "createdfromcode": 2 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let add = json!({ "EntityId": ANA });
    for (more, code, text) in [
        (json!({ "lockstatus": true }), "0x80040302", "List is Locked. Cannot perform this action."),
        (
            json!({ "type": true, "query": "<fetch/>" }),
            "0x8004f701",
            "This action is not available for a dynamic marketing list.",
        ),
    ] {
        let id = world.post("lists", &list(more)).await.id();
        let reply = world.post(&format!("lists({id})/Microsoft.Dynamics.CRM.AddMemberList"), &add).await;
        assert_eq!((reply.status, reply.code().as_str(), reply.message().as_str()), (400, code, text));
    }
    let id = world.post("lists", &list(json!({}))).await.id();
    let (put, take) = (
        format!("lists({id})/Microsoft.Dynamics.CRM.AddMemberList"),
        format!("lists({id})/Microsoft.Dynamics.CRM.RemoveMemberList"),
    );
    assert_eq!(world.post(&put, &json!({ "EntityId": AMIR })).await.code(), "0x80040301");
    assert_eq!(world.post(&put, &json!({ "EntityId": MARTA })).await.code(), "0x80040217");
    assert_eq!(world.post(&take, &add).await.code(), "0x80048458");
    assert_eq!(world.patch(&format!("lists({id})"), &json!({ "statecode": 1 })).await.status, 204);
    assert_eq!(world.post(&put, &add).await.code(), "0x8004033a");
}

#[tokio::test]
async fn the_organisation_tells_its_settings() {
    let world = World::new(Seed::Empty).await;
    let me = world.get("WhoAmI").await.json();
    let row = world.get("organizations?$select=name,languagecode,_basecurrencyid_value&$expand=basecurrencyid($select=isocurrencycode)").await;
    let row = row.json()["value"][0].clone();
    assert_eq!((&row["organizationid"], &row["languagecode"]), (&me["OrganizationId"], &json!(1033)));
    assert_eq!(row["basecurrencyid"]["isocurrencycode"], "USD");
}
