//! Change tracking ("Use change tracking to synchronize data with external systems"): a read gives a delta link, which
//! later gives what changed since.

use std::sync::Arc;

use super::Response;
use super::dispatch::{Operation, Service};
use super::json::{write_name, write_text};
use super::read::{Listing, applied};
use super::render::{Renderer, Shape};
use super::uri::encode;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{System, Table};
use crate::query::{Comparison, Condition, parse_options};
use crate::records::Session;
use crate::value::Value;

/// How long a token can be used, in seconds: seven days, unless an organisation sets it otherwise.
const LIFETIME: i64 = 7 * 24 * 3600;
/// Options that don't go together with change tracking.
const UNSUPPORTED: [&str; 8] =
    ["$filter", "$orderby", "$expand", "$top", "$apply", "$search", "fetchXml", "$skiptoken"];
const TOKEN: &str = "$deltatoken";

/// Whether a request begins to track changes, or asks for them.
pub(super) fn asked(operation: &Operation<'_>) -> bool {
    operation.prefer.track_changes || operation.pairs.iter().any(|(name, _)| name == TOKEN)
}

/// `GET /accounts?$select=name` with `Prefer: odata.track-changes`, and the delta links that come of it.
pub(super) fn list(
    service: &Service<'_>,
    session: &Session<'_>,
    listing: &Listing,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let table = &listing.table;
    let version = table.system(System::Version).filter(|_| table.change_tracking && listing.restriction.is_none());
    let version = version.ok_or_else(|| {
        let message = format!("Entity {} isn't enabled for change tracking.", table.logical);
        ApiError::new(400, "0x80072491", message)
    })?;
    if let Some((name, _)) = operation.pairs.iter().find(|(name, _)| UNSUPPORTED.contains(&name.as_str())) {
        let message = format!("The \"{name}\" query parameter isn't supported when Change Tracking is enabled.");
        return Err(ApiError::query(message));
    }
    let since = operation.pairs.iter().find(|(name, _)| name == TOKEN).map(|(_, token)| parse(session, token));
    let since = since.transpose()?;
    let rest: Vec<(String, String)> = operation.pairs.iter().filter(|(name, _)| name != TOKEN).cloned().collect();
    let options = parse_options(session, table, &rest)?;
    let context = match since {
        Some(_) => format!("{}/$metadata#{}{}/$delta", service.root, table.set, options.context_suffix()),
        None => format!("{}/$metadata#{}{}", service.root, table.set, options.context_suffix()),
    };
    let mut query = options.query;
    if let Some(since) = since {
        let (column, comparison) = (version, Comparison::Greater);
        query.restrict(Condition::Compare { column, comparison, value: Value::Int(since) });
    }
    // Taken before the rows: what comes in between is told twice rather than never.
    let now = session.data.version.get();
    let mut body = String::from("{");
    write_name(&mut body, "@odata.context");
    write_text(&mut body, &context);
    write_name(&mut body, "@odata.deltaLink");
    write_text(&mut body, &link(service, session, table, operation, now));
    write_name(&mut body, "value");
    body.push('[');
    let mut renderer = Renderer::new(session, &operation.prefer);
    let shape = Shape { select: query.select.as_deref(), ..Shape::default() };
    let rows = session.select(&query)?;
    for row in &rows {
        separate(&mut body);
        body.push_str(&renderer.row(table, row, &shape)?);
    }
    if let Some(since) = since {
        for id in session.data.store.deleted_since(table, since)? {
            separate(&mut body);
            let context = format!("{}/$metadata#{}/$deletedEntity", service.root, table.set);
            body.push_str(&serde_json::json!({ "@odata.context": context, "id": id, "reason": "deleted" }).to_string());
        }
    }
    body.push_str("]}");
    let response = applied(Response::json(200, body), operation, false, false);
    Ok(if operation.prefer.track_changes {
        response.with("Preference-Applied", "odata.track-changes")
    } else {
        response
    })
}

/// `GET /accounts/$count?$deltatoken=…`: how many rows changed, and were deleted, since.
pub(super) fn count(session: &Session<'_>, table: &Arc<Table>, operation: &Operation<'_>) -> ApiResult<Option<i64>> {
    let Some((_, token)) = operation.pairs.iter().find(|(name, _)| name == TOKEN) else { return Ok(None) };
    let since = parse(session, token)?;
    let Some(column) = table.system(System::Version) else { return Ok(None) };
    let mut query = crate::query::Query::all(Arc::clone(table));
    query.restrict(Condition::Compare { column, comparison: Comparison::Greater, value: Value::Int(since) });
    let gone = session.data.store.deleted_since(table, since)?.len();
    Ok(Some(session.count(&query)? + i64::try_from(gone).unwrap_or(i64::MAX)))
}

fn separate(body: &mut String) {
    if !body.ends_with('[') {
        body.push(',');
    }
}

/// A token is a version and the time it was given out: `919042!08/22/2017 08:10:44`.
fn link(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Table,
    operation: &Operation<'_>,
    version: i64,
) -> String {
    let time =
        jiff::Timestamp::from_second(session.now).map_or_else(|_| String::new(), |t| t.strftime(FORMAT).to_string());
    let mut link = format!("{}/{}?", service.root, table.set);
    for pair in operation.raw_query.split('&').filter(|pair| !pair.is_empty()) {
        if !super::uri::decode(pair, true).starts_with(TOKEN) {
            link.push_str(pair);
            link.push('&');
        }
    }
    link.push_str(&format!("{TOKEN}={}", encode(&format!("{version}!{time}"))));
    link
}

const FORMAT: &str = "%m/%d/%Y %H:%M:%S";

fn parse(session: &Session<'_>, token: &str) -> ApiResult<i64> {
    let (version, time) = token.split_once('!').unwrap_or_default();
    let version = version.parse::<i64>().ok();
    let time = jiff::civil::DateTime::strptime(FORMAT, time).ok();
    let time =
        time.and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok()).map(|time| time.timestamp().as_second());
    match (version, time) {
        (Some(version), Some(time)) if session.now - time <= LIFETIME => Ok(version),
        _ => {
            let message = "Version stamp associated with the client has expired. Please perform a full sync.";
            Err(ApiError::new(400, "0x80044352", message))
        }
    }
}
