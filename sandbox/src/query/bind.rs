//! From the syntax tree of `$filter` to the query form: names become columns, literals become typed values.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::functions::of_function;
use super::operators::Tested;
use super::parse::{Argument, Expression, Lambda, Operand, expression, operand};
use super::path::{field, steps};
use super::{Comparison, Condition, Field, Step};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Column, ColumnType, Table};
use crate::records::Session;
use crate::value::{Value, parse_date, parse_midnight, parse_time};

const CRM: &str = "Microsoft.Dynamics.CRM.";

/// Parses and binds a `$filter`. `aliases` maps `@p1` to the text of its value.
pub(crate) fn bind_filter(
    session: &Session<'_>,
    table: &Arc<Table>,
    source: &str,
    aliases: &HashMap<String, String>,
) -> ApiResult<Condition> {
    Binder { session, table, aliases, variable: None }.condition(expression(source)?)
}

struct Binder<'a> {
    session: &'a Session<'a>,
    table: &'a Arc<Table>,
    aliases: &'a HashMap<String, String>,
    /// The lambda variable that stands for the row; properties begin with it.
    variable: Option<&'a str>,
}

/// A column at the end of a path.
struct Located {
    path: Vec<Step>,
    table: Arc<Table>,
    column: usize,
}

impl Located {
    fn definition(&self) -> &Column {
        &self.table.columns[self.column]
    }

    /// A condition on the column's own table, seen from the row where the path begins.
    fn seen(self, condition: Condition) -> Condition {
        if self.path.is_empty() {
            condition
        } else {
            Condition::Through { path: self.path, condition: Box::new(condition) }
        }
    }
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
            Expression::Not(inner) => self.condition(*inner)?.negated(),
            Expression::Compare(left, comparison, right) => self.compare(left, comparison, right)?,
            Expression::Call(name, arguments) => self.call(&name, arguments)?,
            Expression::Lambda(lambda) => self.lambda(lambda)?,
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
            (Operand::Property(left), Operand::Property(right)) => return self.columns(&left, comparison, &right),
            (Operand::Property(name), literal) => (name, comparison, literal),
            (literal, Operand::Property(name)) => (name, comparison.flipped(), literal),
            _ => return Err(ApiError::query("A comparison needs a property on one of its sides.")),
        };
        let located = self.located(&name)?;
        let column = located.column;
        if literal == Operand::Bare("null".to_owned()) {
            return Ok(match comparison {
                Comparison::Equal => located.seen(Condition::IsNull(column)),
                Comparison::NotEqual => located.seen(Condition::IsNull(column).negated()),
                _ => Condition::never(),
            });
        }
        let value = typed(located.definition(), &literal)
            .ok_or_else(|| incompatible(located.definition().kind.edm(), edm_of(&literal), comparison))?;
        Ok(located.seen(Condition::Compare { column, comparison, value }))
    }

    /// Two columns of the same row ("Column comparison").
    fn columns(&self, left: &str, comparison: Comparison, right: &str) -> ApiResult<Condition> {
        let (left, right) = (self.located(left)?, self.located(right)?);
        let types = (left.definition().kind.edm(), right.definition().kind.edm());
        if types.0 != types.1 {
            return Err(incompatible(types.0, types.1, comparison));
        }
        let field = |located: Located| Field { source: None, path: located.path, column: located.column };
        Ok(Condition::Columns { left: field(left), comparison, right: field(right) })
    }

    /// A property name without the lambda variable.
    fn own<'n>(&self, name: &'n str) -> ApiResult<&'n str> {
        let Some(variable) = self.variable else { return Ok(name) };
        name.strip_prefix(variable).and_then(|rest| rest.strip_prefix('/')).ok_or_else(|| {
            ApiError::query(format!("The property '{name}' does not belong to the range variable '{variable}'."))
        })
    }

    fn located(&self, name: &str) -> ApiResult<Located> {
        let (field, table) = field(&self.session.data.schema, self.table, self.own(name)?)?;
        Ok(Located { path: field.path, table, column: field.column })
    }

    fn lambda(&self, lambda: Lambda) -> ApiResult<Condition> {
        let name = self.own(&lambda.path)?;
        let collection = self.session.data.schema.collection(self.table, name).ok_or_else(|| {
            match name.split_once('/') {
                // Lookups may not lead to collections ("Filter using values of related collections").
                Some((first, _)) if self.table.navigation(first).is_some() => ApiError::query(
                    "Conditions on collection-valued navigation properties that are nested in a lookup navigation \
                     property are not supported.",
                ),
                _ => ApiError::no_such_property(self.table, name),
            }
        })?;
        let Some((variable, test)) = lambda.test else {
            return Ok(Condition::some_in(self.table, &collection, Condition::always()));
        };
        let inner = Binder {
            session: self.session,
            table: collection.table(),
            aliases: self.aliases,
            variable: Some(&variable),
        };
        let test = inner.condition(*test)?;
        Ok(if lambda.all {
            Condition::some_in(self.table, &collection, test.negated()).negated()
        } else {
            Condition::some_in(self.table, &collection, test)
        })
    }

    fn call(&self, name: &str, arguments: Vec<Argument>) -> ApiResult<Condition> {
        if let Some(name) = name.strip_prefix(CRM) {
            return self.query_function(name, arguments);
        }
        let template = match name {
            "contains" => ("%", "%"),
            "startswith" => ("", "%"),
            "endswith" => ("%", ""),
            _ => return Err(ApiError::query(format!("An unknown function with name '{name}' was found."))),
        };
        let [property, text] = <[Argument; 2]>::try_from(arguments)
            .map_err(|_| ApiError::query(format!("The function '{name}' takes two arguments.")))?;
        let (Operand::Property(property), Operand::Text(text)) = (property.value, self.resolved(text.value)?) else {
            return Err(ApiError::query(format!("The function '{name}' takes a property and a text.")));
        };
        let located = self.located(&property)?;
        if !matches!(located.definition().kind, ColumnType::Text { .. } | ColumnType::Memo { .. }) {
            return Err(ApiError::query(format!("The function '{name}' needs a text column, '{property}' is none.")));
        }
        let pattern = format!("{}{text}{}", template.0, template.1);
        let column = located.column;
        Ok(located.seen(Condition::Like { column, pattern }))
    }

    /// The functions of the "Query function reference".
    fn query_function(&self, name: &str, arguments: Vec<Argument>) -> ApiResult<Condition> {
        let operator = of_function(name)
            .ok_or_else(|| ApiError::query(format!("An unknown function with name '{CRM}{name}' was found.")))?;
        let (mut property, mut values) = (None, Vec::new());
        let wrong = || ApiError::query(format!("Invalid argument of the function '{CRM}{name}'."));
        for argument in arguments {
            match (argument.name.as_deref(), self.resolved(argument.value)?) {
                (Some("PropertyName"), Operand::Text(text)) => property = Some(text),
                (Some("PropertyValues"), Operand::List(list)) => {
                    for value in list {
                        values.push(plain(value).ok_or_else(wrong)?);
                    }
                }
                (Some("PropertyValue" | "PropertyValue1" | "PropertyValue2"), value) => {
                    values.push(plain(value).ok_or_else(wrong)?);
                }
                _ => return Err(wrong()),
            }
        }
        let property = property.ok_or_else(|| ApiError::query(format!("'{CRM}{name}' needs PropertyName.")))?;
        let mut names: Vec<&str> = self.unprefixed(&property).split('/').collect();
        let last = names.pop().unwrap_or_default();
        let (path, table) = steps(&self.session.data.schema, self.table, &names)?;
        // The function takes logical names too, where $filter wants `_x_value`.
        let column = table.property(last).or_else(|| table.column(last));
        let column = column.ok_or_else(|| ApiError::no_such_property(&table, last))?;
        let condition = Tested { session: self.session, table: &table, column }.condition(&operator, &values)?;
        Ok(Located { path, table, column }.seen(condition))
    }

    /// The lambda variable may be left out in the text of a `PropertyName`.
    fn unprefixed<'n>(&self, name: &'n str) -> &'n str {
        self.own(name).unwrap_or(name)
    }
}

fn incompatible(left: &str, right: &str, comparison: Comparison) -> ApiError {
    ApiError::query(format!(
        "A binary operator with incompatible types was detected. Found operand types '{left}' and '{right}' for operator \
         kind '{}'.",
        comparison.kind()
    ))
}

/// The text of an argument: the functions declare their values as text, whatever the column holds.
fn plain(value: Operand) -> Option<String> {
    match value {
        Operand::Text(text) | Operand::Bare(text) => Some(text),
        _ => None,
    }
}

/// The literal as a value of the column's type.
fn typed(column: &Column, literal: &Operand) -> Option<Value> {
    match (&column.kind, literal) {
        (ColumnType::Text { .. } | ColumnType::Memo { .. } | ColumnType::TableName, Operand::Text(text)) => {
            Some(Value::Text(text.clone()))
        }
        // Identifiers may stand in quotes, as in Microsoft's own examples.
        (ColumnType::Id | ColumnType::Lookup(_), Operand::Bare(text) | Operand::Text(text)) => {
            parse_guid(text).map(Value::Id)
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

pub(super) fn number(text: &str) -> Option<Value> {
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
