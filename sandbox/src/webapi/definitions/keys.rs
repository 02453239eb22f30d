//! Alternate keys ("Work with alternate keys"). The index behind a key is made a while later, if the switch asks for
//! that; it fails if rows collide.

use serde_json::{Map, Value as Json, json};

use super::Described;
use super::describe::{id_of, label};
use super::edit::Edit;
use super::parse::{self, Named, check_name};
use super::write::Change;
use crate::catalogue::{Component, drop_component};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{ColumnType, Key, KeyIndex, Table};
use crate::records::normal_id;
use crate::webapi::Response;
use crate::webapi::address::Segment;

/// The most alternate keys of a table.
const MAX_KEYS: usize = 10;
/// The most columns of a key.
const MAX_COLUMNS: usize = 16;
/// The most bytes of a key: SQL Server's limit for an index.
const MAX_BYTES: usize = 900;

fn key_id(table: &Table, key: &Key) -> uuid::Uuid {
    id_of(&format!("key:{}.{}", table.logical, key.name))
}

/// `POST …/Keys`
pub(super) fn create(edit: &mut Edit<'_>, table: &Table, change: &Change<'_>) -> ApiResult<Response> {
    let id = add(edit, table, change.body("EntityKeyMetadata")?)?;
    let definition = &change.segments[0];
    Ok(change.made(&format!("{}/Keys({id})", super::address(definition))))
}

/// Adds the key that a payload describes; returns its id.
pub(super) fn add(edit: &mut Edit<'_>, table: &Table, body: &Map<String, Json>) -> ApiResult<uuid::Uuid> {
    let mut table = table.clone();
    let mut key = read_key(edit, &table, body)?;
    let wait = edit.session.switches.key_index_seconds;
    key.index = if wait == 0 { built(edit, &table, &key)? } else { KeyIndex::Pending(edit.session.now + wait) };
    let id = key_id(&table, &key);
    table.keys.push(key);
    edit.schema.put(table);
    edit.component(Component::Key, id)?;
    Ok(id)
}

fn built(edit: &Edit<'_>, table: &Table, key: &Key) -> ApiResult<KeyIndex> {
    Ok(edit.session.data.store.try_key(table, key)?)
}

/// `DELETE …/Keys(id)`
pub(super) fn delete(edit: &mut Edit<'_>, table: &Table, part: &Segment) -> ApiResult<Response> {
    let mut table = table.clone();
    let at = find(&table, part)?;
    let key = table.keys.remove(at);
    edit.session.data.store.drop_key(&table, &key)?;
    drop_component(edit.session, key_id(&table, &key))?;
    edit.schema.put(table);
    Ok(Response::empty(204))
}

/// `POST /ReactivateEntityKey {"EntityLogicalName", "EntityKeyLogicalName"}`: tries again to make a failed index.
pub(super) fn reactivate(edit: &mut Edit<'_>, change: &Change<'_>) -> ApiResult<Response> {
    let body = change.body("ReactivateEntityKey")?;
    let of = |name: &str| parse::text(body, name).unwrap_or_default().to_lowercase();
    let mut table = (*edit.table(&of("EntityLogicalName"))?).clone();
    let name = of("EntityKeyLogicalName");
    let at = table.keys.iter().position(|key| key.name == name).ok_or_else(|| absent(&name))?;
    if table.keys[at].index != KeyIndex::Failed {
        let message = "Reactivate entity key is only supported for failed job";
        return Err(ApiError::new(400, "0x80060897", message));
    }
    table.keys[at].index = built(edit, &table, &table.keys[at])?;
    edit.schema.put(table);
    Ok(Response::empty(204))
}

fn absent(name: &str) -> ApiError {
    ApiError::new(404, "0x80041140", format!("The specified entitykey was not found. {name}").trim_end().to_owned())
}

/// The place of the key a segment names.
pub(super) fn find(table: &Table, part: &Segment) -> ApiResult<usize> {
    let name = part.key.as_deref().unwrap_or_default();
    let logical = super::logical_name(name).map(str::to_lowercase);
    table
        .keys
        .iter()
        .position(|key| normal_id(name) == Some(key_id(table, key)) || logical.as_deref() == Some(&key.name))
        .ok_or_else(|| absent(name))
}

fn read_key(edit: &Edit<'_>, table: &Table, body: &Map<String, Json>) -> ApiResult<Key> {
    let schema = parse::text(body, "SchemaName").unwrap_or_default().to_owned();
    check_name(edit.session, Named::Key, &schema)?;
    let name = schema.to_lowercase();
    if table.keys.iter().any(|key| key.name == name) {
        let message = format!("An entity key with the name {name} already exists on entity {}.", table.logical);
        return Err(ApiError::new(400, "0x80060893", message));
    }
    let names = body.get("KeyAttributes").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut columns = Vec::new();
    let mut bytes = 0;
    for name in names.iter().filter_map(Json::as_str) {
        let column = table.column(name).ok_or_else(|| ApiError::no_such_property(table, name))?;
        bytes += match &table.columns[column].kind {
            ColumnType::Text { max } => 2 * max,
            ColumnType::Whole { .. } | ColumnType::Choice(_) => 4,
            ColumnType::Decimal { .. } | ColumnType::DateTime | ColumnType::DateOnly => 9,
            ColumnType::Lookup(_) => 16,
            _ => return Err(ApiError::invalid_argument(format!("The column {name} can't be part of a key."))),
        };
        columns.push(column);
    }
    if columns.is_empty() || columns.len() > MAX_COLUMNS || table.keys.len() >= MAX_KEYS {
        return Err(ApiError::invalid_argument("A key has 1 to 16 columns, a table up to 10 keys."));
    }
    if bytes > MAX_BYTES {
        let message = format!("The columns of a key must not be longer than {MAX_BYTES} bytes together.");
        return Err(ApiError::invalid_argument(message));
    }
    let same = |key: &Key| key.columns.len() == columns.len() && key.columns.iter().all(|c| columns.contains(c));
    if table.keys.iter().any(same) {
        let message = "An entity key with the selected attributes already exists on entity.";
        return Err(ApiError::new(400, "0x80060894", message));
    }
    let label = parse::label(body.get("DisplayName")).unwrap_or_else(|| schema.clone());
    Ok(Key { name, schema, label, columns, index: KeyIndex::Active })
}

/// The alternate keys of a table.
pub(super) fn describe(table: &Table) -> Vec<Described> {
    let of = |key: &Key| {
        let columns: Vec<&str> = key.columns.iter().map(|column| table.columns[*column].logical.as_str()).collect();
        let status = match key.index {
            KeyIndex::Pending(_) => "Pending",
            KeyIndex::Active => "Active",
            KeyIndex::Failed => "Failed",
        };
        let described = json!({
            "MetadataId": key_id(table, key),
            "SchemaName": key.schema,
            "LogicalName": key.name,
            "EntityLogicalName": table.logical,
            "DisplayName": label(&key.label),
            "KeyAttributes": columns,
            "EntityKeyIndexStatus": status,
            "IsManaged": false,
            "IsCustomizable": { "Value": true, "CanBeChanged": true, "ManagedPropertyLogicalName": "iscustomizable" },
            "IntroducedVersion": "1.0.0.0",
            "IsSynchronous": false,
            "IsExportKey": false,
            "IsSecondaryKey": false,
            "AsyncJob": null,
        });
        described.as_object().cloned().unwrap_or_default()
    };
    table.keys.iter().map(of).collect()
}
