//! Resource paths: segments, and the keys in their parentheses.

use std::sync::Arc;

use uuid::Uuid;

use super::dispatch::Service;
use super::uri::decode;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{ColumnType, Table};
use crate::records::{Right, Session, normal_id};
use crate::value::{Value, parse_time};

/// Characters that the platform does not take in the values of an alternate key ("Define alternate keys").
const NOT_IN_KEYS: &str = "/<>*%&:\\?+";

/// One segment of a path, such as `contacts`, `contacts(id)` or `Microsoft.Dynamics.CRM.CreateMultiple`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Segment {
    pub(super) name: String,
    /// What stood in parentheses, if any did; `WhoAmI()` has an empty one.
    pub(super) key: Option<String>,
}

/// Splits a still encoded path into segments.
pub(super) fn segments(path: &str) -> ApiResult<Vec<Segment>> {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| {
            let segment = decode(segment, false);
            match segment.split_once('(') {
                None => Ok(Segment { name: segment, key: None }),
                Some((name, rest)) => match rest.strip_suffix(')') {
                    Some(key) => Ok(Segment { name: name.to_owned(), key: Some(key.to_owned()) }),
                    None => Err(ApiError::query(format!("Bad Request - Error in query syntax: '{segment}'."))),
                },
            }
        })
        .collect()
}

/// The key of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum RowKey {
    Primary(Uuid),
    /// Columns of an alternate key with their values.
    Alternate(Vec<(usize, Value)>),
}

/// Reads the text of a key against a table.
pub(super) fn row_key(table: &Table, text: &str) -> ApiResult<RowKey> {
    if let Some(id) = normal_id(text.trim()) {
        return Ok(RowKey::Primary(id));
    }
    let mut parts = Vec::new();
    for part in outside_quotes(text) {
        let (name, literal) = part.split_once('=').ok_or_else(|| ApiError::not_a_key(table))?;
        let column = table.property(name.trim()).ok_or_else(|| ApiError::not_a_key(table))?;
        let value = key_value(table, column, literal.trim())?;
        // Users and teams can't be addressed by the name of their primary key.
        if column == table.id && !matches!(table.logical.as_str(), "systemuser" | "team") {
            return value.id().map(RowKey::Primary).ok_or_else(|| ApiError::not_a_key(table));
        }
        parts.push((column, value));
    }
    let matches =
        |columns: &[usize]| columns.len() == parts.len() && parts.iter().all(|(column, _)| columns.contains(column));
    if table.keys.iter().any(|key| key.active() && matches(&key.columns)) {
        Ok(RowKey::Alternate(parts))
    } else {
        Err(ApiError::not_a_key(table))
    }
}

fn key_value(table: &Table, column: usize, literal: &str) -> ApiResult<Value> {
    let quoted = literal.strip_prefix('\'').and_then(|l| l.strip_suffix('\''));
    let value = match (&table.columns[column].kind, quoted) {
        (ColumnType::Text { .. } | ColumnType::Memo { .. }, Some(text)) => {
            if text.contains(|c| NOT_IN_KEYS.contains(c)) {
                let message = "Bad Request - Error in query syntax.";
                return Err(ApiError::query(message));
            }
            Some(Value::Text(text.replace("''", "'")))
        }
        (ColumnType::Id, None) => normal_id(literal).map(Value::Id),
        (ColumnType::Lookup(lookup), None) => {
            lookup.targets.first().and_then(|t| normal_id(literal).map(|id| Value::Row(Arc::from(t.as_str()), id)))
        }
        (ColumnType::DateTime, None) => parse_time(literal).map(Value::Int),
        (ColumnType::Decimal { .. }, None) => literal.parse().ok().map(Value::Real),
        (ColumnType::Whole { .. } | ColumnType::Choice(_), None) => literal.parse().ok().map(Value::Int),
        _ => None,
    };
    value.ok_or_else(|| ApiError::not_a_key(table))
}

/// Splits at commas that don't stand in single quotes.
fn outside_quotes(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\'' => quoted = !quoted,
            b',' if !quoted => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The row under a key, with all its columns.
pub(super) fn find(session: &Session<'_>, table: &Table, key: &RowKey) -> ApiResult<Option<Vec<Value>>> {
    let found = match key {
        RowKey::Primary(id) => session.find(table, *id)?,
        RowKey::Alternate(parts) => session.data.store.get_where(table, parts)?,
    };
    if let Some(row) = &found {
        session.check_row(Right::Read, table, row)?;
    }
    Ok(found)
}

/// The error for a row that is not there.
pub(super) fn absent(table: &Table, key: &RowKey) -> ApiError {
    match key {
        RowKey::Primary(id) => ApiError::does_not_exist(table, *id),
        RowKey::Alternate(_) => ApiError::no_row_with_key(table),
    }
}

/// A reference to one row: `/contacts(id)`, `contacts(key='x')`, an absolute URL, or `$1` within a change set.
pub(super) fn reference(service: &Service<'_>, session: &Session<'_>, text: &str) -> ApiResult<(Arc<Table>, Uuid)> {
    let path = service.relative(&service.references.resolve(text)?).to_owned();
    let segments = segments(&path)?;
    let [segment] = segments.as_slice() else { return Err(ApiError::no_segment(&path)) };
    let table = session.data.schema.set(&segment.name).ok_or_else(|| ApiError::no_segment(&segment.name))?;
    let key = row_key(table, segment.key.as_deref().ok_or_else(|| ApiError::not_a_key(table))?)?;
    match &key {
        RowKey::Primary(id) => {
            if session.exists(table, *id)? {
                return Ok((Arc::clone(table), *id));
            }
        }
        RowKey::Alternate(_) => {
            if let Some(id) = find(session, table, &key)?.and_then(|row| row[table.id].id()) {
                return Ok((Arc::clone(table), id));
            }
        }
    }
    Err(absent(table, &key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{RowKey, row_key, segments};
    use crate::metadata::shipped;

    proptest! {
        #[test]
        fn random_paths_never_panic(path in "[a-z()=',/%0-9$é-]{0,60}") {
            let contact = shipped(true).into_iter().find(|table| table.logical == "contact").unwrap();
            for segment in segments(&path).unwrap_or_default() {
                let _ = row_key(&contact, &segment.key.unwrap_or_default());
            }
        }
    }

    #[test]
    fn a_primary_key_may_be_named() {
        let contact = shipped(true).into_iter().find(|table| table.logical == "contact").unwrap();
        let key = row_key(&contact, "contactid=c0000000-0000-4000-8000-000000000001");
        assert!(matches!(key, Ok(RowKey::Primary(_))));
        let user = shipped(true).into_iter().find(|table| table.logical == "systemuser").unwrap();
        assert!(row_key(&user, "systemuserid=c0000000-0000-4000-8000-000000000001").is_err());
    }
}
