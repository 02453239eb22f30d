//! `filter` and `condition`.

use std::sync::Arc;

use super::links::{Sources, column};
use super::xml::{Element, invalid};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::query::operators::{Tested, comparison, unknown};
use crate::query::{Condition, Field};

/// The conditions of the filters directly under an element. `source` is the number of the table in the query, if it is
/// joined to it.
pub(super) fn filters(
    sources: &Sources<'_, '_>,
    element: &Element,
    table: &Arc<Table>,
    source: Option<usize>,
) -> ApiResult<Vec<Condition>> {
    element.all("filter").map(|inner| filter(sources, inner, table, source)).collect()
}

fn filter(
    sources: &Sources<'_, '_>,
    element: &Element,
    table: &Arc<Table>,
    source: Option<usize>,
) -> ApiResult<Condition> {
    let mut terms = Vec::new();
    for child in &element.children {
        terms.push(match child.name.as_str() {
            "condition" => condition(sources, child, table, source)?,
            "filter" => filter(sources, child, table, source)?,
            "link-entity" => sources.test(child, table)?,
            other => return Err(invalid(&format!("'{other}' can't stand in a filter."))),
        });
    }
    // A filter without conditions lets everything pass, whatever its type.
    if terms.is_empty() {
        return Ok(Condition::always());
    }
    match element.attribute("type").unwrap_or("and") {
        "and" => Ok(Condition::All(terms)),
        "or" => Ok(Condition::Any(terms)),
        other => Err(invalid(&format!("The filter type '{other}' is neither 'and' nor 'or'."))),
    }
}

fn condition(
    sources: &Sources<'_, '_>,
    element: &Element,
    own: &Arc<Table>,
    own_source: Option<usize>,
) -> ApiResult<Condition> {
    let operator = element.required("operator")?;
    // A condition can look at another table of the query.
    let elsewhere = element.attribute("entityname").map(|name| sources.number(name)).transpose()?;
    let elsewhere = elsewhere.filter(|number| Some(*number) != own_source);
    let table = elsewhere.map_or(own, |number| &sources.all[number].table);
    let tested = column(table, element.required("attribute")?)?;
    let condition = match element.attribute("valueof") {
        Some(other) => columns(sources, table, elsewhere, tested, operator, other)?,
        None => {
            let mut values: Vec<String> = element.attribute("value").map(str::to_owned).into_iter().collect();
            values.extend(element.all("value").map(|value| value.text.clone()));
            // Lists may stand in the attribute, too.
            if matches!(operator, "in" | "not-in") && element.attribute("value").is_some() && values.len() == 1 {
                values = values[0].split(',').map(|value| value.trim().to_owned()).collect();
            }
            Tested { session: sources.session, table, column: tested }.condition(operator, &values)?
        }
    };
    Ok(match elsewhere {
        Some(source) => Condition::At { source, condition: Box::new(condition) },
        None => condition,
    })
}

/// `valueof`: another column of the row, or `alias.column` of a joined one.
fn columns(
    sources: &Sources<'_, '_>,
    table: &Arc<Table>,
    source: Option<usize>,
    tested: usize,
    operator: &str,
    other: &str,
) -> ApiResult<Condition> {
    let comparison = comparison(operator).ok_or_else(|| unknown(operator))?;
    let (right, right_table) = match other.split_once('.') {
        None => (Field { source, ..column(table, other)?.into() }, table),
        Some((alias, name)) => {
            let number = sources.number(alias)?;
            let table = &sources.all[number].table;
            (Field { source: Some(number), ..column(table, name)?.into() }, table)
        }
    };
    let (left, right_kind) = (table.columns[tested].kind.edm(), right_table.columns[right.column].kind.edm());
    if left != right_kind {
        return Err(ApiError::invalid_argument(format!(
            "The columns compared with valueof have different types, '{left}' and '{right_kind}'."
        )));
    }
    Ok(Condition::Columns { left: Field { source, ..tested.into() }, comparison, right })
}
