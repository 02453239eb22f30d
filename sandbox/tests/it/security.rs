//! Roles and their depths, acting on behalf of others, users who may not come in.

use dataverse_sandbox::Seed;
use serde_json::json;

use crate::second::{Second, UNIT, grant};
use crate::world::{ANA, CONTOSO, MARTA, MISSING, World};

const OWN_CONTACTS: [(&str, i64); 6] = [
    ("prvReadContact", 1),
    ("prvCreateContact", 1),
    ("prvWriteContact", 1),
    ("prvAppendContact", 1),
    ("prvReadAccount", 8),
    ("prvDeleteContact", 1),
];

#[tokio::test]
async fn rows_beyond_the_depth_of_a_role_are_not_there() {
    let world = World::new(Seed::Crm).await;
    let second = Second::new(&world, &OWN_CONTACTS).await;
    assert_eq!(second.count(&world, "contacts?$select=fullname").await, 0);
    let made = second.send(&world, "POST", "contacts", Some(json!({ "lastname": "Mine" }))).await;
    assert_eq!(made.status, 204, "{}", made.text);
    assert_eq!(second.count(&world, "contacts?$select=fullname").await, 1);
    let total = second.send(&world, "GET", "contacts/$count", None).await;
    assert!(total.text.ends_with('1'), "{}", total.text);
    let fetched = "contacts?fetchXml=%3Cfetch%3E%3Centity%20name%3D%22contact%22%2F%3E%3C%2Ffetch%3E";
    assert_eq!(second.count(&world, fetched).await, 1);
    assert!(second.count(&world, "accounts?$select=name").await > 0, "accounts are open to all");

    let mine = format!("contacts({})", made.id());
    assert_eq!(second.send(&world, "PATCH", &mine, Some(json!({ "firstname": "A" }))).await.status, 204);
    for (method, body, right) in [("GET", None, "Read"), ("PATCH", Some(json!({ "firstname": "A" })), "Read")] {
        let reply = second.send(&world, method, &format!("contacts({ANA})"), body).await;
        assert_eq!((reply.status, reply.code().as_str()), (403, "0x80048306"), "{method}");
        assert_eq!(
            reply.message(),
            format!(
                "Principal with id {} does not have {right}Access right(s) for record with id {ANA} of entity contact.",
                second.user
            )
        );
    }

    // Appending takes a right on the other side too.
    let bound = json!({ "parentcustomerid_account@odata.bind": format!("/accounts({CONTOSO})") });
    let reply = second.send(&world, "PATCH", &mine, Some(bound.clone())).await;
    assert_eq!((reply.status, reply.code().as_str()), (403, "0x80040220"));
    assert!(reply.message().contains("is missing prvAppendToAccount privilege"), "{}", reply.text);
    grant(&world, &second.role, "prvAppendToAccount", 8).await;
    assert_eq!(second.send(&world, "PATCH", &mine, Some(bound)).await.status, 204);

    // Giving it away takes the rights to assign and to see users, and a taker who may read it.
    let given = json!({ "ownerid@odata.bind": format!("/systemusers({MARTA})") });
    assert_eq!(second.send(&world, "PATCH", &mine, Some(given.clone())).await.status, 403);
    grant(&world, &second.role, "prvAssignContact", 1).await;
    let reply = second.send(&world, "PATCH", &mine, Some(given.clone())).await;
    assert!(reply.message().contains("is missing prvReadUser privilege"), "{}", reply.text);
    grant(&world, &second.role, "prvReadUser", 8).await;
    assert_eq!(second.send(&world, "PATCH", &mine, Some(given)).await.status, 204);
    assert_eq!(second.count(&world, "contacts?$select=fullname").await, 0, "it is somebody else's now");
}

#[tokio::test]
async fn the_missing_privilege_is_named() {
    let world = World::new(Seed::Crm).await;
    let second = Second::new(&world, &OWN_CONTACTS).await;
    for (method, path, body, privilege) in [
        ("GET", "leads", None, "prvReadLead"),
        ("POST", "accounts", Some(json!({ "name": "A" })), "prvCreateAccount"),
        ("POST", "new_eventattendances", Some(json!({ "subject": "A" })), "prvCreateActivity"),
        ("POST", "EntityDefinitions", Some(json!({})), "prvCreateEntity"),
        (
            "DELETE",
            "EntityDefinitions(LogicalName='contact')/Attributes(LogicalName='new_budget')",
            None,
            "prvDeleteAttribute",
        ),
    ] {
        let reply = second.send(&world, method, path, body).await;
        assert_eq!((reply.status, reply.code().as_str()), (403, "0x80040220"), "{path}: {}", reply.text);
        let start = format!(
            "Principal user (Id={}, type=8, roleCount=1, privilegeCount=6, accessMode='4 Non-interactive'",
            second.user
        );
        assert!(reply.message().starts_with(&start), "{}", reply.text);
        assert!(reply.message().contains(&format!("is missing {privilege} privilege (Id=")), "{}", reply.text);
        assert!(
            reply.message().ends_with("Consider adding missed privilege to one of the principal (user/team) roles.")
        );
    }
}

#[tokio::test]
async fn an_owner_has_to_be_able_to_read() {
    let world = World::new(Seed::Crm).await;
    let unit = format!("/businessunits({UNIT})");
    let nobody =
        world.post("systemusers", &json!({ "lastname": "Nobody", "businessunitid@odata.bind": unit })).await.id();
    let given = json!({ "ownerid@odata.bind": format!("/systemusers({nobody})") });
    let reply = world.patch(&format!("contacts({ANA})"), &given).await;
    assert_eq!((reply.status, reply.code().as_str()), (403, "0x80040220"));
    assert!(reply.message().contains(&format!("Principal user (Id={nobody}")), "{}", reply.text);
    assert!(reply.message().contains("prvReadContact"), "{}", reply.text);
}

#[tokio::test]
async fn users_act_on_behalf_of_others() {
    let world = World::new(Seed::Crm).await;
    let me = world.get("WhoAmI").await.json()["UserId"].as_str().unwrap().to_owned();
    let request = world.request("POST", "contacts").header("MSCRMCallerID", MARTA).json(&json!({ "lastname": "For" }));
    let made = world.send(request).await;
    assert_eq!(made.status, 204, "{}", made.text);
    let row = world.get(&format!("contacts({})", made.id())).await.json();
    for (property, user) in [
        ("_createdby_value", MARTA),
        ("_ownerid_value", MARTA),
        ("_owninguser_value", MARTA),
        ("_createdonbehalfby_value", &me),
    ] {
        assert_eq!(row[property], user, "{property}");
    }

    // By their id in Entra
    let object = "0b1ec700-0000-4000-8000-000000000001";
    world.patch(&format!("systemusers({MARTA})"), &json!({ "azureactivedirectoryobjectid": object })).await;
    let who = world.send(world.request("GET", "WhoAmI").header("CallerObjectId", object)).await;
    assert_eq!(who.json()["UserId"], MARTA);
    let unknown = world.send(world.request("GET", "WhoAmI").header("CallerObjectId", MISSING)).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (403, "0x80072560"));

    // What Marta may not do, nobody may do for her.
    let refused = world.request("POST", "accounts").header("MSCRMCallerID", MARTA);
    let refused = refused.json(&json!({ "name": "A", "ownerid@odata.bind": format!("/systemusers({me})") }));
    assert_eq!(world.send(refused).await.status, 403);

    let second = Second::new(&world, &OWN_CONTACTS).await;
    let reply = world.send(second.request(&world, "GET", "WhoAmI").header("MSCRMCallerID", MARTA)).await;
    assert_eq!(reply.status, 403);
    assert!(reply.message().contains("is missing prvActOnBehalfOfAnotherUser privilege"), "{}", reply.text);
}

#[tokio::test]
async fn users_without_role_or_switched_off_stay_outside() {
    let world = World::new(Seed::Crm).await;
    let second = Second::new(&world, &OWN_CONTACTS).await;
    let user = format!("systemusers({})", second.user);
    assert_eq!(world.patch(&user, &json!({ "isdisabled": true })).await.status, 204);
    let reply = second.send(&world, "GET", "WhoAmI", None).await;
    assert_eq!((reply.status, reply.code().as_str()), (403, "0x80040225"));
    assert!(reply.message().starts_with(&format!("The specified user(Id = {}) is disabled.", second.user)));
    world.patch(&user, &json!({ "isdisabled": false })).await;
    assert_eq!(
        world
            .send(world.request("DELETE", &format!("{user}/systemuserroles_association({})/$ref", second.role)))
            .await
            .status,
        204
    );
    let reply = second.send(&world, "GET", "WhoAmI", None).await;
    assert_eq!((reply.status, reply.code().as_str()), (403, "0x80042f09"));
}

#[tokio::test]
async fn conditions_see_no_more_of_related_rows_than_their_user() {
    let world = World::new(Seed::Crm).await;
    let rights = [("prvReadAccount", 8), ("prvReadContact", 1), ("prvCreateContact", 1), ("prvReadUser", 8)];
    let second = Second::new(&world, &rights).await;
    let bind = format!("/accounts({CONTOSO})");
    let hidden = json!({ "lastname": "Hidden", "parentcustomerid_account@odata.bind": bind });
    let hidden = world.post("contacts", &hidden).await.id();
    let main = json!({ "primarycontactid@odata.bind": format!("/contacts({hidden})") });
    assert_eq!(world.patch(&format!("accounts({CONTOSO})"), &main).await.status, 204);

    let link = "<link-entity name='contact' from='parentcustomerid' to='accountid' link-type='any'><filter>\
                <condition attribute='lastname' operator='eq' value='Hidden'/></filter></link-entity>";
    let fetch =
        format!("<fetch><entity name='account'><attribute name='name'/><filter>{link}</filter></entity></fetch>");
    let joined =
        fetch.replace("link-type='any'", "").replace("<filter><link", "<link").replace("entity></filter>", "entity>");
    for (option, query) in [
        ("$filter", "contact_customer_accounts/any(c:c/lastname eq 'Hidden')"),
        ("$filter", "primarycontactid/lastname eq 'Hidden'"),
        ("$filter", "primarycontactid/lastname ne null"),
        ("fetchXml", fetch.as_str()),
        ("fetchXml", joined.as_str()),
    ] {
        let found = world.query("accounts", &[(option, query)]).await;
        assert!(!found.json()["value"].as_array().unwrap().is_empty(), "{query}: {}", found.text);
        let seen = world.send(second.request(&world, "GET", "accounts").query(&[(option, query)])).await;
        assert_eq!(seen.json()["value"], json!([]), "{query}");
    }
    let all = "contact_customer_accounts/all(c:c/lastname eq 'Visible')";
    let seen = world.send(second.request(&world, "GET", "accounts").query(&[("$filter", all)])).await.json();
    assert!(
        seen["value"].as_array().unwrap().iter().any(|row| row["accountid"] == CONTOSO),
        "nobody is seen who differs"
    );

    let sorted = [("$select", "name"), ("$orderby", "primarycontactid/lastname,name"), ("$count", "true")];
    let seen = world.send(second.request(&world, "GET", "accounts").query(&sorted)).await;
    assert_eq!(seen.status, 200, "{}", seen.text);
    let groups = [("$apply", "groupby((primarycontactid/lastname),aggregate($count as n))")];
    let seen = world.send(second.request(&world, "GET", "accounts").query(&groups)).await.json();
    assert_eq!(seen["value"].as_array().unwrap().len(), 1, "one group of those without a name: {seen}");

    let closed = "Account_Tasks/any(t:t/subject ne null)";
    let refused = world.send(second.request(&world, "GET", "accounts").query(&[("$filter", closed)])).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "0x80040220"));
}
