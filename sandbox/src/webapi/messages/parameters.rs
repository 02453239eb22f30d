//! Parameters of messages: members of bodies, and what stands in the parentheses of functions.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::records::{Session, normal_id};
use crate::webapi::address::{Segment, reference};
use crate::webapi::dispatch::{Operation, Service};

/// A parameter that has to be there.
pub(super) fn required(name: &str) -> ApiError {
    let inner = format!("System.ArgumentException: Required parameter '{name}' is missing or invalid.");
    ApiError::payload("parameters", inner)
}

/// The value of a function's parameter, its alias resolved.
pub(super) fn of_function(segment: &Segment, operation: &Operation<'_>, name: &str) -> Option<String> {
    let value = argument(segment.key.as_deref()?, name)?;
    if value.starts_with('@') {
        return operation.pairs.iter().find(|(alias, _)| alias == value).map(|(_, value)| value.clone());
    }
    Some(value.to_owned())
}

/// The value of one of several arguments, `Name=value,Other='it''s',More=["a","b"]`.
fn argument<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (mut start, mut depth, mut quote) = (0, 0_usize, None);
    let ends = text.bytes().enumerate().filter_map(|(at, byte)| {
        match (byte, quote) {
            (b'\'' | b'"', None) => quote = Some(byte),
            (_, Some(open)) if byte == open => quote = None,
            (b'[' | b'{' | b'(', None) => depth += 1,
            (b']' | b'}' | b')', None) => depth = depth.saturating_sub(1),
            (b',', None) if depth == 0 => return Some(at),
            _ => {}
        }
        None
    });
    let ends: Vec<usize> = ends.chain([text.len()]).collect();
    for end in ends {
        let part = &text[start..end];
        start = end + 1;
        if let Some((known, value)) = part.split_once('=')
            && known.trim() == name
        {
            return Some(value.trim());
        }
    }
    None
}

/// A text as it stands in a URL, without its quotes.
pub(super) fn text(value: &str) -> String {
    let quoted = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
    quoted.unwrap_or(value).replace("''", "'")
}

/// JSON in a URL; samples write it with single quotes, too.
pub(super) fn json(text: &str) -> Option<Json> {
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str(&text.replace('\'', "\"")).ok())
}

/// The table in the `@odata.type` of a row.
pub(super) fn table_of<'s>(session: &'s Session<'_>, row: &Map<String, Json>, name: &str) -> ApiResult<&'s Arc<Table>> {
    let kind = row.get("@odata.type").and_then(Json::as_str).ok_or_else(|| required(name))?;
    let logical = kind.trim_start_matches('#').trim_start_matches("Microsoft.Dynamics.CRM.");
    session.data.schema.table(logical).ok_or_else(|| required(name))
}

/// A row as a parameter that has to be there: by `@odata.id`, or by its type and its primary key.
pub(super) fn reference_of(
    service: &Service<'_>,
    session: &Session<'_>,
    parameters: &Map<String, Json>,
    name: &str,
) -> ApiResult<(Arc<Table>, Uuid)> {
    if let Some(url) = parameters.get(name).and_then(|row| row["@odata.id"].as_str()) {
        return reference(service, session, url);
    }
    let (table, id) = row_of(session, parameters, name)?.ok_or_else(|| required(name))?;
    Ok((Arc::clone(table), id))
}

/// A reference to a row as a parameter: its type and its primary key.
pub(super) fn row_of<'s>(
    session: &'s Session<'_>,
    body: &Map<String, Json>,
    name: &str,
) -> ApiResult<Option<(&'s Arc<Table>, Uuid)>> {
    let Some(Json::Object(row)) = body.get(name) else { return Ok(None) };
    row_in(session, row, name).map(Some)
}

/// A row by its type and its primary key.
pub(super) fn row_in<'s>(
    session: &'s Session<'_>,
    row: &Map<String, Json>,
    name: &str,
) -> ApiResult<(&'s Arc<Table>, Uuid)> {
    let table = table_of(session, row, name)?;
    let id = row.get(&table.columns[table.id].logical).and_then(Json::as_str).and_then(normal_id);
    Ok((table, id.ok_or_else(|| required(name))?))
}

pub(super) fn flag(body: &Map<String, Json>, name: &str) -> bool {
    body.get(name).and_then(Json::as_bool).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::{argument, text};

    #[test]
    fn arguments_end_at_commas_outside_of_quotes_and_brackets() {
        let all = r#"Line1='12, Rue de l''Eau',Names=["a","b"],Target={'@odata.id':'a(1,2)'},Last=@p"#;
        assert_eq!(argument(all, "Line1").map(text).as_deref(), Some("12, Rue de l'Eau"));
        assert_eq!(argument(all, "Names"), Some(r#"["a","b"]"#));
        assert_eq!(argument(all, "Target"), Some("{'@odata.id':'a(1,2)'}"));
        assert_eq!(argument(all, "Last"), Some("@p"));
        assert_eq!(argument(all, "ine1"), None);
    }
}
