//! Alternate keys. Their index is made at once, so a key is active as soon as it is there.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::Described;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{ColumnType, Key, Table};
use crate::organization::Data;
use crate::webapi::dispatch::Service;
use crate::webapi::payload::object;
use crate::webapi::{Request, Response};

/// The most alternate keys of a table.
const MAX_KEYS: usize = 10;
/// The most columns of a key.
const MAX_COLUMNS: usize = 16;

/// `POST …/Keys`
pub(super) fn create(service: &Service<'_>, data: &mut Data, table: &Table, request: &Request) -> ApiResult<Response> {
    let mut table = table.clone();
    let key = read_key(&table, request)?;
    data.store.create_key(&table, &key)?;
    table.keys.push(key);
    let logical = table.logical.clone();
    data.schema.put(table);
    let id = Uuid::new_v4();
    let url = format!("{}/EntityDefinitions(LogicalName='{logical}')/Keys({id})", service.root);
    Ok(Response::empty(204).with("OData-EntityId", url))
}

fn read_key(table: &Table, request: &Request) -> ApiResult<Key> {
    let body = object("EntityKeyMetadata", &request.body)?;
    let name = body.get("SchemaName").and_then(Json::as_str).unwrap_or_default().to_lowercase();
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(ApiError::invalid_argument("A key needs a schema name."));
    }
    let taken = |key: &Key| key.name == name;
    if table.keys.iter().any(taken) {
        let message = format!("An entity key with the name {name} already exists on entity {}.", table.logical);
        return Err(ApiError::new(400, "0x80060893", message));
    }
    let names = body.get("KeyAttributes").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut columns = Vec::new();
    for name in names.iter().filter_map(Json::as_str) {
        let column = table.column(name).ok_or_else(|| ApiError::no_such_property(table, name))?;
        if matches!(
            table.columns[column].kind,
            ColumnType::Memo { .. } | ColumnType::Flag { .. } | ColumnType::State(_) | ColumnType::Status(_)
        ) {
            return Err(ApiError::invalid_argument(format!("The column {name} can't be part of a key.")));
        }
        columns.push(column);
    }
    if columns.is_empty() || columns.len() > MAX_COLUMNS || table.keys.len() >= MAX_KEYS {
        return Err(ApiError::invalid_argument("A key has 1 to 16 columns, a table up to 10 keys."));
    }
    let label = body.get("DisplayName").and_then(|label| label["LocalizedLabels"][0]["Label"].as_str());
    Ok(Key { label: label.unwrap_or(&name).to_owned(), name, columns })
}

/// The alternate keys of a table.
pub(super) fn describe(table: &Table) -> Vec<Described> {
    let of = |key: &Key| {
        let columns: Vec<&str> = key.columns.iter().map(|column| table.columns[*column].logical.as_str()).collect();
        let described = json!({
            "SchemaName": key.name,
            "LogicalName": key.name,
            "EntityLogicalName": table.logical,
            "KeyAttributes": columns,
            "EntityKeyIndexStatus": "Active",
        });
        described.as_object().cloned().unwrap_or_default()
    };
    table.keys.iter().map(of).collect()
}
