//! Duplicate detection: what counts, what does not, in every way in which rows are written.

use dataverse_sandbox::Seed;
use serde_json::{Value, json};

use crate::world::{Reply, World};

const HEADER: &str = "MSCRM.SuppressDuplicateDetection";

/// An organisation with one contact.
async fn world() -> World {
    let world = World::new(Seed::Empty).await;
    assert_eq!(world.post("contacts", &contact("there", "there@x.example")).await.status, 204);
    world
}

fn contact(name: &str, email: &str) -> Value {
    json!({ "lastname": name, "emailaddress1": email })
}

async fn watched(world: &World, method: &str, path: &str, body: &Value) -> Reply {
    world.send(world.request(method, path).header(HEADER, "false").json(body)).await
}

async fn multiple(world: &World, message: &str, targets: Vec<Value>) -> Reply {
    let typed = targets.into_iter().map(|mut target| {
        target["@odata.type"] = "Microsoft.Dynamics.CRM.contact".into();
        target
    });
    let body = json!({ "Targets": typed.collect::<Vec<_>>() });
    watched(world, "POST", &format!("contacts/Microsoft.Dynamics.CRM.{message}"), &body).await
}

#[tokio::test]
async fn rows_of_the_same_call_are_no_duplicates() {
    let world = world().await;
    let twins = vec![contact("One", "twin@x.example"), contact("Two", "TWIN@x.example")];
    assert_eq!(multiple(&world, "CreateMultiple", twins.clone()).await.status, 200);
    let again = multiple(&world, "CreateMultiple", twins).await;
    assert_eq!(again.code(), "0x80040333", "now they are there");

    let part = |id: u8, name: &str, email: &str| {
        format!(
            "--c\nContent-Type: application/http\nContent-Transfer-Encoding: binary\nContent-ID: {id}\n\n\
             POST contacts HTTP/1.1\nContent-Type: application/json\n{HEADER}: false\n\n{}\n",
            contact(name, email)
        )
    };
    let set = |one: String, two: String| {
        format!("--b\nContent-Type: multipart/mixed; boundary=c\n\n{one}{two}--c--\n--b--\n")
    };
    let together = set(part(1, "A", "set@x.example"), part(2, "B", "set@x.example"));
    assert_eq!(world.batch(&together, None).await.status, 200);
    let taken = world.batch(&set(part(1, "C", "new@x.example"), part(2, "D", "set@x.example")), None).await;
    assert!(taken.text.contains("0x80040333"), "{}", taken.text);
    let undone = world.query("contacts", &[("$filter", "emailaddress1 eq 'new@x.example'")]).await;
    assert_eq!(undone.json()["value"], json!([]));
}

#[tokio::test]
async fn parts_of_a_batch_decide_for_themselves() {
    let world = world().await;
    let part = |header: &str| {
        format!(
            "--b\nContent-Type: application/http\nContent-Transfer-Encoding: binary\n\nPOST contacts HTTP/1.1\n\
             Content-Type: application/json\n{header}\n{}\n",
            contact("Again", "There@X.example")
        )
    };
    let body =
        format!("{}{}{}--b--\n", part(""), part(&format!("{HEADER}: false\n")), part(&format!("{HEADER}: true\n")));
    let reply = world.batch(&body, Some("odata.continue-on-error")).await;
    let statuses: Vec<&str> = reply.text.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 ")).collect();
    assert_eq!(statuses, ["204 No Content", "412 Precondition Failed", "204 No Content"]);
}

#[tokio::test]
async fn every_way_of_writing_is_watched() {
    let world = world().await;
    let other = world.post("contacts", &contact("Other", "other@x.example")).await.id();
    let change = json!({ "contactid": other, "emailaddress1": "there@x.example" });
    for (message, target) in [
        ("CreateMultiple", contact("New", "there@x.example")),
        ("UpdateMultiple", change.clone()),
        ("UpsertMultiple", change),
        ("UpsertMultiple", contact("New", "there@x.example")),
    ] {
        assert_eq!(multiple(&world, message, vec![target]).await.code(), "0x80040333", "{message}");
    }
    let new = "contacts(c0de0000-0000-4000-8000-000000000001)";
    for (method, path) in [("POST", "contacts"), ("PATCH", new), ("PATCH", format!("contacts({other})").as_str())] {
        let reply = watched(&world, method, path, &json!({ "emailaddress1": "there@x.example" })).await;
        assert_eq!(reply.code(), "0x80040333", "{method} {path}");
    }
    let same =
        multiple(&world, "UpdateMultiple", vec![json!({ "contactid": other, "emailaddress1": "OTHER@x.example" })])
            .await;
    assert_eq!(same.status, 204, "a row is not its own duplicate");
    for blank in [json!({ "lastname": "Blank" }), json!({ "lastname": "Blank", "emailaddress1": "" })] {
        assert_eq!(watched(&world, "POST", "contacts", &blank).await.status, 204, "nothing is like nothing");
    }
}

#[tokio::test]
async fn a_rule_may_mind_the_case_and_the_first_characters() {
    let world = world().await;
    let rule = json!({
        "name": "Names", "baseentityname": "account", "matchingentityname": "account", "iscasesensitive": true,
    });
    let rule = world.post("duplicaterules", &rule).await.id();
    let condition = json!({
        "regardingobjectid@odata.bind": format!("/duplicaterules({rule})"), "baseattributename": "name",
        "matchingattributename": "name", "operatorcode": 1, "operatorparam": 4,
    });
    assert_eq!(world.post("duplicateruleconditions", &condition).await.status, 204);
    assert_eq!(
        world.patch(&format!("duplicaterules({rule})"), &json!({ "statecode": 1, "statuscode": 2 })).await.status,
        204
    );
    assert_eq!(world.post("accounts", &json!({ "name": "Contoso" })).await.status, 204);
    for (name, status) in [("Contessa", 412), ("CONTESSA", 204), ("Conrad", 204)] {
        assert_eq!(watched(&world, "POST", "accounts", &json!({ "name": name })).await.status, status, "{name}");
    }
}

#[tokio::test]
async fn duplicates_are_looked_up_in_pages() {
    let world = world().await;
    for _ in 0..2 {
        assert_eq!(world.post("contacts", &contact("Again", "there@x.example")).await.status, 204);
    }
    let found = async |paging: &str| {
        let entity = "{'@odata.type':'Microsoft.Dynamics.CRM.contact','emailaddress1':'THERE@x.example'}";
        let path = "RetrieveDuplicates(BusinessEntity=@p1,MatchingEntityName=@p2,PagingInfo=@p3)";
        let options = [("@p1", entity), ("@p2", "'contact'"), ("@p3", paging)];
        world.query(path, &options).await.json()["value"].as_array().unwrap().len()
    };
    assert_eq!(found("{'PageNumber':1,'Count':2}").await, 2);
    assert_eq!(found("{'PageNumber':2,'Count':2}").await, 1);
    assert_eq!(found("{'PageNumber':1,'Count':50}").await, 3);
}
