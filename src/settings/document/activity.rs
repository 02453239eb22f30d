//! How attendance becomes rows of an activity table.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{EventSettings, Expression, Overrides, Problem, is_column_name};

/// Lookups that follow from the participant.
const OWN_LOOKUPS: [&str; 2] = ["regardingobjectid", "ownerid"];

/// How much of an event is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Registrations for the event, and cancellations.
    Registrations,
    /// Attendance of the event and its score, too.
    Attendance,
    /// What happens at its sessions, too.
    #[default]
    Sessions,
}

/// When somebody was there only in part. Without either nobody is, unless the source says so outright.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Partial {
    /// Present for less than so many minutes, from check-ins to check-outs. Who did not check out stayed until the end, once the event
    /// or session is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub below_minutes: Option<u32>,
    /// In less than so many percent of the sessions on whose list they are, once the event is over. It decides over the event's row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub below_percent_of_sessions: Option<u8>,
}

/// A user or a team, by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    User(String),
    Team(String),
}

/// A lookup column of the activity table, and the row that it points to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// The logical name of the lookup column, such as `new_campaignid`.
    #[schemars(length(min = 1, max = 100))]
    pub column: String,
    /// The logical name of the table that it points to, such as `campaign`.
    #[schemars(length(min = 1, max = 100))]
    pub table: String,
    /// The row's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Instead of the id: columns of text, whole numbers or unique identifiers, and their values that only this row has. For the table `account` both may be left out: then it
    /// is the account of the contact whom the row regards.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub key: BTreeMap<String, String>,
}

impl Lookup {
    /// Whether it points to the account of the contact.
    pub fn is_own_account(&self) -> bool {
        self.table == "account" && self.id.is_none() && self.key.is_empty()
    }
}

impl Principal {
    fn id(&self) -> &str {
        match self {
            Self::User(id) | Self::Team(id) => id,
        }
    }
}

/// What the shape of these settings cannot say. `own` is what was set at this place.
pub(super) fn check(place: &str, settings: &EventSettings, own: &Overrides, problems: &mut Vec<Problem>) {
    let mut wrong = |field: &str, problem: &str, remedy: &str| {
        problems.push(Problem::new(format!("{place}.{field}"), problem, remedy));
    };
    let not_a_name = "not a logical name";
    let name_it = "Write it as the environment shows it under Name: lower-case letters, digits and _.";
    let (not_an_id, write_an_id) = ("not an id", "Write it like 7c1b0b2e-4f0a-4c8e-9b1e-2f6f3a5d9c10.");
    if own.contains_key("activity_table") && !is_column_name(&settings.activity_table) {
        wrong("activity_table", not_a_name, name_it);
    }
    if own.contains_key("partial") && settings.partial.is_some_and(|partial| partial.below_minutes == Some(0)) {
        wrong("partial.below_minutes", "nobody is there for less than no time", "Write a minute or more.");
    }
    let percent = settings.partial.and_then(|partial| partial.below_percent_of_sessions);
    if own.contains_key("partial") && percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
        wrong("partial.below_percent_of_sessions", "not a share", "Write 1 to 100.");
    }
    if own.contains_key("fallback_owner")
        && settings.fallback_owner.as_ref().is_some_and(|owner| Uuid::parse_str(owner.id()).is_err())
    {
        wrong("fallback_owner", not_an_id, write_an_id);
    }
    if own.contains_key("score")
        && let Some(Err(problem)) = settings.score.as_deref().map(Expression::compile)
    {
        wrong("score", &problem, "Correct it; a minijinja expression stands there without {{ }}.");
    }
    let lookups = settings.lookups.iter().enumerate().filter(|_| own.contains_key("lookups"));
    for (index, lookup) in lookups {
        let mut wrong =
            |field: &str, problem: &str, remedy: &str| wrong(&format!("lookups[{index}]{field}"), problem, remedy);
        for (field, name) in [(".column", &lookup.column), (".table", &lookup.table)] {
            if !is_column_name(name) {
                wrong(field, not_a_name, name_it);
            }
        }
        for column in lookup.key.keys().filter(|column| !is_column_name(column)) {
            wrong(&format!(".key.{column}"), not_a_name, name_it);
        }
        if OWN_LOOKUPS.contains(&lookup.column.as_str()) {
            wrong(".column", "the connector binds this column itself", "Name another lookup column.");
        }
        if settings.lookups[..index].iter().any(|earlier| earlier.column == lookup.column) {
            wrong(".column", "the column is set twice", "Keep one.");
        }
        match (&lookup.id, lookup.key.is_empty()) {
            (Some(_), false) => wrong(".key", "both id and key name the row", "Keep one of them."),
            (Some(id), true) if Uuid::parse_str(id).is_err() => wrong(".id", not_an_id, write_an_id),
            (None, true) if lookup.table != "account" => {
                wrong("", "nothing says which row is meant", "Give its id or a key.")
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::{
        Prefix,
        document::{DocumentError, read},
    };

    #[test]
    fn what_is_well_formed_and_still_wrong() {
        let text = r#"{ "defaults": {
            "activity_table": "New_Webinar", "partial": { "below_minutes": 0, "below_percent_of_sessions": 101 },
            "fallback_owner": { "user": "me" }, "score": "participant.points",
            "lookups": [
                { "column": "ownerid", "table": "account" },
                { "column": "new_campaignid", "table": "campaign" },
                { "column": "new_campaignid", "table": "Campaign", "id": "1" },
                { "column": "new_x", "table": "campaign", "id": "7c1b0b2e-4f0a-4c8e-9b1e-2f6f3a5d9c10", "key": { "a b": "c" } }
            ]
        } }"#;
        let Err(DocumentError::Invalid(problems)) = read(text, &Prefix::default()) else { panic!() };
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "defaults.activity_table",
                "defaults.partial.below_minutes",
                "defaults.partial.below_percent_of_sessions",
                "defaults.fallback_owner",
                "defaults.score",
                "defaults.lookups[0].column",
                "defaults.lookups[1]",
                "defaults.lookups[2].table",
                "defaults.lookups[2].column",
                "defaults.lookups[2].id",
                "defaults.lookups[3].key.a b",
                "defaults.lookups[3].key",
            ]
        );
        assert!(problems.iter().all(|problem| !problem.problem.is_empty() && problem.remedy.ends_with('.')));
    }
}
