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

#[tokio::test]
async fn definitions_are_filtered_expanded_and_told_apart() {
    let world = World::new(Seed::Empty).await;
    let owned = world
        .query(
            "EntityDefinitions",
            &[
                ("$select", "LogicalName"),
                ("$filter", "OwnershipType eq Microsoft.Dynamics.CRM.OwnershipTypes'OrganizationOwned' and CanCreateAttributes/Value eq true"),
                ("$expand", "Attributes($select=LogicalName;$filter=LogicalName eq 'name')"),
            ],
        )
        .await;
    let owned = owned.json()["value"].as_array().unwrap().clone();
    assert!(
        owned.iter().any(|table| table["LogicalName"] == "role" && table["Attributes"][0]["LogicalName"] == "name")
    );
    assert!(owned.iter().all(|table| table["LogicalName"] != "contact"));
    for (path, text) in [
        (
            "EntityDefinitions?$select=Nonsense",
            "Could not find a property named 'Nonsense' on type 'Microsoft.Dynamics.CRM.EntityMetadata'.",
        ),
        (
            "EntityDefinitions(LogicalName='contact')/Attributes?$select=MaxLength",
            "Could not find a property named 'MaxLength' on type 'Microsoft.Dynamics.CRM.AttributeMetadata'.",
        ),
        ("EntityDefinitions?$top=1", "The query parameter $top is not supported"),
    ] {
        let reply = world.get(path).await;
        assert_eq!((reply.status, reply.message().as_str()), (400, text));
    }
    let contact = "EntityDefinitions(LogicalName='contact')";
    let many = world.get(&format!("{contact}/ManyToManyRelationships")).await.json();
    assert_eq!(many["value"][0]["SchemaName"], "listcontact_association");
    let children =
        world.query(&format!("{contact}/OneToManyRelationships"), &[("$filter", "ReferencingEntity eq 'task'")]).await;
    assert_eq!(children.json()["value"][0]["SchemaName"], "Contact_Tasks");
    assert_eq!(children.json()["value"][0]["CascadeConfiguration"]["Delete"], "Cascade");
}

#[tokio::test]
async fn names_of_relationships_are_unique() {
    let world = World::new(Seed::Empty).await;
    let all = world.get("RelationshipDefinitions?$select=SchemaName").await.json();
    let mut names: Vec<&str> =
        all["value"].as_array().unwrap().iter().map(|one| one["SchemaName"].as_str().unwrap()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[tokio::test]
async fn clients_can_ask_what_changed() {
    let world = World::new(Seed::Empty).await;
    let query = |logical: &str| {
        json!({
            "Properties": { "PropertyNames": ["LogicalName", "Attributes"] },
            "Criteria": { "Conditions": [{ "PropertyName": "LogicalName", "ConditionOperator": "Equals",
                "Value": { "Type": "System.String", "Value": logical } }] },
            "AttributeQuery": { "Properties": { "PropertyNames": ["MaxLength"] }, "Criteria": { "Conditions": [
                { "PropertyName": "LogicalName", "ConditionOperator": "Equals",
                  "Value": { "Type": "System.String", "Value": "jobtitle" } }] } },
        })
        .to_string()
    };
    let found = world.query("RetrieveMetadataChanges(Query=@p1)", &[("@p1", &query("contact"))]).await.json();
    let column = &found["EntityMetadata"][0]["Attributes"][0];
    assert_eq!(
        (&column["MaxLength"], &column["@odata.type"]),
        (&json!(100), &json!("#Microsoft.Dynamics.CRM.ComplexStringAttributeMetadata"))
    );
    let stamp = format!("'{}'", found["ServerVersionStamp"].as_str().unwrap());
    let key = json!({ "SchemaName": "new_TitleKey", "KeyAttributes": ["jobtitle"] });
    assert_eq!(world.post("EntityDefinitions(LogicalName='contact')/Keys", &key).await.status, 204);
    for (logical, count) in [("contact", 1), ("lead", 0)] {
        let since = world
            .query(
                "RetrieveMetadataChanges(Query=@p1,ClientVersionStamp=@p2)",
                &[("@p1", &query(logical)), ("@p2", &stamp)],
            )
            .await;
        assert_eq!(since.json()["EntityMetadata"].as_array().unwrap().len(), count);
    }
    let old = world
        .query("RetrieveMetadataChanges(Query=@p1,ClientVersionStamp=@p2)", &[("@p1", "{}"), ("@p2", "'1!x'")])
        .await;
    assert_eq!((old.status, old.code().as_str()), (400, "0x80044352"));
}

#[tokio::test]
async fn the_service_describes_itself_in_csdl() {
    let world = World::new(Seed::Empty).await;
    let reply = world.get("$metadata?annotations=true").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/xml"));
    for text in [
        "<EntityType Name=\"contact\" BaseType=\"mscrm.crmbaseentity\"><Key><PropertyRef Name=\"contactid\" /></Key>",
        "<NavigationProperty Name=\"parentcustomerid_account\" Type=\"mscrm.account\" Nullable=\"true\" Partner=\"contact_customer_accounts\">",
        "<NavigationProperty Name=\"contact_customer_accounts\" Type=\"Collection(mscrm.contact)\" />",
        "<EntitySet Name=\"new_eventattendances\" EntityType=\"Microsoft.Dynamics.CRM.new_eventattendance\">",
        "<Function Name=\"WhoAmI\">",
        "<Action Name=\"QualifyLead\" IsBound=\"true\">",
        "<EnumType Name=\"AccessRights\" IsFlags=\"true\">",
        "<FunctionImport Name=\"InitializeFrom\"",
    ] {
        assert!(reply.text.contains(text), "{text}");
    }
    let opened = reply.text.matches("<EntityType ").count() - 1;
    assert_eq!(opened, reply.text.matches("</EntityType>").count());
}

#[tokio::test]
async fn definitions_are_compared_but_no_functions_are_called_on_them() {
    let world = World::new(Seed::Empty).await;
    let below =
        world.query("EntityDefinitions", &[("$select", "LogicalName"), ("$filter", "ObjectTypeCode le 2")]).await;
    let names: Vec<_> =
        below.json()["value"].as_array().unwrap().iter().map(|one| one["LogicalName"].clone()).collect();
    assert_eq!(names, ["account", "contact"]);
    let refused = world.query("EntityDefinitions", &[("$filter", "startswith(LogicalName,'acc')")]).await;
    assert_eq!((refused.status, refused.code().as_str()), (501, "0x8006088a"));
    assert_eq!(refused.message(), "The \"startswith\" function isn't supported for Metadata Entities.");
}
