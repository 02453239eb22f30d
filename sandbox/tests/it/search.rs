//! Dataverse search in both versions.

use dataverse_sandbox::Seed;
use serde_json::{Value, json};

use crate::world::World;

async fn world() -> World {
    let world = World::new(Seed::Empty).await;
    for name in ["Northwind Traders", "Northern Lights", "Southridge"] {
        assert_eq!(
            world.post("accounts", &json!({ "name": name, "emailaddress1": "info@north.example" })).await.status,
            204
        );
    }
    let person = json!({ "firstname": "Nora", "lastname": "North", "jobtitle": "Trader" });
    assert_eq!(world.post("contacts", &person).await.status, 204);
    world
}

async fn first(world: &World, operation: &str, body: Value) -> Value {
    let url = format!("{}/api/search/v1.0/{operation}", world.sandbox.connection().http);
    let reply = world.send(world.to("POST", &url).json(&body)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

/// The answer in the string.
async fn second(world: &World, operation: &str, body: Value) -> Value {
    let url = format!("{}/api/search/v2.0/{operation}", world.sandbox.connection().http);
    let reply = world.send(world.to("POST", &url).json(&body)).await;
    serde_json::from_str(reply.json()["response"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn rows_are_found_by_their_words_across_tables() {
    let world = world().await;
    let found = first(&world, "query", json!({ "search": "north", "returntotalrecordcount": true })).await;
    assert_eq!(found["totalrecordcount"], 4);
    let contact = found["value"].as_array().unwrap().iter().find(|row| row["@search.entityname"] == "contact").unwrap();
    assert_eq!(contact["fullname"], "Nora North");
    assert_eq!(contact["@search.highlights"]["lastname"], json!(["{crmhit}North{/crmhit}"]));
    assert!(contact["@search.objectid"].is_string() && contact["@search.score"].as_f64().unwrap() > 0.0);

    let entities = json!([{ "name": "account", "selectColumns": ["name"], "searchColumns": ["name"], "filter": "name ne 'Northern Lights'" }]);
    let body =
        json!({ "search": "north*", "count": true, "entities": entities.to_string(), "orderby": "[\"name desc\"]" });
    let found = second(&world, "query", body).await;
    assert_eq!((&found["Count"], &found["Value"][0]["Attributes"]["name"]), (&json!(1), &json!("Northwind Traders")));
    assert_eq!(found["Value"][0]["EntityName"], "account");
    let all = second(&world, "query", json!({ "search": "nora trader", "options": "{\"searchmode\":\"all\"}" })).await;
    assert_eq!(all["Value"].as_array().unwrap().len(), 1);

    let message = world.post("searchquery", &json!({ "search": "southridge", "top": 1 })).await.json();
    let inner: Value = serde_json::from_str(message["response"].as_str().unwrap()).unwrap();
    assert_eq!((&inner["Count"], inner["Value"].as_array().unwrap().len()), (&json!(-1), 1));
}

#[tokio::test]
async fn words_are_suggested_and_completed() {
    let world = world().await;
    let found = first(&world, "suggest", json!({ "search": "northw" })).await;
    assert_eq!(found["value"][0]["text"], "{crmhit}Northwind{/crmhit} Traders");
    assert_eq!(found["value"][0]["document"]["@search.entityname"], "account");
    assert_eq!(
        first(&world, "autocomplete", json!({ "search": "southr" })).await["value"],
        "{crmhit}southridge{/crmhit}"
    );
    assert_eq!(
        second(&world, "suggest", json!({ "search": "southr" })).await["Value"][0]["Document"]["name"],
        "Southridge"
    );
    assert_eq!(second(&world, "autocomplete", json!({ "search": "nothing here" })).await["Value"], Value::Null);
}

#[tokio::test]
async fn what_is_no_search_is_refused() {
    let world = world().await;
    let url = |path: &str| format!("{}/api/search/{path}", world.sandbox.connection().http);
    for (path, body, status) in [
        ("v1.0/query", json!({ "search": "" }), 400),
        ("v1.0/query", json!({ "search": "x", "entities": ["nobody"] }), 400),
        ("v1.0/nothing", json!({ "search": "x" }), 404),
        ("v9.0/query", json!({ "search": "x" }), 404),
    ] {
        let reply = world.send(world.to("POST", &url(path)).json(&body)).await;
        assert_eq!(reply.status, status, "{path} {body}");
    }
    let stranger = world.send(world.client.post(url("v1.0/query")).json(&json!({ "search": "x" }))).await;
    assert_eq!(stranger.status, 401);
}
