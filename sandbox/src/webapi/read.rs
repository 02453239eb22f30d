//! Reading rows ("Retrieve a table row", "Query data using the Web API").

use std::sync::Arc;

use super::address::{RowKey, absent, find};
use super::conditions::{Precondition, etag};
use super::dispatch::{Operation, Service};
use super::json::{write_name, write_text, write_value};
use super::render::Renderer;
use super::uri::{decode, encode};
use super::{Request, Response};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::query::{Cookie, Options, parse_options};
use crate::records::Session;
use crate::value::Value;

/// The most rows a page has, and the most a count counts.
const MAX_ROWS: usize = 5000;

/// `GET /`: what the service offers.
pub(super) fn service_document(service: &Service<'_>, session: &Session<'_>) -> ApiResult<Response> {
    let sets: Vec<_> = session
        .data
        .schema
        .tables
        .iter()
        .map(|table| serde_json::json!({ "name": table.set, "kind": "EntitySet", "url": table.set }))
        .collect();
    let context = format!("{}/$metadata", service.root);
    Ok(Response::json(200, serde_json::json!({ "@odata.context": context, "value": sets }).to_string()))
}

/// `GET /contacts`
pub(super) fn list(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let Options { mut query, top, count, page, select_text } = parse_options(table, &operation.pairs)?;
    let prefer = &operation.prefer;
    // Asked for both, the platform pages and forgets $top.
    let size = match (prefer.page_size, top) {
        (Some(size), _) => size.min(MAX_ROWS),
        (None, Some(top)) => top.min(MAX_ROWS),
        (None, None) => MAX_ROWS,
    };
    query.limit = Some(size + 1);
    let mut rows = session.data.store.select(&query)?;
    let more = rows.len() > size && (top.is_none() || prefer.page_size.is_some());
    rows.truncate(size);

    let mut body = String::from("{");
    write_name(&mut body, "@odata.context");
    let columns = select_text.map_or_else(String::new, |columns| format!("({columns})"));
    write_text(&mut body, &format!("{}/$metadata#{}{columns}", service.root, table.set));
    let total = if count { Some(session.data.store.count(&query)?) } else { None };
    let limit = i64::try_from(MAX_ROWS).unwrap_or(i64::MAX);
    if let Some(total) = total {
        write_name(&mut body, "@odata.count");
        body.push_str(&total.min(limit).to_string());
    }
    if prefer.annotates("Microsoft.Dynamics.CRM.totalrecordcount") {
        write_name(&mut body, "@Microsoft.Dynamics.CRM.totalrecordcount");
        body.push_str(&total.map_or(-1, |total| total.min(limit)).to_string());
        write_name(&mut body, "@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded");
        body.push_str(if total.is_some_and(|total| total > limit) { "true" } else { "false" });
    }
    write_name(&mut body, "value");
    body.push('[');
    let mut renderer = Renderer::new(session, prefer);
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            body.push(',');
        }
        body.push_str(&renderer.row(table, row, query.select.as_deref(), None)?);
    }
    body.push(']');
    if let Some(last) = rows.last().filter(|_| more) {
        let last = query.full_order().iter().map(|order| last[order.column].clone()).collect();
        let cookie = Cookie { page: page + 1, last };
        write_name(&mut body, "@odata.nextLink");
        write_text(&mut body, &next_link(service, table, operation.raw_query, &cookie));
    }
    body.push('}');
    Ok(applied(Response::json(200, body), operation, false, true))
}

/// The URL that was asked for, with the token of the next page.
fn next_link(service: &Service<'_>, table: &Table, raw_query: &str, cookie: &Cookie) -> String {
    let mut link = format!("{}/{}?", service.root, table.set);
    for pair in raw_query.split('&').filter(|pair| !pair.is_empty()) {
        let name = pair.split('=').next().unwrap_or_default();
        if decode(name, true) != "$skiptoken" {
            link.push_str(pair);
            link.push('&');
        }
    }
    link.push_str("$skiptoken=");
    link.push_str(&encode(&cookie.to_token()));
    link
}

/// `GET /contacts/$count`: the number as text, after a byte order mark, as the platform writes it.
pub(super) fn count(session: &Session<'_>, table: &Arc<Table>, operation: &Operation<'_>) -> ApiResult<Response> {
    let options = parse_options(table, &operation.pairs)?;
    let total = session.data.store.count(&options.query)?.min(i64::try_from(MAX_ROWS).unwrap_or(i64::MAX));
    Ok(Response::empty(200).with("Content-Type", "text/plain").with_body(format!("\u{feff}{total}").into_bytes()))
}

/// `GET /contacts(id)`
pub(super) fn row(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    key: &RowKey,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let found = find(session, table, key)?.ok_or_else(|| absent(table, key))?;
    let tag = etag(table, &found);
    if operation.prefer.annotations.is_none()
        && let Precondition::Changed(known) = Precondition::of(operation.request)
        && known == tag
    {
        return Ok(Response::empty(304).with("ETag", tag));
    }
    Ok(representation(service, session, table, &found, operation, 200)?.with("ETag", tag))
}

/// A row as the body of an answer, with the columns of `$select`.
pub(super) fn representation(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    row: &[Value],
    operation: &Operation<'_>,
    status: u16,
) -> ApiResult<Response> {
    let options = parse_options(table, &operation.pairs)?;
    let columns = options.select_text.map_or_else(String::new, |columns| format!("({columns})"));
    let context = format!("{}/$metadata#{}{columns}/$entity", service.root, table.set);
    let mut renderer = Renderer::new(session, &operation.prefer);
    let body = renderer.row(table, row, options.query.select.as_deref(), Some(&context))?;
    Ok(applied(Response::json(status, body), operation, true, false))
}

fn applied(response: Response, operation: &Operation<'_>, representation: bool, paged: bool) -> Response {
    let representation = representation && operation.request.method != "GET";
    match operation.prefer.applied(representation, paged) {
        Some(applied) => response.with("Preference-Applied", applied),
        None => response,
    }
}

/// `GET /contacts(id)/fullname`, and `GET /contacts(id)/ownerid` for the row a lookup points to.
pub(super) fn property(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    key: &RowKey,
    name: &str,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let found = find(session, table, key)?.ok_or_else(|| absent(table, key))?;
    if let Some(column) = table.property(name) {
        if found[column].is_null() {
            return Ok(Response::empty(204));
        }
        let id = found[table.id].id().map(|id| id.to_string()).unwrap_or_default();
        let mut body = String::from("{");
        write_name(&mut body, "@odata.context");
        write_text(&mut body, &format!("{}/$metadata#{}({id})/{name}", service.root, table.set));
        write_name(&mut body, "value");
        write_value(&mut body, &table.columns[column], &found[column]);
        body.push('}');
        return Ok(Response::json(200, body));
    }
    let Some((column, navigation)) = table.navigation(name) else { return Err(ApiError::no_segment(name)) };
    let Value::Row(target, id) = &found[column] else { return Ok(Response::empty(204)) };
    let Some(target) = session.data.schema.table(target).filter(|_| navigation.targets.iter().any(|t| **t == **target))
    else {
        return Ok(Response::empty(204));
    };
    let request = Request { method: "GET".to_owned(), ..operation.request.clone() };
    let inner = Operation {
        request: &request,
        prefer: operation.prefer.clone(),
        raw_query: "",
        pairs: operation.pairs.clone(),
    };
    row(service, session, target, &RowKey::Primary(*id), &inner)
}
