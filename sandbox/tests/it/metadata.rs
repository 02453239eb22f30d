//! Reading table definitions.

use dataverse_sandbox::Seed;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn definitions_say_what_a_client_needs_to_know() {
    let world = World::new(Seed::Empty).await;
    let reply = world
        .query(
            "EntityDefinitions",
            &[("$select", "EntitySetName"), ("$filter", "LogicalName eq 'new_eventattendance'")],
        )
        .await;
    assert_eq!(reply.json()["value"][0]["EntitySetName"], "new_eventattendances");

    let table = "EntityDefinitions(LogicalName='new_eventattendance')";
    assert_eq!(world.get(&format!("{table}?$select=IsActivity")).await.json()["IsActivity"], true);
    let column = world.get(&format!("{table}/Attributes(LogicalName='new_engagementscore')")).await.json();
    assert_eq!((&column["Precision"], &column["AttributeType"]), (&json!(2), &json!("Decimal")));
    let choices = world
        .query(
            &format!("{table}/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata"),
            &[
                ("$select", "LogicalName"),
                ("$expand", "OptionSet"),
                ("$filter", "LogicalName eq 'new_attendancestatus'"),
            ],
        )
        .await
        .json();
    assert_eq!(choices["value"][0]["OptionSet"]["Options"][1]["Value"], 727_000_001);
    assert_eq!(choices["value"].as_array().unwrap().len(), 1);
    let names = world
        .query(
            &format!("{table}/ManyToOneRelationships"),
            &[
                ("$select", "ReferencingEntityNavigationPropertyName"),
                ("$filter", "ReferencingAttribute eq 'regardingobjectid' and ReferencedEntity eq 'lead'"),
            ],
        )
        .await
        .json();
    let name = &names["value"][0]["ReferencingEntityNavigationPropertyName"];
    assert_eq!(name, "regardingobjectid_lead_new_eventattendance");
    assert_eq!(world.get("EntityDefinitions(LogicalName='nothing')").await.status, 404);
}
