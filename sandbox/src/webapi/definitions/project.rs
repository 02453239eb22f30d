//! `$select`, `$filter` and `$expand` over definitions. They are few, so they are treated as JSON.

use serde_json::Value as Json;

use super::Described;
use crate::errors::{ApiError, ApiResult};
use crate::query::{Comparison, Expression, Operand, parse_filter};

/// Navigation properties that stand in a description and are shown only if they are expanded.
const EXPANDED_ONLY: [&str; 2] = ["OptionSet", "GlobalOptionSet"];

/// The query options that definitions understand.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) select: Option<Vec<String>>,
    filter: Option<Expression>,
    pub(super) expand: Vec<(String, Options)>,
}

impl Options {
    pub(super) fn parse(pairs: &[(String, String)]) -> ApiResult<Self> {
        let mut options = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "$select" => options.select = Some(value.split(',').map(|name| name.trim().to_owned()).collect()),
                "$filter" => options.filter = Some(parse_filter(&without_enum_types(value))?),
                "$expand" => options.expand = expansions(value)?,
                "$count" if value == "false" => {}
                _ if name.starts_with('$') => {
                    return Err(ApiError::query(format!("The query parameter {name} is not supported")));
                }
                _ => {}
            }
        }
        Ok(options)
    }

    pub(super) fn meets(&self, one: &Described) -> ApiResult<bool> {
        self.filter.as_ref().map_or(Ok(true), |filter| meets(filter, one))
    }

    /// A definition with the selected properties; its id and its type come along unasked.
    pub(super) fn project(&self, one: Described) -> ApiResult<Described> {
        let mut kept = Described::new();
        for (name, value) in one {
            let nested = self.expand.iter().find(|(expanded, _)| *expanded == name);
            let selected = self.select.as_ref().is_none_or(|select| select.contains(&name));
            match nested {
                Some((_, options)) => {
                    let value = match value {
                        Json::Object(object) => Json::Object(options.project(object)?),
                        other => other,
                    };
                    kept.insert(name, value);
                }
                None if EXPANDED_ONLY.contains(&name.as_str()) => {}
                None if selected || name == "@odata.type" || name == "MetadataId" => {
                    kept.insert(name, value);
                }
                None => {}
            }
        }
        Ok(kept)
    }

    /// Refuses to select or expand what a type does not have.
    pub(super) fn check(&self, kind: &str, known: impl Fn(&str) -> bool) -> ApiResult<()> {
        let names = self.select.iter().flatten().chain(self.expand.iter().map(|(name, _)| name));
        match names.into_iter().find(|name| !known(name)) {
            Some(name) => Err(ApiError::new(
                400,
                "0x80060888",
                format!("Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{kind}'."),
            )),
            None => Ok(()),
        }
    }
}

/// `Microsoft.Dynamics.CRM.OwnershipTypes'UserOwned'` is compared as `'UserOwned'`.
fn without_enum_types(filter: &str) -> String {
    const PREFIX: &str = "Microsoft.Dynamics.CRM.";
    let mut text = String::with_capacity(filter.len());
    let mut rest = filter;
    while let Some(at) = rest.find(PREFIX) {
        let (before, after) = rest.split_at(at);
        let length =
            after.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_')).count();
        text.push_str(before);
        if !after[length..].starts_with('\'') {
            text.push_str(&after[..length]);
        }
        rest = &after[length..];
    }
    text.push_str(rest);
    text
}

/// `Attributes($select=LogicalName;$filter=…),Keys`
fn expansions(text: &str) -> ApiResult<Vec<(String, Options)>> {
    let mut found = Vec::new();
    for item in split_outside(text, ',') {
        let (name, inner) = match item.split_once('(') {
            Some((name, rest)) => (name, rest.strip_suffix(')').unwrap_or(rest)),
            None => (item, ""),
        };
        let pairs: Vec<(String, String)> = split_outside(inner, ';')
            .into_iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.trim().to_owned(), value.to_owned()))
            .collect();
        found.push((name.trim().to_owned(), Options::parse(&pairs)?));
    }
    Ok(found)
}

/// Splits at a separator that stands neither in parentheses nor in quotes.
fn split_outside(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth, mut quoted) = (0, 0_usize, false);
    for (at, character) in text.char_indices() {
        match character {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            c if c == separator && depth == 0 && !quoted => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn meets(filter: &Expression, one: &Described) -> ApiResult<bool> {
    Ok(match filter {
        Expression::All(terms) => {
            for term in terms {
                if !meets(term, one)? {
                    return Ok(false);
                }
            }
            true
        }
        Expression::Any(terms) => {
            for term in terms {
                if meets(term, one)? {
                    return Ok(true);
                }
            }
            false
        }
        Expression::Not(inner) => !meets(inner, one)?,
        Expression::Compare(Operand::Property(path), comparison, literal) => {
            let mut actual = &Json::Null;
            for (depth, name) in path.split('/').enumerate() {
                let next = if depth == 0 { one.get(name) } else { actual.get(name) };
                actual = next.unwrap_or(&Json::Null);
            }
            let equal = match literal {
                Operand::Text(text) => actual.as_str() == Some(text),
                // Identifiers stand without quotes.
                Operand::Bare(text) if actual.is_string() => {
                    actual.as_str().is_some_and(|a| a.eq_ignore_ascii_case(text))
                }
                Operand::Bare(text) => serde_json::from_str::<Json>(text).is_ok_and(|value| value == *actual),
                _ => return Err(unsupported()),
            };
            match comparison {
                Comparison::Equal => equal,
                Comparison::NotEqual => !equal,
                other => {
                    let number = |text: &str| text.parse::<f64>().ok();
                    let limit = if let Operand::Bare(text) = literal { number(text) } else { None };
                    let order = actual.as_f64().zip(limit).and_then(|(actual, limit)| actual.partial_cmp(&limit));
                    order.is_some_and(|order| match other {
                        Comparison::Greater => order.is_gt(),
                        Comparison::GreaterOrEqual => order.is_ge(),
                        Comparison::Less => order.is_lt(),
                        _ => order.is_le(),
                    })
                }
            }
        }
        Expression::Call(name, _) => {
            let message = format!("The \"{name}\" function isn't supported for Metadata Entities.");
            return Err(ApiError::new(501, "0x8006088a", message));
        }
        _ => return Err(unsupported()),
    })
}

fn unsupported() -> ApiError {
    ApiError::not_implemented("this $filter for table definitions")
}
