//! Alerts and workbook look for lines that the connector writes, by the words that it writes.

use std::collections::BTreeSet;

use crate::{literals, read, set, snapshot::Snapshot, sources};

/// The names of the connector's metrics, as infra/README.md tells them.
const METRICS: [&str; 8] = ["events", "rows", "calls", "throttled", "delay_seconds", "backlog", "parked", "held"];

/// What a query compares with, and who says it.
const OF_OTHERS: [&str; 4] = ["{", "Exceeded http worker restart retry count", "panicked at", "message"];

fn queries(snapshot: &Snapshot) -> Vec<String> {
    let rules = snapshot.of_type("Microsoft.Insights/scheduledQueryRules");
    rules.map(|rule| rule["properties"]["criteria"]["allOf"][0]["query"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn somebody_is_told_of_what_needs_looking_at() {
    for snapshot in Snapshot::all() {
        let names = snapshot.names("Microsoft.Insights/scheduledQueryRules");
        let ends: Vec<_> =
            names.iter().map(|name| name.split(&format!("{}-", snapshot.environment)).nth(1).unwrap()).collect();
        assert_eq!(ends, ["parked", "held", "sign-in", "backlog", "silence", "host"]);
        let group = snapshot.one("Microsoft.Insights/actionGroups");
        for rule in snapshot.of_type("Microsoft.Insights/scheduledQueryRules") {
            assert_eq!(rule["properties"]["actions"]["actionGroups"][0], group["id"]);
        }
    }
    let receivers =
        &Snapshot::of("production").one("Microsoft.Insights/actionGroups")["properties"]["emailReceivers"].clone();
    assert_eq!(receivers.as_array().unwrap().len(), 1);
}

#[test]
fn silence_is_an_alarm_only_while_an_event_is_on() {
    for snapshot in Snapshot::all() {
        let rules: Vec<_> = snapshot.of_type("Microsoft.Insights/scheduledQueryRules").collect();
        let enabled = |end: &str| {
            let rule = rules.iter().find(|rule| rule["name"].as_str().unwrap().ends_with(end)).unwrap();
            rule["properties"]["enabled"] == true
        };
        assert!(!enabled("-silence"), "no event is named in the parameters");
        assert!(["-parked", "-held", "-sign-in", "-backlog", "-host"].into_iter().all(enabled));
    }
}

#[test]
fn queries_look_for_words_that_are_written() {
    let mut said: BTreeSet<String> =
        sources().iter().flat_map(|(_, text)| literals(text).map(str::to_owned).collect::<Vec<_>>()).collect();
    said.extend(OF_OTHERS.map(str::to_owned));
    said.extend(METRICS.map(|name| format!("inevent_d365.{name}")));
    said.extend(["WARN", "ERROR"].map(str::to_owned));
    // The functions that events arrive by; the second is still to come.
    said.extend(["IngestEvents", "InEventWebhook"].map(str::to_owned));

    let workbook: serde_json::Value = serde_json::from_str(&read("infra/workbook.json")).unwrap();
    let shown = workbook["items"].as_array().unwrap().iter().filter_map(|item| item["content"]["query"].as_str());
    let mut looked_at = shown.map(str::to_owned).collect::<Vec<_>>();
    assert!(looked_at.len() >= 7);
    looked_at.extend(queries(&Snapshot::of("production")));
    for query in &looked_at {
        for word in literals(query).filter(|word| !["backlog", "nothing written"].contains(word)) {
            let known = said.contains(word) || said.iter().any(|line| line.starts_with(word) && word.len() > 12);
            assert!(known, "{word:?} is written nowhere: {query}");
        }
        // Fields of the line: `line.hold`.
        for field in query.split("line.").skip(1) {
            let field: String = field.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let own = ["message", "target", "level"].contains(&field.as_str());
            let written = || sources().iter().any(|(_, text)| text.contains("tracing::") && text.contains(&field));
            assert!(own || written(), "no line has a field {field}");
        }
    }
}

#[test]
fn the_metrics_have_the_names_that_are_agreed() {
    let readme = read("infra/README.md");
    let workbook = read("infra/workbook.json");
    let alerts = read("infra/modules/alerts.bicep");
    for metric in METRICS {
        assert!(readme.contains(&format!("`inevent_d365.{metric}`")), "{metric} is not in infra/README.md");
    }
    let used = |text: &str| -> BTreeSet<String> {
        let names = text.split("inevent_d365.").skip(1);
        names.map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()).collect()
    };
    let all = set(METRICS);
    assert!(used(&workbook).is_subset(&all) && used(&alerts).is_subset(&all));
}
