//! The query options of a URL.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Cookie, Order, Query, bind_filter};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;

/// What a URL's query options ask for, bound to a table.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) query: Query,
    pub(crate) top: Option<usize>,
    /// `$count=true`: the answer carries the number of all rows of the filter.
    pub(crate) count: bool,
    /// Number of the page to read, from 1.
    pub(crate) page: u32,
    /// The text of `$select`, as the context URL repeats it.
    pub(crate) select_text: Option<String>,
}

/// Binds decoded `name=value` pairs. An option that is not understood is refused, never ignored.
pub(crate) fn parse_options(table: &Arc<Table>, pairs: &[(String, String)]) -> ApiResult<Options> {
    let aliases: HashMap<String, String> = pairs.iter().filter(|(name, _)| name.starts_with('@')).cloned().collect();
    let mut options =
        Options { query: Query::all(Arc::clone(table)), top: None, count: false, page: 1, select_text: None };
    let mut token = None;
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())) {
        if name.starts_with('$') {
            if seen.contains(&name) {
                return Err(ApiError::query(format!(
                    "Query option '{name}' was specified more than once, but it must be specified at most once."
                )));
            }
            seen.push(name);
        }
        match name {
            "$select" => {
                options.query.select = Some(select(table, value)?);
                options.select_text = Some(value.to_owned());
            }
            "$filter" => options.query.filter = Some(bind_filter(table, value, &aliases)?),
            "$orderby" => options.query.order = order_by(table, value)?,
            "$top" => {
                let top = value.parse().map_err(|_| {
                    ApiError::query(format!(
                        "Invalid value '{value}' for $top query option found. The $top query option \
                     requires a non-negative integer value."
                    ))
                })?;
                options.top = Some(top);
            }
            "$count" => {
                options.count = match value {
                    "true" => true,
                    "false" => false,
                    _ => {
                        return Err(ApiError::query(format!("Invalid value '{value}' for $count query option found.")));
                    }
                }
            }
            "$skiptoken" => token = Some(value),
            "$skip" => return Err(ApiError::query("Skip Clause is not supported in CRM")),
            "$expand" | "$apply" | "$search" | "$deltatoken" | "fetchXml" | "savedQuery" | "userQuery" => {
                return Err(ApiError::not_implemented(&format!("the query option {name}")));
            }
            _ if name.starts_with('$') => {
                return Err(ApiError::query(format!("The query parameter {name} is not supported.")));
            }
            // Anything else is none of the API's business (`tag`, cache busters), as in OData.
            _ => {}
        }
    }
    if let Some(token) = token {
        let cookie = Cookie::parse(token, table, &options.query.full_order())
            .ok_or_else(|| ApiError::invalid_argument("Malformed XML in the Paging Cookie"))?;
        options.page = cookie.page;
        options.query.after = Some(cookie.last);
    }
    Ok(options)
}

fn select(table: &Table, value: &str) -> ApiResult<Vec<usize>> {
    let mut columns = Vec::new();
    for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if name == "*" {
            return Ok((0..table.columns.len()).collect());
        }
        let column = match table.property(name) {
            Some(column) => column,
            // A navigation property in $select stands for the value of its lookup.
            None => match table.navigation(name) {
                Some((column, _)) => column,
                None => return Err(ApiError::no_such_property(table, name)),
            },
        };
        columns.push(column);
    }
    Ok(columns)
}

fn order_by(table: &Table, value: &str) -> ApiResult<Vec<Order>> {
    let mut order = Vec::new();
    for item in value.split(',').map(str::trim) {
        let mut words = item.split_whitespace();
        let (name, direction) = (words.next().unwrap_or_default(), words.next());
        let descending = match (direction, words.next()) {
            (None | Some("asc"), None) => false,
            (Some("desc"), None) => true,
            _ => return Err(ApiError::query(format!("Syntax error at position {} in '{value}'.", value.len()))),
        };
        let column = table.property(name).ok_or_else(|| ApiError::no_such_property(table, name))?;
        if !order.iter().any(|o: &Order| o.column == column) {
            order.push(Order { column, descending });
        }
    }
    Ok(order)
}
