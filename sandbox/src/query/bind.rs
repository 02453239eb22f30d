//! From the syntax tree of `$filter` to the query form: names become columns, literals become typed values.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::parse::{Argument, Expression, Operand, expression, operand};
use super::{Comparison, Condition};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{ColumnType, Table};
use crate::value::{Value, parse_date, parse_midnight, parse_time};

const CRM: &str = "Microsoft.Dynamics.CRM.";

/// Parses and binds a `$filter`. `aliases` maps `@p1` to the text of its value.
pub(crate) fn bind_filter(table: &Table, source: &str, aliases: &HashMap<String, String>) -> ApiResult<Condition> {
    Binder { table, aliases }.condition(expression(source)?)
}

struct Binder<'a> {
    table: &'a Table,
    aliases: &'a HashMap<String, String>,
}

impl Binder<'_> {
    fn condition(&self, expression: Expression) -> ApiResult<Condition> {
        Ok(match expression {
            Expression::All(terms) => {
                Condition::All(terms.into_iter().map(|term| self.condition(term)).collect::<ApiResult<_>>()?)
            }
            Expression::Any(terms) => {
                Condition::Any(terms.into_iter().map(|term| self.condition(term)).collect::<ApiResult<_>>()?)
            }
            Expression::Not(inner) => Condition::Not(Box::new(self.condition(*inner)?)),
            Expression::Compare(left, comparison, right) => self.compare(left, comparison, right)?,
            Expression::Call(name, arguments) => self.call(&name, arguments)?,
        })
    }

    /// Replaces a parameter alias by its value; an alias without a value is null.
    fn resolved(&self, value: Operand) -> ApiResult<Operand> {
        match value {
            Operand::Alias(name) => match self.aliases.get(&name) {
                Some(text) => match operand(text)? {
                    Operand::Alias(_) => {
                        Err(ApiError::query(format!("The parameter alias '{name}' names another one.")))
                    }
                    value => Ok(value),
                },
                None => Ok(Operand::Bare("null".to_owned())),
            },
            other => Ok(other),
        }
    }

    fn compare(&self, left: Operand, comparison: Comparison, right: Operand) -> ApiResult<Condition> {
        let (left, right) = (self.resolved(left)?, self.resolved(right)?);
        let (name, comparison, literal) = match (left, right) {
            (Operand::Property(_), Operand::Property(_)) => {
                return Err(ApiError::not_implemented("a comparison of two columns"));
            }
            (Operand::Property(name), literal) => (name, comparison, literal),
            (literal, Operand::Property(name)) => (name, comparison.flipped(), literal),
            _ => return Err(ApiError::query("A comparison needs a property on one of its sides.")),
        };
        let column = self.column(&name)?;
        if literal == Operand::Bare("null".to_owned()) {
            return Ok(match comparison {
                Comparison::Equal => Condition::IsNull(column),
                Comparison::NotEqual => Condition::Not(Box::new(Condition::IsNull(column))),
                _ => Condition::Any(Vec::new()),
            });
        }
        let value = self.literal(column, &literal).ok_or_else(|| {
            ApiError::query(format!(
                "A binary operator with incompatible types was detected. Found operand types '{}' and '{}' for operator \
                 kind '{}'.",
                self.table.columns[column].kind.edm(),
                edm_of(&literal),
                comparison.kind()
            ))
        })?;
        Ok(Condition::Compare { column, comparison, value })
    }

    fn column(&self, name: &str) -> ApiResult<usize> {
        if name.contains('/') {
            return Err(ApiError::not_implemented("a path over related tables in $filter"));
        }
        self.table.property(name).ok_or_else(|| ApiError::no_such_property(self.table, name))
    }

    fn call(&self, name: &str, arguments: Vec<Argument>) -> ApiResult<Condition> {
        if let Some(name) = name.strip_prefix(CRM) {
            return self.query_function(name, arguments);
        }
        let template = match name {
            "contains" => ("%", "%"),
            "startswith" => ("", "%"),
            "endswith" => ("%", ""),
            _ if name.contains('/') => return Err(ApiError::not_implemented("any/all over a collection")),
            _ => return Err(ApiError::query(format!("An unknown function with name '{name}' was found."))),
        };
        let [property, text] = <[Argument; 2]>::try_from(arguments)
            .map_err(|_| ApiError::query(format!("The function '{name}' takes two arguments.")))?;
        let (Operand::Property(property), Operand::Text(text)) = (property.value, self.resolved(text.value)?) else {
            return Err(ApiError::query(format!("The function '{name}' takes a property and a text.")));
        };
        let column = self.column(&property)?;
        if !matches!(self.table.columns[column].kind, ColumnType::Text { .. } | ColumnType::Memo { .. }) {
            return Err(ApiError::query(format!("The function '{name}' needs a text column, '{property}' is none.")));
        }
        Ok(Condition::Like { column, pattern: format!("{}{text}{}", template.0, template.1) })
    }

    /// `In`, `NotIn`, `Between` and `NotBetween` ("Query function reference").
    fn query_function(&self, name: &str, arguments: Vec<Argument>) -> ApiResult<Condition> {
        if !matches!(name, "In" | "NotIn" | "Between" | "NotBetween") {
            return Err(ApiError::not_implemented(&format!("the query function {CRM}{name}")));
        }
        let (mut property, mut values) = (None, None);
        for argument in arguments {
            match (argument.name.as_deref(), self.resolved(argument.value)?) {
                (Some("PropertyName"), Operand::Text(text)) => property = Some(text),
                (Some("PropertyValues"), Operand::List(list)) => values = Some(list),
                _ => return Err(ApiError::query(format!("Invalid argument of the function '{CRM}{name}'."))),
            }
        }
        let (Some(property), Some(values)) = (property, values) else {
            return Err(ApiError::query(format!("'{CRM}{name}' needs PropertyName and PropertyValues.")));
        };
        let column = match self.table.property(&property).or_else(|| self.table.column(&property)) {
            Some(column) => column,
            None => return Err(ApiError::no_such_property(self.table, &property)),
        };
        let mut typed = Vec::with_capacity(values.len());
        for value in &values {
            // The function declares its values as text, whatever the column holds.
            let bare = match value {
                Operand::Text(text) => {
                    self.literal(column, value).or_else(|| self.literal(column, &Operand::Bare(text.clone())))
                }
                other => self.literal(column, other),
            };
            typed.push(bare.ok_or_else(|| {
                let edm = self.table.columns[column].kind.edm();
                ApiError::query(format!("A value of PropertyValues can't be converted to the type '{edm}'."))
            })?);
        }
        let inner = if name.ends_with("In") {
            Condition::In { column, values: typed }
        } else {
            let [low, high] = <[Value; 2]>::try_from(typed)
                .map_err(|_| ApiError::query(format!("'{CRM}{name}' needs two values.")))?;
            Condition::All(vec![
                Condition::Compare { column, comparison: Comparison::GreaterOrEqual, value: low },
                Condition::Compare { column, comparison: Comparison::LessOrEqual, value: high },
            ])
        };
        Ok(if name.starts_with("Not") { Condition::Not(Box::new(inner)) } else { inner })
    }

    /// The literal as a value of the column's type.
    fn literal(&self, column: usize, literal: &Operand) -> Option<Value> {
        match (&self.table.columns[column].kind, literal) {
            (ColumnType::Text { .. } | ColumnType::Memo { .. } | ColumnType::TableName, Operand::Text(text)) => {
                Some(Value::Text(text.clone()))
            }
            (ColumnType::Id, Operand::Bare(text)) => parse_guid(text).map(Value::Id),
            (ColumnType::Lookup(lookup), Operand::Bare(text)) => {
                let target = lookup.targets.first()?;
                parse_guid(text).map(|id| Value::Row(Arc::from(target.as_str()), id))
            }
            (ColumnType::Flag { .. }, Operand::Bare(text)) => match text.as_str() {
                "true" => Some(Value::Int(1)),
                "false" => Some(Value::Int(0)),
                _ => None,
            },
            (ColumnType::DateTime, Operand::Bare(text)) => {
                parse_time(text).or_else(|| parse_midnight(text)).map(Value::Int)
            }
            (ColumnType::DateOnly, Operand::Bare(text)) => parse_date(text).map(Value::Text),
            (
                ColumnType::Whole { .. }
                | ColumnType::BigInt
                | ColumnType::Choice(_)
                | ColumnType::State(_)
                | ColumnType::Status(_)
                | ColumnType::Decimal { .. },
                Operand::Bare(text),
            ) => number(text),
            _ => None,
        }
    }
}

fn number(text: &str) -> Option<Value> {
    if let Ok(int) = text.parse::<i64>() {
        return Some(Value::Int(int));
    }
    let plain = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E'));
    text.parse::<f64>().ok().filter(|real| plain && real.is_finite()).map(Value::Real)
}

fn parse_guid(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}

fn edm_of(literal: &Operand) -> &'static str {
    match literal {
        Operand::Text(_) => "Edm.String",
        Operand::Bare(text) if text == "true" || text == "false" => "Edm.Boolean",
        Operand::Bare(text) if parse_guid(text).is_some() => "Edm.Guid",
        Operand::Bare(text) if parse_time(text).is_some() => "Edm.DateTimeOffset",
        Operand::Bare(text) if parse_date(text).is_some() => "Edm.Date",
        Operand::Bare(text) if text.parse::<i64>().is_ok() => "Edm.Int32",
        Operand::Bare(_) => "Edm.Decimal",
        Operand::List(_) => "Collection(Edm.String)",
        Operand::Property(_) | Operand::Alias(_) => "Edm.Untyped",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::bind_filter;
    use crate::metadata::{Table, shipped};

    fn table(logical: &str) -> Table {
        shipped().into_iter().find(|table| table.logical == logical).unwrap()
    }

    proptest! {
        #[test]
        fn random_text_never_panics(text in ".{0,80}") {
            let _ = bind_filter(&table("contact"), &text, &HashMap::new());
        }

        #[test]
        fn random_tokens_never_panic(
            tokens in prop::collection::vec(
                prop::sample::select(vec![
                    "lastname", "statecode", "_ownerid_value", "contactid", "modifiedon", "donotemail", "annualincome",
                    "eq", "ne", "gt", "and", "or", "not", "(", ")", "[", "]", ",", "=", "'x'", "\"y\"", "5", "-1.5e3",
                    "null", "true", "@p1", "contains", "Microsoft.Dynamics.CRM.In", "PropertyName", "PropertyValues",
                    "2026-01-01", "2026-01-01T00:00:00Z", "c0000000-0000-4000-8000-000000000001", "'", "\"",
                ]),
                0..30,
            ),
        ) {
            let aliases = HashMap::from([("@p1".to_owned(), tokens.concat())]);
            let _ = bind_filter(&table("contact"), &tokens.join(" "), &aliases);
            let _ = bind_filter(&table("contact"), &tokens.concat(), &aliases);
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_long_chains_are_not() {
        let contact = table("contact");
        let deep = format!("{}statecode eq 0{}", "(".repeat(10_000), ")".repeat(10_000));
        assert!(bind_filter(&contact, &deep, &HashMap::new()).is_err());
        let long = vec!["statecode eq 0"; 5000].join(" or ");
        assert!(bind_filter(&contact, &long, &HashMap::new()).is_ok());
    }
}
