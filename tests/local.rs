//! The `local` command, as a newcomer runs it.

#![cfg(feature = "local")]
#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

use serde_json::Value;

fn local(arguments: &[&str]) -> Output {
    local_under("", arguments)
}

/// With names that begin with a prefix.
fn local_under(prefix: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inevent-d365"));
    command.arg("local").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env("DATAVERSE_PREFIX", prefix).output().unwrap()
}

fn result(output: &Output) -> Value {
    let stdout = String::from_utf8(output.stdout.clone()).unwrap();
    serde_json::from_str(stdout.lines().last().unwrap()).unwrap()
}

#[test]
fn the_story_arrives_whole() {
    let output = local(&["--once", "--json"]);
    let told = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(output.status.success(), "{told}");
    let result = result(&output);
    assert_eq!((&result["events"], &result["lost"], &result["parked"]), (&200.into(), &0.into(), &0.into()));
    assert!(result["created"].as_u64().unwrap() >= 66 + 16, "{result}");
    assert!(result["unchanged"].as_u64().unwrap() >= 34, "a delivery that comes twice changes nothing: {result}");
    assert!(result["api_calls"].as_u64().unwrap() < 100, "{result}");
    assert!(result["seconds"].as_f64().unwrap() > 0.0);
    assert!(told.contains("/timeline") && told.contains("/api/health") && told.contains("action=event.person.bind"));

    // The webinar in InEvent: webhooks do get lost and doubled, and in the end the rows say what InEvent knows.
    let webinar = &result["inevent"];
    assert_eq!((&webinar["people"], &webinar["lost"]), (&22.into(), &0.into()), "{webinar}");
    assert!(webinar["rows"].as_u64().unwrap() > 22, "with the sessions' rows: {webinar}");
    // Whoever was on the marketing list got one mail, but for an address that InEvent does not take, and is still the same contact.
    let invited = &webinar["invited"];
    assert_eq!([&invited["members"], &invited["mails"], &invited["mailed_twice"]], [12, 11, 0], "{invited}");
    // Two of them cancel: of those nothing may have come before they were gone.
    assert!((9..=11).contains(&invited["came_back"].as_u64().unwrap()), "{invited}");
    for happened in ["webhooks", "webhooks_lost", "webhooks_doubled", "missed"] {
        assert!(webinar[happened].as_u64().unwrap() > 0, "{happened}: {webinar}");
    }
}

/// What is invited, reconciled and compared, too, is so under the names that the organisation was set up with.
#[test]
fn the_story_arrives_whole_under_another_prefix() {
    let output = local_under("contoso", &["--once", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result = result(&output);
    assert_eq!((&result["lost"], &result["parked"], &result["inevent"]["lost"]), (&0.into(), &0.into(), &0.into()));
    assert!(result["unchanged"].as_u64().unwrap() >= 34, "{result}");
    assert!(result["inevent"]["missed"].as_u64().unwrap() > 0, "{result}");
}

#[test]
fn a_file_is_played_and_bad_lines_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = include_str!("e2e/stream.jsonl");
    let file = folder.path().join("events.jsonl");
    std::fs::write(&file, good).unwrap();
    let file = file.to_str().unwrap();
    let output = local(&["--once", "--json", "--events", file]);
    assert!(output.status.success());
    assert_eq!((&result(&output)["events"], &result(&output)["lost"]), (&good.lines().count().into(), &0.into()));
    assert!(result(&output).get("inevent").is_none(), "a file is played by itself");

    std::fs::write(file, good.replacen("\"registered\"", "\"arrived\"", 1)).unwrap();
    let output = local(&["--once", "--json", "--events", file]);
    assert!(!output.status.success());
    assert_eq!(result(&output)["refused"], 1);

    // Dynamics keeps no date before 1753: this one is parked, which is not lost.
    let parked = good
        .lines()
        .next()
        .unwrap()
        .replace("2026-05-12T08:00:00Z", "1600-01-01T00:00:00Z")
        .replace("\"id\": 100", "\"id\": 999");
    std::fs::write(file, format!("{good}{parked}")).unwrap();
    let output = local(&["--once", "--json", "--events", file]);
    assert!(output.status.success());
    assert_eq!((&result(&output)["parked"], &result(&output)["lost"]), (&1.into(), &0.into()));

    std::fs::write(file, "{}\n{").unwrap();
    let output = local(&["--once", "--events", file]);
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("line 2"));
}
