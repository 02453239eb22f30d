//! The query options of a URL.

use std::collections::HashMap;
use std::sync::Arc;

use super::apply::{Apply, apply};
use super::expand::expand;
use super::path::field;
use super::split::outermost;
use super::{Cookie, Expand, Order, Query, bind_filter};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{ColumnType, Number, Table};
use crate::records::Session;

/// Expansions within expansions beyond this are refused, before the stack is.
const MAX_LEVELS: usize = 20;

/// What a URL's query options ask for, bound to a table.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) query: Query,
    pub(crate) top: Option<usize>,
    /// `$count=true`: the answer carries the number of all rows of the filter.
    pub(crate) count: bool,
    /// Number of the page to read, from 1.
    pub(crate) page: u32,
    pub(crate) expand: Vec<Expand>,
    pub(crate) apply: Option<Apply>,
    /// The text of `$select`, as the context URL repeats it.
    select_text: Option<String>,
}

impl Options {
    /// What the context URL says of the columns: `name,primarycontactid(fullname)`.
    pub(crate) fn context_columns(&self) -> String {
        let select = self.select_text.iter().cloned();
        select.chain(self.expand.iter().map(Expand::context)).collect::<Vec<_>>().join(",")
    }

    /// The columns in parentheses, if there are any.
    pub(crate) fn context_suffix(&self) -> String {
        let columns = self.context_columns();
        if columns.is_empty() { columns } else { format!("({columns})") }
    }
}

/// Binds decoded `name=value` pairs. An option that is not understood is refused, never ignored.
pub(crate) fn parse_options(
    session: &Session<'_>,
    table: &Arc<Table>,
    pairs: &[(String, String)],
) -> ApiResult<Options> {
    let aliases: HashMap<String, String> = pairs.iter().filter(|(name, _)| name.starts_with('@')).cloned().collect();
    bind_options(session, table, pairs, &aliases, 0)
}

/// Binds the options of a URL, or of an expansion at some level within it.
pub(super) fn bind_options(
    session: &Session<'_>,
    table: &Arc<Table>,
    pairs: &[(String, String)],
    aliases: &HashMap<String, String>,
    level: usize,
) -> ApiResult<Options> {
    if level > MAX_LEVELS {
        return Err(ApiError::query("The $expand expression is nested too deeply."));
    }
    let mut options = Options {
        query: Query::all(Arc::clone(table)),
        top: None,
        count: false,
        page: 1,
        expand: Vec::new(),
        apply: None,
        select_text: None,
    };
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
            "$filter" => options.query.filter = Some(bind_filter(session, table, value, aliases)?),
            "$orderby" => options.query.order = order_by(session, table, value)?,
            "$expand" => {
                options.expand = expand(session, table, value, aliases, level)?;
                let lookups = options.expand.iter().filter_map(Expand::lookup);
                options.query.also = lookups.collect();
            }
            "$apply" => options.apply = Some(apply(session, table, value, aliases)?),
            "$top" => {
                let top = value.parse().map_err(|_| {
                    ApiError::query(format!(
                        "Invalid value '{value}' for $top query option found. The $top query option requires a \
                         non-negative integer value."
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
            "$deltatoken" => return Err(ApiError::not_implemented(&format!("the query option {name}"))),
            _ if name.starts_with('$') => {
                return Err(ApiError::query(format!("The query parameter {name} is not supported.")));
            }
            // Anything else is none of the API's business (`tag`, cache busters), as in OData.
            _ => {}
        }
    }
    if options.apply.is_some() {
        let beside = ["$select", "$filter", "$expand", "$skiptoken", "$count"];
        if let Some(other) = seen.iter().find(|name| beside.contains(name)) {
            return Err(ApiError::query(format!("The query option {other} is not supported together with $apply.")));
        }
    }
    if let Some(token) = token {
        let cookie = Cookie::parse(token, &options.query)
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
    // Amounts bring their currency along.
    if let Some(currency) = table.column("transactioncurrencyid")
        && columns
            .iter()
            .any(|column| matches!(table.columns[*column].kind, ColumnType::Decimal { number: Number::Money, .. }))
        && !columns.contains(&currency)
    {
        columns.push(currency);
    }
    // A part of an address brings the whole of it.
    for composite in &table.composites {
        let part = columns.iter().any(|column| composite.parts.contains(&Some(*column)));
        if part && !columns.contains(&composite.column) {
            columns.push(composite.column);
        }
    }
    Ok(columns)
}

fn order_by(session: &Session<'_>, table: &Arc<Table>, value: &str) -> ApiResult<Vec<Order>> {
    let mut order: Vec<Order> = Vec::new();
    for item in outermost(value, ',').into_iter().map(str::trim) {
        let mut words = item.split_whitespace();
        let (name, direction) = (words.next().unwrap_or_default(), words.next());
        let descending = match (direction, words.next()) {
            (None | Some("asc"), None) => false,
            (Some("desc"), None) => true,
            _ => return Err(ApiError::query(format!("Syntax error at position {} in '{value}'.", value.len()))),
        };
        let (field, owner) = field(&session.data.schema, table, name)?;
        if !order.iter().any(|o| o.field == field) {
            // Choices are sorted by their numbers, unlike in FetchXML.
            let column = &owner.columns[field.column];
            order.push(Order::as_shown(&session.data.schema, field, column, false, descending));
        }
    }
    Ok(order)
}
