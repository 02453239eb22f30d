//! Opportunities that end, e-mails that leave, rows to begin with, and other messages of sales.

use dataverse_sandbox::Seed;
use serde_json::{Value, json};

use crate::world::{ANA, CONTOSO, World};

fn close(opportunity: &str, status: i64) -> Value {
    json!({
        "Status": status,
        "OpportunityClose": {
            "subject": "It is over",
            "opportunityid@odata.bind": format!("/opportunities({opportunity})"),
        },
    })
}

#[tokio::test]
async fn opportunities_are_won_and_lost() {
    let world = World::new(Seed::Crm).await;
    for (message, state, status) in [("WinOpportunity", 1, 3), ("LoseOpportunity", 2, 5)] {
        let deal = json!({ "name": "Stand", "estimatedvalue": 1000, "closeprobability": 80 });
        let deal = world.post("opportunities", &deal).await.id();
        let closed = world.post(message, &close(&deal, status)).await;
        assert_eq!(closed.status, 204, "{}", closed.text);
        let row = world.get(&format!("opportunities({deal})")).await.json();
        assert_eq!((&row["statecode"], &row["statuscode"]), (&json!(state), &json!(status)));
        assert_eq!(row["actualclosedate"].as_str().unwrap().len(), 10);
        assert_eq!(row["actualvalue"].as_f64(), (state == 1).then_some(1000.0), "what was estimated is what was won");
        let activity = world.get(&format!("opportunities({deal})/Opportunity_OpportunityClose")).await.json();
        assert_eq!(
            (&activity["value"][0]["subject"], &activity["value"][0]["statecode"]),
            (&json!("It is over"), &json!(1))
        );
        let again = world.post(message, &close(&deal, status)).await;
        assert_eq!((again.status, again.code().as_str()), (400, "0x80040515"));
    }
    let wild = world.post("opportunities", &json!({ "name": "x", "closeprobability": 101 })).await;
    assert_eq!((wild.status, wild.code().as_str()), (400, "0x8004432f"));
}

#[tokio::test]
async fn standard_activities_have_states_of_their_own() {
    let world = World::new(Seed::Empty).await;
    for (set, first, closed) in [("tasks", 2, 5), ("phonecalls", 1, 2), ("appointments", 1, 3), ("emails", 1, 2)] {
        let id = world.post(set, &json!({ "subject": "x" })).await.id();
        let path = format!("{set}({id})");
        assert_eq!(world.get(&path).await.json()["statuscode"], first, "{set}");
        assert_eq!(world.patch(&path, &json!({ "statecode": 1 })).await.status, 204);
        assert_eq!(world.get(&path).await.json()["statuscode"], closed, "{set}");
    }
    let mail = world.post("emails", &json!({ "subject": "Invitation" })).await.id();
    let sent =
        world.post(&format!("emails({mail})/Microsoft.Dynamics.CRM.SendEmail"), &json!({ "IssueSend": true })).await;
    assert_eq!((sent.status, &sent.json()["Subject"]), (200, &json!("Invitation")));
    let mail = world.get(&format!("emails({mail})")).await.json();
    assert_eq!((&mail["statecode"], &mail["statuscode"]), (&json!(1), &json!(6)));
}

#[tokio::test]
async fn a_row_begins_with_what_another_one_has() {
    let world = World::new(Seed::Crm).await;
    let changed = json!({ "address1_city": "Porto", "telephone1": "555-1" });
    assert_eq!(world.patch(&format!("accounts({CONTOSO})"), &changed).await.status, 204);
    let from = |source: &str, target: &str| {
        let parameters = [
            ("@p1", format!("{{'@odata.id':'{source}'}}")),
            ("@p2", format!("'{target}'")),
            ("@p3", "Microsoft.Dynamics.CRM.TargetFieldType'ValidForCreate'".to_owned()),
        ];
        let path = "InitializeFrom(EntityMoniker=@p1,TargetEntityName=@p2,TargetFieldType=@p3)";
        world.send(world.request("GET", path).query(&parameters))
    };
    let contact = from(&format!("accounts({CONTOSO})"), "contact").await;
    assert_eq!(contact.status, 200, "{}", contact.text);
    let mut contact = contact.json();
    assert_eq!((&contact["address1_city"], &contact["telephone1"]), (&json!("Porto"), &json!("555-1")));
    assert_eq!(contact["parentcustomerid_account@odata.bind"], format!("accounts({CONTOSO})"));
    contact["lastname"] = "New".into();
    assert_eq!(world.post("contacts", &contact).await.status, 204, "it can be sent as it is");
    let task = from(&format!("contacts({ANA})"), "task").await.json();
    assert_eq!(task["regardingobjectid_contact_task@odata.bind"], format!("contacts({ANA})"));
    assert_eq!(from(&format!("contacts({ANA})"), "nothing").await.status, 400);
}

#[tokio::test]
async fn addresses_and_languages_are_told() {
    let world = World::new(Seed::Empty).await;
    let path =
        "FormatAddress(Line1='12%2C Rue de l''Eau',City='Lyon',StateOrProvince='',PostalCode='69001',Country='France')";
    let address = world.get(path).await;
    assert_eq!(address.json()["Address"], "12, Rue de l'Eau\r\nLyon, 69001\r\nFrance", "{}", address.text);
    for (function, member) in [
        ("RetrieveProvisionedLanguages", "RetrieveProvisionedLanguages"),
        ("RetrieveAvailableLanguages", "LocaleIds"),
        ("RetrieveInstalledLanguagePacks", "RetrieveInstalledLanguagePacks"),
    ] {
        assert_eq!(world.get(&format!("{function}()")).await.json()[member], json!([1033]), "{function}");
    }
    assert_eq!(world.post("FormatAddress", &json!({})).await.status, 404);
}

#[tokio::test]
async fn roles_and_teams_tell_their_privileges() {
    let world = World::new(Seed::Crm).await;
    let roles = world.query("roles", &[("$filter", "name eq 'Salesperson'")]).await.json();
    let role = roles["value"][0]["roleid"].as_str().unwrap().to_owned();
    let path = format!("RetrieveRolePrivilegesRole(RoleId={role})");
    let before = world.get(&path).await.json()["RolePrivileges"].as_array().unwrap().clone();
    assert!(before.iter().any(|privilege| privilege["PrivilegeName"] == "prvReadContact"));
    let gone = json!({ "PrivilegeId": before[0]["PrivilegeId"] });
    let removed = world.post(&format!("roles({role})/Microsoft.Dynamics.CRM.RemovePrivilegeRole"), &gone).await;
    assert_eq!(removed.status, 204, "{}", removed.text);
    assert_eq!(world.get(&path).await.json()["RolePrivileges"].as_array().unwrap().len(), before.len() - 1);

    let teams = world.query("teams", &[("$top", "1"), ("$select", "teamid")]).await.json();
    let team = teams["value"][0]["teamid"].as_str().unwrap().to_owned();
    let link = json!({ "@odata.id": world.url(&format!("roles({role})")) });
    world.post(&format!("teams({team})/teamroles_association/$ref"), &link).await;
    let told = world.get(&format!("teams({team})/Microsoft.Dynamics.CRM.RetrieveTeamPrivileges()")).await;
    assert!(!told.json()["RolePrivileges"].as_array().unwrap().is_empty(), "{}", told.text);
}

#[tokio::test]
async fn members_leave_a_list_together() {
    let world = World::new(Seed::Crm).await;
    let list = world.post("lists", &json!({ "listname": "People", "createdfromcode": 2 })).await.id();
    let contact = json!({ "@odata.type": "Microsoft.Dynamics.CRM.contact", "contactid": ANA });
    let body =
        json!({ "List": { "@odata.type": "Microsoft.Dynamics.CRM.list", "listid": list }, "Members": [contact] });
    for (message, count) in [("AddListMembersList", 1), ("RemoveListMembersList", 0)] {
        assert_eq!(world.post(message, &body).await.status, 204, "{message}");
        assert_eq!(world.get(&format!("lists({list})")).await.json()["membercount"], count, "{message}");
    }
}
