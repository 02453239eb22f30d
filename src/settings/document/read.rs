//! From text to a document, or to everything that is wrong with it.

use std::fmt;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{Document, EventSettings, Overrides, VERSION, check};
use crate::settings::Prefix;

/// Why a text is not the settings of this connector.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DocumentError {
    /// A newer release wrote it. It is not read in part: what it says may depend on what this release does not know.
    #[error(
        "The settings are of version {version}, and this release understands version {VERSION}. Update the connector, or put the earlier settings back."
    )]
    Newer { version: u64 },
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))]
    Invalid(Vec<Problem>),
}

/// One thing that is wrong with the settings, and how it is mended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where, as a dotted path into the document; empty for the document itself.
    pub path: String,
    pub problem: String,
    pub remedy: String,
}

impl Problem {
    pub fn new(path: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into(), remedy: remedy.into() }
    }
}

/// `defaults.unmatched: problem. Remedy.`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the settings" } else { &self.path };
        write!(f, "{path}: {}. {}", self.problem, self.remedy)
    }
}

const SHAPE: &str = "`inevent-d365 settings schema` prints what may stand there.";

/// Reads a document. What it leaves out of the tables' and columns' names is under the prefix.
///
/// # Errors
/// [`DocumentError::Newer`] before anything else is looked at; else everything that is wrong, at once.
pub fn read(text: &str, prefix: &Prefix) -> Result<Document, DocumentError> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let problem = format!("not JSON: {error}");
        DocumentError::Invalid(vec![Problem::new("", problem, "Correct it at that place.")])
    })?;
    if let Some(version) = value.get("version").and_then(Value::as_u64).filter(|version| *version > u64::from(VERSION))
    {
        return Err(DocumentError::Newer { version });
    }
    let mut problems = Vec::new();
    let document = shape(&value, &mut problems).map(|document| document.named(prefix, &value));
    match document {
        Some(document) if problems.is_empty() => {
            check::check(&document, &mut problems);
            if problems.is_empty() { Ok(document) } else { Err(DocumentError::Invalid(problems)) }
        }
        _ => Err(DocumentError::Invalid(problems)),
    }
}

/// The document, if nothing is wrong with its shape.
///
/// serde stops at the first thing that is wrong, so each setting is read by itself: one alone is a whole document, because each may
/// be left out.
fn shape(value: &Value, problems: &mut Vec<Problem>) -> Option<Document> {
    let Value::Object(whole) = value else {
        problems.push(Problem::new("", "not a JSON object", SHAPE));
        return None;
    };
    for (name, value) in whole {
        match (name.as_str(), value) {
            ("defaults", Value::Object(settings)) => each_setting("defaults", settings, problems),
            ("events", Value::Object(events)) => {
                for (id, settings) in events {
                    let path = format!("events.{id}");
                    match settings {
                        Value::Object(settings) => each_setting(&path, settings, problems),
                        _ => problems.push(Problem::new(path, "expected an object with settings", SHAPE)),
                    }
                }
            }
            _ => one::<Document>("", &single(name, value.clone()), |path| path, problems),
        }
    }
    problems.is_empty().then(|| serde_json::from_value(value.clone()).ok())?
}

fn each_setting(place: &str, settings: &Overrides, problems: &mut Vec<Problem>) {
    for (name, value) in settings {
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let item = single(name, Value::Array(vec![item.clone()]));
                    let in_place = |path: String| path.replacen("[0]", &format!("[{index}]"), 1);
                    one::<EventSettings>(place, &item, in_place, problems);
                }
            }
            value => one::<EventSettings>(place, &single(name, value.clone()), |path| path, problems),
        }
    }
}

fn one<T: DeserializeOwned>(
    place: &str,
    value: &Value,
    in_place: impl Fn(String) -> String,
    problems: &mut Vec<Problem>,
) {
    if let Err(error) = serde_path_to_error::deserialize::<_, T>(value) {
        let path = in_place(error.path().to_string());
        let path = match (place, path.as_str()) {
            (place, ".") => place.to_owned(),
            ("", path) => path.to_owned(),
            (place, path) => format!("{place}.{path}"),
        };
        problems.push(Problem::new(path, error.inner().to_string(), SHAPE));
    }
}

fn single(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::document::{Template, Unmatched};

    fn read(text: &str) -> Result<Document, DocumentError> {
        super::read(text, &Prefix::default())
    }

    fn problems(text: &str) -> Vec<String> {
        match read(text) {
            Err(DocumentError::Invalid(problems)) => {
                let mut paths: Vec<String> = problems.iter().map(|problem| problem.path.clone()).collect();
                paths.sort();
                paths
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_set_is_the_default() {
        assert_eq!(read("{}"), Ok(Document::default()));
        assert_eq!(read(r#"{ "version": 1, "defaults": {}, "events": {} }"#), Ok(Document::default()));
        let printed = serde_json::to_string(&Document::default()).unwrap();
        assert_eq!(read(&printed), Ok(Document::default()));
    }

    #[test]
    fn what_is_left_out_is_named_under_the_prefix_and_what_is_written_stays() {
        let contoso: Prefix = "contoso".parse().unwrap();
        let read = |text: &str| super::read(text, &contoso).unwrap();
        let columns = |settings: EventSettings| {
            let columns: Vec<String> = settings.mappings.into_iter().map(|mapping| mapping.column).collect();
            columns.into_iter().filter(|column| column.contains('_')).collect::<Vec<_>>()
        };
        assert_eq!(read("{}"), Document::under(&contoso));
        let document = read(r#"{ "defaults": { "sync": true }, "events": { "1": { "activity_table": "new_x" } } }"#);
        assert_eq!(document.effective("2").activity_table, "contoso_eventattendance");
        assert_eq!(document.effective("1").activity_table, "new_x");
        let own = ["address1_country", "contoso_ineventparticipantid", "contoso_budget"];
        assert_eq!(columns(document.effective("1")), own);
        let mapping = |column: &str| json!([{ "source": { "answer": "Budget" }, "column": column }]);
        let mapped = |column: &str| json!({ "defaults": { "mappings": mapping(column) } }).to_string();
        assert_eq!(columns(read(&mapped("new_budget")).defaults), ["new_budget"]);
        assert_eq!(columns(read(&mapped("new_ineventprofilestamp")).defaults), ["new_ineventprofilestamp"]);
        assert!(super::read(&mapped("contoso_ineventprofilestamp"), &contoso).is_err());
    }

    #[test]
    fn an_event_takes_what_it_does_not_set_from_the_defaults() {
        let document = read(
            r#"{ "defaults": { "unmatched": "ignore", "lead_topic": "InEvent" }, "events": { "4711": { "unmatched": "create_contact" } } }"#,
        )
        .unwrap();
        assert_eq!(document.effective("1").unmatched, Unmatched::Ignore);
        let own = document.effective("4711");
        assert_eq!(own.unmatched, Unmatched::CreateContact);
        assert_eq!(own.lead_topic, Template::try_from("InEvent".to_owned()).unwrap());
        assert_eq!(own.mappings, EventSettings::default().mappings);
    }

    #[test]
    fn everything_wrong_is_named_at_once_with_its_place() {
        let text = r#"{
            "colour": 1,
            "defaults": { "sync": "yes", "unmatched": "delete", "subject": "{what}", "mappings": [
                { "source": { "field": "participant.email" }, "column": "emailaddress2" },
                { "source": { "field": "participant.eye_colour" }, "column": "new_eyes" },
                { "source": { "answer": "Budget" } }
            ] },
            "events": { "4711": { "lead_topic": 3 }, "12": [] }
        }"#;
        assert_eq!(
            problems(text),
            [
                "colour",
                "defaults.mappings[1].source.field",
                "defaults.mappings[2]",
                "defaults.subject",
                "defaults.sync",
                "defaults.unmatched",
                "events.12",
                "events.4711.lead_topic",
            ]
        );
        assert_eq!(problems("[]"), [""]);
        assert_eq!(problems("{"), [""]);
    }

    #[test]
    fn a_newer_document_is_not_half_read() {
        assert_eq!(read(r#"{ "version": 2, "colour": "blue" }"#), Err(DocumentError::Newer { version: 2 }));
        assert_eq!(problems(r#"{ "version": 0 }"#), ["version"]);
    }
}
