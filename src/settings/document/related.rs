//! Rows beside the person and their attendance that columns are mapped to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EventSettings, MappedRow, Mode, Overrides, Problem, Source, check};

/// A row of any table that belongs to the participant. It is either reached or has a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Related {
    /// The table's logical name.
    #[schemars(length(min = 1, max = 100))]
    pub table: String,
    /// The row that a lookup of the person points to. It is written only if it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached_by: Option<ByPerson>,
    /// What the row is found by, and created with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<RelatedKey>,
    /// Of a row with a key: its lookups to the person, which are set when it is created and where they are empty. If only one kind of
    /// person is named, the other kind has no such row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<ByPerson>,
    /// Of a row with a key: its lookup to the attendance row, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<String>,
}

/// Lookup columns by the kind of person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ByPerson {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead: Option<String>,
}

/// What a row is found by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RelatedKey {
    /// The column, of text, whole numbers or unique identifiers, that no two rows have the same value in.
    #[schemars(length(min = 1, max = 100))]
    pub column: String,
    /// Its value. An event that does not state it, or states what the column cannot hold, has no such row.
    pub source: Source,
}

/// The name of the row that needs no setting.
pub const ACCOUNT: &str = "account";

impl EventSettings {
    /// A related row by its name.
    pub fn related_row(&self, name: &str) -> Option<Related> {
        let account = || Related {
            table: ACCOUNT.to_owned(),
            reached_by: Some(ByPerson {
                contact: Some("parentcustomerid".into()),
                lead: Some("parentaccountid".into()),
            }),
            key: None,
            person: None,
            activity: None,
        };
        self.related.get(name).cloned().or_else(|| (name == ACCOUNT).then(account))
    }

    /// The related rows that columns are mapped to, by name.
    pub fn related_rows(&self) -> BTreeMap<String, Related> {
        let rows = self.mappings.iter().flat_map(|mapping| &mapping.tables);
        let named = rows.filter_map(|row| match row {
            MappedRow::Related(name) => Some((name.clone(), self.related_row(name)?)),
            MappedRow::Person(_) | MappedRow::Activity => None,
        });
        named.chain(self.related.clone()).collect()
    }
}

/// What the shape cannot say. `own` is what was set at this place.
pub(super) fn check(place: &str, settings: &EventSettings, own: &Overrides, problems: &mut Vec<Problem>) {
    if own.contains_key("related") {
        for (name, related) in &settings.related {
            row(&format!("{place}.related.{name}"), name, related, problems);
        }
    }
    if !own.contains_key("mappings") && !own.contains_key("related") {
        return;
    }
    for (index, mapping) in settings.mappings.iter().enumerate() {
        for table in &mapping.tables {
            let MappedRow::Related(name) = table else { continue };
            if settings.related_row(name).is_none() {
                let problem = format!("there is no row {name}");
                let remedy = "Name contact, lead, activity or account, or describe the row under `related`.";
                problems.push(Problem::new(format!("{place}.mappings[{index}].tables"), problem, remedy));
            } else if mapping.mode == Mode::OnCreate && settings.related_row(name).is_some_and(|row| row.key.is_none())
            {
                let remedy = "Map it fill_if_empty, or overwrite.";
                let problem = format!("{name} is never created, so nothing is written on_create");
                problems.push(Problem::new(format!("{place}.mappings[{index}].mode"), problem, remedy));
            }
        }
    }
}

fn row(place: &str, name: &str, related: &Related, problems: &mut Vec<Problem>) {
    let mut wrong = |field: &str, problem: &str, remedy: &str| {
        problems.push(Problem::new(format!("{place}{field}"), problem, remedy));
    };
    if ["contact", "lead", "activity"].contains(&name) || !check::is_column_name(name) {
        wrong(
            "",
            "not a name for a related row",
            "Use lower-case letters, digits and _, and none of contact, lead and activity.",
        );
    }
    let Related { table, reached_by, key, person, activity } = related;
    match (reached_by, key) {
        (Some(_), None) if person.is_some() || activity.is_some() => {
            wrong("", "a row that is reached is not bound to anybody", "Leave person and activity out.");
        }
        (Some(_), None) | (None, Some(_)) => {}
        _ => wrong("", "it must say one of reached_by and key", "Keep the one that the row is found by."),
    }
    let by_person = [("reached_by", reached_by), ("person", person)];
    let lookups = by_person.iter().filter_map(|(field, lookups)| Some((field, (*lookups).as_ref()?)));
    let lookups = lookups.flat_map(|(field, lookups)| {
        [("contact", &lookups.contact), ("lead", &lookups.lead)]
            .map(|(of, column)| (format!(".{field}.{of}"), column.as_ref()))
    });
    let key_column = key.as_ref().map(|key| &key.column);
    let names = lookups.chain([
        (".table".to_owned(), Some(table)),
        (".key.column".to_owned(), key_column),
        (".activity".to_owned(), activity.as_ref()),
    ]);
    for (field, name) in names {
        if name.is_some_and(|name| !check::is_column_name(name)) {
            wrong(&field, check::NO_COLUMN, check::HOW_COLUMNS_ARE_WRITTEN);
        }
    }
    if let Some(Err((field, problem, remedy))) = key.as_ref().map(|key| check::source(&key.source)) {
        wrong(&format!(".key.source.{field}"), &problem, remedy);
    }
}
