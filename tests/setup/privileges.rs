//! What settings need the application user to be allowed: each privilege that is missing is named with the setting that needs it, before
//! anything is put in place.

use std::collections::BTreeSet;

use inevent_d365::{
    settings::{Prefix, document},
    setup::check::{self, ApplicationUser},
};
use serde_json::{Value, json};

use crate::world::{CONNECTOR, SECRET, World, role_privileges};

/// Beyond the connector's role: what the settings below need of the tables that they name.
const MORE: [&str; 8] = [
    "prvReadCampaign",
    "prvAppendToCampaign",
    "prvWriteAccount",
    "prvAppendToUser",
    "prvReadmsevtmgt_EventRegistration",
    "prvCreatemsevtmgt_EventRegistration",
    "prvWritemsevtmgt_EventRegistration",
    "prvAppendmsevtmgt_EventRegistration",
];

/// What is wrong with the settings for an application user: place and problem.
async fn problems(world: &World, settings: &Value) -> Vec<String> {
    let document = document::read(&settings.to_string(), &Prefix::default()).unwrap();
    let problems =
        check::problems(&world.client((CONNECTOR, SECRET)), ApplicationUser::SignedIn, &document, false).await.unwrap();
    assert!(problems.iter().all(|problem| !problem.remedy.is_empty()));
    problems.iter().map(|problem| format!("{}: {}", problem.path, problem.problem)).collect()
}

/// Takes a privilege out of the connector's role, or puts it back.
async fn change(world: &World, message: &str, privilege: &str) {
    let id = async |set: &str, key: &str, name: &str| {
        let found = world.crm("GET", &format!("{set}?$select={key}&$filter=name eq '{name}'"), Value::Null).await;
        found["value"][0][key].as_str().unwrap().to_owned()
    };
    let (role, privilege_id) =
        (id("roles", "roleid", "Connector").await, id("privileges", "privilegeid", privilege).await);
    let unit = world.crm("GET", "WhoAmI", Value::Null).await["BusinessUnitId"].clone();
    let one =
        json!({ "PrivilegeId": privilege_id, "PrivilegeName": privilege, "Depth": "Global", "BusinessUnitId": unit });
    let body = match message {
        "RemovePrivilegeRole" => json!({ "PrivilegeId": privilege_id }),
        _ => json!({ "Privileges": [one] }),
    };
    world.crm("POST", &format!("roles({role})/Microsoft.Dynamics.CRM.{message}"), body).await;
}

async fn allowed() -> World {
    let more = MORE.map(|name| (name, "Global"));
    let role: Vec<(&str, &str)> = role_privileges("Global").into_iter().chain(more).collect();
    World::start(json!({})).await.with_role(&role).await
}

#[tokio::test]
async fn a_privilege_that_is_missing_is_named_with_the_setting_that_needs_it() {
    let world = allowed().await;
    let me = world.client((CONNECTOR, SECRET)).who_am_i().await.unwrap().user_id;
    let list = world.add("lists", json!({ "listname": "L", "createdfromcode": 2, "type": false })).await;
    let settings = json!({
        "version": 1,
        "defaults": {
            "matching": { "keys": ["email_and_company", "email"] },
            "mappings": [
                { "source": { "answer": "Q" }, "tables": ["lead"], "column": "campaignid",
                  "lookup": { "table": "campaign", "column": "codename" } },
                { "source": { "answer": "Web" }, "tables": ["account"], "column": "websiteurl", "mode": "fill_if_empty" },
                { "source": { "answer": "Diet" }, "tables": ["activity"], "column": "description" },
            ],
            "related": { "registration": {
                "table": "msevtmgt_eventregistration", "person": { "contact": "msevtmgt_contactid" },
                "key": { "column": "msevtmgt_name", "source": { "answer": "Code" } },
            } },
            "lookups": [{ "column": "createdby", "table": "systemuser", "id": me }],
            "list_rules": [{ "name": "r", "when": "attended", "contact_list": list }],
            "fallback_owner": { "user": me },
        },
        "events": {
            "4711": { "unmatched": "create_contact" },
            "4712": { "invitations": { "lists": [list], "link": { "lead": "description" } } },
        },
    });
    assert_eq!(problems(&world, &settings).await, [""; 0]);
    let cases = [
        vec![
            ("prvCreateLead", "defaults.unmatched", "lead"),
            ("prvCreateContact", "events.4711.unmatched", "contact"),
            ("prvCreatemsevtmgt_EventRegistration", "defaults.related.registration", "msevtmgt_eventregistration"),
        ],
        vec![
            ("prvReadCampaign", "defaults.mappings[0]", "campaign"),
            ("prvReadUser", "defaults.lookups[0]", "systemuser"),
            ("prvReadList", "events.4712.invitations.lists", "list"),
        ],
        vec![
            ("prvWriteLead", "defaults.mappings[0]", "lead"),
            ("prvWriteLead", "events.4712.invitations.link.lead", "lead"),
            ("prvWriteAccount", "defaults.mappings[1]", "account"),
            ("prvWriteList", "defaults.list_rules[0].contact_list", "list"),
        ],
        vec![
            ("prvAppendLead", "defaults.mappings[0]", "lead"),
            ("prvAppendContact", "defaults.list_rules[0].contact_list", "contact"),
            ("prvAppendActivity", "defaults.lookups[0]", "new_eventattendance"),
        ],
        vec![
            ("prvAppendToCampaign", "defaults.mappings[0]", "campaign"),
            ("prvAppendToContact", "defaults.related.registration", "contact"),
            ("prvAppendToUser", "defaults.lookups[0]", "systemuser"),
            ("prvAppendToList", "defaults.list_rules[0].contact_list", "list"),
        ],
        vec![("prvAssignActivity", "defaults.activity_table", "new_eventattendance")],
    ];
    for of_one_kind in cases {
        let privileges: BTreeSet<&str> = of_one_kind.iter().map(|(privilege, ..)| *privilege).collect();
        for privilege in &privileges {
            change(&world, "RemovePrivilegeRole", privilege).await;
        }
        let told = problems(&world, &settings).await;
        for (privilege, place, table) in of_one_kind {
            let expected = format!("{place}: the application user lacks {privilege} for {table}");
            assert!(told.contains(&expected), "{expected}: {told:?}");
        }
        let named = |told: &String| privileges.iter().any(|privilege| told.contains(privilege));
        assert!(told.iter().all(named), "{privileges:?}: {told:?}");
        for privilege in &privileges {
            change(&world, "AddPrivilegesRole", privilege).await;
        }
    }
    assert_eq!(problems(&world, &settings).await, [""; 0]);
    change(&world, "RemovePrivilegeRole", "prvReadRole").await;
    assert_eq!(problems(&world, &settings).await, ["defaults: what the application user may do cannot be read"]);
}

/// A person puts the settings in place: what counts is what the connector may do.
#[tokio::test]
async fn whoever_signs_in_the_connectors_privileges_are_meant() {
    let world = allowed().await;
    let (text, administrator) = (json!({ "version": 1 }).to_string(), world.administrator());
    let document = document::read(&text, &Prefix::default()).unwrap();
    let lacks = async |connector| check::problems(&administrator, connector, &document, false).await.unwrap().len();
    let connector = ApplicationUser::Of(CONNECTOR.parse().unwrap());
    assert_eq!(lacks(connector).await, 0);
    change(&world, "RemovePrivilegeRole", "prvCreateLead").await;
    assert_eq!(lacks(connector).await, 1);
    for other in [ApplicationUser::SignedIn, ApplicationUser::Unknown, ApplicationUser::Of(uuid::Uuid::nil())] {
        assert_eq!(lacks(other).await, 0, "{other:?}");
    }
}

#[tokio::test]
async fn an_owner_who_is_nobody_is_named() {
    let world = allowed().await;
    let nobody = "7c1b0b2e-4f0a-4c8e-9b1e-2f6f3a5d9c10";
    let settings = json!({
        "version": 1,
        "defaults": { "fallback_owner": { "user": nobody } },
        "events": { "4711": { "fallback_owner": { "team": nobody } }, "4712": { "fallback_owner": null } },
    });
    assert_eq!(
        problems(&world, &settings).await,
        [
            "defaults.fallback_owner: there is no such user, or the application user may not read it",
            "events.4711.fallback_owner: there is no such team, or the application user may not read it",
        ]
    );
}
