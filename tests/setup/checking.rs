//! `check`: each thing that can be wrong, named with what to do about it.

use inevent_d365::{
    local::{Desk, DeskOptions, FUNCTION_KEY},
    settings::{DataverseSettings, Prefix, document::Document},
    setup::{
        Provisioning, Wanted,
        check::{self, State},
    },
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    bare, set_up,
    signing_in::{program, run},
    standard,
    world::World,
};

/// `check` with the app settings of the sandbox and a desk's storage: its exit code, and its lines.
async fn checked(world: &World, more: &[(&str, &str)]) -> (i32, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program(world, &["check", "--json"]);
    let connection = world.sandbox.connection();
    command.envs([
        ("DATAVERSE_TENANT_ID", &connection.tenant),
        ("DATAVERSE_TOKEN_URL", &connection.token_url),
        ("DATAVERSE_CLIENT_ID", &connection.client_id),
        ("DATAVERSE_CLIENT_SECRET", &connection.client_secret),
    ]);
    command.env("INEVENT_D365_DESK_STORAGE", folder.path().join("storage.db")).envs(more.iter().copied());
    let (code, stdout, stderr) = run(command).await;
    let told: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout} {stderr}"));
    assert_eq!(told["ok"], code == 0);
    (code, told["checks"].as_array().unwrap().clone())
}

/// The lines that are wrong.
fn wrong(lines: &[Value]) -> Vec<&str> {
    let wrong = lines.iter().filter(|line| line["state"] == "wrong");
    wrong.map(|line| line["detail"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_environment_that_was_set_up_is_in_order() {
    let world = bare().await;
    let (code, lines) = checked(&world, &[]).await;
    assert_eq!(code, 1);
    assert!(
        wrong(&lines).iter().any(|detail| detail.contains("no table new_eventattendance. Run `setup dataverse`.")),
        "{lines:?}"
    );
    standard(&world).await;
    let (code, lines) = checked(&world, &[]).await;
    assert_eq!((code, wrong(&lines)), (0, Vec::new()));
    let names: Vec<&str> = lines.iter().map(|line| line["name"].as_str().unwrap()).collect();
    for name in [
        "settings document",
        "address",
        "clock",
        "secret",
        "token",
        "application user",
        "privileges",
        "activity table",
        "table",
        "settings",
        "marketing lists",
        "queue",
        "store",
        "inevent",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    assert!(lines.iter().any(|line| line["name"] == "inevent" && line["state"] == "not_checked"));
}

#[tokio::test]
async fn a_prefix_under_which_nothing_is_there_is_named_with_the_one_that_is() {
    let world = bare().await;
    standard(&world).await;
    let contoso = [("DATAVERSE_PREFIX", "contoso")];
    let (code, lines) = checked(&world, &contoso).await;
    let no_table = |detail: &&&str| detail.contains("no table contoso_eventattendance");
    let says = wrong(&lines).iter().find(no_table).unwrap().to_string();
    assert!(
        code == 1 && says.contains("It has new_eventattendance: set the app setting DATAVERSE_PREFIX to new"),
        "{says}"
    );
    assert!(wrong(&lines).iter().any(|detail| detail.contains("contoso_ineventprofilestamp is missing")), "{lines:?}");

    let wanted = Wanted { prefix: "contoso".parse().unwrap(), ..Wanted::default() };
    set_up(&world, &wanted, &Provisioning::default()).await;
    assert_eq!(checked(&world, &contoso).await.0, 0, "both stand beside each other");
    assert_eq!(checked(&world, &[]).await.0, 0);

    let world = bare().await;
    set_up(&world, &wanted, &Provisioning::default()).await;
    let (_, lines) = checked(&world, &[]).await;
    assert!(wrong(&lines).iter().any(|detail| detail.contains("DATAVERSE_PREFIX to contoso")), "{lines:?}");

    let (code, lines) = checked(&world, &[("DATAVERSE_PREFIX", "Contoso")]).await;
    assert!(code == 1 && wrong(&lines).iter().any(|detail| detail.contains("Set DATAVERSE_PREFIX to")), "{lines:?}");
}

#[tokio::test]
async fn inevents_token_is_tried_where_one_is_set() {
    let world = bare().await;
    let inevent = world.sandbox.connection().inevent.clone();
    let told = async |token: &str, company: &str| {
        let set =
            [("INEVENT_API_URL", inevent.url.as_str()), ("INEVENT_TOKEN", token), ("INEVENT_COMPANY_ID", company)];
        let (_, lines) = checked(&world, &set).await;
        let line = lines.iter().find(|line| line["name"] == "inevent").unwrap();
        (line["state"].as_str().unwrap().to_owned(), line["detail"].as_str().unwrap().to_owned())
    };
    assert_eq!(told(&inevent.token, &inevent.company_id).await.0, "ok");
    let (state, detail) = told("nobody's", &inevent.company_id).await;
    assert!(state == "wrong" && detail.contains("Renew INEVENT_TOKEN"), "{detail}");
    let (state, detail) = told(&inevent.token, "").await;
    assert!(state == "wrong" && detail.contains("INEVENT_COMPANY_ID"), "{detail}");
}

#[tokio::test]
async fn a_column_that_somebody_deleted_is_named_until_setup_restores_it() {
    let world = bare().await;
    standard(&world).await;
    for (table, column) in
        [("new_eventattendance", "new_checkintime"), ("contact", "new_ineventprofilestamp"), ("lead", "new_budget")]
    {
        let path = format!("EntityDefinitions(LogicalName='{table}')/Attributes(LogicalName='{column}')");
        world.crm("DELETE", &path, Value::Null).await;
        let (code, lines) = checked(&world, &[]).await;
        let wrong = wrong(&lines);
        assert_eq!(code, 1);
        assert!(
            wrong.iter().all(|detail| detail.contains(column) && detail.contains("`setup dataverse`")),
            "{wrong:?}"
        );
        standard(&world).await;
        assert_eq!(checked(&world, &[]).await.0, 0, "{column}");
    }
}

#[tokio::test]
async fn what_is_wrong_outside_the_tables_is_named() {
    let world = bare().await;
    standard(&world).await;
    for (setting, value, says) in [
        ("DATAVERSE_CLIENT_SECRET", "wrong", "AADSTS7000215"),
        ("DATAVERSE_CLIENT_ID", "", "Set DATAVERSE_CLIENT_ID"),
        ("DATAVERSE_URL", "https://crm.contoso.example", "on-premises"),
        ("INEVENT_D365_DESK_STORAGE", "", "no storage account"),
    ] {
        let (code, lines) = checked(&world, &[(setting, value)]).await;
        assert!(code == 1 && wrong(&lines).iter().any(|detail| detail.contains(says)), "{setting}: {lines:?}");
    }
    let (code, ..) = run(program(&world, &["check", "--send"])).await;
    assert_eq!(code, 2, "it wants to know where to");
}

fn settings(url: &str) -> DataverseSettings {
    let url = url.to_owned();
    let settings = move |name: &str| match name {
        "DATAVERSE_URL" => Some(url.clone()),
        "DATAVERSE_SIGN_IN" => Some("managed-identity".to_owned()),
        _ => None,
    };
    DataverseSettings::read(&settings).unwrap()
}

#[tokio::test]
async fn an_environment_on_premises_is_refused_with_that_reason() {
    let mut server = mockito::Server::new_async().await;
    let challenge = "Bearer authorization_uri=https://sts.contoso.example/adfs/oauth2/authorize, resource_id=x";
    server
        .mock("GET", "/api/data/v9.2/")
        .with_status(401)
        .with_header("WWW-Authenticate", challenge)
        .create_async()
        .await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let lines = check::address(&http, &settings(&server.url()), Timestamp::now()).await;
    assert!(lines.len() == 1 && lines[0].state == State::Wrong && lines[0].detail.contains("AD FS"), "{lines:?}");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_named() {
    let world = bare().await;
    let settings = settings(&world.sandbox.connection().http);
    for (minutes, right) in [(0, true), (4, true), (6, false), (-6, false)] {
        let now = Timestamp::now() + SignedDuration::from_mins(minutes);
        let lines = check::address(&world.http, &settings, now).await;
        let clock = lines.iter().find(|line| line.name == "clock").unwrap();
        assert_eq!(clock.state == State::Ok, right, "{minutes} {clock:?}");
    }
}

#[tokio::test]
async fn settings_that_the_environment_does_not_allow_and_privileges_that_they_need() {
    let world = bare().await;
    standard(&world).await;
    let client = world.administrator();
    let document = |defaults: Value| -> Document {
        let text = json!({ "version": 1, "defaults": defaults }).to_string();
        inevent_d365::settings::document::read(&text, &Prefix::default()).unwrap()
    };
    let lines = check::tables(&client, &document(json!({ "activity_table": "new_webinarattendance" }))).await;
    assert!(
        lines.iter().any(|line| line.state == State::Wrong && line.detail.contains("no table new_webinarattendance"))
    );
    let rule = json!({ "list_rules": [{ "name": "r", "when": "attended", "lead_list": "9a1b0000-0000-4000-8000-000000000001" }] });
    let lines = check::tables(&client, &document(rule)).await;
    assert!(lines.iter().any(|line| line.name == "settings" && line.state == State::Wrong), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_sent_and_found_and_the_next_one_uses_its_row() {
    let desk = Desk::start(DeskOptions {
        root: env!("CARGO_MANIFEST_DIR").into(),
        executable: env!("CARGO_BIN_EXE_inevent-d365").into(),
        port: 0,
        prefix: Prefix::default(),
    });
    let desk = desk.await.unwrap();
    let connection = desk.dataverse();
    let url = desk.host().url();
    let check = async |more: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_inevent-d365"));
        command.args(["check", "--json", "--send", "--url", url, "--key"]).args(more).env_clear().env("NO_PROXY", "*");
        command.envs([
            ("DATAVERSE_URL", &connection.http),
            ("DATAVERSE_TENANT_ID", &connection.tenant),
            ("DATAVERSE_TOKEN_URL", &connection.token_url),
            ("DATAVERSE_CLIENT_ID", &connection.client_id),
            ("DATAVERSE_CLIENT_SECRET", &connection.client_secret),
        ]);
        command.env("INEVENT_D365_DESK_STORAGE", desk.storage_file());
        let (code, stdout, stderr) = run(command).await;
        (code, serde_json::from_str::<Value>(&stdout).unwrap_or_else(|_| panic!("{stderr}")))
    };
    let (code, first) = check(&[FUNCTION_KEY]).await;
    assert_eq!(code, 0, "{first}");
    let link = first["record"].as_str().unwrap();
    assert!(
        link.starts_with(&format!("{}/main.aspx?pagetype=entityrecord&etn=new_eventattendance&id=", connection.http))
    );
    let (code, second) = check(&[FUNCTION_KEY]).await;
    assert_eq!((code, &second["record"]), (0, &first["record"]));
    let (code, refused) = check(&["wrong"]).await;
    assert!(code == 1 && refused.to_string().contains("refuses the key"), "{refused}");
    desk.stop().await;
}
