//! Paths: along lookups and collections, in `$filter`, `$orderby` and URLs.

use dataverse_sandbox::Seed;
use serde_json::{Value, json};

use crate::world::{ANA, BRUNO, CONTOSO, MARTA, World};

const LIST: &str = "11570000-0000-4000-8000-000000000001";

async fn found(world: &World, set: &str, name: &str, filter: &str) -> Vec<String> {
    let reply = world.query(set, &[("$select", name), ("$filter", filter), ("$orderby", name)]).await;
    assert_eq!(reply.status, 200, "{filter}: {}", reply.text);
    let rows = reply.json()["value"].as_array().unwrap().clone();
    rows.iter().map(|row| row[name].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn filters_follow_lookups() {
    let world = World::new(Seed::Crm).await;
    let body = json!({ "primarycontactid@odata.bind": format!("/contacts({ANA})") });
    assert_eq!(world.patch(&format!("accounts({CONTOSO})"), &body).await.status, 204);
    for (filter, expected) in [
        ("primarycontactid/fullname eq 'ANA SILVA'", vec!["Contoso Ltd"]),
        ("primarycontactid/owninguser/fullname eq 'Marta Oliveira'", vec!["Contoso Ltd"]),
        ("startswith(primarycontactid/firstname,'a') and primarycontactid/statecode eq 0", vec!["Contoso Ltd"]),
        (
            "Microsoft.Dynamics.CRM.In(PropertyName='primarycontactid/lastname',PropertyValues=['Silva'])",
            vec!["Contoso Ltd"],
        ),
        ("primarycontactid/fullname ne null", vec!["Contoso Ltd"]),
        (
            "primarycontactid/ownerid/Microsoft.Dynamics.CRM.systemuser/fullname eq 'Marta Oliveira'",
            vec!["Contoso Ltd"],
        ),
    ] {
        assert_eq!(found(&world, "accounts", "name", filter).await, expected, "{filter}");
    }
    assert_eq!(found(&world, "accounts", "name", "primarycontactid/fullname ne 'Ana Silva'").await.len(), 5);
    let by_company =
        [("$select", "fullname"), ("$orderby", "parentcustomerid_account/name desc,fullname"), ("$top", "3")];
    let reply = world.query("contacts", &by_company).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

#[tokio::test]
async fn lambdas_ask_about_collections() {
    let world = World::new(Seed::Crm).await;
    let with_ana = "contact_customer_accounts/any(c:c/firstname eq 'Ana')";
    assert_eq!(found(&world, "accounts", "name", with_ana).await, ["Contoso Ltd"]);
    let with_task = "contact_customer_accounts/any(c:c/Contact_Tasks/any(t:contains(t/subject,'renewal')))";
    assert_eq!(found(&world, "accounts", "name", with_task).await, ["Contoso Ltd"]);
    let all = found(&world, "contacts", "fullname", "Contact_Tasks/all(t:t/statecode eq 1)").await;
    let some = found(&world, "contacts", "fullname", "Contact_Tasks/any(t:t/statecode ne 1)").await;
    assert_eq!(all.len() + some.len(), 24);
    assert!(!some.is_empty());
    let busy = found(&world, "contacts", "fullname", "Contact_Tasks/any()").await;
    let idle = found(&world, "contacts", "fullname", "not Contact_Tasks/any()").await;
    assert_eq!(busy.len() + idle.len(), 24);
    let invited = format!("listcontact_association/any(l:l/listid eq {LIST})");
    assert_eq!(found(&world, "contacts", "fullname", &invited).await.len(), 6);
    let through = world.query("contacts", &[("$filter", "parentcustomerid_account/Account_Tasks/any()")]).await;
    assert_eq!(through.status, 400);
    let stranger = world.query("accounts", &[("$filter", "contact_customer_accounts/any(c:name eq 'x')")]).await;
    assert_eq!(stranger.status, 400, "{}", stranger.text);
}

#[tokio::test]
async fn columns_are_compared_with_each_other() {
    let world = World::new(Seed::Crm).await;
    assert_eq!(found(&world, "contacts", "fullname", "firstname eq lastname").await.len(), 0);
    assert_eq!(found(&world, "contacts", "fullname", "firstname ne lastname").await.len(), 24);
    assert_eq!(found(&world, "contacts", "fullname", "createdon le modifiedon").await.len(), 24);
    assert_eq!(found(&world, "contacts", "fullname", "not (createdon le modifiedon)").await.len(), 0);
    let reply = world.query("contacts", &[("$filter", "firstname eq createdon")]).await;
    assert!(reply.message().contains("incompatible types"), "{}", reply.text);
}

#[tokio::test]
async fn related_rows_have_urls() {
    let world = World::new(Seed::Crm).await;
    let people =
        world.get(&format!("accounts({CONTOSO})/contact_customer_accounts?$select=fullname&$orderby=fullname")).await;
    assert_eq!(people.json()["@odata.context"], world.url("$metadata#contacts(fullname)"));
    let count = people.json()["value"].as_array().unwrap().len();
    let counted = world.get(&format!("accounts({CONTOSO})/contact_customer_accounts/$count")).await;
    assert_eq!(counted.text.trim_start_matches('\u{feff}'), count.to_string());
    let links = world.get(&format!("accounts({CONTOSO})/contact_customer_accounts/$ref")).await.json();
    assert_eq!(links["value"].as_array().unwrap().len(), count);

    let members = world.get(&format!("lists({LIST})/listcontact_association?$select=fullname")).await.json();
    assert_eq!(members["value"].as_array().unwrap().len(), 6);
    let one = world.get(&format!("lists({LIST})/listcontact_association({ANA})?$select=fullname")).await.json();
    assert_eq!(one["fullname"], "Ana Silva");

    let account = world.get(&format!("contacts({ANA})/parentcustomerid_account?$select=name")).await.json();
    assert_eq!(account["name"], "Contoso Ltd");
    let link = world.get(&format!("contacts({ANA})/parentcustomerid_account/$ref")).await.json();
    assert_eq!(link["@odata.id"], world.url(&format!("accounts({CONTOSO})")));
    let name = world.get(&format!("contacts({ANA})/parentcustomerid_account/name/$value")).await;
    assert_eq!((name.header("content-type"), name.text.as_str()), ("text/plain", "Contoso Ltd"));
    assert_eq!(world.get(&format!("contacts({ANA})/fullname")).await.json()["value"], "Ana Silva");
    assert_eq!(world.get(&format!("contacts({ANA})/description")).await.status, 204);
    assert_eq!(world.get(&format!("contacts({ANA})/nothing")).await.status, 404);
    assert_eq!(
        world.get(&format!("contacts({ANA})/ownerid/Microsoft.Dynamics.CRM.systemuser")).await.json()["systemuserid"],
        MARTA
    );
}

#[tokio::test]
async fn pages_of_a_collection_lead_on() {
    let world = World::new(Seed::Crm).await;
    let size = "odata.maxpagesize=2";
    let path = format!(
        "lists({LIST})/listcontact_association?$select=fullname&$orderby=parentcustomerid_account/name,fullname"
    );
    let mut reply = world.send(world.request("GET", &path).header("prefer", size)).await;
    let mut seen: Vec<Value> = Vec::new();
    loop {
        seen.extend(reply.json()["value"].as_array().unwrap().iter().map(|row| row["contactid"].clone()));
        let Some(next) = reply.json()["@odata.nextLink"].as_str().map(str::to_owned) else { break };
        reply =
            world.send(world.request("GET", next.strip_prefix(&world.url("")).unwrap()).header("prefer", size)).await;
    }
    assert_eq!(seen.len(), 6);
    assert!(seen.contains(&json!(ANA)) || seen.contains(&json!(BRUNO)));
    seen.dedup();
    assert_eq!(seen.len(), 6);
}
