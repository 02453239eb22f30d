//! Queries that are kept, and requests that don't wait for their answer.

use dataverse_sandbox::Seed;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn views_are_run_by_their_id() {
    let world = World::new(Seed::Crm).await;
    let filter = "returnedtypecode eq 'contact' and name eq 'Active Contacts'";
    let view = world.query("savedqueries", &[("$select", "name"), ("$filter", filter)]).await.json();
    let id = view["value"][0]["savedqueryid"].as_str().unwrap().to_owned();
    let found = world.query("contacts", &[("savedQuery", &id)]).await;
    assert_eq!(found.status, 200, "{}", found.text);
    assert!(found.json()["value"].as_array().unwrap().len() > 1);
    assert!(found.json()["value"][0]["fullname"].is_string());
    assert_eq!(world.query("accounts", &[("savedQuery", &id)]).await.status, 400, "a view of another table");

    let fetch = "<fetch><entity name='contact'><attribute name='lastname'/><filter><condition attribute='firstname' \
                 operator='eq' value='Ana'/></filter></entity></fetch>";
    let mine = json!({ "name": "Anas", "returnedtypecode": "contact", "fetchxml": fetch });
    let mine = world.post("userqueries", &mine).await.id();
    let found = world.query("contacts", &[("userQuery", &mine)]).await.json();
    assert_eq!(found["value"].as_array().unwrap().len(), 1);
    let missing = world.query("contacts", &[("userQuery", "99999999-0000-4000-8000-000000000001")]).await;
    assert_eq!((missing.status, missing.code().as_str()), (404, "0x80040217"));
    assert_eq!(world.query("contacts", &[("userQuery", "x")]).await.status, 400);
}

#[tokio::test]
async fn messages_are_carried_out_in_the_background() {
    let world = World::new(Seed::Crm).await;
    let status = async |reply: &crate::world::Reply| {
        let request = world.to("GET", reply.header("location"));
        world.send(request).await.json()
    };
    let asked = world.send(world.request("GET", "WhoAmI").header("Prefer", "respond-async")).await;
    assert_eq!((asked.status, asked.text.as_str()), (202, ""));
    let done = status(&asked).await;
    assert_eq!(
        (&done["backgroundOperationStateCode"], &done["backgroundOperationStatusCode"]),
        (&json!(3), &json!(30))
    );
    assert_eq!(done["UserId"], world.get("WhoAmI").await.json()["UserId"]);
    let id = asked.header("x-ms-dyn-backgroundoperationid");
    let row = world.get(&format!("backgroundoperations({id})?$select=name")).await.json();
    assert_eq!(row["name"], "WhoAmI");

    let refused = world.request("POST", "AddListMembersList").header("Prefer", "respond-async").json(&json!({}));
    let failed = status(&world.send(refused).await).await;
    assert_eq!(
        (&failed["backgroundOperationStatusCode"], failed["backgroundOperationErrorCode"].as_i64()),
        (&json!(31), Some(-2_147_185_383))
    );
}
