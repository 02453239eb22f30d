//! `$apply` ("Aggregate data using OData").

use std::collections::HashMap;
use std::sync::Arc;

use super::path::field;
use super::split::{call, outermost};
use super::{Aggregation, Condition, Field, Function, Group, Measure, bind_filter};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{ColumnType, Table};
use crate::records::Session;

/// An aggregation over the rows of a filter.
#[derive(Debug)]
pub(crate) struct Apply {
    pub(crate) filter: Option<Condition>,
    pub(crate) aggregation: Aggregation,
}

/// Parses and binds the value of `$apply`: any number of `filter(…)`, then `groupby(…)` or `aggregate(…)`.
pub(super) fn apply(
    session: &Session<'_>,
    table: &Arc<Table>,
    value: &str,
    aliases: &HashMap<String, String>,
) -> ApiResult<Apply> {
    let mut filters = Vec::new();
    let mut aggregation = None;
    for step in outermost(value, '/') {
        let (name, inner) = call(step).ok_or_else(|| syntax(value))?;
        let inner = inner.ok_or_else(|| syntax(value))?;
        if aggregation.is_some() {
            return Err(ApiError::query("Transformations after groupby or aggregate are not supported in $apply."));
        }
        match name {
            "filter" => filters.push(bind_filter(session, table, inner, aliases)?),
            "aggregate" => {
                aggregation =
                    Some(Aggregation { measures: measures(session, table, inner)?, ..Aggregation::default() });
            }
            "groupby" => aggregation = Some(groupby(session, table, inner)?),
            _ => return Err(ApiError::query(format!("The transformation '{name}' is not supported in $apply."))),
        }
    }
    let aggregation =
        aggregation.ok_or_else(|| ApiError::query("$apply needs a groupby or aggregate transformation."))?;
    let filter = if filters.is_empty() { None } else { Some(Condition::All(filters)) };
    Ok(Apply { filter, aggregation })
}

fn syntax(value: &str) -> ApiError {
    ApiError::query(format!("Syntax error in the $apply expression '{value}'."))
}

fn groupby(session: &Session<'_>, table: &Arc<Table>, inner: &str) -> ApiResult<Aggregation> {
    let mut parts = outermost(inner, ',').into_iter();
    let columns = parts.next().and_then(|first| first.trim().strip_prefix('(')?.strip_suffix(')'));
    let columns = columns.ok_or_else(|| syntax(inner))?;
    let mut groups = Vec::new();
    for name in columns.split(',').map(str::trim) {
        let (field, owner) = field(&session.data.schema, table, name)?;
        let column = &owner.columns[field.column];
        if matches!(column.kind, ColumnType::DateTime) {
            return Err(ApiError::query("groupby with datetime values is not supported."));
        }
        let alias =
            if field.path.is_empty() { name.to_owned() } else { format!("{}_{}", owner.logical, column.logical) };
        groups.push(Group { alias, field, part: None });
    }
    let measures = match (parts.next().map(call), parts.next()) {
        (None, _) => Vec::new(),
        (Some(Some(("aggregate", Some(list)))), None) => measures(session, table, list)?,
        _ => return Err(syntax(inner)),
    };
    Ok(Aggregation { groups, measures, ..Aggregation::default() })
}

fn measures(session: &Session<'_>, table: &Arc<Table>, list: &str) -> ApiResult<Vec<Measure>> {
    let mut measures: Vec<Measure> = Vec::new();
    for item in outermost(list, ',') {
        let words: Vec<&str> = item.split_whitespace().collect();
        let measure = match words.as_slice() {
            ["$count", "as", alias] => {
                Measure { alias: (*alias).to_owned(), function: Function::Count, field: table.id.into() }
            }
            [name, "with", method, "as", alias] => {
                let (field, owner) = field(&session.data.schema, table, name)?;
                let function = function(method)?;
                check(&owner, &field, function)?;
                Measure { alias: (*alias).to_owned(), function, field }
            }
            _ => return Err(syntax(item)),
        };
        let plain = measure.alias.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !plain || measures.iter().any(|other| other.alias == measure.alias) {
            return Err(syntax(item));
        }
        measures.push(measure);
    }
    Ok(measures)
}

fn function(method: &str) -> ApiResult<Function> {
    Ok(match method {
        "sum" => Function::Sum,
        "average" => Function::Average,
        "min" => Function::Min,
        "max" => Function::Max,
        "countdistinct" => Function::CountDistinct,
        _ => return Err(ApiError::query(format!("The aggregation method '{method}' is not supported."))),
    })
}

/// Sums and averages are of numbers only.
pub(super) fn check(table: &Table, field: &Field, function: Function) -> ApiResult<()> {
    let column = &table.columns[field.column];
    let number = matches!(column.kind, ColumnType::Whole { .. } | ColumnType::BigInt | ColumnType::Decimal { .. });
    let sortable = number || matches!(column.kind, ColumnType::DateTime | ColumnType::DateOnly);
    let fits = match function {
        Function::Sum | Function::Average => number,
        Function::Min | Function::Max => sortable,
        Function::Count | Function::CountColumn | Function::CountDistinct => true,
    };
    if fits {
        return Ok(());
    }
    let message = format!("The aggregate operation is not supported for the attribute '{}'.", column.logical);
    Err(ApiError::new(400, "0x80041000", message))
}
