//! JSON for property tests.

use proptest::prelude::*;
use serde_json::Value;

/// Values whose strings lean towards the characters that XML, JSON and SQL treat specially.
pub fn any_json() -> impl Strategy<Value = Value> {
    let nasty = prop_oneof![
        prop::char::range('\0', '\u{20}'),
        prop::char::range('\u{7F}', '\u{A0}'),
        Just('\u{FFFE}'),
        Just('\u{FFFF}'),
        prop::sample::select(vec!['<', '>', '&', '"', '\'', '\\', '/', '\u{2028}', '\u{FEFF}']),
    ];
    let text = prop::collection::vec(prop_oneof![nasty, any::<char>()], 0..12).prop_map(String::from_iter);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(text.clone(), inner, 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}
