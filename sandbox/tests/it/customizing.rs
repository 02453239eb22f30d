//! Changing table definitions.

use dataverse_sandbox::Seed;
use serde_json::{Value, json};

use crate::world::{ANA, World};

fn label(text: &str) -> Value {
    json!({ "@odata.type": "Microsoft.Dynamics.CRM.Label", "LocalizedLabels": [
        { "@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel", "Label": text, "LanguageCode": 1033 }
    ]})
}

fn text_column(name: &str, primary: bool) -> Value {
    json!({
        "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata", "SchemaName": name, "MaxLength": 100,
        "IsPrimaryName": primary, "FormatName": { "Value": "Text" }, "DisplayName": label(name),
    })
}

fn activity(name: &str) -> Value {
    json!({
        "@odata.type": "Microsoft.Dynamics.CRM.EntityMetadata", "SchemaName": name, "IsActivity": true,
        "HasActivities": false, "HasNotes": true, "IsAvailableOffline": true, "OwnershipType": "UserOwned",
        "ActivityTypeMask": 1, "DisplayName": label("Visit"), "DisplayCollectionName": label("Visits"),
        "Attributes": [text_column("Subject", true)],
    })
}

fn table(name: &str) -> Value {
    json!({
        "@odata.type": "Microsoft.Dynamics.CRM.EntityMetadata", "SchemaName": name, "IsActivity": false,
        "HasActivities": true, "HasNotes": false, "OwnershipType": "UserOwned", "DisplayName": label("Venue"),
        "DisplayCollectionName": label("Venues"), "Attributes": [text_column("new_Name", true)],
    })
}

#[tokio::test]
async fn an_activity_table_can_be_about_everyone_and_shows_among_activities() {
    let world = World::new(Seed::Crm).await;
    let made = world.post("EntityDefinitions", &activity("new_visit")).await;
    assert_eq!(made.status, 204, "{}", made.text);
    assert!(made.header("odata-entityid").contains("EntityDefinitions("));

    // A table made later takes activities of the older table, too.
    assert_eq!(world.post("EntityDefinitions", &table("new_venue")).await.status, 204);
    let venue = world.post("new_venues", &json!({ "new_name": "Hall" })).await.id();

    let visit = json!({
        "subject": "Saw Ana",
        "regardingobjectid_contact_new_visit@odata.bind": format!("/contacts({ANA})"),
    });
    let made = world.post("new_visits", &visit).await;
    assert_eq!(made.status, 204, "{}", made.text);
    let pointer = world.get(&format!("activitypointers({})", made.id())).await.json();
    assert_eq!(
        (pointer["activitytypecode"].as_str(), pointer["subject"].as_str()),
        (Some("new_visit"), Some("Saw Ana"))
    );
    let task = json!({
        "subject": "Sweep", "regardingobjectid_new_venue_task@odata.bind": format!("/new_venues({venue})"),
    });
    let task = world.post("tasks", &task).await;
    assert_eq!(task.status, 204, "{}", task.text);
    assert_eq!(world.send(world.request("DELETE", &format!("new_venues({venue})"))).await.status, 204);
    assert_eq!(world.get(&format!("tasks({})", task.id())).await.status, 404);

    let gone = world.send(world.request("DELETE", "EntityDefinitions(LogicalName='new_visit')")).await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    assert_eq!(world.get("new_visits").await.status, 404);
    assert_eq!(world.get("activitypointers").await.status, 200);
}

#[tokio::test]
async fn activity_tables_keep_the_rules_of_the_platform() {
    let world = World::new(Seed::Empty).await;
    for (property, value, code) in [
        ("HasActivities", json!(true), "0x8004f121"),
        ("IsAvailableOffline", json!(false), "0x8004f122"),
        ("HasNotes", json!(false), "0x8004f123"),
        ("IsMailMergeEnabled", json!({ "Value": true }), "0x8004f124"),
        ("IsActivityParty", json!(true), "0x80048501"),
        ("SchemaName", json!("visit"), "0x80044366"),
        ("SchemaName", json!("unknown_visit"), "0x80044366"),
        ("SchemaName", json!("new_vis it"), "0x80044364"),
        ("SchemaName", json!("new_eventattendance"), "0x8004700b"),
    ] {
        let mut body = activity("new_visit");
        body[property] = value;
        let reply = world.post("EntityDefinitions", &body).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, code), "{property}: {}", reply.text);
    }
    assert_eq!(world.get("new_visits").await.status, 404);
}

#[tokio::test]
async fn columns_of_every_type_hold_values() {
    let world = World::new(Seed::Empty).await;
    assert_eq!(world.post("EntityDefinitions", &table("new_venue")).await.status, 204);
    let options = json!([{ "Value": 727_000_000, "Label": label("Red") }, { "Label": label("Blue") }]);
    let set = json!({ "@odata.type": "Microsoft.Dynamics.CRM.OptionSetMetadata", "IsGlobal": false,
        "OptionSetType": "Picklist", "Options": options });
    let global = json!({ "@odata.type": "Microsoft.Dynamics.CRM.OptionSetMetadata", "Name": "new_size",
        "DisplayName": label("Size"), "IsGlobal": true, "OptionSetType": "Picklist",
        "Options": [{ "Value": 1, "Label": label("Small") }, { "Value": 2, "Label": label("Large") }] });
    assert_eq!(world.post("GlobalOptionSetDefinitions", &global).await.status, 204);
    let attributes = "EntityDefinitions(LogicalName='new_venue')/Attributes";
    for (kind, name, more) in [
        ("String", "new_Street", json!({ "MaxLength": 50 })),
        ("Memo", "new_Notes", json!({ "MaxLength": 500 })),
        ("Integer", "new_Seats", json!({ "MinValue": 0, "MaxValue": 500 })),
        ("Decimal", "new_Area", json!({ "MinValue": 0.0, "MaxValue": 1000.0, "Precision": 1 })),
        ("Double", "new_Height", json!({ "MinValue": 0.0, "MaxValue": 100.0, "Precision": 3 })),
        ("Money", "new_Rent", json!({ "MinValue": 0.0, "MaxValue": 10000.0, "Precision": 2 })),
        (
            "Boolean",
            "new_Open",
            json!({ "DefaultValue": true, "OptionSet": { "TrueOption": { "Value": 1, "Label": label("Open") },
            "FalseOption": { "Value": 0, "Label": label("Shut") } } }),
        ),
        ("DateTime", "new_Built", json!({ "Format": "DateOnly", "DateTimeBehavior": { "Value": "DateOnly" } })),
        ("DateTime", "new_Opened", json!({ "Format": "DateAndTime" })),
        ("Picklist", "new_Colour", json!({ "OptionSet": set })),
        (
            "Picklist",
            "new_Size",
            json!({ "GlobalOptionSet@odata.bind": "/GlobalOptionSetDefinitions(Name='new_size')" }),
        ),
        ("MultiSelectPicklist", "new_Colours", json!({ "OptionSet": set })),
    ] {
        let mut body = more;
        body["@odata.type"] = format!("Microsoft.Dynamics.CRM.{kind}AttributeMetadata").into();
        body["SchemaName"] = name.into();
        body["DisplayName"] = label(name);
        let reply = world.post(attributes, &body).await;
        assert_eq!(reply.status, 204, "{name}: {}", reply.text);
        let read = world.get(&format!("{attributes}(LogicalName='{}')", name.to_lowercase())).await.json();
        assert_eq!(read["@odata.type"], format!("#Microsoft.Dynamics.CRM.{kind}AttributeMetadata"));
    }
    let row = json!({
        "new_name": "Hall", "new_street": "High St", "new_seats": 12, "new_area": 12.34, "new_height": 2.5,
        "new_rent": 99.5, "new_built": "1990-02-03", "new_opened": "2026-01-01T10:00:00+02:00",
        "new_colour": 727_000_001, "new_size": 2, "new_colours": "727000001,727000000",
    });
    let made = world.post("new_venues", &row).await;
    assert_eq!(made.status, 204, "{}", made.text);
    let read = world.get(&format!("new_venues({})", made.id())).await;
    for text in [
        "\"new_area\":12.3000000000",
        "\"new_height\":2.5",
        "\"new_rent\":99.5000000000",
        "\"new_rent_base\":99.5000000000",
        "\"exchangerate\":1.000000000000",
        "\"new_open\":true",
        "\"new_opened\":\"2026-01-01T08:00:00Z\"",
        "\"new_colours\":\"727000000,727000001\"",
    ] {
        assert!(read.text.contains(text), "{text} in {}", read.text);
    }
    for wrong in [json!({ "new_size": 3 }), json!({ "new_seats": 501 }), json!({ "new_colours": "1" })] {
        assert_eq!(world.post("new_venues", &wrong).await.status, 400);
    }
    let gone = world.send(world.request("DELETE", &format!("{attributes}(LogicalName='new_street')"))).await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    assert_eq!(world.post("new_venues", &json!({ "new_street": "x" })).await.code(), "0x80048d19");
}

#[tokio::test]
async fn relationships_bring_lookups_and_links() {
    let world = World::new(Seed::Crm).await;
    assert_eq!(world.post("EntityDefinitions", &table("new_venue")).await.status, 204);
    let one = json!({
        "@odata.type": "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata", "SchemaName": "new_contact_new_venue",
        "ReferencedEntity": "contact", "ReferencingEntity": "new_venue", "ReferencedAttribute": "contactid",
        "CascadeConfiguration": { "Assign": "NoCascade", "Delete": "Restrict", "Merge": "NoCascade",
            "Reparent": "NoCascade", "Share": "NoCascade", "Unshare": "NoCascade" },
        "Lookup": { "@odata.type": "Microsoft.Dynamics.CRM.LookupAttributeMetadata", "SchemaName": "new_KeeperId",
            "DisplayName": label("Keeper") },
    });
    let made = world.post("RelationshipDefinitions", &one).await;
    assert_eq!(made.status, 204, "{}", made.text);
    let again = world.post("RelationshipDefinitions", &one).await;
    assert_eq!(again.code(), "0x8004432b");
    let row = json!({ "new_name": "Hall", "new_KeeperId@odata.bind": format!("/contacts({ANA})") });
    let venue = world.post("new_venues", &row).await;
    assert_eq!(venue.status, 204, "{}", venue.text);
    // The cascade says that the contact may not go.
    let kept = world.send(world.request("DELETE", &format!("contacts({ANA})"))).await;
    assert_eq!((kept.status, kept.code().as_str()), (405, "0x80040227"), "{}", kept.text);

    let many = json!({
        "@odata.type": "Microsoft.Dynamics.CRM.ManyToManyRelationshipMetadata", "SchemaName": "new_venue_contacts",
        "Entity1LogicalName": "new_venue", "Entity2LogicalName": "contact", "IntersectEntityName": "new_venue_contact",
    });
    let made = world.post("RelationshipDefinitions", &many).await;
    assert_eq!(made.status, 204, "{}", made.text);
    let found =
        world.query("RelationshipDefinitions", &[("$filter", "SchemaName eq 'new_venue_contacts'")]).await.json();
    assert_eq!(found["value"][0]["Entity2IntersectAttribute"], "contactid");
    for name in ["new_venue_contacts", "new_contact_new_venue"] {
        let path = format!("RelationshipDefinitions(SchemaName='{name}')");
        let gone = world.send(world.request("DELETE", &path)).await;
        assert_eq!(gone.status, 204, "{}", gone.text);
        assert_eq!(world.get(&path).await.status, 404);
    }
    assert_eq!(world.send(world.request("DELETE", &format!("contacts({ANA})"))).await.status, 204);
}

#[tokio::test]
async fn keys_are_made_in_time_and_fail_on_collisions() {
    let world = World::new(Seed::Empty).await;
    world.admin("POST", "switches", Some(json!({ "key_index_seconds": 30 }))).await;
    let keys = "EntityDefinitions(LogicalName='account')/Keys";
    let key =
        json!({ "SchemaName": "new_NumberKey", "KeyAttributes": ["accountnumber"], "DisplayName": label("Number") });
    let made = world.post(keys, &key).await;
    assert_eq!(made.status, 204, "{}", made.text);
    assert_eq!(world.get(keys).await.json()["value"][0]["EntityKeyIndexStatus"], "Pending");
    assert_eq!(world.get("accounts(accountnumber='A1')").await.status, 400);
    for name in ["one", "two"] {
        let reply = world.post("accounts", &json!({ "name": name, "accountnumber": "A1" })).await;
        assert_eq!(reply.status, 204);
    }
    world.admin("POST", "clock", Some(json!({ "advance_s": 31 }))).await;
    assert_eq!(world.get(keys).await.json()["value"][0]["EntityKeyIndexStatus"], "Failed");

    let found = world.query("accounts", &[("$filter", "name eq 'two'"), ("$select", "accountid")]).await.json();
    let id = found["value"][0]["accountid"].as_str().unwrap().to_owned();
    assert_eq!(world.send(world.request("DELETE", &format!("accounts({id})"))).await.status, 204);
    let again = json!({ "EntityLogicalName": "account", "EntityKeyLogicalName": "new_numberkey" });
    assert_eq!(world.post("ReactivateEntityKey", &again).await.status, 204);
    assert_eq!(world.get("accounts(accountnumber='A1')").await.status, 200);
    assert_eq!(world.post("ReactivateEntityKey", &again).await.code(), "0x80060897");
    assert_eq!(world.post(keys, &key).await.code(), "0x80060893");
    let same = json!({ "SchemaName": "new_Other", "KeyAttributes": ["accountnumber"] });
    assert_eq!(world.post(keys, &same).await.code(), "0x80060894");
    let path = made.header("odata-entityid").rsplit_once("/Keys").unwrap().1.to_owned();
    let gone = world.send(world.request("DELETE", &format!("{keys}{path}"))).await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    assert_eq!(world.get("accounts(accountnumber='A1')").await.status, 400);
}

#[tokio::test]
async fn create_entities_works_as_the_python_client_calls_it() {
    let world = World::new(Seed::Empty).await;
    let mut body = table("new_widget");
    body["@odata.type"] = "Microsoft.Dynamics.CRM.ComplexEntityMetadata".into();
    body["Attributes"][0]["@odata.type"] = "Microsoft.Dynamics.CRM.ComplexStringAttributeMetadata".into();
    let reply = world.post("CreateEntities?SolutionUniqueName=Default", &json!({ "Entities": [body] })).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let id = reply.json()["EntityIds"][0].as_str().unwrap().to_owned();
    let strong =
        world.request("GET", &format!("EntityDefinitions({id})?$select=EntitySetName")).header("Consistency", "Strong");
    assert_eq!(world.send(strong).await.json()["EntitySetName"], "new_widgets");
    let stray =
        world.post("CreateEntities?SolutionUniqueName=nowhere", &json!({ "Entities": [table("new_other")] })).await;
    assert_eq!(stray.status, 404, "{}", stray.text);
    assert_eq!(world.get("new_others").await.status, 404);
    let parts = world.query("solutioncomponents", &[("$filter", &format!("objectid eq {id}"))]).await.json();
    assert_eq!(parts["value"].as_array().unwrap().len(), 1);

    let columns = format!("EntityDefinitions({id})/Attributes");
    let column = world.get(&format!("{columns}(LogicalName='new_name')")).await.json();
    let kind = column["@odata.type"].as_str().unwrap().trim_start_matches('#').to_owned();
    let mut whole = world.get(&format!("{columns}(LogicalName='new_name')/{kind}")).await.json();
    whole["MaxLength"] = 200.into();
    whole["DisplayName"] = label("Title");
    let path = format!("{columns}({})", column["MetadataId"].as_str().unwrap());
    let put = world.send(world.request("PUT", &path).header("MSCRM.MergeLabels", "true").json(&whole)).await;
    assert_eq!(put.status, 204, "{}", put.text);
    let read = world.get(&path).await.json();
    assert_eq!(
        (&read["MaxLength"], &read["DisplayName"]["UserLocalizedLabel"]["Label"]),
        (&json!(200), &json!("Title"))
    );
    for path in ["PublishAllXml", "PublishXml"] {
        let body = json!({ "ParameterXml": "<importexportxml><entities><entity>new_widget</entity></entities></importexportxml>" });
        assert_eq!(world.post(path, &body).await.status, 204);
    }
}

async fn options_of(world: &World, path: &str, cast: &str) -> Vec<(i64, String)> {
    let reply = world.get(&format!("{path}{cast}")).await.json();
    let options = if reply["Options"].is_array() { &reply["Options"] } else { &reply["OptionSet"]["Options"] };
    let option = |option: &Value| {
        let label = option["Label"]["UserLocalizedLabel"]["Label"].as_str().unwrap().to_owned();
        (option["Value"].as_i64().unwrap(), label)
    };
    options.as_array().unwrap().iter().map(option).collect()
}

#[tokio::test]
async fn options_come_and_go_by_message() {
    let world = World::new(Seed::Crm).await;
    let column = |name: &str| json!({ "EntityLogicalName": "contact", "AttributeLogicalName": name });
    let with = |mut target: Value, more: Value| {
        target.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        target
    };
    let role = |more: Value| with(column("familystatuscode"), more);
    let path = "EntityDefinitions(LogicalName='contact')/Attributes(LogicalName='familystatuscode')";
    let cast = "/Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet";
    let before = options_of(&world, path, cast).await;

    let made = world.post("InsertOptionValue", &role(json!({ "Label": label("Speaker") }))).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let value = made.json()["NewOptionValue"].as_i64().unwrap();
    assert_eq!(value, 727_000_000, "the publisher's");
    let again = world.post("InsertOptionValue", &role(json!({ "Label": label("Guest"), "Value": value }))).await;
    assert_eq!((again.status, again.code().as_str()), (400, "0x80044310"));
    assert_eq!(
        world.post("InsertOptionValue", &role(json!({ "Label": label("Guest") }))).await.json()["NewOptionValue"],
        value + 1
    );
    let renamed = role(json!({ "Label": label("Host"), "Value": value, "MergeLabels": true }));
    assert_eq!(world.post("UpdateOptionValue", &renamed).await.status, 204);
    assert_eq!(world.post("DeleteOptionValue", &role(json!({ "Value": value + 1 }))).await.status, 204);
    assert_eq!(world.post("DeleteOptionValue", &role(json!({ "Value": value + 1 }))).await.status, 400);
    let mut expected = before.clone();
    expected.push((value, "Host".to_owned()));
    assert_eq!(options_of(&world, path, cast).await, expected);

    expected.rotate_right(1);
    let order: Vec<i64> = expected.iter().map(|(value, _)| *value).collect();
    assert_eq!(world.post("OrderOption", &role(json!({ "Values": order }))).await.status, 204);
    assert_eq!(options_of(&world, path, cast).await, expected);
    assert_eq!(world.post("OrderOption", &role(json!({ "Values": [value] }))).await.status, 400);
    let row = json!({ "familystatuscode": value });
    assert_eq!(world.patch(&format!("contacts({ANA})"), &row).await.status, 204, "rows take the new option");

    let flag = with(column("donotemail"), json!({ "Label": label("Never"), "Value": 1, "MergeLabels": true }));
    assert_eq!(world.post("UpdateOptionValue", &flag).await.status, 204);

    let status = with(column("statuscode"), json!({ "Label": label("Moved away"), "StateCode": 1 }));
    let status = world.post("InsertStatusValue", &status).await.json()["NewOptionValue"].as_i64().unwrap();
    let closed = json!({ "statecode": 1, "statuscode": status });
    assert_eq!(world.patch(&format!("contacts({ANA})"), &closed).await.status, 204);
    let wrong = world.patch(&format!("contacts({ANA})"), &json!({ "statecode": 0, "statuscode": status })).await;
    assert_eq!(wrong.status, 400, "a status belongs to its state");
    let state = with(column("statecode"), json!({ "Label": label("Gone"), "Value": 1, "MergeLabels": true }));
    assert_eq!(world.post("UpdateStateValue", &state).await.status, 204);
    let request =
        world.request("GET", &format!("contacts({ANA})?$select=statecode,statuscode,familystatuscode,donotemail"));
    let row = world.send(request.header("prefer", "odata.include-annotations=\"*\"")).await.json();
    for (column, label) in [("statecode", "Gone"), ("statuscode", "Moved away"), ("familystatuscode", "Host")] {
        assert_eq!(row[format!("{column}@OData.Community.Display.V1.FormattedValue")], label);
    }
}

#[tokio::test]
async fn options_of_a_global_choice_reach_its_columns() {
    let world = World::new(Seed::Crm).await;
    let choice = json!({
        "@odata.type": "Microsoft.Dynamics.CRM.OptionSetMetadata", "Name": "new_badge", "IsGlobal": true,
        "OptionSetType": "Picklist", "DisplayName": label("Badge"),
        "Options": [{ "Value": 1, "Label": label("Blue") }],
    });
    assert_eq!(world.post("GlobalOptionSetDefinitions", &choice).await.status, 204);
    let id = world.get("GlobalOptionSetDefinitions(Name='new_badge')").await.json()["MetadataId"].clone();
    let column = json!({
        "@odata.type": "Microsoft.Dynamics.CRM.PicklistAttributeMetadata", "SchemaName": "new_Badge",
        "DisplayName": label("Badge"),
        "GlobalOptionSet@odata.bind": format!("/GlobalOptionSetDefinitions({})", id.as_str().unwrap()),
    });
    let made = world.post("EntityDefinitions(LogicalName='contact')/Attributes", &column).await;
    assert_eq!(made.status, 204, "{}", made.text);
    assert_eq!(world.patch(&format!("contacts({ANA})"), &json!({ "new_badge": 2 })).await.status, 400);
    let green = json!({ "OptionSetName": "new_badge", "Label": label("Green"), "Value": 2 });
    assert_eq!(world.post("InsertOptionValue", &green).await.status, 200);
    assert_eq!(world.patch(&format!("contacts({ANA})"), &json!({ "new_badge": 2 })).await.status, 204);
    let options = options_of(&world, "GlobalOptionSetDefinitions(Name='new_badge')", "").await;
    assert_eq!(options, [(1, "Blue".to_owned()), (2, "Green".to_owned())]);
    let unknown = json!({ "OptionSetName": "new_nothing", "Label": label("Green"), "Value": 2 });
    assert_eq!(world.post("InsertOptionValue", &unknown).await.status, 404);
}
