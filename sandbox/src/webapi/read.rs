//! Reading rows ("Retrieve a table row", "Query data using the Web API").

use std::sync::Arc;

use super::Response;
use super::aggregate;
use super::conditions::{Precondition, etag};
use super::dispatch::{Operation, Service};
use super::expand::Expansion;
use super::json::{write_name, write_text};
use super::prefer::Prefer;
use super::render::{Renderer, Shape};
use super::tracking;
use super::uri::{decode, encode};
use crate::errors::ApiResult;
use crate::metadata::Table;
use crate::query::{Condition, Cookie, Options, parse_options};
use crate::records::Session;
use crate::value::Value;

/// The most rows a page has, and the most a count counts.
pub(super) const MAX_ROWS: usize = 5000;

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

/// Rows to list: a set, or a collection of some row.
pub(super) struct Listing {
    pub(super) table: Arc<Table>,
    /// Its URL below the service root.
    pub(super) path: String,
    /// What makes a row one of the collection.
    pub(super) restriction: Option<Condition>,
}

/// `GET /contacts`, `GET /accounts(id)/contact_customer_accounts`
pub(super) fn list(
    service: &Service<'_>,
    session: &Session<'_>,
    listing: &Listing,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let table = &listing.table;
    let options = parse_options(session, table, &operation.pairs)?;
    if let Some(apply) = options.apply {
        return aggregate::applied(service, session, listing, apply, options.query, options.top, operation);
    }
    let context = format!("{}/$metadata#{}{}", service.root, table.set, options.context_suffix());
    let Options { mut query, top, count, page, expand, .. } = options;
    if let Some(restriction) = &listing.restriction {
        query.restrict(restriction.clone());
    }
    let prefer = &operation.prefer;
    // Asked for both, the platform pages and forgets $top.
    let size = match (prefer.page_size, top) {
        (Some(size), _) => size.min(MAX_ROWS),
        (None, Some(top)) => top.min(MAX_ROWS),
        (None, None) => MAX_ROWS,
    };
    query.limit = Some(size + 1);
    let mut found = session.search(&query)?;
    let more = found.len() > size && (top.is_none() || prefer.page_size.is_some());
    found.truncate(size);

    let mut body = String::from("{");
    write_name(&mut body, "@odata.context");
    write_text(&mut body, &context);
    let total = if count { Some(session.count(&query)?) } else { None };
    write_totals(&mut body, prefer, total, count);
    write_name(&mut body, "value");
    body.push('[');
    let mut renderer = Renderer::new(session, prefer);
    let last = found.last().filter(|_| more).map(|last| last.keys.clone());
    let rows: Vec<Vec<Value>> = found.into_iter().map(|found| found.row).collect();
    let members = Expansion { service, session, prefer }.members(&mut renderer, table, &rows, &expand)?;
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            body.push(',');
        }
        let members = members.get(at).map_or("", String::as_str);
        let shape = Shape { select: query.select.as_deref(), members, ..Shape::default() };
        body.push_str(&renderer.row(table, row, &shape)?);
    }
    body.push(']');
    if let Some(last) = last {
        let cookie = Cookie { page: page + 1, last };
        write_name(&mut body, "@odata.nextLink");
        write_text(&mut body, &next_link(service, &listing.path, operation.raw_query, &cookie));
    }
    body.push('}');
    Ok(applied(Response::json(200, body), operation, false, true))
}

/// `@odata.count` and what may be said beside it.
pub(super) fn write_totals(body: &mut String, prefer: &Prefer, total: Option<i64>, count: bool) {
    let limit = i64::try_from(MAX_ROWS).unwrap_or(i64::MAX);
    if let Some(total) = total.filter(|_| count) {
        write_name(body, "@odata.count");
        body.push_str(&total.min(limit).to_string());
    }
    if prefer.annotates("Microsoft.Dynamics.CRM.totalrecordcount") {
        write_name(body, "@Microsoft.Dynamics.CRM.totalrecordcount");
        body.push_str(&total.map_or(-1, |total| total.min(limit)).to_string());
        write_name(body, "@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded");
        body.push_str(if total.is_some_and(|total| total > limit) { "true" } else { "false" });
    }
}

/// The URL that was asked for, with the token of the next page.
pub(super) fn next_link(service: &Service<'_>, path: &str, raw_query: &str, cookie: &Cookie) -> String {
    let mut link = format!("{}/{path}?", service.root);
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
pub(super) fn count(session: &Session<'_>, listing: &Listing, operation: &Operation<'_>) -> ApiResult<Response> {
    if let Some(changed) = tracking::count(session, &listing.table, operation)? {
        let body = format!("\u{feff}{changed}").into_bytes();
        return Ok(Response::empty(200).with("Content-Type", "text/plain").with_body(body));
    }
    let mut query = parse_options(session, &listing.table, &operation.pairs)?.query;
    if let Some(restriction) = &listing.restriction {
        query.restrict(restriction.clone());
    }
    let total = session.count(&query)?.min(i64::try_from(MAX_ROWS).unwrap_or(i64::MAX));
    Ok(Response::empty(200).with("Content-Type", "text/plain").with_body(format!("\u{feff}{total}").into_bytes()))
}

/// `GET /contacts(id)`
pub(super) fn row(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    row: &[Value],
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let tag = etag(table, row);
    let expands = operation.pairs.iter().any(|(name, _)| name == "$expand");
    if operation.prefer.annotations.is_none()
        && !expands
        && let Precondition::Changed(known) = Precondition::of(operation.request)
        && known == tag
    {
        return Ok(Response::empty(304).with("ETag", tag));
    }
    Ok(representation(service, session, table, row, operation, 200)?.with("ETag", tag))
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
    let mut options = parse_options(session, table, &operation.pairs)?;
    if operation.request.method == "PATCH" {
        // An update returns no related rows, whatever is asked for.
        options.expand.clear();
    }
    let context = format!("{}/$metadata#{}{}/$entity", service.root, table.set, options.context_suffix());
    let mut renderer = Renderer::new(session, &operation.prefer);
    let expansion = Expansion { service, session, prefer: &operation.prefer };
    let members = expansion.members(&mut renderer, table, &[row.to_vec()], &options.expand)?;
    let shape = Shape {
        select: options.query.select.as_deref(),
        context: Some(&context),
        members: members.first().map_or("", String::as_str),
        ..Shape::default()
    };
    let body = renderer.row(table, row, &shape)?;
    Ok(applied(Response::json(status, body), operation, true, false))
}

pub(super) fn applied(response: Response, operation: &Operation<'_>, representation: bool, paged: bool) -> Response {
    let representation = representation && operation.request.method != "GET";
    match operation.prefer.applied(representation, paged) {
        Some(applied) => response.with("Preference-Applied", applied),
        None => response,
    }
}
