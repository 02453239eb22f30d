//! Every setting with its type, default, range and meaning, in Markdown, from the schema.

use std::fmt::Write;

use serde_json::{Map, Value};

/// The reference of the whole document.
pub fn reference() -> String {
    let schema = serde_json::to_value(schemars::schema_for!(super::Document)).unwrap_or_default();
    let mut reference = Reference { schema: &schema, rows: Vec::new() };
    reference.members("", &schema, &Value::Null);
    let mut text = INTRODUCTION.to_owned();
    for Row { path, kind, default, range, meaning } in reference.rows {
        // Writing into a text cannot fail.
        let _ = writeln!(text, "| `{path}` | {kind} | {default} | {range} | {meaning} |");
    }
    text
}

const INTRODUCTION: &str = "# Settings, one by one

Made from the schema by `inevent-d365 settings reference`; what the settings are for stands in [`settings.md`](settings.md). What is said of `defaults` holds for `events.ID` as well. `[]` is an item of a list, `*` a name of your choice.

| setting | type | default | range | meaning |
|---|---|---|---|---|
";

/// A default that is longer is in the schema.
const LONGEST_DEFAULT: usize = 80;

struct Reference<'a> {
    schema: &'a Value,
    rows: Vec<Row>,
}

struct Row {
    path: String,
    kind: String,
    default: String,
    range: String,
    meaning: String,
}

impl<'a> Reference<'a> {
    /// The members of an object, each with what is below it.
    fn members(&mut self, path: &str, object: &'a Value, of: &Value) {
        for (name, member) in
            object["properties"].as_object().into_iter().flatten().filter(|(name, _)| *name != "$schema")
        {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.setting(path, member, of);
        }
    }

    /// `of` is the choice whose only member it is.
    fn setting(&mut self, path: String, member: &'a Value, of: &Value) {
        let kind = self.resolved(member);
        let described = [member, kind, of].into_iter().find_map(|schema| schema["description"].as_str());
        self.rows.push(Row {
            kind: self.kind(member),
            default: default(member),
            range: range(member).or_else(|| range(kind)).unwrap_or_default(),
            meaning: one_line(described.unwrap_or_default()) + &choices(kind) + &choices(self.resolved(&kind["items"])),
            path: path.clone(),
        });
        // The events' settings are those of the defaults.
        if path != "events" {
            self.below(&path, kind);
        }
    }

    fn below(&mut self, path: &str, kind: &'a Value) {
        self.members(path, kind, &Value::Null);
        for (of, end) in [("items", "[]"), ("additionalProperties", ".*")] {
            if kind[of].is_object() {
                let item = self.resolved(&kind[of]);
                self.below(&format!("{path}{end}"), item);
            }
        }
        for choice in kind["oneOf"].as_array().into_iter().flatten() {
            self.members(path, choice, choice);
        }
    }

    /// What a reference refers to; of something that may also be null, what it is otherwise.
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        if let Some(name) = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
            return &self.schema["$defs"][name];
        }
        match schema["anyOf"].as_array().map(Vec::as_slice) {
            Some([one, null]) if null["type"] == "null" => self.resolved(one),
            _ => schema,
        }
    }

    fn kind(&self, schema: &'a Value) -> String {
        let may_be_null =
            schema["anyOf"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind["type"] == "null"))
                || schema["type"].as_array().is_some_and(|kinds| kinds.contains(&"null".into()));
        let kind = self.resolved(schema);
        let name = match &kind["type"] {
            Value::String(name) => name.clone(),
            Value::Array(names) => {
                names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or_default().to_owned()
            }
            _ => self.kinds(kind),
        };
        let name = match name.as_str() {
            "array" => format!("list of {}", self.kind(&kind["items"])),
            "object" if kind["additionalProperties"].is_object() => {
                format!("object of {}", self.kind(&kind["additionalProperties"]))
            }
            _ => name,
        };
        if may_be_null { format!("{name}, or null") } else { name }
    }

    /// The kinds of which it is one.
    fn kinds(&self, schema: &'a Value) -> String {
        let of = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
        let mut kinds: Vec<String> = of.into_iter().flatten().map(|kind| self.kind(kind)).collect();
        kinds.dedup();
        kinds.join(" or ")
    }
}

fn default(schema: &Value) -> String {
    match schema.get("default") {
        None => String::new(),
        Some(Value::Object(members)) if !members.is_empty() => "as its members say".to_owned(),
        Some(default) => match default.to_string() {
            long if long.len() > LONGEST_DEFAULT => "see [`settings.md`](settings.md)".to_owned(),
            text => format!("`{text}`"),
        },
    }
}

fn range(schema: &Value) -> Option<String> {
    let bound = |name: &str| schema.get(name).map(Value::to_string);
    let between = |low: Option<String>, high: Option<String>, unit: &str| match (low, high) {
        (Some(low), None) if low == "1" && !unit.is_empty() => Some("not empty".to_owned()),
        (Some(low), Some(high)) if low == high => Some(format!("{low}{unit}")),
        (Some(low), Some(high)) => Some(format!("{low} to {high}{unit}")),
        (Some(low), None) => Some(format!("{low}{unit} or more")),
        (None, Some(high)) => Some(format!("up to {high}{unit}")),
        (None, None) => None,
    };
    between(bound("minimum"), bound("maximum"), "")
        .or_else(|| between(bound("minLength"), bound("maxLength"), " characters"))
        .or_else(|| between(bound("minItems"), bound("maxItems"), " items"))
}

/// What may be chosen, with what is said of each.
fn choices(schema: &Value) -> String {
    let words = |value: &Value| value.as_str().map(|word| format!("`{word}`"));
    if let Some(all) = schema["enum"].as_array() {
        return format!(" One of {}.", all.iter().filter_map(words).collect::<Vec<_>>().join(", "));
    }
    let choices = schema["oneOf"].as_array().into_iter().flatten().filter_map(|choice| {
        let name = words(&choice["const"]).or_else(|| {
            let members: Option<&Map<String, Value>> = choice["properties"].as_object();
            Some(format!("`{{ \"{}\": … }}`", members?.keys().next()?))
        })?;
        let meaning = one_line(choice["description"].as_str().unwrap_or_default());
        Some(if meaning.is_empty() { name } else { format!("{name}: {meaning}") })
    });
    choices.fold(String::new(), |all, choice| format!("{all}<br>{choice}"))
}

/// As a cell of a table.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
