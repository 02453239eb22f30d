//! `$select` and `$filter` over definitions. They are few, so they are filtered as JSON.

use serde_json::Value as Json;

use super::Described;
use crate::errors::{ApiError, ApiResult};
use crate::query::{Comparison, Expression, Operand, parse_filter};

/// The query options that definitions understand.
#[derive(Debug, Default)]
pub(super) struct Options {
    select: Option<Vec<String>>,
    filter: Option<Expression>,
}

impl Options {
    pub(super) fn parse(pairs: &[(String, String)]) -> ApiResult<Self> {
        let mut options = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "$select" => options.select = Some(value.split(',').map(|name| name.trim().to_owned()).collect()),
                "$filter" => options.filter = Some(parse_filter(value)?),
                // Options of choices come along anyway.
                "$expand" if value.starts_with("OptionSet") || value.starts_with("GlobalOptionSet") => {}
                _ if name.starts_with('$') => {
                    return Err(ApiError::not_implemented(&format!("the query option {name} for table definitions")));
                }
                _ => {}
            }
        }
        Ok(options)
    }

    /// The definitions that meet the filter, with the selected properties.
    pub(super) fn apply(&self, all: Vec<Described>) -> ApiResult<Vec<Json>> {
        let mut kept = Vec::new();
        for one in all {
            if self.filter.as_ref().map_or(Ok(true), |filter| meets(filter, &one))? {
                kept.push(Json::Object(self.project(one)?));
            }
        }
        Ok(kept)
    }

    /// A definition with the selected properties; its id, its type and its options come along unasked.
    pub(super) fn project(&self, one: Described) -> ApiResult<Described> {
        let Some(select) = &self.select else { return Ok(one) };
        let always = ["@odata.type", "MetadataId", "OptionSet"];
        Ok(one.into_iter().filter(|(name, _)| always.contains(&name.as_str()) || select.contains(name)).collect())
    }
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
                Operand::Bare(text) => serde_json::from_str::<Json>(text).is_ok_and(|value| value == *actual),
                _ => return Err(unsupported()),
            };
            match comparison {
                Comparison::Equal => equal,
                Comparison::NotEqual => !equal,
                _ => return Err(unsupported()),
            }
        }
        _ => return Err(unsupported()),
    })
}

fn unsupported() -> ApiError {
    ApiError::not_implemented("this $filter for table definitions")
}
