//! Rows shared one by one, and the access that comes with the rows that others belong to.

use dataverse_sandbox::Seed;
use serde_json::{Value, json};

use crate::second::{Second, UNIT};
use crate::world::{ANA, Reply, World};

const OWN: [(&str, i64); 10] = [
    ("prvReadContact", 1),
    ("prvWriteContact", 1),
    ("prvShareContact", 1),
    ("prvReadActivity", 1),
    ("prvWriteActivity", 1),
    ("prvReadNote", 1),
    ("prvReadUser", 8),
    ("prvReadTeam", 8),
    ("prvReadAccount", 1),
    ("prvReadLead", 1),
];

fn row(table: &str, id: &str) -> Value {
    let mut row = json!({ "@odata.type": format!("Microsoft.Dynamics.CRM.{table}") });
    row[format!("{table}id")] = id.into();
    row
}

fn granted(target: Value, principal: Value, mask: &str) -> Value {
    json!({ "Target": target, "PrincipalAccess": { "AccessMask": mask, "Principal": principal } })
}

async fn share(world: &World, message: &str, contact: &str, principal: Value, mask: &str) -> Reply {
    world.post(message, &granted(row("contact", contact), principal, mask)).await
}

/// The ids of the contacts that the second application's user sees.
async fn seen(world: &World, second: &Second) -> Vec<String> {
    let reply = second.send(world, "GET", "contacts?$select=contactid", None).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let rows = reply.json()["value"].as_array().unwrap().clone();
    rows.iter().map(|row| row["contactid"].as_str().unwrap().to_owned()).collect()
}

async fn access(world: &World, principal: &str, target: &str) -> String {
    let path = format!("{principal}/Microsoft.Dynamics.CRM.RetrievePrincipalAccess(Target=@t)");
    let reply = world.query(&path, &[("@t", &format!("{{'@odata.id':'{target}'}}"))]).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["AccessRights"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_shared_row_is_there_for_those_it_is_shared_with() {
    let world = World::new(Seed::Crm).await;
    let second = Second::new(&world, &OWN).await;
    let user = row("systemuser", &second.user);
    let path = format!("contacts({ANA})?$select=jobtitle");
    assert_eq!(second.send(&world, "GET", &path, None).await.status, 403);
    assert_eq!(seen(&world, &second).await, [""; 0]);

    assert_eq!(share(&world, "GrantAccess", ANA, user.clone(), "ReadAccess").await.status, 204);
    assert_eq!(second.send(&world, "GET", &path, None).await.status, 200);
    assert_eq!(seen(&world, &second).await, [ANA]);
    let change = Some(json!({ "jobtitle": "Shared" }));
    let refused = second.send(&world, "PATCH", &path, change.clone()).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "0x80048306"));
    assert!(refused.message().contains("does not have WriteAccess right(s)"), "{}", refused.text);

    assert_eq!(share(&world, "GrantAccess", ANA, user.clone(), "WriteAccess,ShareAccess").await.status, 204);
    assert_eq!(second.send(&world, "PATCH", &path, change.clone()).await.status, 204);
    let whole = access(&world, &format!("systemusers({})", second.user), &format!("contacts({ANA})")).await;
    assert_eq!(whole, "ReadAccess, WriteAccess, ShareAccess");

    // Nobody gives away what they don't have.
    let team = json!({ "name": "Guests", "businessunitid@odata.bind": format!("/businessunits({UNIT})") });
    let team = world.post("teams", &team).await.id();
    let given = granted(row("contact", ANA), row("team", &team), "ReadAccess, DeleteAccess");
    assert_eq!(second.send(&world, "POST", "GrantAccess", Some(given)).await.status, 403);
    let given = granted(row("contact", ANA), row("team", &team), "ReadAccess");
    assert_eq!(second.send(&world, "POST", "GrantAccess", Some(given)).await.status, 204);

    let shares = world
        .query(
            "RetrieveSharedPrincipalsAndAccess(Target=@t)",
            &[("@t", &format!("{{\"@odata.id\":\"contacts({ANA})\"}}"))],
        )
        .await;
    assert_eq!(
        shares.json()["PrincipalAccesses"],
        json!([
            {
                "AccessMask": "ReadAccess, WriteAccess, ShareAccess",
                "Principal": {
                    "@odata.type": "#Microsoft.Dynamics.CRM.systemuser",
                    "systemuserid": second.user,
                    "ownerid": second.user,
                },
            },
            {
                "AccessMask": "ReadAccess",
                "Principal": { "@odata.type": "#Microsoft.Dynamics.CRM.team", "teamid": team, "ownerid": team },
            },
        ])
    );

    assert_eq!(share(&world, "ModifyAccess", ANA, user.clone(), "ReadAccess").await.status, 204);
    assert_eq!(second.send(&world, "PATCH", &path, change).await.status, 403);
    let revoked = json!({ "Target": row("contact", ANA), "Revokee": user });
    assert_eq!(world.post("RevokeAccess", &revoked).await.status, 204);
    assert_eq!(seen(&world, &second).await, [""; 0]);

    // As a member of the team
    let members = json!({ "Members": [row("systemuser", &second.user)] });
    let joined = world.post(&format!("teams({team})/Microsoft.Dynamics.CRM.AddMembersTeam"), &members).await;
    assert_eq!(joined.status, 204, "{}", joined.text);
    assert_eq!(seen(&world, &second).await, [ANA]);
    world.post(&format!("teams({team})/Microsoft.Dynamics.CRM.RemoveMembersTeam"), &members).await;
    assert_eq!(seen(&world, &second).await, [""; 0]);
}

#[tokio::test]
async fn sharing_needs_a_row_and_somebody_else() {
    let world = World::new(Seed::Crm).await;
    let second = Second::new(&world, &OWN).await;
    let user = row("systemuser", &second.user);
    let own = json!({ "lastname": "Own", "ownerid@odata.bind": format!("/systemusers({})", second.user) });
    let own = world.post("contacts", &own).await.id();
    let refused = share(&world, "GrantAccess", &own, user.clone(), "ReadAccess").await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "0x80040214"));
    assert_eq!(share(&world, "GrantAccess", ANA, user.clone(), "EveryAccess").await.status, 400);
    assert_eq!(share(&world, "GrantAccess", ANA, row("contact", ANA), "ReadAccess").await.status, 400);
    let missing = share(&world, "GrantAccess", crate::world::MISSING, user, "ReadAccess").await;
    assert_eq!((missing.status, missing.code().as_str()), (404, "0x80040217"));
    assert_eq!(world.post("principalobjectaccessset", &json!({})).await.code(), "0x80040800");
}

#[tokio::test]
async fn what_belongs_to_a_row_is_shared_with_it() {
    let world = World::new(Seed::Crm).await;
    let second = Second::new(&world, &OWN).await;
    let task = json!({ "subject": "Call", "regardingobjectid_contact_task@odata.bind": format!("/contacts({ANA})") });
    let before = world.post("tasks", &task).await.id();
    share(&world, "GrantAccess", ANA, row("systemuser", &second.user), "ReadAccess, WriteAccess").await;
    let after = world.post("tasks", &task).await.id();
    for task in [&before, &after] {
        let path = format!("tasks({task})");
        assert_eq!(second.send(&world, "PATCH", &path, Some(json!({ "subject": "Called" }))).await.status, 204);
    }
    assert!(second.count(&world, "activitypointers").await >= 2, "through the view of all activities, too");

    // To somebody else's row, and back
    let away = json!({ "regardingobjectid_contact_task@odata.bind": format!("/contacts({})", crate::world::BRUNO) });
    assert_eq!(world.patch(&format!("tasks({after})"), &away).await.status, 204);
    assert_eq!(second.send(&world, "GET", &format!("tasks({after})"), None).await.status, 403);
    let back = json!({ "regardingobjectid_contact_task@odata.bind": format!("/contacts({ANA})") });
    assert_eq!(world.patch(&format!("tasks({after})"), &back).await.status, 204);
    assert_eq!(second.send(&world, "GET", &format!("tasks({after})"), None).await.status, 200);

    let revoked = json!({ "Target": row("contact", ANA), "Revokee": row("systemuser", &second.user) });
    assert_eq!(world.post("RevokeAccess", &revoked).await.status, 204);
    for task in [&before, &after] {
        assert_eq!(second.send(&world, "GET", &format!("tasks({task})"), None).await.status, 403);
    }
    let left =
        world.query("principalobjectaccessset", &[("$filter", &format!("principalid eq {}", second.user))]).await;
    assert_eq!(left.json()["value"], json!([]));
}

#[tokio::test]
async fn owners_have_access_to_what_others_add_to_their_rows() {
    let world = World::new(Seed::Crm).await;
    let second = Second::new(&world, &OWN).await;
    let owner = |user: &str| json!({ "ownerid@odata.bind": format!("/systemusers({user})") });
    let mut contact = owner(&second.user);
    contact["lastname"] = "Own".into();
    let contact = world.post("contacts", &contact).await.id();
    let task = json!({ "subject": "x", "regardingobjectid_contact_task@odata.bind": format!("/contacts({contact})") });
    let task = world.post("tasks", &task).await.id();
    let path = format!("tasks({task})?$select=subject");
    assert_eq!(second.send(&world, "GET", &path, None).await.status, 200);
    let whole = access(&world, &format!("systemusers({})", second.user), &format!("tasks({task})")).await;
    assert_eq!(whole, "ReadAccess, WriteAccess", "as far as their role goes");

    // The next owner has it instead; closed or not, the task is theirs now.
    assert_eq!(world.patch(&format!("contacts({contact})"), &owner(crate::world::MARTA)).await.status, 204);
    assert_eq!(second.send(&world, "GET", &path, None).await.status, 403);

    // A row that goes takes its shares along.
    let deleted = world.send(world.request("DELETE", &format!("contacts({contact})"))).await;
    assert_eq!(deleted.status, 204);
    let left = world.query("principalobjectaccessset", &[("$filter", &format!("objectid eq {task}"))]).await;
    assert_eq!(left.json()["value"], json!([]));
}
