//! `attribute` and `order`: what a query shows and how it is sorted.

use super::links::{Sources, column};
use super::xml::{Element, invalid};
use crate::errors::ApiResult;
use crate::metadata::Table;
use crate::query::operators::parent_of;
use crate::query::{DatePart, Field, Function, Group, Measure, Order};

/// A column of the answer.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// 0 is the query's own table, the others are its joins.
    pub(crate) source: usize,
    pub(crate) column: usize,
    /// The name it was given, where it does not have its own.
    pub(crate) alias: Option<String>,
    /// The lookup of rows right below this one: their number is shown instead of the column.
    pub(crate) below: Option<usize>,
}

/// What `rowaggregate="CountChildren"` counts.
fn below(attribute: &Element, table: &Table, column: usize, source: usize) -> ApiResult<Option<usize>> {
    match attribute.attribute("rowaggregate") {
        None => Ok(None),
        Some("CountChildren") if source == 0 && column == table.id && attribute.attribute("alias").is_some() => {
            let none = || invalid(&format!("The table '{}' has no hierarchy.", table.logical));
            parent_of(table).map(Some).ok_or_else(none)
        }
        Some(_) => {
            Err(invalid("'rowaggregate' takes CountChildren, for the primary key of the entity and with an alias."))
        }
    }
}

/// The columns of every table. Without any the query's own table shows all of its columns.
pub(super) fn shown(sources: &Sources<'_, '_>) -> ApiResult<Vec<Shown>> {
    let mut shown: Vec<Shown> = Vec::new();
    for (number, source) in sources.all.iter().enumerate() {
        let all = source.element.all("all-attributes").next().is_some();
        let mut own = Vec::new();
        for attribute in source.element.all("attribute") {
            let column = column(&source.table, attribute.required("name")?)?;
            let given = attribute.attribute("alias").map(str::to_owned);
            let alias = match (number, given) {
                (0, given) => given,
                (_, Some(given)) => Some(given),
                (_, None) => Some(format!("{}.{}", source.alias, source.table.columns[column].logical)),
            };
            let below = below(attribute, &source.table, column, number)?;
            own.push(Shown { source: number, column, alias, below });
        }
        let none = own.is_empty() && source.element.all("no-attrs").next().is_none();
        if all || (number == 0 && none) {
            for (column, definition) in source.table.columns.iter().enumerate() {
                let alias = (number > 0).then(|| format!("{}.{}", source.alias, definition.logical));
                own.push(Shown { source: number, column, alias, below: None });
            }
        }
        shown.extend(own);
    }
    Ok(shown)
}

/// The sort order of a query without aggregation; `raw` sorts choices by their numbers.
pub(super) fn order(sources: &Sources<'_, '_>, raw: bool) -> ApiResult<Vec<Order>> {
    let mut order: Vec<Order> = Vec::new();
    for (number, source) in sources.all.iter().enumerate() {
        for element in source.element.all("order") {
            let at = element.attribute("entityname").map_or(Ok(number), |name| sources.number(name))?;
            let name = element.required("attribute")?;
            let column = column(&sources.all[at].table, name)?;
            let field = Field { source: (at > 0).then_some(at), ..column.into() };
            if !order.iter().any(|o| o.field == field) {
                let definition = &sources.all[at].table.columns[column];
                let descending = element.flag("descending")?;
                order.push(Order::as_shown(&sources.session.data.schema, field, definition, !raw, descending));
            }
        }
    }
    Ok(order)
}

/// The groups and measures of an aggregation.
pub(super) fn outputs(sources: &Sources<'_, '_>) -> ApiResult<(Vec<Group>, Vec<Measure>)> {
    let (mut groups, mut measures) = (Vec::new(), Vec::new());
    for (number, source) in sources.all.iter().enumerate() {
        if source.element.all("all-attributes").next().is_some() {
            return Err(invalid("'all-attributes' can't stand in an aggregate query."));
        }
        for attribute in source.element.all("attribute") {
            let name = attribute.required("name")?;
            let column = column(&source.table, name)?;
            let field = Field { source: (number > 0).then_some(number), ..column.into() };
            let alias = attribute.attribute("alias").unwrap_or(name).to_owned();
            if attribute.flag("groupby")? {
                groups.push(Group { alias, field, part: part(attribute)? });
            } else if let Some(function) = attribute.attribute("aggregate") {
                let function = function_of(function, attribute.flag("distinct")?)?;
                crate::query::apply::check(&source.table, &field, function)?;
                measures.push(Measure { alias, function, field });
            } else {
                return Err(invalid(&format!(
                    "The attribute '{name}' of an aggregate query needs 'aggregate' or 'groupby'."
                )));
            }
        }
    }
    if groups.is_empty() && measures.is_empty() {
        return Err(invalid("An aggregate query needs an attribute."));
    }
    Ok((groups, measures))
}

/// Which outputs an aggregation is sorted by.
pub(super) fn output_order(
    sources: &Sources<'_, '_>,
    groups: &[Group],
    measures: &[Measure],
) -> ApiResult<Vec<(usize, bool)>> {
    let aliases: Vec<&str> =
        groups.iter().map(|g| &g.alias).chain(measures.iter().map(|m| &m.alias)).map(String::as_str).collect();
    let mut order = Vec::new();
    for element in sources.all.iter().flat_map(|source| source.element.all("order")) {
        let alias = element.attribute("alias").or_else(|| element.attribute("attribute"));
        let alias = alias.ok_or_else(|| invalid("The order of an aggregate query needs an alias."))?;
        let output = aliases.iter().position(|known| *known == alias);
        let output = output.ok_or_else(|| invalid(&format!("There is no output with the alias '{alias}'.")))?;
        order.push((output, element.flag("descending")?));
    }
    Ok(order)
}

fn part(attribute: &Element) -> ApiResult<Option<DatePart>> {
    Ok(Some(match attribute.attribute("dategrouping") {
        None => return Ok(None),
        Some("day") => DatePart::Day,
        Some("week") => DatePart::Week,
        Some("month") => DatePart::Month,
        Some("quarter") => DatePart::Quarter,
        Some("year") => DatePart::Year,
        Some("fiscal-period") => DatePart::FiscalPeriod,
        Some("fiscal-year") => DatePart::FiscalYear,
        Some(other) => return Err(invalid(&format!("The dategrouping '{other}' does not exist."))),
    }))
}

fn function_of(name: &str, distinct: bool) -> ApiResult<Function> {
    Ok(match name {
        "sum" => Function::Sum,
        "avg" => Function::Average,
        "min" => Function::Min,
        "max" => Function::Max,
        "count" => Function::Count,
        "countcolumn" if distinct => Function::CountDistinct,
        "countcolumn" => Function::CountColumn,
        other => return Err(invalid(&format!("The aggregate '{other}' does not exist."))),
    })
}
