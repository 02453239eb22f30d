//! Several organisations, over http and https, and what is kept of them.

use dataverse_sandbox::{Options, Seed};
use serde_json::json;

use crate::world::{ANA, Reply, World};

async fn two() -> World {
    let orgs = vec!["contoso".to_owned(), "fabrikam".to_owned()];
    World::with(Options { orgs, seed: Seed::Crm, ..Options::default() }).await
}

#[tokio::test]
async fn https_links_name_the_host_that_was_called() {
    let world = World::new(Seed::Crm).await;
    let connection = world.sandbox.connection();
    for origin in
        [connection.https.clone(), connection.https.replace("localhost", "127.0.0.1"), connection.http.clone()]
    {
        let token = World::token_for(connection, &world.client, &origin).await;
        let url = format!("{origin}/api/data/v9.2/contacts?$select=fullname");
        let request = world.client.get(url).header("prefer", "odata.maxpagesize=2").bearer_auth(&token);
        let reply = world.send(request).await;
        assert!(reply.json()["@odata.nextLink"].as_str().unwrap().starts_with(&format!("{origin}/api/data/v9.2/")));
        let new = world.client.post(format!("{origin}/api/data/v9.2/tasks")).bearer_auth(&token);
        let reply = world.send(new.json(&json!({ "subject": "New" }))).await;
        assert!(reply.header("odata-entityid").starts_with(&format!("{origin}/api/data/v9.2/tasks(")));
    }
}

#[tokio::test]
async fn nobody_trusts_the_certificate_without_being_told() {
    let world = World::new(Seed::Empty).await;
    let stranger = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(stranger.get(&world.sandbox.connection().https).send().await.is_err());
}

#[tokio::test]
async fn organisations_share_nothing_but_the_tenant() {
    let world = two().await;
    let connection = world.sandbox.connection();
    let all = world.admin("GET", "organizations", None).await.json();
    assert_eq!((&all[0]["name"], &all[1]["name"]), (&json!("contoso"), &json!("fabrikam")));
    assert_eq!(all[0]["http"], connection.http);
    let fabrikam = all[1]["http"].as_str().unwrap();
    let contact = format!("api/data/v9.2/contacts({ANA})");

    let contoso = world.get("WhoAmI").await.json();
    let theirs = World::token_for(connection, &world.client, fabrikam).await;
    let who = world.send(world.client.get(format!("{fabrikam}/api/data/v9.2/WhoAmI")).bearer_auth(&theirs)).await;
    assert_ne!(who.json()["OrganizationId"], contoso["OrganizationId"]);
    assert_eq!(
        world.send(world.client.get(world.url("WhoAmI")).bearer_auth(&theirs)).await.status,
        401,
        "another audience"
    );

    assert_eq!(world.send(world.request("DELETE", &format!("contacts({ANA})"))).await.status, 204);
    let there = world.client.get(format!("{fabrikam}/{contact}")).bearer_auth(&theirs);
    assert_eq!(world.send(there).await.status, 200);
    world.admin("POST", "faults", Some(json!({ "kind": "deadlock" }))).await;
    let there = world.client.get(format!("{fabrikam}/{contact}")).bearer_auth(&theirs);
    assert_eq!(world.send(there).await.status, 200);
    assert_eq!(world.get("WhoAmI").await.status, 500);
    assert_eq!(world.admin("POST", "organizations/contoso/reset", None).await.status, 200);
    assert_eq!(world.get(&format!("contacts({ANA})")).await.status, 200);

    // The name in the host header decides over the port.
    let named = world.client.get(format!("{}/{contact}", connection.http)).header("host", "fabrikam.localhost");
    assert_eq!(world.send(named.bearer_auth(&theirs)).await.status, 200);
}

#[tokio::test]
async fn an_organisation_can_be_added_while_others_work() {
    let world = World::new(Seed::Crm).await;
    let wanted = json!({ "name": "late", "seed": "empty" });
    let made = world.admin("POST", "organizations", Some(wanted.clone())).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(world.admin("POST", "organizations", Some(wanted)).await.status, 400, "the name is taken");
    assert_eq!(world.admin("POST", "organizations", Some(json!({ "name": "../x" }))).await.status, 400);
    let https = made.json()["https"].as_str().unwrap().to_owned();
    let token = World::token_for(world.sandbox.connection(), &world.client, &https).await;
    let request = world.client.get(format!("{https}/api/data/v9.2/contacts")).bearer_auth(token);
    let reply = Reply::of(request.send().await.unwrap()).await;
    assert_eq!((reply.status, reply.json()["value"].as_array().unwrap().len()), (200, 0));
    assert_eq!(world.admin("GET", "organizations/none", None).await.status, 404);
}

#[tokio::test]
async fn a_snapshot_brings_rows_and_keys_back() {
    let world = World::new(Seed::Crm).await;
    let before = world.admin("GET", "dump?table=contact", None).await.text;
    assert_eq!(world.admin("POST", "snapshots", Some(json!({ "name": "start" }))).await.status, 200);
    let key = json!({ "SchemaName": "new_mail", "KeyAttributes": ["emailaddress2"] });
    assert_eq!(world.post("EntityDefinitions(LogicalName='contact')/Keys", &key).await.status, 204);
    assert_eq!(world.send(world.request("DELETE", &format!("contacts({ANA})"))).await.status, 204);
    assert_eq!(world.admin("POST", "snapshots/start/restore", None).await.status, 200);
    assert_eq!(world.admin("GET", "dump?table=contact", None).await.text, before);
    let keys = world.get("EntityDefinitions(LogicalName='contact')/Keys").await.json();
    assert!(keys["value"].as_array().unwrap().iter().all(|key| key["SchemaName"] != "new_mail"));
    assert_eq!(world.admin("GET", "snapshots", None).await.json(), json!(["start"]));
    assert_eq!(world.admin("DELETE", "snapshots/start", None).await.status, 200);
    assert_eq!(world.admin("POST", "snapshots/start/restore", None).await.status, 404);
}

#[tokio::test]
async fn a_folder_keeps_rows_tables_and_trust() {
    let folder = tempfile::tempdir().unwrap();
    let options = || Options { data: Some(folder.path().to_owned()), seed: Seed::Crm, ..Options::default() };
    let world = World::with(options()).await;
    let trusted = std::fs::read_to_string(&world.sandbox.connection().ca).unwrap();
    let table = json!({
        "@odata.type": "Microsoft.Dynamics.CRM.EntityMetadata",
        "SchemaName": "new_Kept",
        "DisplayName": { "LocalizedLabels": [{ "Label": "Kept", "LanguageCode": 1033 }] },
        "DisplayCollectionName": { "LocalizedLabels": [{ "Label": "Kept", "LanguageCode": 1033 }] },
        "OwnershipType": "UserOwned",
        "Attributes": [{
            "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata",
            "SchemaName": "new_Name",
            "IsPrimaryName": true,
            "MaxLength": 100,
        }],
    });
    let made = world.post("EntityDefinitions", &table).await;
    assert_eq!(made.status, 204, "{}", made.text);
    assert_eq!(world.patch(&format!("contacts({ANA})"), &json!({ "jobtitle": "Keeper" })).await.status, 204);
    let id = world.post("new_kepts", &json!({ "new_name": "Still here" })).await.id();
    let version = world.get(&format!("new_kepts({id})")).await.json()["versionnumber"].as_i64().unwrap();
    world.sandbox.stop().await;

    let world = World::with(options()).await;
    assert_eq!(std::fs::read_to_string(&world.sandbox.connection().ca).unwrap(), trusted);
    assert_eq!(world.get(&format!("contacts({ANA})")).await.json()["jobtitle"], "Keeper");
    assert_eq!(world.get(&format!("new_kepts({id})")).await.json()["new_name"], "Still here");
    let next = world.post("new_kepts", &json!({ "new_name": "New" })).await.id();
    assert!(world.get(&format!("new_kepts({next})")).await.json()["versionnumber"].as_i64().unwrap() > version);
    assert_eq!(world.admin("POST", "reset", None).await.status, 200);
    assert_eq!(world.get(&format!("new_kepts({id})")).await.status, 404);
    assert_eq!(world.get(&format!("contacts({ANA})")).await.json()["jobtitle"], "Head of Marketing");
}
