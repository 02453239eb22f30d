//! An organisation whose publisher has another prefix: set up, checked and written to under its names, and under no other.

use std::collections::{BTreeMap, BTreeSet};

use inevent_d365::local::host::Host;
use serde_json::{Value, json};

use crate::{
    crm::{self, Row, text},
    lists::{list, members},
    proxy::Proxy,
    world::{World, command},
};

const PREFIX: &str = "contoso";

/// A connector whose every call goes through a proxy that listens.
struct Contoso {
    world: World,
    proxy: Proxy,
    settings: String,
    _folder: tempfile::TempDir,
}

impl Contoso {
    async fn start() -> Self {
        let (world, proxy, folder) = (World::bare().await, Proxy::start().await, tempfile::tempdir().unwrap());
        let settings = folder.path().join("settings.json").display().to_string();
        Self { world, proxy, settings, _folder: folder }
    }

    fn environment(&self) -> Vec<(&str, &str)> {
        let own = [
            ("DATAVERSE_PREFIX", PREFIX),
            ("INEVENT_D365_SETTINGS", &self.settings),
            ("HTTP_PROXY", &self.proxy.address),
            ("http_proxy", &self.proxy.address),
            ("NO_PROXY", ""),
            ("no_proxy", ""),
        ];
        [&self.world.way_to_dataverse()[..], &own].concat()
    }

    async fn host(&self) -> Host {
        self.world.host_with(&self.environment()).await
    }

    /// Runs the program with the connector's settings.
    async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let storage = self.world.connection_string();
        command(arguments, &[&self.environment()[..], &[("AzureWebJobsStorage", &storage)]].concat()).await
    }

    /// As an administrator does once.
    async fn set_up(&self) {
        let token = self.world.token().await;
        let connection = self.world.sandbox.connection();
        let arguments = ["setup", "dataverse", "--json", "--sign-in", "token", "--prefix", PREFIX];
        let environment = [("DATAVERSE_URL", connection.http.as_str()), ("DATAVERSE_TOKEN", &token)];
        let proxy = [("HTTP_PROXY", self.proxy.address.as_str()), ("http_proxy", &self.proxy.address)];
        let (code, stdout, stderr) = command(&arguments, &[&environment[..], &proxy].concat()).await;
        let told: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stderr}"));
        assert!(code == 0 && told["differ"] == 0, "{told}");
        assert!(stderr.contains("DATAVERSE_PREFIX=contoso"), "{stderr}");
    }

    async fn send(&self, host: &Host, events: &[Value]) {
        for event in events {
            self.world.send(host, event).await;
            self.world.drained(host).await;
        }
    }

    /// By participant, and session where there is one.
    async fn rows(&self) -> BTreeMap<String, Row> {
        let rows = crm::table(&self.world, "contoso_eventattendance").await.into_iter().map(|row| {
            let part = |column: &str| text(&row, column).unwrap_or_default();
            let key = format!("{} {}", part("contoso_participantid"), part("contoso_sessionid"));
            (key.trim_end().to_owned(), row)
        });
        rows.collect()
    }
}

fn said(kind: &str, minute: u8, who: &str, more: Value) -> Value {
    let mut event = json!({
        "id": format!("{kind}-{who}-{minute}"), "time": format!("2026-05-01T08:{minute:02}:00Z"), "kind": kind,
        "event": { "id": "4711", "name": "Partner Day", "begin": "2026-05-01T08:00:00Z", "end": "2026-05-01T16:00:00Z" },
    });
    if !who.is_empty() {
        event["participant"] = json!({
            "id": who, "email": format!("{who}@fabrikam.example"), "last_name": who, "external_id": format!("X-{who}"),
        });
    }
    event.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    event
}

/// A day with what there is: registrations, a cancellation, a check-in, a session, a score, and the end.
fn told() -> Vec<Value> {
    let keynote = || json!({ "session": { "id": "7", "name": "Keynote", "tracks": ["Cloud"] } });
    vec![
        said("registered", 0, "ana", json!({ "answers": { "Budget": "10k" } })),
        said("registered", 1, "bo", Value::Null),
        said("registered", 2, "cy", Value::Null),
        said("session_enrolled", 3, "ana", keynote()),
        said("cancelled", 4, "cy", Value::Null),
        said("checked_in", 5, "ana", Value::Null),
        said("checked_in", 6, "ana", keynote()),
        said("checked_out", 30, "ana", Value::Null),
        said("scored", 31, "ana", json!({ "score": 80 })),
        said("event_closed", 59, "", Value::Null),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_event_stands_under_the_publishers_own_names() {
    let contoso = Contoso::start().await;
    let world = &contoso.world;
    contoso.set_up().await;
    let leads = list(world, 4).await;
    let rule =
        json!({ "name": "seen", "when": "sessions|selectattr('attended')|list|length == 1", "lead_list": leads });
    let settings = json!({ "defaults": { "list_rules": [rule], "matching": { "keys": ["email", "external_id"] } } });
    std::fs::write(&contoso.settings, settings.to_string()).unwrap();
    let (code, stdout, stderr) = contoso.run(&["settings", "validate", "--live", &contoso.settings]).await;
    assert_eq!(code, 0, "{stdout}{stderr}");
    let (code, stdout, _) = contoso.run(&["check"]).await;
    assert!(code == 0 && stdout.contains("contoso_eventattendance has all that is needed"), "{stdout}");

    let host = contoso.host().await;
    contoso.send(&host, &told()).await;
    let rows = contoso.rows().await;
    let shown = |name: &str| {
        let row = &rows[name];
        let choice = |column: &str| row.get(column).and_then(Value::as_i64).map(|option| option - 727_000_000);
        (text(row, "subject").unwrap(), choice("contoso_registrationstatus"), choice("contoso_attendancestatus"))
    };
    assert_eq!(rows.keys().collect::<Vec<_>>(), ["ana", "ana 7", "bo", "cy"]);
    assert_eq!(shown("ana"), ("Attended: Partner Day", Some(0), Some(0)));
    assert_eq!(shown("ana 7"), ("Attended: Keynote", Some(0), Some(0)));
    assert_eq!(shown("bo"), ("No show: Partner Day", Some(0), Some(1)));
    assert_eq!(shown("cy"), ("Cancelled: Partner Day", Some(1), None));
    let (event, session) = (&rows["ana"], &rows["ana 7"]);
    assert_eq!(text(event, "contoso_checkintime"), Some("2026-05-01T08:05:00Z"));
    assert_eq!(text(event, "contoso_checkouttime"), Some("2026-05-01T08:30:00Z"));
    assert_eq!(event["contoso_engagementscore"].as_f64(), Some(80.0));
    assert_eq!(text(event, "contoso_eventname"), Some("Partner Day"));
    assert_eq!(text(session, "contoso_sessionname"), Some("Keynote"));
    assert_eq!(text(session, "contoso_sessiontracks"), Some("Cloud"));
    assert_eq!(event["statecode"], 1);

    let people = crm::table(world, "lead").await;
    let ana = people.iter().find(|lead| text(lead, "lastname") == Some("ana")).unwrap();
    assert_eq!(text(event, "_regardingobjectid_value"), text(ana, "leadid"));
    assert_eq!(text(ana, "contoso_ineventparticipantid"), Some("X-ana"));
    assert_eq!(text(ana, "contoso_budget"), Some("10k"));
    assert!(text(ana, "contoso_ineventprofilestamp").is_some_and(|stamp| stamp.contains("contoso_budget:")));
    let listed = async || members(world, &leads).await == BTreeSet::from([text(ana, "leadid").unwrap().to_owned()]);
    world.until(&host, "the list has its member", listed).await;

    // Found by the column, not by the address.
    let moved = json!({ "participant": { "id": "ana", "external_id": "X-ana", "last_name": "ana" } });
    contoso.send(&host, &[said("updated", 40, "ana", moved)]).await;
    assert_eq!(crm::table(world, "lead").await.len(), people.len());
    let before = crm::versions(world).await;
    contoso.send(&host, &told()).await;
    assert_eq!(crm::versions(world).await, before, "what comes once more is written no more");
    assert_eq!(world.given_up().await, (0, 0));

    // Whether events have rows is asked of the same columns.
    let (code, stdout, stderr) =
        contoso.run(&["settings", "set", "defaults.matching.keys", r#"["external_id"]"#]).await;
    assert!(code == 65 && stderr.contains("every other event has rows"), "{stdout}{stderr}");
    let (code, stdout, _) = contoso.run(&["check"]).await;
    assert_eq!(code, 0, "{stdout}");

    let asked = contoso.proxy.asked();
    assert!(asked.iter().any(|(url, body)| url.ends_with("/$batch") && body.contains("contoso_participantid")));
    let new: Vec<_> = asked.iter().filter(|(url, body)| url.contains("new_") || body.contains("new_")).collect();
    assert!(new.is_empty(), "{new:?}");
    host.stop().await;
}
