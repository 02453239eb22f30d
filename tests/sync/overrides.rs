//! Every setting can be set for one event, and for that one only.

use std::collections::BTreeSet;

use inevent_d365::{
    model::Address,
    settings::{
        Prefix,
        document::{self, EventSettings, Level, Unmatched, Writing},
    },
    sync::rules::EventRules,
};
use serde_json::{Value, json};

use crate::world::World;

/// A setting, a value that is not its default, and how the rules of an event show it.
type Case = (&'static str, Value, fn(&EventRules) -> bool);

fn cases() -> Vec<Case> {
    let list = "5ec0d000-0000-4000-8000-00000000000a";
    let user = "5ec0d000-0000-4000-8000-00000000000b";
    // Who is invited and what is looked up is read from the settings themselves.
    let beside: fn(&EventRules) -> bool = |_| true;
    vec![
        ("sync", json!(false), |rules| !rules.sync),
        ("matching", json!({ "inactive_contacts": true }), |rules| rules.matcher.inactive_contacts),
        ("unmatched", json!("ignore"), |rules| rules.unmatched == Unmatched::Ignore),
        ("minimal_create", json!(true), |rules| rules.minimal_create),
        ("excluded_domains", json!(["x.example"]), |rules| rules.excludes(&Address::parse("a@x.example").unwrap())),
        ("only_if", json!("kind == 'registered'"), |rules| format!("{rules:?}").contains("only_if: Some")),
        ("lead_topic", json!("T {name}"), |rules| json!(rules.lead_topic) == "T {name}"),
        ("subject", json!("S {name}"), |rules| json!(rules.subject) == "S {name}"),
        ("writing", json!("batched"), |rules| rules.writing == Writing::Batched),
        ("batch_minutes", json!(7), |rules| rules.batch_minutes == 7),
        ("backlog_threshold", json!(9), |rules| rules.backlog_threshold == 9),
        ("pace", json!({ "batch_size": 7 }), |rules| rules.pace.is_some_and(|own| own.batch_size == Some(7))),
        ("level", json!("registrations"), |rules| rules.activity.level == Level::Registrations),
        ("activity_table", json!("phonecall"), |rules| rules.activity.table.table.name == "phonecall"),
        ("partial", json!({ "below_minutes": 45 }), |rules| format!("{:?}", rules.activity.threshold).contains("45")),
        ("leave_open", json!(true), |rules| rules.activity.leave_open),
        ("lookups", json!([{ "column": "new_campaignid", "table": "campaign", "id": user }]), beside),
        ("follow_owner", json!(true), |rules| rules.activity.follow_owner),
        ("fallback_owner", json!({ "user": user }), |rules| rules.activity.fallback_owner.is_some()),
        ("score", json!("answers.Points"), |rules| rules.activity.score.is_some()),
        ("mappings", json!([]), |rules| rules.mapped(inevent_d365::sync::rows::PersonTable::Lead.table()).count() == 0),
        ("list_rules", json!([{ "name": "n", "when": "attended", "lead_list": list }]), |rules| {
            rules.list_rules.len() == 1
        }),
        ("invitations", json!({ "lists": [list] }), beside),
        ("reconcile", json!({ "enabled": false }), beside),
        (
            "related",
            json!({ "campaign": { "table": "campaign", "key": { "column": "codename", "source": { "field": "event.id" } } } }),
            |rules| rules.related.contains_key("campaign"),
        ),
    ]
}

/// Whether a value holds everything that another one states.
fn holds(value: &Value, stated: &Value) -> bool {
    match (value, stated) {
        (Value::Object(value), Value::Object(stated)) => {
            stated.iter().all(|(name, stated)| value.get(name).is_some_and(|value| holds(value, stated)))
        }
        (Value::Array(value), Value::Array(stated)) => {
            value.len() == stated.len() && value.iter().zip(stated).all(|(value, stated)| holds(value, stated))
        }
        (value, stated) => value == stated,
    }
}

#[test]
fn the_table_is_complete() {
    let Value::Object(settings) = json!(EventSettings { only_if: Some("true".into()), ..EventSettings::default() })
    else {
        panic!()
    };
    let all: BTreeSet<&str> = settings.keys().map(String::as_str).collect();
    assert_eq!(cases().iter().map(|(name, ..)| *name).collect::<BTreeSet<_>>(), all);
}

#[tokio::test]
async fn each_setting_holds_for_its_event_and_no_other() {
    let world = World::start(json!({})).await;
    let defaults = json!(EventSettings::default());
    for (name, value, shows) in cases() {
        let text = json!({ "version": 1, "events": { "4711": { name: value } } }).to_string();
        let document = document::read(&text, &Prefix::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let own = json!(document.effective("4711"));
        assert!(holds(&own[name], &value) && !holds(&defaults[name], &value), "{name}: {own}");
        let others = |settings: &Value| {
            let mut settings = settings.clone();
            settings.as_object_mut().unwrap().remove(name);
            settings
        };
        assert_eq!(others(&own), others(&defaults), "{name}");
        assert_eq!(json!(document.effective("4712")), defaults, "{name}");
        // The environment has no such column; what rules make of real ones is tested over the wire.
        if name == "lookups" {
            continue;
        }
        let rules = world.engine_with(&text).rules().await.unwrap_or_else(|why| panic!("{name}: {why:?}"));
        let (ours, theirs) = (rules.of_event("4711"), rules.of_event("4712"));
        let beside = matches!(name, "invitations" | "reconcile");
        assert!(shows(ours) && (beside || !shows(theirs)), "{name}");
        if beside {
            assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{name}");
        }
    }
}

/// A default of the document's own yields to the event's, setting by setting.
#[tokio::test]
async fn an_event_overrides_what_the_document_sets_for_all() {
    let text = json!({
        "version": 1,
        "defaults": { "writing": "batched", "batch_minutes": 7, "sync": false, "excluded_domains": ["a.example"] },
        "events": { "4711": { "batch_minutes": 9, "sync": true, "excluded_domains": ["b.example"] } },
    });
    let world = World::start(json!({})).await;
    let rules = world.engine_with(&text.to_string()).rules().await.unwrap();
    let shown = |event: &str| {
        let rules = rules.of_event(event);
        let excludes = |domain: &str| rules.excludes(&Address::parse(&format!("x@{domain}.example")).unwrap());
        (rules.writing, rules.batch_minutes, rules.sync, excludes("a"), excludes("b"))
    };
    assert_eq!(shown("4711"), (Writing::Batched, 9, true, false, true));
    assert_eq!(shown("4712"), (Writing::Batched, 7, false, true, false));
}
