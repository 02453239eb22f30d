//! `GET /contacts?fetchXml=…` ("Query data using FetchXml").

use super::Response;
use super::aggregate::write_groups;
use super::conditions::etag;
use super::dispatch::{Operation, Service};
use super::json::{write_name, write_text};
use super::prefer::Prefer;
use super::read::{Listing, applied, write_totals};
use super::render::Renderer;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Column, Table};
use crate::query::{Aggregation, Fetched, Found, Shown, bind_fetch, next_cookie, parse_fetch};
use crate::records::Session;
use crate::value::Value;

const COOKIE: &str = "Microsoft.Dynamics.CRM.fetchxmlpagingcookie";
const MORE: &str = "Microsoft.Dynamics.CRM.morerecords";
const ATTRIBUTE: &str = "OData.Community.Display.V1.AttributeName";

/// Whether a request brings FetchXML.
pub(super) fn asked(operation: &Operation<'_>) -> bool {
    operation.pairs.iter().any(|(name, _)| name == "fetchXml")
}

/// Answers FetchXML over a set or a collection.
pub(super) fn list(
    service: &Service<'_>,
    session: &Session<'_>,
    listing: &Listing,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let prefer = &operation.prefer;
    let mut source = "";
    let mut counted = false;
    for (name, value) in &operation.pairs {
        match name.as_str() {
            "fetchXml" => source = value,
            "$count" => counted = value == "true",
            _ if name.starts_with('$') => {
                let message = format!("The query option {name} can't be used together with fetchXml.");
                return Err(ApiError::query(message));
            }
            _ => {}
        }
    }
    let mut fetched = bind_fetch(session, &parse_fetch(source)?, prefer.page_size)?;
    if fetched.query.table.logical != listing.table.logical {
        return Err(ApiError::invalid_argument(format!(
            "Entity name '{}' in the FetchXML does not match the entity set '{}'.",
            fetched.query.table.logical, listing.table.set
        )));
    }
    if let Some(restriction) = &listing.restriction {
        fetched.query.restrict(restriction.clone());
    }
    fetched.count |= counted;
    let mut renderer = Renderer::new(session, prefer);
    let body = match fetched.aggregation.take() {
        Some(aggregation) => groups(service, session, &mut renderer, &fetched, aggregation, prefer)?,
        None => rows(service, session, &mut renderer, &fetched, prefer)?,
    };
    Ok(applied(Response::json(200, body), operation, false, true))
}

fn groups(
    service: &Service<'_>,
    session: &Session<'_>,
    renderer: &mut Renderer<'_>,
    fetched: &Fetched,
    aggregation: Aggregation,
    prefer: &Prefer,
) -> ApiResult<String> {
    // One group more than the page holds tells whether there are others.
    let shown = Aggregation { limit: Some(fetched.size), ..aggregation };
    let mut value = String::new();
    let written = write_groups(&mut value, session, renderer, &fetched.query, &shown, fetched.aggregate_limit)?;
    let mut body = String::from("{");
    write_name(&mut body, "@odata.context");
    write_text(&mut body, &format!("{}/$metadata#{}", service.root, fetched.query.table.set));
    if prefer.annotates(MORE) {
        write_name(&mut body, &format!("@{MORE}"));
        let next = Aggregation { offset: shown.offset + fetched.size, limit: Some(1), ..shown };
        let more = written == fetched.size && !fetched.top && !session.aggregate(&fetched.query, &next)?.is_empty();
        body.push_str(if more { "true" } else { "false" });
    }
    write_name(&mut body, "value");
    body.push_str(&value);
    body.push('}');
    Ok(body)
}

fn rows(
    service: &Service<'_>,
    session: &Session<'_>,
    renderer: &mut Renderer<'_>,
    fetched: &Fetched,
    prefer: &Prefer,
) -> ApiResult<String> {
    let query = &fetched.query;
    let mut found = session.search(query)?;
    let more = found.len() > fetched.size && !fetched.top;
    found.truncate(fetched.size);
    let mut body = String::from("{");
    write_name(&mut body, "@odata.context");
    write_text(&mut body, &format!("{}/$metadata#{}({})", service.root, query.table.set, context(fetched)));
    let total = if fetched.count { Some(session.count(query)?) } else { None };
    write_totals(&mut body, prefer, total, fetched.count);
    if prefer.annotates(COOKIE)
        && more
        && let (Some(first), Some(last)) = (found.first(), found.last())
        && let Some(cookie) = next_cookie(query, fetched.page, &first.keys, &last.keys)
    {
        write_name(&mut body, &format!("@{COOKIE}"));
        write_text(&mut body, &cookie);
    }
    if prefer.annotates(MORE) {
        write_name(&mut body, &format!("@{MORE}"));
        body.push_str(if more { "true" } else { "false" });
    }
    write_name(&mut body, "value");
    body.push('[');
    let names = prefer.annotates(ATTRIBUTE);
    for (at, found) in found.iter().enumerate() {
        body.push_str(if at > 0 { ",{" } else { "{" });
        write_row(&mut body, renderer, fetched, found, names)?;
        body.push('}');
    }
    body.push_str("]}");
    Ok(body)
}

/// The properties of the query's own table, as the context URL lists them.
fn context(fetched: &Fetched) -> String {
    let table = &fetched.query.table;
    let mut names: Vec<String> = fetched
        .shown
        .iter()
        .filter(|shown| shown.source == 0)
        .map(|shown| shown.alias.clone().unwrap_or_else(|| table.columns[shown.column].property()))
        .collect();
    let key = table.columns[table.id].property();
    if !fetched.query.distinct && !names.contains(&key) {
        names.push(key);
    }
    names.join(",")
}

/// What a row shows. Columns without a value are left out.
fn write_row(
    body: &mut String,
    renderer: &mut Renderer<'_>,
    fetched: &Fetched,
    found: &Found,
    names: bool,
) -> ApiResult<()> {
    let query = &fetched.query;
    let table = &query.table;
    if !query.distinct {
        write_name(body, "@odata.etag");
        write_text(body, &etag(table, &found.row));
    }
    let mut key_written = query.distinct;
    for shown in &fetched.shown {
        let (column, value) = cell(table, query, found, shown);
        if value.is_null() {
            continue;
        }
        match &shown.alias {
            None => renderer.property(body, column, value)?,
            Some(alias) => {
                if names {
                    write_name(body, &format!("{alias}@{ATTRIBUTE}"));
                    write_text(body, &column.logical);
                }
                renderer.named(body, alias, column, value)?;
            }
        }
        key_written |= shown.source == 0 && shown.column == table.id && shown.alias.is_none();
    }
    if !key_written {
        renderer.property(body, &table.columns[table.id], &found.row[table.id])?;
    }
    Ok(())
}

fn cell<'f>(
    table: &'f Table,
    query: &'f crate::query::Query,
    found: &'f Found,
    shown: &Shown,
) -> (&'f Column, &'f Value) {
    match shown.source.checked_sub(1) {
        None => (&table.columns[shown.column], &found.row[shown.column]),
        Some(join) => (&query.joins[join].table.columns[shown.column], &found.joined[join][shown.column]),
    }
}
