//! The command line against the InEvent stand-in.

use std::{collections::HashMap, process::Output};

use inevent_d365::functions::DESK_STORAGE;
use mockito::Matcher;
use serde_json::{Value, json};

use crate::desk::{Desk, KEY, api};

async fn run(desk: &Desk, arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_inevent-d365"));
    command.arg("inevent").args(arguments).env("INEVENT_WEBHOOK_KEYS", KEY);
    // With the storage, so that these calls take turns with those before.
    command.envs(api(desk.inevent.connection())).env(DESK_STORAGE, desk.storage_file());
    command.env("NO_PROXY", "127.0.0.1");
    command.output().await.unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_set_up_once_listed_without_keys_and_removed() {
    let desk = Desk::start().await;
    let event = desk.event("Day").await;
    let events = lines(&run(&desk, &["events", "--json"]).await);
    assert_eq!((events.len(), &events[0]["id"]), (1, &json!(event)));

    let app = desk.webhook_url.split("/api/").next().unwrap().to_owned();
    let register = ["webhooks", "register", "--url", &app, "--code", "function-key", "--json"];
    let dry = lines(&run(&desk, &[&register[..], &["--dry-run"]].concat()).await);
    assert!(dry.iter().all(|line| line["outcome"] == "would be set up"), "{dry:?}");
    let made = lines(&run(&desk, &register).await);
    assert!(made.iter().all(|line| line["outcome"] == "set up"), "{made:?}");
    let again = lines(&run(&desk, &register).await);
    assert!(again.iter().all(|line| line["outcome"] == "there already"), "{again:?}");

    let listed = run(&desk, &["webhooks", "list", "--json"]).await;
    assert_eq!(lines(&listed).len(), made.len());
    let shown = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(
        !shown.contains(KEY) && !shown.contains("function-key") && shown.contains("trigger=event-dismissal"),
        "{shown}"
    );

    // What is registered so arrives, and is understood by its URL.
    desk.inevent("event.person.bind", &[("eventID", &event)], &[("name", "Ana Silva"), ("username", "ana@x.example")])
        .await;
    desk.sent(1).await;
    assert_eq!(desk.hydrate().await, 1);
    assert_eq!(desk.events().await.len(), 1);

    assert!(run(&desk, &["webhooks", "remove", "--url", &app]).await.status.success());
    assert!(lines(&run(&desk, &["webhooks", "list", "--json"]).await).is_empty());
}

#[tokio::test]
async fn a_refusal_that_quotes_the_url_is_told_without_its_keys() {
    let mut server = mockito::Server::new_async().await;
    let action = |name: &str| Matcher::UrlEncoded("action".into(), name.into());
    server
        .mock("POST", Matcher::Any)
        .match_query(action("webhook.find"))
        .with_body(r#"{"data": []}"#)
        .create_async()
        .await;
    let refusal = server.mock("POST", Matcher::Any).match_query(action("webhook.create")).with_status(400);
    let quoting = |request: &mockito::Request| {
        let form: HashMap<_, _> = form_urlencoded::parse(request.body().unwrap()).into_owned().collect();
        json!({ "error": { "message": format!("{} is not reachable", form["url"]) } }).to_string().into()
    };
    refusal.with_body_from_request(quoting).create_async().await;
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_inevent-d365"));
    command
        .args(["inevent", "webhooks", "register", "--url", "https://x.example", "--code", "function-key"])
        .env_clear();
    command.env("INEVENT_WEBHOOK_KEYS", KEY).env("INEVENT_API_URL", server.url()).env("NO_PROXY", "*");
    command.env("INEVENT_TOKEN", "a-token").env("INEVENT_COMPANY_ID", "100");
    let output = command.output().await.unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success() && said.contains("key=…&trigger=event-edited is not reachable"), "{said}");
    assert!(!said.contains(KEY) && !said.contains("function-key") && !said.contains("a-token"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_words_of_webhooks_are_learnt_from_their_examples() {
    let desk = Desk::start().await;
    desk.event("Day").await;
    let types = json!({ "event_enrollment": "T17", "event_dismissal": "T18" });
    desk.admin("webhooks", json!({ "types": types, "type_field": "hook" })).await;
    let app = desk.webhook_url.split("/api/").next().unwrap().to_owned();
    let named = ["--type", "event-enrollment=T17", "--type", "event-dismissal=T18"];
    let register = [&["webhooks", "register", "--url", &app], &named[..]].concat();
    assert!(run(&desk, &register).await.status.success());
    let learnt = lines(&run(&desk, &["learn", "--json"]).await).remove(0);
    let proposed = json!({ "T17": "event-enrollment", "T18": "event-dismissal" });
    assert_eq!((&learnt["inevent"]["triggers"], &learnt["open"]), (&proposed, &json!([])), "{learnt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_set_is_said() {
    let unset = tokio::process::Command::new(env!("CARGO_BIN_EXE_inevent-d365"))
        .args(["inevent", "events"])
        .env_clear()
        .output()
        .await
        .unwrap();
    assert!(!unset.status.success());
    assert!(String::from_utf8_lossy(&unset.stderr).contains("INEVENT_TOKEN"));
}
