//! Reading definitions out of payloads.

mod column;
mod names;
mod options;
mod table;

pub(super) use column::{column, updated_column};
pub(super) use names::{Named, check_name};
pub(super) use options::{options, resolved};
pub(super) use table::{KNOWN as TABLE_PROPERTIES, table, taken};

use serde_json::{Map, Value as Json};

/// The text of a label, in the language that comes first.
pub(super) fn label(json: Option<&Json>) -> Option<String> {
    let json = json?;
    let localized = json.pointer("/LocalizedLabels/0/Label").or_else(|| json.pointer("/UserLocalizedLabel/Label"));
    localized.and_then(Json::as_str).map(str::to_owned)
}

/// The value of a managed property: it stands bare or within an object.
pub(super) fn managed(json: Option<&Json>) -> Option<&Json> {
    match json? {
        Json::Object(object) => object.get("Value"),
        Json::Null => None,
        bare => Some(bare),
    }
}

pub(super) fn flag(body: &Map<String, Json>, name: &str) -> Option<bool> {
    managed(body.get(name)).and_then(Json::as_bool)
}

pub(super) fn text<'a>(body: &'a Map<String, Json>, name: &str) -> Option<&'a str> {
    managed(body.get(name)).and_then(Json::as_str)
}

/// The properties that are only kept to be given back.
pub(super) fn told(body: &Map<String, Json>, known: &[&str]) -> Map<String, Json> {
    body.iter()
        .filter(|(name, value)| !known.contains(&name.as_str()) && !name.contains('@') && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
