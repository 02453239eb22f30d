//! The published schema of the settings says what the connector does.

#![allow(clippy::unwrap_used, clippy::panic)]

use inevent_d365::settings::{
    Prefix,
    document::{self, Document},
};
use serde_json::{Value, json};

#[test]
fn the_published_schema_is_the_one_in_the_code() {
    let published = include_str!("../docs/settings.schema.json");
    assert_eq!(
        published.trim(),
        document::json_schema().trim(),
        "print it anew: cargo run -- settings schema > docs/settings.schema.json"
    );
}

#[test]
fn schema_and_connector_agree() {
    let schema: Value = serde_json::from_str(&document::json_schema()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let mapping = |more: Value| {
        let mut mapping = json!({ "source": { "answer": "Budget" }, "column": "new_budget" });
        mapping.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "defaults": { "mappings": [mapping] } })
    };
    let list_rule = |more: Value| {
        let mut rule = json!({ "name": "a", "when": "attended", "lead_list": "00000000-0000-0000-0000-000000000001" });
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "defaults": { "list_rules": [rule] } })
    };
    let default = serde_json::to_value(Document::default()).unwrap();
    for good in [
        default,
        json!({ "events": { "4711": { "sync": false } } }),
        mapping(json!({ "mode": "fill_if_empty", "values": { "a": 1, "b": "Label", "c": true }, "otherwise": 0 })),
        mapping(json!({ "source": { "expression": "participant.country | upper" }, "tables": ["lead"] })),
        json!({ "pace": { "concurrency": 4, "requests_per_five_minutes": null }, "defaults": { "writing": "automatic" } }),
        json!({ "events": { "4711": { "pace": { "batch_size": 2, "concurrency": 1, "requests_per_five_minutes": 100 } } } }),
        json!({ "defaults": { "pace": { "concurrency": null } }, "events": { "4711": { "pace": null } } }),
        list_rule(json!({})),
        json!({ "events": { "4711": { "invitations": {
            "lists": ["00000000-0000-0000-0000-000000000001"], "send": "link", "link": { "contact": "new_link" }
        } } } }),
        json!({ "inevent": { "trigger_fields": ["type"], "triggers": { "ticket.sold": "event-enrollment" } } }),
        json!({ "defaults": { "level": "attendance", "partial": { "below_minutes": 5 }, "fallback_owner": null } }),
        json!({ "defaults": { "lookups": [{ "column": "new_accountid", "table": "account" }] } }),
    ] {
        assert!(schema.is_valid(&good), "{good}");
        assert!(document::read(&good.to_string(), &Prefix::default()).is_ok(), "{good}");
    }
    for bad in [
        json!({ "default": {} }),
        json!({ "events": { "4711": { "sync": 1 } } }),
        json!({ "defaults": { "unmatched": "delete" } }),
        mapping(json!({ "mode": "sometimes" })),
        json!({ "pace": { "batch_size": 0 } }),
        json!({ "events": { "4711": { "pace": { "batch_size": 1_001 } } } }),
        json!({ "events": { "4711": { "pace": { "concurrency": 0 } } } }),
        json!({ "defaults": { "pace": { "requests_per_five_minutes": 99 } } }),
        json!({ "events": { "4711": { "pace": { "batch_minutes": 5 } } } }),
        json!({ "defaults": { "writing": "later" } }),
        json!({ "defaults": { "batch_minutes": 61 } }),
        json!({ "defaults": { "invitations": { "lists": ["x"], "max_per_run": 0 } } }),
        list_rule(json!({ "remove": "yes" })),
        list_rule(json!({ "list": "x" })),
        json!({ "defaults": { "level": "everything" } }),
        json!({ "defaults": { "partial": { "below_percent_of_sessions": 101 } } }),
        json!({ "defaults": { "fallback_owner": { "contact": "1" } } }),
        json!({ "defaults": { "lookups": [{ "column": "new_accountid" }] } }),
        mapping(json!({ "tables": [1] })),
        json!({ "inevent": { "triggers": { "ticket.sold": "sold" } } }),
        mapping(json!({ "source": { "field": "participant.eye_colour" } })),
        mapping(json!({ "values": { "a": [] } })),
    ] {
        assert!(!schema.is_valid(&bad), "{bad}");
        assert!(document::read(&bad.to_string(), &Prefix::default()).is_err(), "{bad}");
    }
}

/// Every setting stands in `docs/settings.md`, with the default that the schema gives it.
#[test]
fn the_docs_name_every_setting_with_its_default() {
    let docs = include_str!("../docs/settings.md");
    let schema: Value = serde_json::from_str(&document::json_schema()).unwrap();
    for table in
        ["EventSettings", "Matching", "Mapping", "Lookup", "Pace", "OwnPace", "InEvent", "ListRule", "Invitations"]
    {
        for (name, setting) in schema["$defs"][table]["properties"].as_object().unwrap() {
            let row = docs.lines().find(|line| line.starts_with(&format!("| `{name}` | ")));
            let row = row.unwrap_or_else(|| panic!("docs/settings.md does not name {name}"));
            if let Some(default) = setting.get("default").filter(|default| name != "mappings" && !default.is_object()) {
                assert!(default.is_null() || row.contains(&format!("`{default}`")), "{row} is not {default}");
            }
        }
    }
    for word in [
        "create_lead",
        "create_contact",
        "update_only",
        "ignore",
        "overwrite",
        "fill_if_empty",
        "on_create",
        "registrations",
        "attendance",
        "sessions",
    ] {
        assert!(docs.contains(&format!("`{word}`")), "{word}");
    }
}

#[test]
fn the_reference_is_the_one_that_the_schema_gives() {
    let printed = document::reference();
    let published = include_str!("../docs/settings-reference.md");
    assert_eq!(published, printed, "print it anew: cargo run -- settings reference > docs/settings-reference.md");
    for path in ["version", "defaults.matching.keys", "defaults.mappings[].source.answer", "events", "pace.batch_size"]
    {
        assert!(printed.contains(&format!("\n| `{path}` | ")), "{path}");
    }
    let row = |path: &str| printed.lines().find(|line| line.starts_with(&format!("| `{path}` | "))).unwrap().to_owned();
    assert!(row("defaults.batch_minutes").contains("| `5` | 1 to 60 |"), "{}", row("defaults.batch_minutes"));
    assert!(row("defaults.unmatched").contains("`create_lead`: A new lead is created."));
    for line in printed.lines().filter(|line| line.starts_with("| `")) {
        assert_eq!(line.replace("\\|", "").matches('|').count(), 6, "{line}");
    }
}
