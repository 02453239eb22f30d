//! Related rows with an answer: `$expand`.

use dataverse_sandbox::Seed;
use serde_json::json;

use crate::world::{ANA, CONTOSO, World};

const LIST: &str = "11570000-0000-4000-8000-000000000001";

#[tokio::test]
async fn lookups_expand_over_several_levels() {
    let world = World::new(Seed::Crm).await;
    let expand = "regardingobjectid_contact_task($select=fullname;$expand=parentcustomerid_account($select=name;\
                  $expand=createdby($select=fullname)))";
    let options = [("$select", "subject"), ("$filter", "subject eq 'Call about renewal'"), ("$expand", expand)];
    let reply = world.query("tasks", &options).await.json();
    assert_eq!(
        reply["@odata.context"],
        world.url(
            "$metadata#tasks(subject,regardingobjectid_contact_task(fullname,parentcustomerid_account(name,createdby(\
             fullname))))"
        )
    );
    let person = &reply["value"][0]["regardingobjectid_contact_task"];
    assert_eq!(person["fullname"], "Ana Silva");
    assert_eq!(person.as_object().unwrap().len(), 3, "no ETag: {person}");
    assert_eq!(person["parentcustomerid_account"]["name"], "Contoso Ltd");
    let user = &person["parentcustomerid_account"]["createdby"];
    assert_eq!(user["ownerid"], user["systemuserid"]);
    assert!(user["fullname"].as_str().unwrap().contains("InEvent"));
}

#[tokio::test]
async fn collections_expand_with_options_and_a_link() {
    let world = World::new(Seed::Crm).await;
    let path = format!("accounts({CONTOSO})");
    let expand = "contact_customer_accounts($select=fullname;$filter=statecode eq 0;$orderby=fullname desc;$top=2)";
    let row = world.query(&path, &[("$select", "name"), ("$expand", expand)]).await.json();
    let people = row["contact_customer_accounts"].as_array().unwrap();
    assert_eq!(people.len(), 2, "{row}");
    assert!(people[0]["fullname"].as_str() > people[1]["fullname"].as_str());
    assert_eq!(people[0]["_parentcustomerid_value"], CONTOSO);
    let link = row["contact_customer_accounts@odata.nextLink"].as_str().unwrap();
    let again = world.get(link.strip_prefix(&world.url("")).unwrap()).await.json();
    assert_eq!(again["value"][0]["fullname"], people[0]["fullname"]);

    let both = "primarycontactid($select=fullname),contact_customer_accounts($select=fullname)";
    let list = world.query("accounts", &[("$select", "name"), ("$expand", both)]).await.json();
    assert_eq!(list["value"].as_array().unwrap().len(), 6);
    assert!(list["value"].as_array().unwrap().iter().all(|row| row["contact_customer_accounts"].is_array()));
    assert!(list["value"][0]["primarycontactid"].is_null());
}

#[tokio::test]
async fn nested_collections_are_paged() {
    let world = World::new(Seed::Crm).await;
    let expand = "contact_customer_accounts($select=fullname;$expand=owninguser($select=fullname))";
    let request = world
        .request("GET", "accounts")
        .query(&[("$filter", "name eq 'Contoso Ltd'"), ("$select", "name"), ("$expand", expand)])
        .header("prefer", "odata.maxpagesize=1");
    let row = world.send(request).await.json()["value"][0].clone();
    assert_eq!(row["contact_customer_accounts"].as_array().unwrap().len(), 1);
    let first = row["contact_customer_accounts"][0]["contactid"].clone();
    let link = row["contact_customer_accounts@odata.nextLink"].as_str().unwrap();
    let rest = world.get(link.strip_prefix(&world.url("")).unwrap()).await.json();
    assert!(!rest["value"].as_array().unwrap().is_empty());
    assert!(rest["value"].as_array().unwrap().iter().all(|person| person["contactid"] != first));
    assert!(rest["value"][0]["owninguser"]["fullname"].is_string());
}

#[tokio::test]
async fn many_to_many_expands_on_both_sides() {
    let world = World::new(Seed::Crm).await;
    let expand = [("$select", "listname"), ("$expand", "listcontact_association($select=fullname)")];
    let list = world.query(&format!("lists({LIST})"), &expand).await.json();
    assert_eq!(list["listcontact_association"].as_array().unwrap().len(), 6, "{list}");
    let expand = [("$select", "fullname"), ("$expand", "listcontact_association($select=listname)")];
    let person = world.query(&format!("contacts({ANA})"), &expand).await.json();
    assert_eq!(person["listcontact_association"][0]["listid"], LIST);
}

#[tokio::test]
async fn references_and_owners_expand() {
    let world = World::new(Seed::Crm).await;
    let expand = [("$select", "fullname"), ("$expand", "parentcustomerid_account/$ref,ownerid")];
    let person = world.query(&format!("contacts({ANA})"), &expand).await.json();
    assert_eq!(person["parentcustomerid_account"]["@odata.id"], world.url(&format!("accounts({CONTOSO})")));
    assert_eq!(person["ownerid"]["fullname"], "Marta Oliveira");
}

#[tokio::test]
async fn what_the_platform_does_not_expand_is_refused() {
    let world = World::new(Seed::Crm).await;
    for (expand, text) in [
        ("nothing", "Could not find a property named 'nothing'"),
        ("contact_customer_accounts/$ref", "Expand with $ref is only supported on lookup type navigation property."),
        ("contact_customer_accounts($top=1;$expand=owninguser)", "Only $select and $filter clause can be provided"),
        ("primarycontactid($orderby=fullname)", "Only $select and $filter clause can be provided"),
        ("primarycontactid($count=true)", "$count is not supported within $expand"),
        ("primarycontactid($select=fullname", "is not valid in a $select or $expand expression"),
        (&vec!["primarycontactid"; 16].join(","), "Number of link entities in query exceeded maximum limit."),
    ] {
        let reply = world.query("accounts", &[("$expand", expand)]).await;
        assert_eq!(reply.status, 400, "{expand}: {}", reply.text);
        assert!(reply.message().contains(text), "{expand}: {}", reply.message());
    }
    let created = json!({ "name": "Fresh" });
    let request = world
        .request("POST", "accounts?$select=name&$expand=owninguser($select=fullname)")
        .header("prefer", "return=representation")
        .json(&created);
    assert!(world.send(request).await.json()["owninguser"]["fullname"].is_string());
}
