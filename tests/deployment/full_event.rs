//! A whole event, with each of the credentials.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::deployment::Deployment;

const ATTENDANCES: &str = "new_eventattendances?$filter=new_eventid eq '4711'&$select=subject,statecode,new_participantid,new_sessionid,\
    new_registrationstatus,new_attendancestatus,new_checkintime,new_engagementscore,_regardingobjectid_value";

fn event(kind: &str, minute: u8, participant: &str, more: Value) -> Value {
    let mut event = json!({
        "id": format!("{kind}-{participant}-{minute}"), "time": format!("2026-06-01T08:{minute:02}:00Z"), "kind": kind,
        "event": { "id": "4711", "name": "Partner Day 2026", "begin": "2026-06-01T08:00:00Z", "end": "2026-06-01T16:00:00Z" },
    });
    if !participant.is_empty() {
        let email = format!("{participant}@contoso.example");
        event["participant"] = json!({ "id": participant, "email": email, "last_name": participant });
    }
    event.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    event
}

fn told() -> Value {
    let keynote = || json!({ "session": { "id": "7", "name": "Keynote" } });
    json!([
        event("registered", 0, "ana", Value::Null),
        event("registered", 1, "bo", Value::Null),
        event("registered", 2, "cy", Value::Null),
        event("session_enrolled", 3, "ana", keynote()),
        event("cancelled", 4, "cy", Value::Null),
        event("checked_in", 5, "ana", Value::Null),
        event("checked_in", 6, "ana", keynote()),
        event("scored", 7, "ana", json!({ "score": 80 })),
    ])
}

async fn a_whole_event(sign_in: &str) {
    let deployment = Deployment::start(sign_in).await;
    let (whole, checked) = deployment.command(&["check", "--json"]).await;
    assert!(whole, "{checked:#}");
    let ana = json!({ "emailaddress1": "ana@contoso.example", "lastname": "Silva" });
    let ana = deployment.crm("POST", "contacts", ana).await["contactid"].clone();

    deployment.send(&told()).await;
    deployment.drained().await;
    deployment.send(&json!([event("event_closed", 59, "", Value::Null)])).await;
    deployment.drained().await;

    let rows = rows(&deployment).await;
    let seen: BTreeMap<&str, [&str; 4]> = rows.iter().map(|(who, row)| (who.as_str(), shown(row))).collect();
    let expected = [
        ("ana", ["Attended: Partner Day 2026", "Registered", "Attended", "Completed"]),
        ("ana 7", ["Attended: Keynote", "Registered", "Attended", "Completed"]),
        ("bo", ["No show: Partner Day 2026", "Registered", "No show", "Completed"]),
        ("cy", ["Cancelled: Partner Day 2026", "Cancelled", "", "Canceled"]),
    ];
    assert_eq!(seen, BTreeMap::from(expected));
    let row = &rows["ana"];
    assert_eq!((&row["new_checkintime"], &row["new_engagementscore"]), (&json!("2026-06-01T08:05:00Z"), &json!(80.0)));
    assert_eq!(row["_regardingobjectid_value"], ana);
    let leads = deployment.crm("GET", "leads?$select=emailaddress1&$orderby=emailaddress1", Value::Null).await;
    let leads: Vec<_> = leads["value"].as_array().unwrap().iter().map(|lead| lead["emailaddress1"].clone()).collect();
    assert_eq!(leads, ["bo@contoso.example", "cy@contoso.example"]);
    let (well, health) = deployment.health().await;
    assert!(well, "{health:#}");
    deployment.lost_nothing().await;
    deployment.host.stop().await;
}

/// By participant, and session where there is one.
async fn rows(deployment: &Deployment) -> BTreeMap<String, Value> {
    let found = deployment.crm("GET", ATTENDANCES, Value::Null).await;
    let rows = found["value"].as_array().unwrap().iter().map(|row| {
        let part = |column: &str| row[column].as_str().unwrap_or_default().to_owned();
        let key = format!("{} {}", part("new_participantid"), part("new_sessionid"));
        (key.trim_end().to_owned(), row.clone())
    });
    let rows: BTreeMap<_, _> = rows.collect();
    assert_eq!(rows.len(), found["value"].as_array().unwrap().len(), "{found:#}");
    rows
}

/// What a person reads off a row.
fn shown(row: &Value) -> [&str; 4] {
    let caption =
        |column: &str| row[format!("{column}@OData.Community.Display.V1.FormattedValue")].as_str().unwrap_or_default();
    let subject = row["subject"].as_str().unwrap_or_default();
    [subject, caption("new_registrationstatus"), caption("new_attendancestatus"), caption("statecode")]
}

#[tokio::test(flavor = "multi_thread")]
async fn as_the_managed_identity() {
    a_whole_event("managed-identity").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn as_the_application_that_trusts_the_managed_identity() {
    a_whole_event("federated").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_that_signs_in_the_vault() {
    a_whole_event("certificate").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_client_secret_in_the_vault() {
    a_whole_event("client-secret").await;
}
