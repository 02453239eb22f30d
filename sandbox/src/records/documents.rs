//! Files in columns as base64, as notes have them: their size stands beside them.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Assignments, Session};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{System, Table};
use crate::value::Value;

impl Session<'_> {
    /// What follows from the file in a row, and from the row it belongs to.
    pub(super) fn documented(table: &Table, row: &[Value]) -> ApiResult<Assignments> {
        let Some(body) = table.system(System::Document) else { return Ok(Vec::new()) };
        let size = match row[body].text() {
            Some(text) => {
                let file = STANDARD.decode(text);
                let refusal = |_| ApiError::invalid_argument("The attachment body is not valid base64.");
                Some(i64::try_from(file.map_err(refusal)?.len()).unwrap_or(i64::MAX))
            }
            None => None,
        };
        let owner = match table.column("objectid").map(|column| &row[column]) {
            Some(Value::Row(kind, _)) => Value::Text(Arc::clone(kind).to_string()),
            _ => Value::Null,
        };
        let derived = [
            (table.system(System::DocumentSize), Value::Int(size.unwrap_or(0))),
            (table.system(System::HasDocument), Value::Int(i64::from(size.is_some()))),
            (table.column("objecttypecode"), owner),
        ];
        Ok(derived.into_iter().filter_map(|(column, value)| Some((column?, value))).collect())
    }
}
