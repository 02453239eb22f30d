//! A publisher with another prefix, in an organisation where other names begin with `new_`.

use serde_json::{Value, json};

use crate::world::{World, registered};

/// What Dataverse takes for a text column.
fn column(name: &str) -> Value {
    let label = json!({ "LocalizedLabels": [{ "Label": name, "LanguageCode": 1033 }] });
    json!({
        "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata", "AttributeType": "String", "SchemaName": name,
        "MaxLength": 100, "RequiredLevel": { "Value": "None" }, "DisplayName": label,
    })
}

#[tokio::test]
async fn columns_of_ones_own_that_begin_with_new_are_columns_of_ones_own() {
    let answer = |question: &str, table: &str, column: &str| json!({ "source": { "answer": question }, "tables": [table], "column": column });
    let mappings = json!([
        answer("Budget", "lead", "new_budget"),
        answer("Badge", "lead", "new_ineventparticipantid"),
        answer("Note", "lead", "new_ineventprofilestamp"),
        answer("Diet", "activity", "new_eventname"),
    ]);
    let world = World::start(json!({ "mappings": mappings })).await.with_prefix(&"contoso".parse().unwrap()).await;
    let attributes = "EntityDefinitions(LogicalName='contoso_eventattendance')/Attributes";
    world.crm("POST", attributes, column("new_eventname")).await;

    let mut event = registered(1, json!({ "id": "1", "email": "a@x.example", "external_id": "X" }));
    event["answers"] = json!({ "Budget": "10k", "Badge": "B 7", "Note": "seen", "Diet": "Vegan" });
    world.settle(event.clone()).await;
    let (leads, rows) = (world.rows("lead").await, world.rows("contoso_eventattendance").await);
    let ([lead], [row]) = (&leads[..], &rows[..]) else { panic!("{leads:?} {rows:?}") };
    assert_eq!((&lead["new_budget"], &lead["new_ineventparticipantid"]), (&json!("10k"), &json!("B 7")));
    assert_eq!((&lead["new_ineventprofilestamp"], &lead["contoso_budget"]), (&json!("seen"), &Value::Null));
    assert!(lead["contoso_ineventprofilestamp"].as_str().unwrap().contains("new_budget:"));
    assert_eq!((&row["new_eventname"], &row["contoso_eventname"]), (&json!("Vegan"), &json!("Partner Day")));
    assert!(world.rows("new_eventattendance").await.is_empty());

    world.settle(event).await;
    assert_eq!((world.rows("lead").await, world.rows("contoso_eventattendance").await), (leads, rows));
}

#[tokio::test]
async fn the_platforms_own_tables_get_no_column_of_the_connectors() {
    let world = World::start(json!({ "activity_table": "appointment" })).await;
    let world = world.with_prefix(&"contoso".parse().unwrap()).await;
    let event = registered(1, json!({ "id": "1", "email": "a@x.example" }));
    world.settle(event.clone()).await;
    let rows = world.rows("appointment").await;
    assert!(
        rows.len() == 1 && rows[0]["description"].as_str().unwrap().contains("Event: Partner Day (4711)"),
        "{rows:?}"
    );
    world.settle(event).await;
    assert_eq!(world.rows("appointment").await, rows);
}
