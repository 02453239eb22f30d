//! Table definitions over the wire ("Work with alternate keys"): for now, alternate keys.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::address::{Segment, segments};
use super::dispatch::Service;
use super::payload::object;
use super::prefer::Prefer;
use super::{Request, Response};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{ColumnType, Key, Table};
use crate::organization::Data;

/// The most alternate keys of a table, and the most columns of a key.
const MAX_KEYS: usize = 10;
const MAX_COLUMNS: usize = 16;

/// Whether a request is about definitions rather than rows.
pub(super) fn concerns(target: &str) -> bool {
    target.starts_with("EntityDefinitions")
}

/// Answers a request about definitions.
pub(super) fn answer(service: &Service<'_>, data: &mut Data, request: &Request) -> Response {
    perform(service, data, request).unwrap_or_else(|error| Response::error(&error, &Prefer::of(request)))
}

fn perform(service: &Service<'_>, data: &mut Data, request: &Request) -> ApiResult<Response> {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let segments = segments(path)?;
    let [Segment { key: Some(key), .. }, keys] = segments.as_slice() else {
        return Err(ApiError::not_implemented("this request about table definitions"));
    };
    if keys.name != "Keys" || keys.key.is_some() {
        return Err(ApiError::not_implemented("this request about table definitions"));
    }
    let logical = key.strip_prefix("LogicalName='").and_then(|rest| rest.strip_suffix('\''));
    let table = logical.and_then(|logical| data.schema.table(logical)).cloned();
    let table =
        table.ok_or_else(|| ApiError::new(404, "0x80060888", "Could not find an entity with the specified key."))?;
    match request.method.as_str() {
        "GET" if query.is_empty() || query.starts_with("$select=") => Ok(list(service, &table)),
        "GET" => Err(ApiError::not_implemented("query options other than $select for keys")),
        "POST" => {
            let mut table = (*table).clone();
            let key = read_key(&table, request)?;
            data.store.create_key(&table, &key)?;
            table.keys.push(key);
            let logical = table.logical.clone();
            data.schema.put(table);
            let id = Uuid::new_v4();
            let url = format!("{}/EntityDefinitions(LogicalName='{logical}')/Keys({id})", service.root);
            Ok(Response::empty(204).with("OData-EntityId", url))
        }
        method => Err(ApiError::method_not_allowed(format!("Keys do not support http method '{method}'."))),
    }
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

fn list(service: &Service<'_>, table: &Table) -> Response {
    let keys: Vec<Json> = table
        .keys
        .iter()
        .map(|key| {
            let columns: Vec<&str> = key.columns.iter().map(|column| table.columns[*column].logical.as_str()).collect();
            json!({
                "SchemaName": key.name,
                "LogicalName": key.name,
                "EntityLogicalName": table.logical,
                "KeyAttributes": columns,
                "EntityKeyIndexStatus": "Active",
            })
        })
        .collect();
    let context = format!("{}/$metadata#EntityDefinitions('{}')/Keys", service.root, table.logical);
    Response::json(200, json!({ "@odata.context": context, "value": keys }).to_string())
}
