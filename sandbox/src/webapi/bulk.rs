//! `CreateMultiple`, `UpdateMultiple`, `UpsertMultiple` ("Bulk operation messages"): all or nothing, and the error
//! does not say which target was at fault.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::Response;
use super::address::{RowKey, find, row_key, segments};
use super::deep;
use super::dispatch::{Operation, Service};
use super::payload::{Purpose, assignments, object};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::records::{Session, normal_id, unsupported};
use crate::value::Value;

/// Runs a message bound to a table. The caller has opened the transaction.
pub(super) fn run(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    message: &str,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    if !matches!(message, "CreateMultiple" | "UpdateMultiple" | "UpsertMultiple") {
        return Err(ApiError::no_segment(&format!("Microsoft.Dynamics.CRM.{message}")));
    }
    if !table.addressable {
        return Err(unsupported(table, message));
    }
    let body = object(&table.set, &operation.request.body)?;
    let targets = targets(table, body)?;
    match message {
        "CreateMultiple" => {
            let mut ids = Vec::with_capacity(targets.len());
            for target in targets {
                let values = assignments(service, session, table, target, Purpose::Create)?;
                let id = session.create(table, values).map_err(|error| {
                    if error == ApiError::duplicate_row() { ApiError::duplicate_in_bulk() } else { error }
                })?;
                deep::add_related(service, session, table, id, target)?;
                ids.push(id);
            }
            let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse", service.root);
            Ok(Response::json(200, serde_json::json!({ "@odata.context": context, "Ids": ids }).to_string()))
        }
        "UpdateMultiple" => {
            for target in targets {
                let key = target_key(service, table, target)?;
                let key = key.ok_or_else(|| ApiError::invalid_argument("Entity Id must be specified for Update"))?;
                update(service, session, table, &key, target)?;
            }
            Ok(Response::empty(204))
        }
        _ => {
            for target in targets {
                upsert(service, session, table, target)?;
            }
            Ok(Response::empty(204))
        }
    }
}

/// The targets of a message; each has to say its type.
fn targets<'a>(table: &Table, body: &'a Map<String, Json>) -> ApiResult<Vec<&'a Map<String, Json>>> {
    let list = body.get("Targets").and_then(Json::as_array).filter(|list| !list.is_empty()).ok_or_else(|| {
        ApiError::payload(&table.set, "System.ArgumentException: Required parameter 'Targets' is missing or empty.")
    })?;
    let expected = format!("Microsoft.Dynamics.CRM.{}", table.logical);
    list.iter()
        .map(|target| {
            let target = target.as_object().ok_or_else(|| {
                ApiError::payload(&table.set, "Microsoft.OData.ODataException: A 'StartObject' node was expected.")
            })?;
            match target.get("@odata.type").and_then(Json::as_str).map(|name| name.trim_start_matches('#')) {
                Some(name) if name == expected => Ok(target),
                Some(other) => Err(ApiError::payload(
                    &table.set,
                    format!(
                        "Microsoft.OData.ODataException: A type named '{other}' could not be resolved as '{expected}'."
                    ),
                )),
                None => Err(ApiError::payload(
                    &table.set,
                    "Microsoft.OData.ODataException: The value of type 'Microsoft.Dynamics.CRM.crmbaseentity' is \
                     abstract. '@odata.type' must be specified for every target.",
                )),
            }
        })
        .collect()
}

/// Which row a target names: by `@odata.id`, by its primary key property, or none.
fn target_key(service: &Service<'_>, table: &Table, target: &Map<String, Json>) -> ApiResult<Option<RowKey>> {
    if let Some(url) = target.get("@odata.id").and_then(Json::as_str) {
        let segments = segments(service.relative(url))?;
        let [segment] = segments.as_slice() else { return Err(ApiError::no_segment(url)) };
        if segment.name != table.set {
            return Err(ApiError::no_segment(&segment.name));
        }
        let key = segment.key.as_deref().ok_or_else(|| ApiError::not_a_key(table))?;
        return row_key(table, key).map(Some);
    }
    match target.get(&table.columns[table.id].logical) {
        None | Some(Json::Null) => Ok(None),
        Some(id) => {
            let column = &table.columns[table.id];
            let id = id.as_str().and_then(normal_id);
            id.map(|id| Some(RowKey::Primary(id)))
                .ok_or_else(|| ApiError::wrong_literal(table, &target[&column.logical].to_string(), column))
        }
    }
}

fn update(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    key: &RowKey,
    target: &Map<String, Json>,
) -> ApiResult<()> {
    let row = find(session, table, key)?.ok_or_else(|| match key {
        RowKey::Primary(id) => ApiError::do_not_exist(table, *id),
        RowKey::Alternate(_) => ApiError::no_row_with_key(table),
    })?;
    let id = row[table.id].id().ok_or_else(ApiError::unexpected)?;
    let mut values = assignments(service, session, table, target, Purpose::Update)?;
    if let RowKey::Alternate(parts) = key {
        values.retain(|(column, _)| !parts.iter().any(|(part, _)| part == column));
    }
    session.update(table, id, &row, values)?;
    deep::update_parties(service, session, table, id, target)
}

fn upsert(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    target: &Map<String, Json>,
) -> ApiResult<()> {
    let key = target_key(service, table, target)?;
    if let Some(key) = &key
        && find(session, table, key)?.is_some()
    {
        return update(service, session, table, key, target);
    }
    let mut values = assignments(service, session, table, target, Purpose::Create)?;
    match key {
        Some(RowKey::Primary(id)) => values.push((table.id, Value::Id(id))),
        Some(RowKey::Alternate(parts)) => {
            // A known quirk of the platform: a key column both in @odata.id and in the body fails, on create only.
            if values.iter().any(|(column, _)| parts.iter().any(|(part, _)| part == column)) {
                return Err(ApiError::unexpected());
            }
            values.extend(parts);
        }
        None => {}
    }
    let id = session.create(table, values)?;
    deep::add_related(service, session, table, id, target)
}
