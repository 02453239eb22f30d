//! From FetchXML to the query form.

use super::columns::{order, output_order, outputs, shown};
use super::cookie;
use super::filter::filters;
use super::links::{Source, Sources, entity};
use super::xml::{Element, invalid};
use crate::errors::{ApiError, ApiResult};
use crate::query::{Aggregation, Query};
use crate::records::Session;

pub(crate) use super::columns::Shown;

/// The most rows of a page.
const MAX_PAGE: usize = 5000;
/// The most conditions and links of a query.
const MAX_CONDITIONS: usize = 500;

/// What FetchXML asks for.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) query: Query,
    /// The columns of the answer; empty for an aggregation.
    pub(crate) shown: Vec<Shown>,
    pub(crate) aggregation: Option<Aggregation>,
    /// A limit below the platform's own on what is aggregated.
    pub(crate) aggregate_limit: Option<i64>,
    /// Rows per page, and the number of the page from 1.
    pub(crate) size: usize,
    pub(crate) page: usize,
    /// `top`: there are no further pages.
    pub(crate) top: bool,
    /// Whether the answer carries the number of all rows.
    pub(crate) count: bool,
}

/// Attributes of `fetch` that change nothing but how fast a query is answered.
const HINTS: [&str; 8] = [
    "no-lock",
    "latematerialize",
    "options",
    "mapping",
    "version",
    "output-format",
    "savedqueryid",
    "min-active-row-version",
];

const KNOWN: [&str; 10] = [
    "aggregate",
    "aggregatelimit",
    "count",
    "distinct",
    "page",
    "paging-cookie",
    "returntotalrecordcount",
    "top",
    "useraworderby",
    "utc-offset",
];

/// Binds parsed FetchXML to the tables of an organisation. `default_size` is the page size where it names none.
pub(crate) fn bind_fetch(session: &Session<'_>, fetch: &Element, default_size: Option<usize>) -> ApiResult<Fetched> {
    if fetch.name != "fetch" {
        return Err(invalid(&format!("The root element is '{}', not 'fetch'.", fetch.name)));
    }
    if let Some(unknown) = fetch.names().find(|name| !HINTS.contains(name) && !KNOWN.contains(name)) {
        return Err(invalid(&format!("The attribute '{unknown}' of 'fetch' is not supported.")));
    }
    let [element] = fetch.children.as_slice() else { return Err(invalid("'fetch' needs one 'entity'.")) };
    if element.name != "entity" {
        return Err(invalid(&format!("'{}' can't stand in 'fetch'.", element.name)));
    }
    check(element)?;
    if conditions(element) > MAX_CONDITIONS {
        let message = "Number of conditions in query exceeded maximum limit.";
        return Err(ApiError::new(400, "0x8004430C", message));
    }
    let table = entity(session, element.required("name")?)?;
    let root = Source { element, table: table.clone(), alias: table.logical.clone() };
    let mut sources = Sources { session, all: vec![root] };
    let mut query = Query::all(table.clone());
    sources.collect(0, &mut query.joins)?;

    for number in 1..sources.all.len() {
        let source = &sources.all[number];
        let mut conditions = filters(&sources, source.element, &source.table, Some(number))?;
        conditions.extend(sources.tests(source.element, &source.table)?);
        if !conditions.is_empty() {
            query.joins[number - 1].filter = Some(crate::query::Condition::All(conditions));
        }
    }
    for condition in filters(&sources, element, &table, Some(0))?.into_iter().chain(sources.tests(element, &table)?) {
        query.restrict(condition);
    }

    let mut fetched = Fetched {
        query,
        shown: Vec::new(),
        aggregation: None,
        aggregate_limit: fetch.number("aggregatelimit")?.and_then(|limit| i64::try_from(limit).ok()),
        size: default_size.unwrap_or(MAX_PAGE).min(MAX_PAGE),
        page: fetch.number("page")?.unwrap_or(1).max(1),
        top: false,
        count: fetch.flag("returntotalrecordcount")?,
    };
    pages(fetch, &mut fetched)?;
    if fetch.flag("aggregate")? {
        let (groups, measures) = outputs(&sources)?;
        let order = output_order(&sources, &groups, &measures)?;
        let offset = (fetched.page - 1).saturating_mul(fetched.size);
        let limit = Some(fetched.size.saturating_add(1));
        fetched.aggregation = Some(Aggregation { groups, measures, order, offset, limit });
        return Ok(fetched);
    }
    fetched.query.order = order(&sources, fetch.flag("useraworderby")?)?;
    fetched.query.distinct = fetch.flag("distinct")?;
    fetched.shown = shown(&sources)?;
    let of = |number: usize| {
        let shown = fetched.shown.iter().filter(move |shown| shown.source == number);
        let mut columns: Vec<usize> = shown.map(|shown| shown.column).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    };
    fetched.query.select = Some(of(0));
    for number in 1..=fetched.query.joins.len() {
        fetched.query.joins[number - 1].select = of(number);
    }
    let last = fetch.attribute("paging-cookie").filter(|_| cookie::possible(&fetched.query));
    match last.map(|text| cookie::last_row(text, &fetched.query)) {
        Some(Some(last)) if fetched.page > 1 => fetched.query.after = Some(last),
        Some(None) => return Err(ApiError::invalid_argument("Malformed XML in the Paging Cookie")),
        _ => fetched.query.offset = (fetched.page - 1).saturating_mul(fetched.size),
    }
    fetched.query.limit = Some(fetched.size.saturating_add(1));
    Ok(fetched)
}

/// The conditions and links in an element.
fn conditions(element: &Element) -> usize {
    let own = usize::from(matches!(element.name.as_str(), "condition" | "link-entity"));
    own + element.children.iter().map(conditions).sum::<usize>()
}

/// `top`, or `count` and `page`.
fn pages(fetch: &Element, fetched: &mut Fetched) -> ApiResult<()> {
    if let Some(top) = fetch.number("top")? {
        if fetch.attribute("page").is_some() || fetch.attribute("count").is_some() || fetched.count {
            return Err(invalid("The attribute 'top' can't be used together with paging or a total count."));
        }
        if top > MAX_PAGE {
            return Err(invalid("The attribute 'top' can't exceed 5000."));
        }
        (fetched.size, fetched.top) = (top, true);
    }
    match fetch.number("count")? {
        Some(0) => Err(invalid("The attribute 'count' has to be positive.")),
        Some(count) => {
            fetched.size = count.min(MAX_PAGE);
            Ok(())
        }
        None => Ok(()),
    }
}

/// Refuses elements where they mean nothing.
fn check(element: &Element) -> ApiResult<()> {
    for child in &element.children {
        match child.name.as_str() {
            "attribute" | "all-attributes" | "no-attrs" | "order" | "filter" => {}
            "link-entity" => check(child)?,
            other => {
                return Err(invalid(&format!(
                    "Invalid Child Node, valid nodes are filter, order, link-entity, attribute, all-attributes, \
                     no-attrs. NodeName = {other}"
                )));
            }
        }
    }
    Ok(())
}
