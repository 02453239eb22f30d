//! Columns beside those of the person: lookups, the attendance row, the account, and rows of their own.

use inevent_d365::sync::outcome::Outcome;
use serde_json::{Value, json};

use crate::world::{World, registered};

/// A mapping of an answer.
fn answer(question: &str, tables: Value, column: &str, more: Value) -> Value {
    let mut mapping = json!({ "source": { "answer": question }, "tables": tables, "column": column });
    mapping.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    mapping
}

fn ana(second: u8, answers: Value) -> Value {
    let mut event = registered(second, json!({ "id": "1", "email": "a@x.example" }));
    event["answers"] = answers;
    event
}

#[tokio::test]
async fn a_lookup_points_to_the_one_row_that_the_value_names() {
    let lookup = json!({ "lookup": { "table": "campaign", "column": "codename" } });
    let world = World::start(json!({ "mappings": [answer("Source", json!(["lead"]), "campaignid", lookup)] })).await;
    let spring = world.add("campaigns", json!({ "name": "Spring", "codename": "S 1" })).await;
    let autumn = world.add("campaigns", json!({ "name": "Autumn", "codename": "A1" })).await;
    for name in ["One", "Two"] {
        world.add("campaigns", json!({ "name": name, "codename": "TWICE" })).await;
    }
    let campaign = async || world.rows("lead").await[0]["_campaignid_value"].clone();
    world.settle(ana(1, json!({ "Source": " s 1" }))).await;
    assert_eq!(campaign().await, spring);
    world.settle(ana(2, json!({ "Source": "A1" }))).await;
    assert_eq!(campaign().await, autumn);
    // What names nobody, or several, is left out.
    for (second, unclear) in [(3, "Winter"), (4, "TWICE"), (5, "")] {
        world.settle(ana(second, json!({ "Source": unclear }))).await;
        assert_eq!(campaign().await, autumn, "{unclear}");
    }
    // What somebody corrected stays until the source says something else.
    let lead = world.rows("lead").await[0]["leadid"].as_str().unwrap().to_owned();
    let bind = json!({ "campaignid@odata.bind": format!("/campaigns({spring})") });
    world.crm("PATCH", &format!("leads({lead})"), bind).await;
    world.settle(ana(6, json!({ "Source": "A1" }))).await;
    assert_eq!(campaign().await, spring);
}

#[tokio::test]
async fn what_is_required_and_names_nobody_parks_the_event() {
    let lookup = json!({ "lookup": { "table": "campaign", "column": "codename" }, "required": true });
    let world = World::start(json!({ "mappings": [answer("Source", json!(["lead"]), "campaignid", lookup)] })).await;
    let outcomes = world.run(&[ana(1, json!({ "Source": "Secret" }))]).await;
    let [Outcome::Refused(refusal)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert!(refusal.reason.contains("lead.campaignid") && !refusal.reason.contains("Secret"), "{}", refusal.reason);
    assert!(world.rows("lead").await.is_empty() && world.rows("new_eventattendance").await.is_empty());
}

#[tokio::test]
async fn columns_of_the_attendance_row() {
    let world = World::start(json!({ "mappings": [
        answer("Diet", json!(["activity"]), "description", json!({})),
        answer("Seat", json!(["activity"]), "actualdurationminutes", json!({ "mode": "fill_if_empty" })),
    ] }))
    .await;
    let row = async || world.rows("new_eventattendance").await[0].clone();
    world.settle(ana(2, json!({ "Diet": "Vegan", "Seat": "30" }))).await;
    assert_eq!((&row().await["description"], &row().await["actualdurationminutes"]), (&json!("Vegan"), &json!(30)));
    // Late, and so outdated; then filled already.
    world.settle(ana(1, json!({ "Diet": "None", "Seat": "40" }))).await;
    world.settle(ana(3, json!({ "Seat": "50" }))).await;
    assert_eq!((&row().await["description"], &row().await["actualdurationminutes"]), (&json!("Vegan"), &json!(30)));
}

#[tokio::test]
async fn the_account_of_a_contact_is_filled_where_it_keeps_no_stamps() {
    let fill = json!({ "mode": "fill_if_empty" });
    let world = World::start(json!({ "mappings": [
        answer("Web", json!(["account"]), "websiteurl", fill.clone()),
        answer("Phone", json!(["account"]), "telephone1", fill),
    ] }))
    .await;
    let account = world.add("accounts", json!({ "name": "Contoso", "telephone1": "555" })).await;
    for name in ["a", "b"] {
        let contact = json!({ "lastname": name, "emailaddress1": format!("{name}@x.example"),
            "parentcustomerid_account@odata.bind": format!("/accounts({account})") });
        world.add("contacts", contact).await;
    }
    let mut other = registered(2, json!({ "id": "2", "email": "b@x.example" }));
    other["answers"] = json!({ "Web": "https://b.example" });
    // Two people of one company in one batch.
    let outcomes = world.run(&[ana(1, json!({ "Web": "https://a.example", "Phone": "777" })), other]).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Settled { .. })), "{outcomes:?}");
    let account = &world.rows("account").await[0];
    assert_eq!((&account["websiteurl"], &account["telephone1"]), (&json!("https://a.example"), &json!("555")));
}

#[tokio::test]
async fn a_setting_that_could_undo_corrections_holds_the_events() {
    let world = World::start(json!({ "mappings": [answer("Web", json!(["account"]), "websiteurl", json!({}))] })).await;
    let outcomes = world.run(&[ana(1, json!({ "Web": "https://a.example" }))]).await;
    let said = format!("{outcomes:?}");
    assert!(said.contains("new_ineventprofilestamp") && said.contains("mappings[0].mode"), "{said}");
    assert!(world.rows("lead").await.is_empty());
}

/// Makes a table with lookups to lead, contact and the attendance row.
async fn interests(world: &World) {
    let label = |text: &str| {
        json!({ "@odata.type": "Microsoft.Dynamics.CRM.Label", "LocalizedLabels": [
            { "@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel", "Label": text, "LanguageCode": 1033 }] })
    };
    let text = |name: &str, max: u32, primary: bool| {
        json!({ "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata", "AttributeType": "String",
            "AttributeTypeName": { "Value": "StringType" }, "SchemaName": name, "IsPrimaryName": primary, "MaxLength": max,
            "FormatName": { "Value": "Text" }, "DisplayName": label(name),
            "RequiredLevel": { "Value": "None", "CanBeChanged": true, "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings" } })
    };
    let table = json!({
        "@odata.type": "Microsoft.Dynamics.CRM.EntityMetadata", "SchemaName": "new_Interest", "OwnershipType": "UserOwned",
        "IsActivity": false, "HasActivities": false, "HasNotes": false,
        "DisplayName": label("Interest"), "DisplayCollectionName": label("Interests"),
        "Attributes": [text("new_Name", 100, true)],
    });
    world.crm("POST", "EntityDefinitions", table).await;
    for column in
        [text("new_Code", 100, false), text("new_Level", 100, false), text("new_ineventprofilestamp", 4_000, false)]
    {
        world.crm("POST", "EntityDefinitions(LogicalName='new_interest')/Attributes", column).await;
    }
    for (target, key, column) in [
        ("contact", "contactid", "new_ContactId"),
        ("lead", "leadid", "new_LeadId"),
        ("new_eventattendance", "activityid", "new_AttendanceId"),
    ] {
        let relationship = json!({
            "@odata.type": "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
            "SchemaName": format!("new_{target}_interest"), "ReferencedEntity": target, "ReferencedAttribute": key,
            "ReferencingEntity": "new_interest",
            "Lookup": { "@odata.type": "Microsoft.Dynamics.CRM.LookupAttributeMetadata", "AttributeType": "Lookup",
                "AttributeTypeName": { "Value": "LookupType" }, "SchemaName": column, "DisplayName": label(column) },
        });
        world.crm("POST", "RelationshipDefinitions", relationship).await;
    }
}

#[tokio::test]
async fn a_row_of_its_own_is_found_or_created_by_its_key_and_bound() {
    let world = World::start(json!({
        "related": { "interest": {
            "table": "new_interest",
            "key": { "column": "new_code", "source": { "expression": "participant.id ~ '/' ~ answers.Topic" } },
            "person": { "contact": "new_contactid", "lead": "new_leadid" }, "activity": "new_attendanceid",
        } },
        "mappings": [
            answer("Topic", json!(["interest"]), "new_name", json!({ "mode": "on_create" })),
            answer("Level", json!(["interest"]), "new_level", json!({})),
        ],
    }))
    .await;
    interests(&world).await;
    let known = world.add("new_interests", json!({ "new_name": "Known", "new_code": "1/CRM" })).await;
    world.settle(ana(1, json!({ "Topic": "crm", "Level": "Some" }))).await;
    world.settle(ana(3, json!({ "Topic": "Cloud", "Level": "Much" }))).await;
    world.settle(ana(2, json!({ "Topic": "Cloud", "Level": "Some" }))).await;
    let rows = world.rows("new_interest").await;
    let lead = &world.rows("lead").await[0]["leadid"];
    let attendance = &world.rows("new_eventattendance").await[0]["activityid"];
    assert_eq!(rows.len(), 2, "{rows:?}");
    for row in &rows {
        assert_eq!((&row["_new_leadid_value"], &row["_new_attendanceid_value"]), (lead, attendance), "{row}");
        let was_there = row["new_interestid"] == known;
        let expected = if was_there { ("Known", "Some") } else { ("Cloud", "Much") };
        assert_eq!((row["new_name"].as_str().unwrap(), row["new_level"].as_str().unwrap()), expected);
    }
    // An event without a topic has no such row, and a replay writes nothing.
    let Outcome::Settled { changed } = world.run(&[ana(3, json!({ "Topic": "Cloud", "Level": "Much" }))]).await[0]
    else {
        panic!()
    };
    assert!(!changed);
    world.settle(ana(4, json!({ "Level": "None" }))).await;
    assert_eq!(world.rows("new_interest").await.len(), 2);
}

#[tokio::test]
async fn what_the_environment_does_not_have_is_named_with_its_place() {
    for (settings, expected) in [
        (
            json!({ "related": { "x": { "table": "new_nothing", "reached_by": { "lead": "campaignid" } } } }),
            "related.x.table: the environment has no table new_nothing",
        ),
        (
            json!({ "mappings": [answer("A", json!(["lead"]), "campaignid", json!({}))] }),
            "mappings[0].lookup: campaignid of lead is a lookup",
        ),
        (
            json!({ "mappings": [answer("A", json!(["lead"]), "campaignid", json!({ "lookup": { "table": "account", "column": "name" } }))] }),
            "mappings[0].lookup.table: campaignid of lead does not point to account",
        ),
        (
            json!({ "mappings": [answer("A", json!(["activity"]), "subject", json!({}))] }),
            "mappings[0].column: the connector writes subject of new_eventattendance itself",
        ),
    ] {
        let world = World::start(settings).await;
        let said = format!("{:?}", world.run(&[ana(1, json!({}))]).await);
        assert!(said.contains("Held") && said.contains(expected), "{expected}: {said}");
    }
}

/// The example of `docs/settings.md`.
#[tokio::test]
async fn contacts_have_event_registrations_and_check_ins_of_journeys() {
    let docs = include_str!("../../docs/settings.md");
    let example = docs.split("```json\n").find(|text| text.contains("msevtmgt_eventregistration")).unwrap();
    let settings: Value = serde_json::from_str(example.split("```").next().unwrap()).unwrap();
    let world = World::start(settings).await;
    let event = world.add("msevtmgt_events", json!({ "msevtmgt_name": "Partner Day" })).await;
    let contact = world.add("contacts", json!({ "lastname": "A", "emailaddress1": "a@x.example" })).await;
    let said = |second, kind: &str, id: &str| {
        let mut event =
            registered(second, json!({ "id": id, "email": if id == "1" { "a@x.example" } else { "b@x.example" } }));
        event["kind"] = json!(kind);
        event
    };
    world.settle(said(1, "registered", "1")).await;
    world.settle(said(1, "registered", "2")).await;
    assert!(world.rows("msevtmgt_checkin").await.is_empty());
    world.settle(said(2, "checked_in", "1")).await;
    world.settle(said(3, "checked_in", "1")).await;
    let registrations = world.rows("msevtmgt_eventregistration").await;
    assert_eq!(registrations.len(), 1);
    let bound = (&registrations[0]["_msevtmgt_contactid_value"], &registrations[0]["_msevtmgt_eventid_value"]);
    assert_eq!(bound, (&json!(contact), &json!(event)));
    let check_ins = world.rows("msevtmgt_checkin").await;
    assert_eq!(check_ins.len(), 1);
    assert_eq!(check_ins[0]["_msevtmgt_contact_value"], contact);
    assert_eq!(check_ins[0]["msevtmgt_checkintime"], "2026-05-01T09:00:02Z");
    assert_eq!(world.rows("lead").await.len(), 1);
}
