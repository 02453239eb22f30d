//! What `setup` makes, finds, names and leaves alone.

use inevent_d365::setup::{Provisioning, StepState, Wanted};
use serde_json::{Value, json};

use crate::{
    bare, definitions, news, set_up, standard,
    world::{CONNECTOR, SECRET, World, registered},
};

const TABLES: [&str; 3] = ["new_eventattendance", "contact", "lead"];

/// Requests that changed something since the log was emptied; reads go in batches.
async fn changes(world: &World) -> Vec<String> {
    let log = world.admin("GET", "requests", Value::Null).await;
    let of = |request: &Value| {
        let (method, path) = (request["method"].as_str()?, request["path"].as_str()?);
        (method != "GET" && !path.ends_with("$batch") && path.contains("/api/data/"))
            .then(|| format!("{method} {path}"))
    };
    log["requests"].as_array().unwrap().iter().filter_map(of).collect()
}

#[tokio::test]
async fn a_bare_environment_gets_everything_and_the_second_time_nothing() {
    let world = bare().await;
    let first = standard(&world).await;
    let bad: Vec<_> = first
        .iter()
        .filter(|step| matches!(step.state, StepState::Differs { .. } | StepState::LeftOut { .. }))
        .collect();
    assert!(bad.is_empty(), "{bad:?}");
    let before = definitions(&world, &TABLES).await;
    world.admin("DELETE", "requests", Value::Null).await;
    assert_eq!(news(&standard(&world).await), [""; 0]);
    assert_eq!(changes(&world).await, [""; 0]);
    assert_eq!(definitions(&world, &TABLES).await, before);
    // And events flow.
    world.settle(registered(1, json!({ "id": "1", "email": "ana@x.example", "external_id": "X1" }))).await;
    assert_eq!(world.rows("new_eventattendance").await[0]["subject"], "Registered for: Partner Day");
}

#[tokio::test]
async fn a_dry_run_tells_and_makes_nothing() {
    let world = bare().await;
    world.admin("DELETE", "requests", Value::Null).await;
    let more =
        Provisioning { dry_run: true, application: Some(CONNECTOR.parse().unwrap()), audited: vec!["lead".into()] };
    let told = set_up(&world, &Wanted::default(), &more).await;
    assert_eq!(changes(&world).await, [""; 0]);
    assert!(told.iter().all(|step| matches!(step.state, StepState::ToBeMade | StepState::There)), "{told:?}");
    let more = Provisioning { dry_run: false, ..more };
    let made = set_up(&world, &Wanted::default(), &more).await;
    let told = news(&told);
    let missing: Vec<_> = news(&made).into_iter().filter(|what| *what != "published" && !told.contains(what)).collect();
    assert_eq!(missing, [""; 0]);
}

#[tokio::test]
async fn what_is_taken_away_comes_back() {
    let world = bare().await;
    standard(&world).await;
    let whole = definitions(&world, &TABLES).await;
    let table = "EntityDefinitions(LogicalName='new_eventattendance')";
    for path in [
        format!("{table}/Keys(LogicalName='new_attendancekey')"),
        format!("{table}/Attributes(LogicalName='new_checkintime')"),
        "EntityDefinitions(LogicalName='contact')/Attributes(LogicalName='new_budget')".to_owned(),
    ] {
        world.crm("DELETE", &path, Value::Null).await;
    }
    let option = json!({ "EntityLogicalName": "new_eventattendance", "AttributeLogicalName": "new_attendancestatus", "Value": 727_000_002 });
    world.crm("POST", "DeleteOptionValue", option).await;
    let view = &world
        .crm("GET", "savedqueries?$select=savedqueryid&$filter=returnedtypecode eq 'new_eventattendance'", Value::Null)
        .await;
    world
        .crm("DELETE", &format!("savedqueries({})", view["value"][0]["savedqueryid"].as_str().unwrap()), Value::Null)
        .await;
    let again = standard(&world).await;
    let news = news(&again);
    for what in [
        "key new_eventattendance.new_attendancekey",
        "column new_eventattendance.new_checkintime",
        "option Partial of new_eventattendance.new_attendancestatus",
        "column contact.new_budget",
        "published",
    ] {
        assert!(news.contains(&what), "{what}: {news:?}");
    }
    assert_eq!(news.len(), 6, "{news:?}");
    assert_eq!(crate::news(&standard(&world).await), [""; 0]);
    // Column numbers are those of the order in which columns were made.
    for set in ["savedqueries", "roleprivilegescollection", "solutioncomponents"] {
        assert_eq!(definitions(&world, &TABLES).await[set], whole[set], "{set}");
    }
}

#[tokio::test]
async fn what_differs_is_named_with_its_remedy_and_left_as_it_is() {
    let world = bare().await;
    let column = |kind: &str, name: &str, more: Value| {
        let mut body =
            json!({ "@odata.type": format!("Microsoft.Dynamics.CRM.{kind}AttributeMetadata"), "SchemaName": name });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let lead = "EntityDefinitions(LogicalName='lead')/Attributes";
    world.crm("POST", lead, column("String", "new_ineventprofilestamp", json!({ "MaxLength": 100 }))).await;
    world.crm("POST", lead, column("Integer", "new_ineventparticipantid", json!({}))).await;
    // The sample may be of any type.
    world.crm("POST", lead, column("Money", "new_budget", json!({}))).await;
    let before = world.crm("GET", lead, Value::Null).await;
    let steps = standard(&world).await;
    let differ: Vec<_> = steps
        .iter()
        .filter_map(|step| match &step.state {
            StepState::Differs { problem, remedy } => Some((step.what.as_str(), problem.as_str(), remedy.as_str())),
            _ => None,
        })
        .collect();
    let remake = "Its type cannot be changed: keep what it holds elsewhere, delete the column, and run setup again.";
    assert_eq!(
        differ,
        [
            ("column lead.new_ineventparticipantid", "it is no line of text", remake),
            ("column lead.new_ineventprofilestamp", "it holds 100 characters", "Lengthen it to 4000."),
        ]
    );
    assert_eq!(world.crm("GET", lead, Value::Null).await, before);
}

#[tokio::test]
async fn the_index_of_the_key_is_waited_for_and_one_that_fails_is_named() {
    let world = bare().await;
    world.admin("POST", "switches", json!({ "key_index_seconds": 1 })).await;
    let steps = standard(&world).await;
    let last = steps.last().unwrap();
    assert_eq!(last.what, "index of the key new_eventattendance.new_attendancekey");
    let path = "EntityDefinitions(LogicalName='new_eventattendance')/Keys";
    let keys = world.crm("GET", path, Value::Null).await;
    assert_eq!(keys["value"][0]["EntityKeyIndexStatus"], "Active");

    world.crm("DELETE", &format!("{path}(LogicalName='new_attendancekey')"), Value::Null).await;
    for _ in 0..2 {
        let row = json!({ "new_eventid": "1", "new_participantid": "1", "new_sessionid": "1" });
        world.crm("POST", "new_eventattendances", row).await;
    }
    let steps = standard(&world).await;
    assert!(
        matches!(&steps.last().unwrap().state, StepState::Differs { problem, .. } if problem.contains("same values"))
    );
}

#[tokio::test]
async fn the_application_user_with_the_role_does_all_the_work() {
    let world = bare().await;
    world.admin("POST", "applications", json!({ "client_id": CONNECTOR, "name": "Connector", "secret": SECRET })).await;
    let more = Provisioning { application: Some(CONNECTOR.parse().unwrap()), ..Provisioning::default() };
    let steps = set_up(&world, &Wanted::default(), &more).await;
    assert!(news(&steps).contains(&format!("role of the application user {CONNECTOR}").as_str()), "{steps:?}");
    assert_eq!(news(&set_up(&world, &Wanted::default(), &more).await), [""; 0]);
    let engine = crate::role::engine(&world, "{\"version\":1}");
    let event = crate::world::read(&registered(1, json!({ "id": "1", "email": "ana@x.example" })));
    let report = engine.run(&[event]).await;
    assert!(
        matches!(report.outcomes[..], [inevent_d365::sync::outcome::Outcome::Settled { changed: true }]),
        "{:?}",
        report.outcomes
    );
    assert_eq!(world.rows("lead").await.len(), 1);
}

#[tokio::test]
async fn auditing_is_turned_on_where_it_is_asked_for_and_nothing_else_changes() {
    let world = bare().await;
    standard(&world).await;
    let path = "EntityDefinitions(LogicalName='contact')";
    let before = world.crm("GET", path, Value::Null).await;
    assert_eq!(before["IsAuditEnabled"]["Value"], false);
    let more = Provisioning { audited: vec!["contact".into(), "new_missing".into()], ..Provisioning::default() };
    assert_eq!(
        news(&set_up(&world, &Wanted::default(), &more).await),
        ["auditing of contact", "auditing of new_missing", "published"]
    );
    let mut after = world.crm("GET", path, Value::Null).await;
    assert_eq!(after["IsAuditEnabled"]["Value"], true);
    after["IsAuditEnabled"]["Value"] = json!(false);
    assert_eq!(after, before);
}

#[tokio::test]
async fn another_prefix_names_everything() {
    let world = bare().await;
    let wanted = Wanted { prefix: "contoso".parse().unwrap(), ..Wanted::default() };
    let steps = set_up(&world, &wanted, &Provisioning::default()).await;
    assert!(steps.iter().all(|step| !matches!(step.state, StepState::Differs { .. })), "{steps:?}");
    let found = world.crm("GET", "EntityDefinitions(LogicalName='contoso_eventattendance')", Value::Null).await;
    assert_eq!(found["IsActivity"], true);
    assert_eq!(news(&set_up(&world, &wanted, &Provisioning::default()).await), [""; 0]);
}
