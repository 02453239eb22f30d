//! Who a participant is, while people in the CRM merge, qualify, close and correct.

use inevent_d365::sync::outcome::Outcome;
use serde_json::{Value, json};

use crate::world::{World, registered, role_privileges};

/// The row of a participant, and whom it regards.
async fn regards(world: &World, participant: &str) -> Value {
    let rows = world.with("new_eventattendance", "new_participantid", participant).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows[0]["_regardingobjectid_value"].clone()
}

#[tokio::test]
async fn keys_are_tried_in_their_order() {
    let columns = json!([{ "source": { "answer": "Badge" }, "contact": "nickname" }]);
    let keys = json!(["email_and_company", "external_id", { "columns": columns }, "email"]);
    let world = World::start(json!({ "matching": { "keys": keys } })).await;
    let account = world.add("accounts", json!({ "name": "Contoso" })).await;
    let at_contoso = json!({ "lastname": "A", "emailaddress1": "a@x.example",
        "parentcustomerid_account@odata.bind": format!("/accounts({account})") });
    let at_contoso = world.add("contacts", at_contoso).await;
    let elsewhere = world.add("contacts", json!({ "lastname": "B", "emailaddress1": "a@x.example" })).await;
    world.a_while_later().await;
    world.crm("PATCH", &format!("contacts({elsewhere})"), json!({ "jobtitle": "Head" })).await;
    let external =
        world.add("leads", json!({ "subject": "-", "lastname": "C", "new_ineventparticipantid": "E 7" })).await;
    let badge = world.add("contacts", json!({ "lastname": "D", "nickname": "b-1" })).await;
    let fabrikam =
        json!({ "subject": "-", "lastname": "E", "emailaddress1": "e@x.example", "companyname": "Fabrikam" });
    let fabrikam = world.add("leads", fabrikam).await;
    for (id, participant, expected) in [
        ("1", json!({ "id": "1", "email": "A@x.example", "company": "contoso" }), &at_contoso),
        // Both have the address: the one modified last.
        ("2", json!({ "id": "2", "email": "a@x.example", "company": "Other" }), &elsewhere),
        ("3", json!({ "id": "3", "external_id": "e 7", "email": "a@x.example" }), &external),
        ("4", json!({ "id": "4" }), &badge),
        ("5", json!({ "id": "5", "email": "e@x.example", "company": "FABRIKAM " }), &fabrikam),
    ] {
        let mut event = registered(1, participant);
        if id == "4" {
            event["answers"] = json!({ "Badge": " B-1" });
        }
        world.settle(event).await;
        assert_eq!(regards(&world, id).await, *expected, "{id}");
    }
}

#[tokio::test]
async fn a_merged_contact_is_followed_to_its_master() {
    let world = World::start(json!({})).await;
    let old = world.add("contacts", json!({ "lastname": "A", "emailaddress1": "a@x.example" })).await;
    let master = world.add("contacts", json!({ "lastname": "B", "emailaddress1": "b@x.example" })).await;
    let merge = json!({
        "Target": { "contactid": master, "@odata.type": "Microsoft.Dynamics.CRM.contact" },
        "Subordinate": { "contactid": old, "@odata.type": "Microsoft.Dynamics.CRM.contact" },
        "PerformParentingChecks": false,
    });
    world.crm("POST", "Merge", merge).await;
    world.settle(registered(1, json!({ "id": "1", "email": "a@x.example", "job_title": "Head" }))).await;
    assert_eq!(regards(&world, "1").await, master);
    assert_eq!(world.with("contact", "contactid", &master).await[0]["jobtitle"], "Head");
    assert!(world.rows("lead").await.is_empty());
}

#[tokio::test]
async fn rows_follow_a_lead_that_became_a_contact() {
    let world = World::start(json!({})).await;
    world.settle(registered(1, json!({ "id": "1", "email": "a@x.example" }))).await;
    let lead = regards(&world, "1").await;
    let qualify = json!({ "CreateAccount": false, "CreateContact": true, "CreateOpportunity": false, "Status": 3 });
    world.crm("POST", &format!("leads({})/Microsoft.Dynamics.CRM.QualifyLead", lead.as_str().unwrap()), qualify).await;
    let contact = world.rows("contact").await[0]["contactid"].clone();
    // Sales corrected the address meanwhile: the contact is found through the lead.
    world
        .crm("PATCH", &format!("contacts({})", contact.as_str().unwrap()), json!({ "emailaddress1": "z@x.example" }))
        .await;
    world.settle(registered(2, json!({ "id": "1", "email": "a@x.example", "job_title": "Head" }))).await;
    assert_eq!(regards(&world, "1").await, contact);
    assert_eq!(world.rows("contact").await[0]["jobtitle"], "Head");
    assert_eq!(world.rows("lead").await.len(), 1);
}

#[tokio::test]
async fn a_disqualified_lead_is_followed_by_a_fresh_one() {
    let world = World::start(json!({})).await;
    let ana = |second| registered(second, json!({ "id": "1", "email": "a@x.example" }));
    world.settle(ana(1)).await;
    let lead = regards(&world, "1").await;
    world.crm("PATCH", &format!("leads({})", lead.as_str().unwrap()), json!({ "statecode": 2, "statuscode": 4 })).await;
    world.settle(registered(2, json!({ "id": "2", "email": "a@x.example" }))).await;
    let fresh = regards(&world, "2").await;
    assert_ne!(fresh, lead);
    world.settle(registered(3, json!({ "id": "3", "email": "a@x.example" }))).await;
    assert_eq!(regards(&world, "3").await, fresh);
    assert_eq!(world.rows("lead").await.len(), 2);
}

#[tokio::test]
async fn inactive_contacts_count_only_where_the_settings_say_so() {
    for (settings, leads) in [(json!({}), 1), (json!({ "matching": { "inactive_contacts": true } }), 0)] {
        let world = World::start(settings).await;
        let contact = world.add("contacts", json!({ "lastname": "A", "emailaddress1": "a@x.example" })).await;
        world.crm("PATCH", &format!("contacts({contact})"), json!({ "statecode": 1, "statuscode": 2 })).await;
        world.settle(registered(1, json!({ "id": "1", "email": "a@x.example" }))).await;
        assert_eq!(world.rows("lead").await.len(), leads);
    }
}

#[tokio::test]
async fn a_lead_of_one_participant_gets_their_new_address() {
    let world = World::start(json!({})).await;
    let said = |id: &str, second, email: &str, title: &str| {
        registered(second, json!({ "id": id, "email": format!("{email}@x.example"), "job_title": title }))
    };
    world.settle(said("1", 1, "a", "Head")).await;
    world.settle(said("1", 3, "b", "Head")).await;
    let leads = world.rows("lead").await;
    assert_eq!(leads.len(), 1);
    assert_eq!(leads[0]["emailaddress1"], "b@x.example");
    // What was said before and arrives late is about the same lead, and changes nothing back.
    world.settle(said("1", 2, "a", "Chief")).await;
    let leads = world.rows("lead").await;
    assert_eq!(
        (leads.len(), &leads[0]["emailaddress1"], &leads[0]["jobtitle"]),
        (1, &json!("b@x.example"), &json!("Head"))
    );
    // Somebody else with the old address is somebody else.
    world.settle(said("2", 4, "a", "Clerk")).await;
    assert_eq!(world.rows("lead").await.len(), 2);
    // A lead that two participants share keeps its address.
    world.settle(said("3", 5, "a", "Clerk")).await;
    world.settle(said("3", 6, "c", "Clerk")).await;
    assert_eq!(world.rows("lead").await.len(), 3);
    assert_eq!(world.with("lead", "emailaddress1", "a@x.example").await.len(), 1);
    // And where a contact has the new address, the row moves there.
    let contact = world.add("contacts", json!({ "lastname": "D", "emailaddress1": "d@x.example" })).await;
    world.settle(said("1", 7, "d", "Head")).await;
    assert_eq!(regards(&world, "1").await, contact);
}

#[tokio::test]
async fn who_states_no_key() {
    let guest = || registered(1, json!({ "id": "1", "last_name": "Guest" }));
    for (policy, leads, rows) in [("report", 0, 1), ("create", 1, 1), ("ignore", 0, 0)] {
        let world = World::start(json!({ "matching": { "without_key": policy } })).await;
        world.settle(guest()).await;
        world.settle(guest()).await;
        let found = (world.rows("lead").await.len(), world.rows("new_eventattendance").await.len());
        assert_eq!(found, (leads, rows), "{policy}");
        // An address that is stated later belongs to the same person.
        world.settle(registered(2, json!({ "id": "1", "email": "a@x.example" }))).await;
        let found = world.rows("lead").await;
        assert_eq!((found.len(), &found[0]["emailaddress1"]), (1, &json!("a@x.example")), "{policy}");
        assert_eq!(regards(&world, "1").await, found[0]["leadid"], "{policy}");
        // And a check-in without one finds them.
        let mut check_in = registered(3, json!({ "id": "1", "job_title": "Guest of honour" }));
        check_in["kind"] = json!("checked_in");
        world.settle(check_in).await;
        assert!(world.rows("new_eventattendance").await[0]["new_checkintime"].is_string(), "{policy}");
        assert_eq!(world.rows("lead").await[0]["jobtitle"], "Guest of honour", "{policy}");
    }
}

#[tokio::test]
async fn a_condition_decides_over_each_statement() {
    let world = World::start(json!({ "only_if": "participant.country == 'PT'" })).await;
    for (id, country) in [("1", json!("PT")), ("2", json!("BR")), ("3", Value::Null)] {
        let mut participant = json!({ "id": id, "email": format!("{id}@x.example") });
        if !country.is_null() {
            participant["country"] = country;
        }
        world.settle(registered(1, participant)).await;
    }
    assert_eq!(world.rows("lead").await.len(), 1);
    assert_eq!(world.rows("new_eventattendance").await.len(), 1);
}

#[tokio::test]
async fn of_an_event_without_a_name_the_topic_is_its_id() {
    let world = World::start(json!({})).await;
    let mut event = registered(1, json!({ "id": "1", "email": "a@x.example" }));
    event["event"]["name"] = json!(" ");
    world.settle(event).await;
    assert_eq!(world.rows("lead").await[0]["subject"], "4711");
}

#[tokio::test]
async fn a_minimal_row_stays_minimal() {
    let world = World::start(json!({ "minimal_create": true })).await;
    for (second, title) in [(1, "Head"), (2, "Chief")] {
        let ana =
            json!({ "id": "1", "email": "a@x.example", "first_name": "Ana", "last_name": "Silva", "job_title": title });
        world.settle(registered(second, ana)).await;
    }
    let lead = &world.rows("lead").await[0];
    assert_eq!((&lead["firstname"], &lead["lastname"]), (&json!("Ana"), &json!("Silva")));
    assert!(lead["jobtitle"].is_null() && lead["subject"] == "Partner Day");
    // Somebody whom the CRM had before is kept up to date.
    world.add("contacts", json!({ "lastname": "B", "emailaddress1": "b@x.example" })).await;
    world.settle(registered(1, json!({ "id": "2", "email": "b@x.example", "job_title": "Clerk" }))).await;
    assert_eq!(world.rows("contact").await[0]["jobtitle"], "Clerk");
}

/// A published rule: a lead that has in one column what a row of another table has in another is a duplicate.
pub async fn rule(world: &World, name: &str, (lead, matching, column): (&str, &str, &str)) {
    let rule = world
        .add("duplicaterules", json!({ "name": name, "baseentityname": "lead", "matchingentityname": matching }))
        .await;
    let condition = json!({
        "baseattributename": lead, "matchingattributename": column, "operatorcode": 0,
        "regardingobjectid@odata.bind": format!("/duplicaterules({rule})"),
    });
    world.crm("POST", "duplicateruleconditions", condition).await;
    let publish = format!("duplicaterules({rule})/Microsoft.Dynamics.CRM.PublishDuplicateRule");
    world.crm("POST", &publish, Value::Null).await;
}

#[tokio::test]
async fn whom_a_duplicate_rule_names_is_adopted_if_there_is_just_one() {
    let world = World::start(json!({})).await;
    rule(&world, "Phone of contacts", ("telephone1", "contact", "telephone1")).await;
    let contact = world.add("contacts", json!({ "lastname": "A", "telephone1": "555-1" })).await;
    let ana = |second, title: &str| {
        registered(second, json!({ "id": "1", "email": "a@x.example", "phone": "555-1", "job_title": title }))
    };
    world.settle(ana(1, "Head")).await;
    assert_eq!(regards(&world, "1").await, contact);
    world.settle(ana(2, "Chief")).await;
    assert_eq!(world.rows("contact").await[0]["jobtitle"], "Chief");
    assert!(world.rows("lead").await.is_empty());

    // Two of them are one too many, for a person to decide.
    world.add("contacts", json!({ "lastname": "B", "telephone1": "555-1" })).await;
    let other = registered(1, json!({ "id": "2", "email": "b@x.example", "phone": "555-1" }));
    let neighbour = registered(1, json!({ "id": "3", "email": "c@x.example", "phone": "555-3" }));
    let outcomes = world.run(&[other, neighbour]).await;
    let [Outcome::Refused(refusal), Outcome::Settled { changed: true }] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert!(refusal.reason.contains("Phone of contacts") && refusal.reason.contains(&contact), "{}", refusal.reason);
    assert!(!refusal.reason.contains("555"), "{}", refusal.reason);
    assert!(world.with("new_eventattendance", "new_participantid", "2").await.is_empty());
}

#[tokio::test]
async fn duplicates_that_are_all_closed() {
    for (setting, expected) in [("create", "created"), ("adopt", "adopted"), ("park", "parked")] {
        let world = World::start(json!({ "matching": { "closed_duplicates": setting } })).await;
        rule(&world, "Phone of leads", ("telephone1", "lead", "telephone1")).await;
        let lead = world.add("leads", json!({ "subject": "-", "lastname": "A", "telephone1": "555-1" })).await;
        world.crm("PATCH", &format!("leads({lead})"), json!({ "statecode": 2, "statuscode": 4 })).await;
        let outcomes =
            world.run(&[registered(1, json!({ "id": "1", "email": "a@x.example", "phone": "555-1" }))]).await;
        let found = match (&outcomes[0], world.rows("lead").await.len()) {
            (Outcome::Settled { .. }, 2) => "created",
            (Outcome::Settled { .. }, 1) if regards(&world, "1").await == lead => "adopted",
            (Outcome::Refused(_), 1) => "parked",
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a_rule_that_refuses_a_new_address_names_whom_it_belongs_to() {
    let world = World::start(json!({})).await;
    rule(&world, "Second address", ("emailaddress1", "contact", "emailaddress2")).await;
    let contact = world.add("contacts", json!({ "lastname": "A", "emailaddress2": "b@x.example" })).await;
    world.settle(registered(1, json!({ "id": "1", "email": "a@x.example" }))).await;
    world.settle(registered(2, json!({ "id": "1", "email": "b@x.example" }))).await;
    assert_eq!(world.rows("lead").await[0]["emailaddress1"], "a@x.example");
    assert_eq!(regards(&world, "1").await, contact);
}

#[tokio::test]
async fn a_contact_that_the_role_hides_is_not_there() {
    let world = World::start(json!({})).await.with_role(&role_privileges("Basic")).await;
    let contact = world.add("contacts", json!({ "lastname": "A", "emailaddress1": "a@x.example" })).await;
    let before = world.rows("contact").await;
    world.settle(registered(1, json!({ "id": "1", "email": "a@x.example", "job_title": "Head" }))).await;
    assert_ne!(regards(&world, "1").await, contact);
    assert_eq!(world.rows("lead").await.len(), 1);
    assert_eq!(world.rows("contact").await, before);
}

#[tokio::test]
async fn whom_the_connector_created_and_the_role_hides_since_is_followed_by_somebody_new() {
    let world = World::start(json!({ "unmatched": "create_contact" })).await.with_role(&role_privileges("Basic")).await;
    world.settle(registered(1, json!({ "id": "1", "email": "a@x.example" }))).await;
    let hidden = regards(&world, "1").await;
    let me = world.crm("GET", "WhoAmI", Value::Null).await["UserId"].as_str().unwrap().to_owned();
    let assign = json!({ "ownerid@odata.bind": format!("/systemusers({me})") });
    world.crm("PATCH", &format!("contacts({})", hidden.as_str().unwrap()), assign).await;
    world.settle(registered(2, json!({ "id": "2", "email": "a@x.example" }))).await;
    let fresh = regards(&world, "2").await;
    assert_ne!(fresh, hidden);
    world.settle(registered(3, json!({ "id": "2", "email": "a@x.example", "job_title": "Head" }))).await;
    let fresh = world.with("contact", "contactid", fresh.as_str().unwrap()).await;
    assert_eq!(fresh[0]["jobtitle"], "Head");
}
