//! The operators of conditions, by the names that FetchXML has for them. OData's query functions are the same ones
//! under other names.

use std::sync::Arc;

use super::{Comparison, Condition, Query, calendar};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Column, ColumnType, Table};
use crate::records::{Session, normal_id};
use crate::value::{Value, parse_date, parse_midnight, parse_time};

/// The years whose periods are meant where no year is named.
const FISCAL_YEARS: std::ops::Range<i32> = 1900..2200;

/// A column under test.
pub(super) struct Tested<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) table: &'a Arc<Table>,
    pub(super) column: usize,
}

impl Tested<'_> {
    fn definition(&self) -> &Column {
        &self.table.columns[self.column]
    }

    /// The condition that an operator and its values make.
    pub(super) fn condition(&self, operator: &str, values: &[String]) -> ApiResult<Condition> {
        let column = self.column;
        if let Some(comparison) = comparison(operator) {
            let value = self.value(operator, only(operator, values)?)?;
            return Ok(Condition::Compare { column, comparison, value });
        }
        if let Some((negated, before, after)) = pattern(operator) {
            let text = only(operator, values)?;
            self.needs_text(operator)?;
            let like = Condition::Like { column, pattern: format!("{before}{text}{after}") };
            return Ok(if negated { like.negated() } else { like });
        }
        Ok(match operator {
            "null" => Condition::IsNull(column),
            "not-null" => Condition::IsNull(column).negated(),
            "in" => Condition::In { column, values: self.values(operator, values)? },
            "not-in" => Condition::In { column, values: self.values(operator, values)? }.negated(),
            "between" => self.between(operator, values)?,
            "not-between" => self.between(operator, values)?.negated(),
            "eq-userid" => Condition::equal(column, Value::Id(self.session.caller)),
            "ne-userid" => Condition::equal(column, Value::Id(self.session.caller)).negated(),
            "eq-businessid" => Condition::equal(column, self.session.caller_unit()?),
            "ne-businessid" => Condition::equal(column, self.session.caller_unit()?).negated(),
            "eq-userteams" => self.one_of(self.session.caller_teams()?),
            "eq-useroruserteams" => {
                let mut ids = self.session.caller_teams()?;
                ids.push(self.session.caller);
                self.one_of(ids)
            }
            "eq-useroruserhierarchy" => self.one_of(self.session.caller_and_reports()?),
            "eq-useroruserhierarchyandteams" => {
                let mut ids = self.session.caller_and_reports()?;
                ids.extend(self.session.caller_teams()?);
                self.one_of(ids)
            }
            "above" | "eq-or-above" | "under" | "eq-or-under" | "not-under" => self.hierarchy(operator, values)?,
            "eq-userlanguage" => Condition::equal(column, Value::Int(1033)),
            "contain-values" => self.contains(operator, values)?,
            "not-contain-values" => self.contains(operator, values)?.negated(),
            _ => return self.dated(operator, values),
        })
    }

    /// A value of the column's type.
    pub(super) fn value(&self, operator: &str, text: &str) -> ApiResult<Value> {
        from_text(self.definition(), text).ok_or_else(|| {
            ApiError::query(format!(
                "The value '{text}' of the operator '{operator}' can't be converted to the type '{}' of the attribute \
                 '{}'.",
                self.definition().kind.edm(),
                self.definition().logical
            ))
        })
    }

    fn values(&self, operator: &str, values: &[String]) -> ApiResult<Vec<Value>> {
        values.iter().map(|text| self.value(operator, text)).collect()
    }

    fn one_of(&self, ids: Vec<uuid::Uuid>) -> Condition {
        Condition::In { column: self.column, values: ids.into_iter().map(Value::Id).collect() }
    }

    fn between(&self, operator: &str, values: &[String]) -> ApiResult<Condition> {
        let [low, high] = <[Value; 2]>::try_from(self.values(operator, values)?)
            .map_err(|_| ApiError::query(format!("The operator '{operator}' needs two values.")))?;
        let compare = |comparison, value| Condition::Compare { column: self.column, comparison, value };
        Ok(Condition::All(vec![compare(Comparison::GreaterOrEqual, low), compare(Comparison::LessOrEqual, high)]))
    }

    /// One of the options is among those of a column with several.
    fn contains(&self, operator: &str, values: &[String]) -> ApiResult<Condition> {
        if !matches!(self.definition().kind, ColumnType::Choices(_)) {
            return Err(ApiError::invalid_argument(format!(
                "The condition operator '{operator}' is not valid for the attribute '{}' of type '{}'.",
                self.definition().logical,
                self.definition().kind.edm()
            )));
        }
        let mut terms = Vec::new();
        for text in values {
            let option: i64 = text.trim().parse().map_err(|_| {
                ApiError::query(format!("The value '{text}' of the operator '{operator}' is no option."))
            })?;
            // Options are kept as `1,3`.
            for pattern in [format!("{option}"), format!("{option},%"), format!("%,{option}"), format!("%,{option},%")]
            {
                terms.push(Condition::Like { column: self.column, pattern });
            }
        }
        Ok(Condition::Any(terms))
    }

    fn needs_text(&self, operator: &str) -> ApiResult<()> {
        match self.definition().kind {
            ColumnType::Text { .. } | ColumnType::Memo { .. } | ColumnType::TableName => Ok(()),
            _ => Err(ApiError::invalid_argument(format!(
                "The condition operator '{operator}' is not valid for the attribute '{}', which is no text.",
                self.definition().logical
            ))),
        }
    }

    /// Operators on points in time and dates.
    fn dated(&self, operator: &str, values: &[String]) -> ApiResult<Condition> {
        if operator == "in-fiscal-period" {
            let period = only(operator, values)?.to_owned();
            let of = |year: i32| self.dated("in-fiscal-period-and-year", &[period.clone(), year.to_string()]);
            return Ok(Condition::Any(FISCAL_YEARS.map(of).collect::<ApiResult<_>>()?));
        }
        let (bare, negated) = match operator {
            "not-on" => ("on", true),
            other => (other, false),
        };
        let number =
            |at: usize| values.get(at).and_then(|text| text.trim().parse::<i64>().ok()).filter(|number| *number > 0);
        let range = if matches!(bare, "on" | "on-or-after" | "on-or-before") {
            let text = only(operator, values)?;
            let time = parse_time(text).or_else(|| parse_midnight(text));
            time.and_then(calendar::day_of).and_then(|day| calendar::around(bare, day))
        } else if bare.ends_with("-fiscal-period-and-year") {
            number(0).zip(number(1)).and_then(|(period, year)| calendar::fiscal(bare, period, year))
        } else if bare.contains("-x-") || bare == "in-fiscal-year" {
            number(0).and_then(|x| calendar::range(bare, x, self.session.now))
        } else {
            match calendar::range(bare, 0, self.session.now) {
                Some(range) => Some(range),
                None => return Err(unknown(operator)),
            }
        };
        let (from, to) = range.ok_or_else(|| {
            ApiError::invalid_argument(format!("The value of the operator '{operator}' is missing or out of range."))
        })?;
        let mut terms = Vec::new();
        if let Some(from) = from {
            terms.push(self.bound(operator, from, Comparison::GreaterOrEqual, Comparison::Greater)?);
        }
        if let Some(to) = to {
            terms.push(self.bound(operator, to, Comparison::Less, Comparison::LessOrEqual)?);
        }
        let condition = Condition::All(terms);
        Ok(if negated { condition.negated() } else { condition })
    }

    /// A bound of a range. A date stands for its midnight: within a day, `late` is the comparison with its date.
    fn bound(&self, operator: &str, bound: i64, exact: Comparison, late: Comparison) -> ApiResult<Condition> {
        let (comparison, value) = match self.definition().kind {
            ColumnType::DateTime => (exact, Value::Int(bound)),
            ColumnType::DateOnly => {
                let date = calendar::day_of(bound).ok_or_else(|| unknown(operator))?;
                let midnight = bound.rem_euclid(86_400) == 0;
                (if midnight { exact } else { late }, Value::Text(date.to_string()))
            }
            _ => {
                return Err(ApiError::invalid_argument(format!(
                    "The condition operator '{operator}' is not valid for the attribute '{}', which is no date.",
                    self.definition().logical
                )));
            }
        };
        Ok(Condition::Compare { column: self.column, comparison, value })
    }

    /// Rows above or under a row of the same table, by the lookup that points from the one to the other.
    fn hierarchy(&self, operator: &str, values: &[String]) -> ApiResult<Condition> {
        let table = self.table;
        let parent = parent_of(table).filter(|_| self.column == table.id).ok_or_else(|| {
            ApiError::invalid_argument(format!("The table '{}' has no hierarchy for '{operator}'.", table.logical))
        })?;
        let start = normal_id(only(operator, values)?)
            .ok_or_else(|| ApiError::query(format!("The operator '{operator}' needs a unique identifier.")))?;
        let mut found = vec![start];
        let mut next = vec![Value::Id(start)];
        while !next.is_empty() {
            let upwards = operator.ends_with("above");
            let filter = Condition::In { column: if upwards { table.id } else { parent }, values: next };
            let query = Query { select: Some(vec![parent]), filter: Some(filter), ..Query::all(Arc::clone(table)) };
            let rows = self.session.data.store.select(&query)?;
            let ids = rows.iter().filter_map(|row| row[if upwards { parent } else { table.id }].id());
            let ids: Vec<_> = ids.filter(|id| !found.contains(id)).collect();
            next = ids.iter().map(|id| Value::Id(*id)).collect();
            found.extend(ids);
        }
        if !operator.starts_with("eq-or-") && operator != "not-under" {
            found.remove(0);
        }
        if operator == "not-under" {
            found.remove(0);
            return Ok(self.one_of(found).negated());
        }
        Ok(self.one_of(found))
    }
}

/// The lookup that points from a row to the one above it.
pub(super) fn parent_of(table: &Table) -> Option<usize> {
    table.columns.iter().position(|column| {
        column.logical.starts_with("parent")
            && column.lookup().is_some_and(|lookup| lookup.targets == [table.logical.as_str()])
    })
}

/// An operator that does not exist.
pub(super) fn unknown(operator: &str) -> ApiError {
    ApiError::invalid_argument(format!("Invalid condition operator '{operator}'."))
}

fn only<'v>(operator: &str, values: &'v [String]) -> ApiResult<&'v str> {
    match values {
        [value] => Ok(value),
        _ => Err(ApiError::query(format!("The operator '{operator}' needs one value."))),
    }
}

pub(super) fn comparison(operator: &str) -> Option<Comparison> {
    Some(match operator {
        "eq" => Comparison::Equal,
        "ne" | "neq" => Comparison::NotEqual,
        "gt" => Comparison::Greater,
        "ge" => Comparison::GreaterOrEqual,
        "lt" => Comparison::Less,
        "le" => Comparison::LessOrEqual,
        _ => return None,
    })
}

/// Whether the opposite is meant, and what is put around the text.
fn pattern(operator: &str) -> Option<(bool, &'static str, &'static str)> {
    Some(match operator {
        "like" => (false, "", ""),
        "not-like" => (true, "", ""),
        "begins-with" => (false, "", "%"),
        "not-begin-with" => (true, "", "%"),
        "ends-with" => (false, "%", ""),
        "not-end-with" => (true, "%", ""),
        _ => return None,
    })
}

/// Text as a value of a column's type.
fn from_text(column: &Column, text: &str) -> Option<Value> {
    let trimmed = text.trim();
    match &column.kind {
        ColumnType::Text { .. } | ColumnType::Memo { .. } | ColumnType::TableName => Some(Value::Text(text.to_owned())),
        ColumnType::Id | ColumnType::Lookup(_) => normal_id(trimmed).map(Value::Id),
        ColumnType::Flag { .. } => match trimmed {
            "1" | "true" | "True" => Some(Value::Int(1)),
            "0" | "false" | "False" => Some(Value::Int(0)),
            _ => None,
        },
        ColumnType::DateTime => parse_time(trimmed)
            .or_else(|| parse_time(&format!("{trimmed}Z")))
            .or_else(|| parse_midnight(trimmed))
            .map(Value::Int),
        ColumnType::DateOnly => parse_date(trimmed).or_else(|| parse_date(trimmed.get(..10)?)).map(Value::Text),
        _ => super::bind::number(trimmed),
    }
}
