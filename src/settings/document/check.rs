//! What the shape of a document cannot say.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Document, EventSettings, Expression, MappedRow, Mapping, Mode, Overrides, Problem, Source, Target, activity,
    inevent, invitations, lists, matching, related, writing,
};
use crate::settings::Prefix;

/// Columns of the platform that the connector finds or keeps people by.
const RESERVED: &[&str] = &["emailaddress1", "contactid", "leadid", "statecode", "statuscode", "ownerid"];

/// Characters of the column that keeps a person's stamps, and of one stamp beside the column's name.
const STAMPS: usize = 4_000;
const STAMP: usize = 42;
/// What an attendance row's own stamps leave of as much.
const ACTIVITY_STAMPS: usize = 2_500;

pub(super) const NO_COLUMN: &str = "not a column's logical name";
pub(super) const HOW_COLUMNS_ARE_WRITTEN: &str =
    "Write it as the table's column list shows it under Name: lower-case letters, digits and _.";

/// Whether a text can be a column's logical name. It is what keeps settings from reaching into a query.
pub fn is_column_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.len() <= 100 && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(allowed)
}

/// Whether this is a column of contact and lead that the connector finds or keeps rows by.
pub(super) fn is_reserved(column: &str, prefix: &Prefix) -> bool {
    RESERVED.contains(&column) || column == prefix.profile_stamp()
}

pub(super) fn check(document: &Document, problems: &mut Vec<Problem>) {
    if document.version == 0 {
        problems.push(Problem::new("version", "there is no version 0", "Write 1, or leave it out."));
    }
    writing::check_pace(document, problems);
    inevent::check(document, problems);
    let Ok(Value::Object(all)) = serde_json::to_value(&document.defaults) else { return };
    event("defaults", &document.defaults, &all, &document.prefix, problems);
    for (id, own) in &document.events {
        event(&format!("events.{id}"), &document.effective(id), own, &document.prefix, problems);
    }
}

/// `own` is what was set at this place, so that nothing is said twice.
fn event(place: &str, settings: &EventSettings, own: &Overrides, prefix: &Prefix, problems: &mut Vec<Problem>) {
    writing::check_event(place, settings, own, problems);
    lists::check(place, settings, own, problems);
    invitations::check(place, settings, own, prefix, problems);
    if own.contains_key("lead_topic") && settings.lead_topic.speaks_of_status() {
        problems.push(Problem::new(
            format!("{place}.lead_topic"),
            "a topic has no {status}",
            "Use {name} only: a lead may outlive any status.",
        ));
    }
    if own.contains_key("excluded_domains") {
        for (index, domain) in settings.excluded_domains.iter().enumerate() {
            let bare = domain.trim().trim_start_matches('.');
            if bare.is_empty() || bare.contains(['@', ' ', '*', '/']) {
                problems.push(Problem::new(
                    format!("{place}.excluded_domains[{index}]"),
                    "not a domain",
                    "Write it like contoso.example; its subdomains are meant too.",
                ));
            }
        }
    }
    activity::check(place, settings, own, problems);
    if own.contains_key("matching") {
        matching::check(&format!("{place}.matching"), &settings.matching, problems);
    }
    if let Some(text) = settings.only_if.as_ref().filter(|_| own.contains_key("only_if"))
        && let Err((_, problem, remedy)) = source(&Source::Expression(text.clone()))
    {
        problems.push(Problem::new(format!("{place}.only_if"), problem, remedy));
    }
    if own.contains_key("mappings") {
        let mut seen = BTreeSet::new();
        for (index, one) in settings.mappings.iter().enumerate() {
            let place = format!("{place}.mappings[{index}]");
            mapping(&place, one, prefix, problems);
            for table in &one.tables {
                if !seen.insert((table, &one.column)) {
                    problems.push(Problem::new(
                        format!("{place}.column"),
                        format!("{} is mapped twice for one table", one.column),
                        "Keep one, with an expression where several sources matter.",
                    ));
                }
            }
        }
        for (row, room) in [Target::Contact, Target::Lead]
            .map(|target| (MappedRow::Person(target), STAMPS))
            .into_iter()
            .chain([(MappedRow::Activity, ACTIVITY_STAMPS)])
        {
            let stamped = |one: &&Mapping| one.mode != Mode::OnCreate && one.tables.contains(&row);
            let stamps: usize = settings.mappings.iter().filter(stamped).map(|one| one.column.len() + STAMP).sum();
            if stamps > room {
                problems.push(Problem::new(
                    format!("{place}.mappings"),
                    "there are more columns than the stamps of a row have room for",
                    "Map fewer columns, or some of them on_create, which needs no stamp.",
                ));
                break;
            }
        }
    }
    related::check(place, settings, own, problems);
}

fn mapping(place: &str, mapping: &Mapping, prefix: &Prefix, problems: &mut Vec<Problem>) {
    let mut wrong = |field: &str, problem: &str, remedy: &str| {
        problems.push(Problem::new(format!("{place}.{field}"), problem, remedy));
    };
    if !is_column_name(&mapping.column) {
        wrong("column", NO_COLUMN, HOW_COLUMNS_ARE_WRITTEN);
    } else if is_reserved(&mapping.column, prefix) {
        wrong("column", "the connector finds or keeps rows by this column", "Map to another column.");
    }
    if mapping.tables.is_empty() {
        wrong("tables", "no table is named", "Name contact, lead or both, or leave it out for both.");
    }
    if let Some(zone) = &mapping.time_zone
        && jiff::tz::TimeZone::get(zone).is_err()
    {
        wrong("time_zone", "not a time zone", "Write its IANA name, such as America/Sao_Paulo.");
    }
    if let Err((field, problem, remedy)) = source(&mapping.source) {
        wrong(&format!("source.{field}"), &problem, remedy);
    }
    if let Some(lookup) = &mapping.lookup {
        for (field, name) in [("table", &lookup.table), ("column", &lookup.column)] {
            if !is_column_name(name) {
                wrong(&format!("lookup.{field}"), NO_COLUMN, HOW_COLUMNS_ARE_WRITTEN);
            }
        }
    }
}

/// What is wrong with a source: in which field, and how it is mended.
pub(super) fn source(source: &Source) -> Result<(), (&'static str, String, &'static str)> {
    match source {
        Source::Answer(question) if question.trim().is_empty() => {
            Err(("answer", "names no question".to_owned(), "Write the question's key or label."))
        }
        Source::Expression(text) => Expression::compile(text).map(drop).map_err(|problem| {
            ("expression", problem, "Correct it; a minijinja expression stands there without {{ }}.")
        }),
        Source::Answer(_) | Source::Field(_) => Ok(()),
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
            "lead_topic": "{status}", "excluded_domains": ["contoso.example", "@x.example"],
            "mappings": [
                { "source": { "answer": " " }, "column": "new_a" },
                { "source": { "field": "participant.email" }, "column": "emailaddress1" },
                { "source": { "field": "participant.phone" }, "column": "telephone1&$filter=x", "tables": [] },
                { "source": { "field": "event.begin" }, "column": "new_a", "tables": ["lead"], "time_zone": "Mars/Base" }
            ]
        } }"#;
        let Err(DocumentError::Invalid(problems)) = read(text, &Prefix::default()) else { panic!() };
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "defaults.lead_topic",
                "defaults.excluded_domains[1]",
                "defaults.mappings[0].source.answer",
                "defaults.mappings[1].column",
                "defaults.mappings[2].column",
                "defaults.mappings[2].tables",
                "defaults.mappings[3].time_zone",
                "defaults.mappings[3].column",
            ]
        );
        assert!(problems.iter().all(|problem| !problem.problem.is_empty() && problem.remedy.ends_with('.')));
    }
}
