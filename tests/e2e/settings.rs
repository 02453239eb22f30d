//! The settings document at work, over the wire: each policy, each mode, conversions, and changes that take effect while the
//! connector runs.

use inevent_d365::settings::kept::{BlobPlace, PlaceError, SettingsPlace};
use serde_json::{Value, json};

use crate::{
    crm::{self, Row, text},
    desk::Desk,
    world::World,
};

impl Desk {
    /// The contacts, leads and attendance rows of one address or participant.
    pub async fn found(&self, name: &str) -> (Vec<Row>, Vec<Row>, Vec<Row>) {
        let address = format!("{name}@fabrikam.example");
        let dump = crm::dump(&self.world).await;
        let people = |table| {
            let rows: &Vec<Row> = &dump[table];
            rows.iter().filter(|row| text(row, "emailaddress1") == Some(&address)).cloned().collect::<Vec<_>>()
        };
        let rows = dump["new_eventattendance"].iter().filter(|row| text(row, "new_participantid") == Some(name));
        (people("contact"), people("lead"), rows.cloned().collect())
    }
}

/// `name` registers; it is participant id and local part of the address.
fn registered(name: &str, second: u8) -> Value {
    json!({
        "id": format!("{name}-{second}"), "time": format!("2026-05-01T09:00:{second:02}Z"), "kind": "registered",
        "event": { "id": "4711", "name": "Partner Day" },
        "participant": { "id": name, "email": format!("{name}@fabrikam.example"), "last_name": "Doe" },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_policy_from_the_moment_that_it_is_set() {
    let desk = Desk::start().await;
    let counts = async |name: &str| {
        let (contacts, leads, rows) = desk.found(name).await;
        (contacts.len(), leads.len(), rows.len())
    };
    // No file: the defaults.
    desk.send(registered("default", 1)).await;
    assert_eq!(counts("default").await, (0, 1, 1));
    for (policy, expected) in
        [("create_contact", (1, 0, 1)), ("update_only", (0, 0, 1)), ("ignore", (0, 0, 0)), ("create_lead", (0, 1, 1))]
    {
        desk.set_defaults(
            json!({ "unmatched": policy, "lead_topic": "InEvent: {name}", "subject": "{name} ({status})" }),
        );
        desk.send(registered(policy, 1)).await;
        assert_eq!(counts(policy).await, expected, "{policy}");
    }
    let (_, leads, rows) = desk.found("create_lead").await;
    assert_eq!(text(&leads[0], "subject"), Some("InEvent: Partner Day"));
    assert_eq!(text(&rows[0], "subject"), Some("Partner Day (Registered for)"));
    assert_eq!(text(&rows[0], "_regardingobjectid_value"), text(&leads[0], "leadid"));
    let (contacts, _, rows) = desk.found("create_contact").await;
    assert_eq!(text(&rows[0], "_regardingobjectid_value"), text(&contacts[0], "contactid"));
    assert_eq!(text(&contacts[0], "lastname"), Some("Doe"));
    // Who is nobody yet is found once somebody creates them.
    assert_eq!(text(&desk.found("update_only").await.2[0], "_regardingobjectid_value"), None);
    desk.send(registered("update_only", 2)).await;
    let (_, leads, rows) = desk.found("update_only").await;
    assert_eq!(text(&rows[0], "_regardingobjectid_value"), text(&leads[0], "leadid"));

    desk.set_defaults(json!({ "excluded_domains": ["Fabrikam.example"] }));
    desk.send(registered("staff", 1)).await;
    assert_eq!(counts("staff").await, (0, 0, 0));
    desk.set(json!({ "events": { "4711": { "sync": false } } }));
    desk.send(registered("off", 1)).await;
    assert_eq!(counts("off").await, (0, 0, 0));
    desk.set(json!({ "defaults": { "sync": false }, "events": { "4711": { "sync": true } } }));
    desk.send(registered("on", 1)).await;
    assert_eq!(counts("on").await, (0, 1, 1));
    assert_eq!(desk.world.given_up().await, (0, 0));
    desk.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mode_and_type_of_column() {
    let desk = Desk::start().await;
    let lead = |source: Value, column: &str, more: Value| {
        let mut mapping = json!({ "source": source, "column": column, "tables": ["lead"] });
        mapping.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        mapping
    };
    let answer = |question: &str| json!({ "answer": question });
    desk.set_defaults(json!({ "mappings": [
        lead(answer("Role"), "jobtitle", json!({})),
        lead(answer("phone"), "telephone1", json!({ "mode": "fill_if_empty" })),
        lead(answer("Company"), "companyname", json!({ "mode": "on_create" })),
        lead(json!({ "expression": "participant.last_name | upper ~ ', ' ~ answers.Role" }), "description", json!({})),
        lead(answer("Source"), "leadsourcecode", json!({ "values": { "Expo": "Trade Show", "friend": 3 }, "otherwise": 10 })),
        lead(answer("Decides"), "decisionmaker", json!({})),
        lead(answer("Staff"), "numberofemployees", json!({})),
        lead(answer("Money"), "budgetamount", json!({})),
        lead(answer("Closes"), "estimatedclosedate", json!({ "time_zone": "America/Sao_Paulo" })),
        { "source": { "answer": "Born" }, "column": "birthdate", "tables": ["contact"] },
        lead(answer("Website"), "websiteurl", json!({ "too_long": "refuse", "required": true })),
    ] }));
    let said = |name: &str, second: u8, answers: Value| {
        let mut event = registered(name, second);
        event["answers"] = answers;
        event
    };
    desk.send(said(
        "one",
        1,
        json!({
            "Role": "Chef", "Phone": "1", "company": "A", "Source": "expo", "Decides": "1", "Staff": "x", "Money": "12.345",
            "Closes": "2026-06-01T09:00:00", "Born": "1980-02-29",
        }),
    ))
    .await;
    let (_, leads, _) = desk.found("one").await;
    let lead = &leads[0];
    assert_eq!(
        (text(lead, "jobtitle"), text(lead, "telephone1"), text(lead, "companyname")),
        (Some("Chef"), Some("1"), Some("A"))
    );
    assert_eq!(text(lead, "description"), Some("DOE, Chef"));
    assert_eq!(lead["leadsourcecode"], 7);
    assert_eq!(lead["decisionmaker"], true);
    assert_eq!(lead["numberofemployees"], Value::Null, "what cannot be converted is left out");
    assert_eq!(lead["budgetamount"].as_f64(), Some(12.345));
    assert_eq!(text(lead, "estimatedclosedate"), Some("2026-06-01T12:00:00Z"));

    desk.send(said(
        "one",
        2,
        json!({ "Role": "Cook", "Phone": "2", "Company": "B", "Source": "?", "Decides": "0", "Staff": "3" }),
    ))
    .await;
    let (_, leads, rows) = desk.found("one").await;
    let lead = &leads[0];
    assert_eq!(
        (text(lead, "jobtitle"), text(lead, "telephone1"), text(lead, "companyname")),
        (Some("Cook"), Some("1"), Some("A"))
    );
    assert_eq!((&lead["leadsourcecode"], &lead["decisionmaker"]), (&json!(10), &json!(false)));
    assert_eq!(lead["numberofemployees"], 3);
    assert_eq!((leads.len(), rows.len()), (1, 1));
    assert_eq!(desk.world.given_up().await, (0, 0));

    // Required and not convertible: parked, and nothing of it is written.
    desk.send(said("two", 1, json!({ "Website": "x".repeat(201) }))).await;
    assert_eq!(desk.world.given_up().await, (0, 1));
    let (contacts, leads, rows) = desk.found("two").await;
    assert!(contacts.is_empty() && leads.is_empty() && rows.is_empty());
    desk.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_understood_holds_everything_until_it_is_mended() {
    let desk = Desk::start().await;
    let mapping = json!({ "source": { "answer": "X" }, "column": "new_nothing", "tables": ["lead"] });
    for (number, bad) in [
        json!({ "version": 2 }),
        json!({ "defaults": { "unmatched": "delete" } }),
        json!({ "defaults": { "mappings": [mapping] } }),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("held{number}");
        desk.set(bad.clone());
        desk.world.send(&desk.host, &registered(&name, 1)).await;
        let held = async || desk.world.health(&desk.host).await.1["held"]["name"] == "settings";
        desk.world.until(&desk.host, "held", held).await;
        assert!(desk.found(&name).await.2.is_empty(), "{bad}");
        desk.set(json!({}));
        desk.world.drained(&desk.host).await;
        assert_eq!(desk.found(&name).await.2.len(), 1, "{bad}");
        let free = async || desk.world.health(&desk.host).await.1["held"].is_null();
        desk.world.until(&desk.host, "free", free).await;
    }
    assert_eq!(desk.world.given_up().await, (0, 0));
    desk.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_checked_against_the_environment_before_it_is_put_in_place() {
    let sandbox = dataverse_sandbox::start(dataverse_sandbox::Options {
        orgs: vec!["contoso".into()],
        seed: dataverse_sandbox::Seed::Crm,
        ..Default::default()
    });
    let sandbox = sandbox.await.unwrap();
    let dataverse = sandbox.connection();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json");
    let validate = async |defaults: Value| {
        std::fs::write(&file, json!({ "defaults": defaults }).to_string()).unwrap();
        let run = tokio::process::Command::new(env!("CARGO_BIN_EXE_inevent-d365"))
            .args(["settings", "validate", "--live", file.to_str().unwrap()])
            .envs([
                ("DATAVERSE_URL", &dataverse.http),
                ("DATAVERSE_TOKEN_URL", &dataverse.token_url),
                ("DATAVERSE_TENANT_ID", &dataverse.tenant),
                ("DATAVERSE_CLIENT_ID", &dataverse.client_id),
                ("DATAVERSE_CLIENT_SECRET", &dataverse.client_secret),
            ])
            .output();
        let output = run.await.unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let answer = json!({ "answer": "X" });
    let good = json!([{ "source": answer, "column": "description" }, { "source": answer, "column": "birthdate", "tables": ["contact"] }]);
    assert_eq!(validate(json!({ "mappings": good })).await, (Some(0), String::new()));
    let bad = json!([
        { "source": answer, "column": "birthdate" },
        { "source": answer, "column": "parentcustomerid", "tables": ["contact"] },
        { "source": answer, "column": "fullname", "tables": ["lead"] },
        { "source": { "field": "event.name" }, "column": "jobtitle" },
        { "source": answer, "column": "gendercode", "tables": ["contact"], "values": { "x": "Unknown", "f": "female" } },
    ]);
    let (code, told) = validate(json!({ "mappings": bad })).await;
    assert_eq!(code, Some(65), "{told}");
    let lines: Vec<&str> = told.lines().collect();
    for (line, expected) in lines.iter().zip([
        "defaults.mappings[0].column: the table lead has no column birthdate.",
        "defaults.mappings[1].lookup: parentcustomerid of contact is a lookup.",
        "defaults.mappings[2].column: fullname of lead cannot be written.",
        "defaults.mappings[3].column: jobtitle holds 100 characters,",
        "defaults.mappings[3].column: jobtitle holds 100 characters,",
        "defaults.mappings[4].values.x: gendercode has no such option.",
    ]) {
        assert!(line.starts_with(expected), "{line}");
    }
    assert_eq!(lines.len(), 6, "{told}");
    for (settings, expected) in [
        (
            json!({ "activity_table": "new_nothing" }),
            "defaults.activity_table: the environment has no table new_nothing.",
        ),
        (json!({ "activity_table": "account" }), "defaults.activity_table: account is not a table of activities."),
        (json!({ "activity_table": "task" }), "defaults.activity_table: task lacks the columns new_eventid,"),
        (
            json!({ "lookups": [{ "column": "new_x", "table": "campaign", "key": { "codename": "X" } }] }),
            "defaults.lookups[0].column: new_eventattendance has no lookup new_x to campaign.",
        ),
    ] {
        let (code, told) = validate(settings).await;
        assert_eq!(code, Some(65), "{told}");
        assert!(told.starts_with(expected), "{told}");
    }
    // Lists that take nobody.
    let token = [
        ("grant_type", "client_credentials"),
        ("client_id", &dataverse.client_id),
        ("client_secret", &dataverse.client_secret),
        ("scope", &format!("{}/.default", dataverse.http)),
    ];
    let http = reqwest::Client::new();
    let token: Value = http.post(&dataverse.token_url).form(&token).send().await.unwrap().json().await.unwrap();
    let fetch = "<fetch><entity name='lead'><attribute name='leadid'/></entity></fetch>";
    for (more, expected) in [
        (json!({ "type": true, "query": fetch }), ": the list is dynamic. A dynamic list has no members of its own"),
        (json!({ "type": false, "statecode": 1, "statuscode": 1 }), ": the list is inactive. Activate the list"),
    ] {
        let mut list = json!({ "listname": "L", "createdfromcode": 4 });
        list.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let request = http.post(format!("{}/api/data/v9.2/lists", dataverse.http));
        let request =
            request.bearer_auth(token["access_token"].as_str().unwrap()).header("prefer", "return=representation");
        let made: Value = request.json(&list).send().await.unwrap().json().await.unwrap();
        let id = made["listid"].as_str().unwrap();
        if list["statecode"] == 1 {
            // Where the state of a new row is not honoured.
            let patch = http.patch(format!("{}/api/data/v9.2/lists({id})", dataverse.http));
            let patch = patch.bearer_auth(token["access_token"].as_str().unwrap());
            let inactive = json!({ "statecode": 1, "statuscode": 1 });
            assert!(patch.json(&inactive).send().await.unwrap().status().is_success());
        }
        let (code, told) =
            validate(json!({ "list_rules": [{ "name": "r", "when": "attended", "lead_list": id }] })).await;
        assert_eq!(code, Some(65), "{told}");
        assert!(told.starts_with("defaults.list_rules[0].lead_list") && told.contains(expected), "{told}");
    }
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_put_in_place_once_they_fit_and_nothing_is_left_behind_unsaid() {
    let desk = Desk::start().await;
    desk.send(registered("ana", 1)).await;
    let sandbox = desk.world.sandbox.connection();
    let folder = tempfile::tempdir().unwrap();
    let (file, other) = (folder.path().join("settings.json"), folder.path().join("other.json"));
    let settings = async |args: &[&str]| {
        let run = tokio::process::Command::new(env!("CARGO_BIN_EXE_inevent-d365"))
            .arg("settings")
            .args(args)
            .env("INEVENT_D365_SETTINGS", &file)
            .envs([
                ("DATAVERSE_URL", &sandbox.http),
                ("DATAVERSE_TOKEN_URL", &sandbox.token_url),
                ("DATAVERSE_TENANT_ID", &sandbox.tenant),
                ("DATAVERSE_CLIENT_ID", &sandbox.client_id),
                ("DATAVERSE_CLIENT_SECRET", &sandbox.client_secret),
            ])
            .output();
        let output = run.await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let import = async |document: &str, more: &[&str]| {
        std::fs::write(&other, document).unwrap();
        settings(&[&["import", other.to_str().unwrap()], more].concat()).await
    };

    let (code, told, _) = settings(&["set", "events.4711.level", "attendance"]).await;
    assert_eq!(code, Some(0));
    assert!(told.contains("event 4711: level."), "{told}");
    assert!(!told.contains("backfill"), "nothing is missing at a lower level: {told}");
    let (code, told, _) = settings(&["set", "events.4711.level", "sessions"]).await;
    assert_eq!(code, Some(0));
    assert!(told.contains("inevent-d365 backfill --event 4711"), "a raised level offers a full pass: {told}");
    let (code, told, _) = settings(&["set", "events.4711.minimal_create", "true"]).await;
    assert_eq!(code, Some(0));
    assert!(told.contains("inevent-d365 backfill --event 4711"), "{told}");
    let unfit = r#"{ "defaults": { "mappings": [{ "source": { "answer": "X" }, "column": "new_nothing" }] } }"#;
    let (code, _, told) = import(unfit, &[]).await;
    assert_eq!(code, Some(65), "{told}");
    assert!(told.contains("has no column new_nothing"), "{told}");

    // Other keys, for an event that has rows, and for one that has none.
    let keys =
        |event: &str| format!(r#"{{ "events": {{ "{event}": {{ "matching": {{ "keys": ["external_id"] }} }} }} }}"#);
    let before = settings(&["get"]).await.1;
    let (code, _, told) = import(&keys("4711"), &[]).await;
    assert_eq!(code, Some(65), "{told}");
    assert!(told.contains("event 4711 has rows, and people are found by other keys"), "{told}");
    assert_eq!(settings(&["get"]).await.1, before);
    assert_eq!(import(&keys("4712"), &[]).await.0, Some(0));
    // Another activity table, likewise.
    let table = |event: &str| format!(r#"{{ "events": {{ "{event}": {{ "activity_table": "phonecall" }} }} }}"#);
    let kept = settings(&["get"]).await.1;
    let (code, _, told) = import(&table("4711"), &[]).await;
    assert_eq!(code, Some(65), "{told}");
    assert!(told.contains("event 4711 has rows in new_eventattendance: they stay there"), "{told}");
    assert_eq!(settings(&["get"]).await.1, kept);
    // For everybody else: 4711 is one of them.
    let all = r#"{ "defaults": { "matching": { "keys": ["external_id"] } }, "events": { "4712": {} } }"#;
    let (code, _, told) = import(all, &[]).await;
    assert_eq!(code, Some(65), "{told}");
    assert!(told.contains("every other event has rows"), "{told}");
    assert_eq!(import(all, &["--yes"]).await.0, Some(0));
    assert_eq!(settings(&["get"]).await.1, all);

    let history = settings(&["history"]).await.1;
    let versions: Vec<&str> = history.lines().collect();
    assert_eq!(versions.len(), 4, "{history}");
    assert_eq!(settings(&["restore", versions[1], "--yes"]).await.0, Some(0));
    assert_eq!(settings(&["get"]).await.1, before);
    assert_eq!(settings(&["restore", "yesterday"]).await.0, Some(65));
    desk.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_file_the_settings_are_a_blob() {
    let world = World::start().await;
    let place = BlobPlace::new(&world.account()).unwrap();
    assert_eq!(place.read().await, Ok(None));
    let first = place.write(r#"{ "defaults": { "sync": false } }"#, None).await.unwrap();
    assert_eq!(place.write("{}", None).await, Err(PlaceError::Changed));
    let ignore = r#"{ "defaults": { "unmatched": "ignore" } }"#;
    let second = place.write(ignore, Some(&first)).await.unwrap();
    assert_eq!(place.write("{}", Some(&first)).await, Err(PlaceError::Changed));
    let kept = place.read().await.unwrap().unwrap();
    assert_eq!((kept.text.as_str(), &kept.etag), (ignore, &second));
    let history = place.history().await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(place.replaced(&history[0]).await, Ok(Some(r#"{ "defaults": { "sync": false } }"#.into())));
    assert_eq!(place.replaced("never").await, Ok(None));

    let host = world.host().await;
    let before = crm::comparable(&crm::dump(&world).await);
    world.send(&host, &registered("nobody", 1)).await;
    world.drained(&host).await;
    assert_eq!(crm::comparable(&crm::dump(&world).await), before);
    host.stop().await;
}
