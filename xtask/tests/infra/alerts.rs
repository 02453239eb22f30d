//! Alerts and workbook look for lines that the connector writes, by the words that it writes.

use std::collections::BTreeSet;

use crate::{literals, read, set, snapshot::Snapshot, sources};

/// What stands in the connector's list of metrics: their names, and their dimensions.
fn metrics() -> (BTreeSet<String>, BTreeSet<String>) {
    let source = read("src/telemetry/metrics.rs");
    let list = source.split("pub const NAMES").nth(1).unwrap().split("];").next().unwrap();
    literals(list).map(str::to_owned).partition(|word| word.starts_with("inevent_d365."))
}

/// The names that lines of the connector's log may have fields by.
fn fields() -> BTreeSet<String> {
    let source = read("src/telemetry/redaction.rs");
    let list = source.split("pub const FIELDS").nth(1).unwrap().split("];").next().unwrap();
    let mut fields = set(literals(list));
    fields.extend(["timestamp", "level", "target", "function", "invocation", "trace_id"].map(str::to_owned));
    fields
}

/// The names that follow a word in a query: `line.hold`, `Properties.api`.
fn members(query: &str, of: &str) -> Vec<String> {
    let names = query.split(of).skip(1);
    names.map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()).collect()
}

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
    said.extend(["WARN", "ERROR"].map(str::to_owned));
    // The functions that events arrive by.
    said.extend(["IngestEvents", "InEventWebhook"].map(str::to_owned));

    let ((metrics, dimensions), fields) = (metrics(), fields());
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
        for field in members(query, "line.") {
            assert!(fields.contains(&field), "no line has a field {field}: {query}");
        }
        for dimension in members(query, "Properties.") {
            assert!(dimensions.contains(&dimension), "no metric has a dimension {dimension}: {query}");
        }
        for metric in members(query, "inevent_d365.") {
            assert!(metrics.contains(&format!("inevent_d365.{metric}")), "there is no metric {metric}: {query}");
        }
    }
}

#[test]
fn what_is_measured_is_documented_with_its_dimensions() {
    let (metrics, _) = metrics();
    assert_eq!(metrics.len(), 8);
    let table = read("docs/telemetry.md");
    let source = read("src/telemetry/metrics.rs");
    for metric in &metrics {
        let row = table.lines().find(|line| line.starts_with(&format!("| `{metric}` |")));
        let row = row.unwrap_or_else(|| panic!("{metric} is not in docs/telemetry.md"));
        let line = source.lines().find(|line| line.contains(&format!("(\"{metric}\""))).unwrap();
        for dimension in literals(line).filter(|word| word != metric) {
            assert!(row.contains(&format!("`{dimension}`")), "{metric}: {dimension} is not in docs/telemetry.md");
        }
    }
    let told = members(&table, "| `inevent_d365.");
    assert_eq!(told.len(), metrics.len(), "docs/telemetry.md has others: {told:?}");
}
