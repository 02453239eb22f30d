//! `GET /contacts?fetchXml=…` ("Query data using FetchXml").

use super::Response;
use super::aggregate::write_groups;
use super::conditions::etag;
use super::dispatch::{Operation, Service};
use super::json::{write_name, write_text};
use super::prefer::Prefer;
use super::read::{Listing, applied, next_link, write_totals};
use super::render::Renderer;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Column, Table};
use crate::query::{Aggregation, Cookie, Fetched, Found, Shown, bind_fetch, bind_sql, next_cookie, parse_fetch};
use crate::records::{Right, Session, normal_id};
use crate::value::Value;

const COOKIE: &str = "Microsoft.Dynamics.CRM.fetchxmlpagingcookie";
const MORE: &str = "Microsoft.Dynamics.CRM.morerecords";
const ATTRIBUTE: &str = "OData.Community.Display.V1.AttributeName";

/// Options that bring a query of their own, or name one that is kept.
const QUERIES: [&str; 4] = ["fetchXml", "savedQuery", "userQuery", "sql"];

/// Whether a request brings FetchXML or SQL, or names a view.
pub(super) fn asked(operation: &Operation<'_>) -> bool {
    operation.pairs.iter().any(|(name, _)| QUERIES.contains(&name.as_str()))
}

/// The FetchXML of a view ("Retrieve and execute predefined queries"); `option` says whose it is.
fn kept(session: &Session<'_>, option: &str, key: &str) -> ApiResult<String> {
    let table = session.data.schema.table(&option.to_lowercase()).ok_or_else(ApiError::unexpected)?;
    let id =
        normal_id(key).ok_or_else(|| ApiError::query(format!("The value '{key}' of {option} is no identifier.")))?;
    let row = session.find(table, id)?.ok_or_else(|| ApiError::does_not_exist(table, id))?;
    session.check_row(Right::Read, table, &row)?;
    let source = table.column("fetchxml").and_then(|column| row[column].text());
    source.map(str::to_owned).ok_or_else(|| ApiError::invalid_argument("The query has no FetchXML."))
}

/// Answers FetchXML over a set or a collection.
pub(super) fn list(
    service: &Service<'_>,
    session: &Session<'_>,
    listing: &Listing,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    if let Some((_, statement)) = operation.pairs.iter().find(|(name, _)| name == "sql") {
        return select(service, session, listing, operation, statement);
    }
    let prefer = &operation.prefer;
    let mut source = String::new();
    let mut counted = false;
    for (name, value) in &operation.pairs {
        match name.as_str() {
            "fetchXml" => source.clone_from(value),
            "savedQuery" | "userQuery" => source = kept(session, name, value)?,
            "$count" => counted = value == "true",
            _ if name.starts_with('$') => {
                let message = format!("The query option {name} can't be used together with fetchXml.");
                return Err(ApiError::query(message));
            }
            _ => {}
        }
    }
    let mut fetched = bind_fetch(session, &parse_fetch(&source)?, prefer.page_size)?;
    fetched.count |= counted;
    restrict(&mut fetched, listing)?;
    let mut renderer = Renderer::new(session, prefer);
    let (body, _) = match fetched.aggregation.take() {
        Some(aggregation) => groups(service, session, &mut renderer, &fetched, aggregation, prefer)?,
        None => rows(service, session, &mut renderer, &fetched, prefer)?,
    };
    Ok(applied(Response::json(200, body + "}"), operation, false, true))
}

/// Leaves the rows that the URL names.
fn restrict(fetched: &mut Fetched, listing: &Listing) -> ApiResult<()> {
    if fetched.query.table.logical != listing.table.logical {
        return Err(ApiError::invalid_argument(format!(
            "Entity name '{}' in the FetchXML does not match the entity set '{}'.",
            fetched.query.table.logical, listing.table.set
        )));
    }
    if let Some(restriction) = &listing.restriction {
        fetched.query.restrict(restriction.clone());
    }
    Ok(())
}

/// Answers `?sql=`. Its pages are counted off from the beginning.
fn select(
    service: &Service<'_>,
    session: &Session<'_>,
    listing: &Listing,
    operation: &Operation<'_>,
    statement: &str,
) -> ApiResult<Response> {
    let prefer = &operation.prefer;
    let token = operation.pairs.iter().find(|(name, _)| name == "$skiptoken").map(|(_, token)| Cookie::counted(token));
    let token =
        token.map(|token| token.ok_or_else(|| ApiError::invalid_argument("Malformed XML in the Paging Cookie")));
    let (page, skip) = token.transpose()?.unwrap_or((1, 0));
    let mut fetched = bind_sql(session, statement, prefer.page_size, skip)?;
    restrict(&mut fetched, listing)?;
    let mut renderer = Renderer::new(session, prefer);
    let (mut body, more) = match fetched.aggregation.take() {
        Some(aggregation) => groups(service, session, &mut renderer, &fetched, aggregation, prefer)?,
        None => rows(service, session, &mut renderer, &fetched, prefer)?,
    };
    if more {
        let behind = i64::try_from(skip + fetched.size).unwrap_or(i64::MAX);
        let cookie = Cookie { page: page + 1, last: vec![Value::Int(behind)] };
        write_name(&mut body, "@odata.nextLink");
        write_text(&mut body, &next_link(service, &listing.path, operation.raw_query, &cookie));
    }
    body.push('}');
    Ok(applied(Response::json(200, body), operation, false, true))
}

/// The answer up to where it could be continued, and whether there are groups beyond.
fn groups(
    service: &Service<'_>,
    session: &Session<'_>,
    renderer: &mut Renderer<'_>,
    fetched: &Fetched,
    aggregation: Aggregation,
    prefer: &Prefer,
) -> ApiResult<(String, bool)> {
    // One group more than the page holds tells whether there are others.
    let shown = Aggregation { limit: Some(fetched.size), ..aggregation };
    let mut value = String::new();
    let written = write_groups(&mut value, session, renderer, &fetched.query, &shown, fetched.aggregate_limit)?;
    let mut body = String::from("{");
    write_name(&mut body, "@odata.context");
    write_text(&mut body, &format!("{}/$metadata#{}", service.root, fetched.query.table.set));
    let next = Aggregation { offset: shown.offset + fetched.size, limit: Some(1), ..shown };
    let more = written == fetched.size && !fetched.top && !session.aggregate(&fetched.query, &next)?.is_empty();
    if prefer.annotates(MORE) {
        write_name(&mut body, &format!("@{MORE}"));
        body.push_str(if more { "true" } else { "false" });
    }
    write_name(&mut body, "value");
    body.push_str(&value);
    Ok((body, more))
}

/// The answer up to where it could be continued, and whether there are rows beyond.
fn rows(
    service: &Service<'_>,
    session: &Session<'_>,
    renderer: &mut Renderer<'_>,
    fetched: &Fetched,
    prefer: &Prefer,
) -> ApiResult<(String, bool)> {
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
    body.push(']');
    Ok((body, more))
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
        if let (Some(parent), Some(alias)) = (shown.below, &shown.alias) {
            let count = renderer.count_below(table, parent, &found.row[table.id])?;
            write_name(body, alias);
            body.push_str(&count.to_string());
            continue;
        }
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
