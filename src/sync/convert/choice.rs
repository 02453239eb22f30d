//! Choice, multi-choice and yes/no columns.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{How, Unconvertible, as_text};
use crate::{dataverse::metadata, settings::document::Choice};

/// The value of the option that is meant.
pub(super) fn one(stated: &Value, options: &[metadata::Choice], how: &How) -> Result<i64, Unconvertible> {
    let found = several_of(stated, options, how)?;
    match found.iter().next() {
        Some(value) if found.len() == 1 => Ok(*value),
        Some(_) => Err(Unconvertible::Several),
        None => Err(Unconvertible::NoOption),
    }
}

/// The values of the options that are meant, ascending and joined by commas, as the Web API writes them.
pub(super) fn several(stated: &Value, options: &[metadata::Choice], how: &How) -> Result<String, Unconvertible> {
    let found = several_of(stated, options, how)?;
    Ok(found.iter().map(i64::to_string).collect::<Vec<_>>().join(","))
}

fn several_of(stated: &Value, options: &[metadata::Choice], how: &How) -> Result<BTreeSet<i64>, Unconvertible> {
    if let Value::Array(items) = stated {
        let items: Vec<String> = items.iter().filter_map(as_text).collect();
        return all(items.iter().map(String::as_str), options, how);
    }
    let text = as_text(stated).unwrap_or_default();
    // A label may hold commas itself: the whole is tried first, and `otherwise` only after everything else.
    if let Some(value) = exact(&text, options, how) {
        return Ok(BTreeSet::from([value]));
    }
    let strict = How { otherwise: None, ..how.clone() };
    for separator in [';', ','] {
        if text.contains(separator)
            && let Ok(found) = all(text.split(separator), options, &strict)
        {
            return Ok(found);
        }
    }
    let separator = if text.contains(';') { ';' } else { ',' };
    all(text.split(separator), options, how)
}

fn all<'a>(
    items: impl Iterator<Item = &'a str>,
    options: &[metadata::Choice],
    how: &How,
) -> Result<BTreeSet<i64>, Unconvertible> {
    let fallback = || how.otherwise.as_ref().and_then(|choice| option(choice, options));
    let stated = items.map(str::trim).filter(|item| !item.is_empty());
    stated.map(|item| exact(item, options, how).or_else(fallback).ok_or(Unconvertible::NoOption)).collect()
}

/// By the mapping's own values, else by value, else by label.
fn exact(text: &str, options: &[metadata::Choice], how: &How) -> Option<i64> {
    let text = text.trim();
    match mapped(text, how) {
        Some(choice) => option(choice, options),
        None => {
            let by_value = text.parse().ok().and_then(|value| option(&Choice::Value(value), options));
            by_value.or_else(|| option(&Choice::Label(text.to_owned()), options))
        }
    }
}

fn mapped<'a>(text: &str, how: &'a How) -> Option<&'a Choice> {
    let lower = text.to_lowercase();
    how.values.iter().find(|(from, _)| *from == lower).map(|(_, to)| to)
}

/// The option that a setting names, if the column has it.
pub(in crate::sync) fn option(choice: &Choice, options: &[metadata::Choice]) -> Option<i64> {
    let lower = |text: &str| text.trim().to_lowercase();
    let found = options.iter().find(|option| match choice {
        Choice::Value(value) => option.value == *value,
        Choice::Label(wanted) => option.labels.iter().any(|label| lower(label) == lower(wanted)),
        Choice::YesNo(_) => false,
    });
    found.map(|option| option.value)
}

const YES: &[&str] = &["1", "true", "yes", "y", "on", "sim", "s", "sí", "si"];
const NO: &[&str] = &["0", "false", "no", "n", "off", "não", "nao"];

/// By the mapping's own values, by the usual words (English, Portuguese, Spanish) or by the column's labels.
pub(super) fn yes_no(text: &str, yes: &str, no: &str, how: &How) -> Result<bool, Unconvertible> {
    let lower = text.to_lowercase();
    let word = |text: &str| match text {
        text if text == yes.to_lowercase() => Some(true),
        text if text == no.to_lowercase() => Some(false),
        text if YES.contains(&text) => Some(true),
        text if NO.contains(&text) => Some(false),
        _ => None,
    };
    let chosen = |choice: &Choice| match choice {
        Choice::YesNo(value) => Some(*value),
        Choice::Value(value) => word(&value.to_string()),
        Choice::Label(label) => word(&label.trim().to_lowercase()),
    };
    let found = match mapped(text, how) {
        Some(choice) => chosen(choice),
        None => word(&lower).or_else(|| how.otherwise.as_ref().and_then(chosen)),
    };
    found.ok_or(Unconvertible::NotYesNo)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        dataverse::metadata::ColumnKind,
        sync::convert::{convert, tests::tests_how},
    };

    fn how() -> How {
        let values =
            vec![("vip".to_owned(), Choice::Value(3)), ("staff".to_owned(), Choice::Label("Crew, paid".into()))];
        How { values, ..tests_how() }
    }

    fn options() -> Vec<metadata::Choice> {
        let option = |value, label: &str| metadata::Choice { value, labels: vec![label.to_owned()] };
        vec![option(1, "Red"), option(2, "Crew, paid"), option(3, "Guest"), option(727_000_000, "7")]
    }

    #[test]
    fn one_choice() {
        let otherwise = How { otherwise: Some(Choice::Label("guest".into())), ..how() };
        let unknown = How { otherwise: Some(Choice::Value(9)), ..how() };
        for (stated, how, expected) in [
            (json!("1"), &how(), Ok(1)),
            (json!(1), &how(), Ok(1)),
            (json!(" RED "), &how(), Ok(1)),
            (json!("Vip"), &how(), Ok(3)),
            (json!("staff"), &how(), Ok(2)),
            (json!("crew, PAID"), &how(), Ok(2)),
            (json!("7"), &how(), Ok(727_000_000)),
            (json!(["Red"]), &how(), Ok(1)),
            (json!(["Red", "Red"]), &how(), Ok(1)),
            (json!(["Red", "Guest"]), &how(), Err(Unconvertible::Several)),
            (json!("Red; Guest"), &how(), Err(Unconvertible::Several)),
            (json!("Blue"), &how(), Err(Unconvertible::NoOption)),
            (json!(9), &how(), Err(Unconvertible::NoOption)),
            (json!(true), &how(), Err(Unconvertible::NoOption)),
            (json!("99999999999999999999"), &how(), Err(Unconvertible::NoOption)),
            (json!("Blue"), &otherwise, Ok(3)),
            (json!("Blue, or green"), &otherwise, Ok(3)),
            (json!("Blue"), &unknown, Err(Unconvertible::NoOption)),
        ] {
            let found = convert(&stated, &ColumnKind::Choice(options()), how);
            assert_eq!(found, expected.map(|value| Some(json!(value))), "{stated}");
        }
    }

    #[test]
    fn several_choices() {
        let otherwise = How { otherwise: Some(Choice::Value(3)), ..how() };
        for (stated, how, expected) in [
            (json!("Red;Guest"), &how(), Ok("1,3")),
            (json!("Guest, Red, Red"), &how(), Ok("1,3")),
            (json!("3,1"), &how(), Ok("1,3")),
            (json!(["Guest", 1]), &how(), Ok("1,3")),
            (json!("Crew, paid"), &how(), Ok("2")),
            (json!("Crew, paid; VIP;"), &how(), Ok("2,3")),
            (json!("Red;Blue"), &how(), Err(Unconvertible::NoOption)),
            (json!("Red;Blue"), &otherwise, Ok("1,3")),
            (json!(";"), &how(), Ok("")),
        ] {
            let found = convert(&stated, &ColumnKind::MultiChoice(options()), how);
            let expected = expected.map(|value| Some(json!(value)).filter(|value| *value != json!("")));
            assert_eq!(found, expected, "{stated}");
        }
    }

    #[test]
    fn yes_and_no() {
        let kind = ColumnKind::YesNo { yes: "Allow".into(), no: "Do Not Allow".into() };
        let mapped = How {
            values: vec![("maybe".to_owned(), Choice::YesNo(true)), ("1".to_owned(), Choice::YesNo(false))],
            otherwise: Some(Choice::YesNo(false)),
            ..tests_how()
        };
        for (stated, how, expected) in [
            (json!("1"), &tests_how(), Ok(true)),
            (json!("0"), &tests_how(), Ok(false)),
            (json!(0), &tests_how(), Ok(false)),
            (json!(true), &tests_how(), Ok(true)),
            (json!(" YES "), &tests_how(), Ok(true)),
            (json!("Não"), &tests_how(), Ok(false)),
            (json!("do not allow"), &tests_how(), Ok(false)),
            (json!("2"), &tests_how(), Err(Unconvertible::NotYesNo)),
            (json!("maybe"), &tests_how(), Err(Unconvertible::NotYesNo)),
            (json!("Maybe"), &mapped, Ok(true)),
            (json!("1"), &mapped, Ok(false)),
            (json!("who knows"), &mapped, Ok(false)),
        ] {
            assert_eq!(convert(&stated, &kind, how), expected.map(|value| Some(json!(value))), "{stated}");
        }
    }
}
