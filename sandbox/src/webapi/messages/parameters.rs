//! Parameters of messages: members of bodies, and what stands in the parentheses of functions.

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::records::{Session, normal_id};
use crate::webapi::address::Segment;
use crate::webapi::dispatch::Operation;

/// A parameter that has to be there.
pub(super) fn required(name: &str) -> ApiError {
    let inner = format!("System.ArgumentException: Required parameter '{name}' is missing or invalid.");
    ApiError::payload("parameters", inner)
}

/// The value of a function's parameter, its alias resolved.
pub(super) fn of_function(segment: &Segment, operation: &Operation<'_>, name: &str) -> Option<String> {
    let (_, rest) = segment.key.as_deref()?.split_once(&format!("{name}="))?;
    let value = rest.split(',').next().unwrap_or(rest).trim();
    if value.starts_with('@') {
        return operation.pairs.iter().find(|(alias, _)| alias == value).map(|(_, value)| value.clone());
    }
    Some(if value.starts_with(['[', '{']) { rest.to_owned() } else { value.to_owned() })
}

/// JSON in a URL; samples write it with single quotes, too.
pub(super) fn json(text: &str) -> Option<Json> {
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str(&text.replace('\'', "\"")).ok())
}

/// The table in the `@odata.type` of a row.
pub(super) fn table_of<'s>(
    session: &'s Session<'_>,
    row: &Map<String, Json>,
    name: &str,
) -> ApiResult<&'s std::sync::Arc<Table>> {
    let kind = row.get("@odata.type").and_then(Json::as_str).ok_or_else(|| required(name))?;
    let logical = kind.trim_start_matches('#').trim_start_matches("Microsoft.Dynamics.CRM.");
    session.data.schema.table(logical).ok_or_else(|| required(name))
}

/// A reference to a row as a parameter: its type and its primary key.
pub(super) fn row_of<'s>(
    session: &'s Session<'_>,
    body: &Map<String, Json>,
    name: &str,
) -> ApiResult<Option<(&'s std::sync::Arc<Table>, Uuid)>> {
    let Some(Json::Object(row)) = body.get(name) else { return Ok(None) };
    let table = table_of(session, row, name)?;
    let id = row.get(&table.columns[table.id].logical).and_then(Json::as_str).and_then(normal_id);
    Ok(Some((table, id.ok_or_else(|| required(name))?)))
}

pub(super) fn flag(body: &Map<String, Json>, name: &str) -> bool {
    body.get(name).and_then(Json::as_bool).unwrap_or(false)
}
