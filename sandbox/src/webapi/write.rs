//! Creating, changing and deleting single rows ("Create a table row", "Update and delete table rows").

use std::sync::Arc;

use serde_json::Value as Json;

use super::Response;
use super::address::{RowKey, absent, find};
use super::conditions::{Precondition, etag};
use super::deep;
use super::dispatch::{Operation, Service};
use super::payload::{Purpose, assignments, object};
use super::read::representation;
use super::uri::encode;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::records::{Session, from_json};
use crate::value::Value;

/// `POST /contacts`
pub(super) fn create(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let body = object(&table.set, &operation.request.body)?;
    let id = deep::create(service, session, table, body)?;
    let url = format!("{}/{}({id})", service.root, table.set);
    if operation.prefer.representation {
        let row = session.find(table, id)?.ok_or_else(|| ApiError::does_not_exist(table, id))?;
        let response = representation(service, session, table, &row, operation, 201)?;
        return Ok(response.with("ETag", etag(table, &row)).about(url));
    }
    Ok(Response::empty(204).with("OData-EntityId", url.clone()).about(url))
}

/// `PATCH /contacts(id)`: update or, unless a condition forbids it, create.
pub(super) fn patch(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    key: &RowKey,
    key_text: &str,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let condition = Precondition::of(operation.request);
    let body = object(&table.set, &operation.request.body)?;
    let existing = find(session, table, key)?;
    let (id, status) = match &existing {
        Some(row) => {
            condition.check_write(table, row)?;
            let mut values = assignments(service, session, table, body, Purpose::Update)?;
            if let RowKey::Alternate(parts) = key {
                // A row can't be given another key through its key.
                values.retain(|(column, _)| !parts.iter().any(|(part, _)| part == column));
            }
            let id = row[table.id].id().ok_or_else(ApiError::unexpected)?;
            session.update(table, id, row, values)?;
            deep::update_parties(service, session, table, id, body)?;
            (id, 200)
        }
        None if condition.allows_create() => {
            let mut values = assignments(service, session, table, body, Purpose::Create)?;
            match key {
                RowKey::Primary(id) => values.push((table.id, Value::Id(*id))),
                RowKey::Alternate(parts) => {
                    for (column, value) in parts {
                        if !values.iter().any(|(set, _)| set == column) {
                            values.push((*column, value.clone()));
                        }
                    }
                }
            }
            let id = session.create(table, values)?;
            deep::add_related(service, session, table, id, body)?;
            (id, 201)
        }
        None => return Err(absent(table, key)),
    };
    let url = format!("{}/{}({id})", service.root, table.set);
    if operation.prefer.representation {
        let row = session.find(table, id)?.ok_or_else(|| ApiError::does_not_exist(table, id))?;
        let response = representation(service, session, table, &row, operation, status)?;
        return Ok(response.with("ETag", etag(table, &row)).about(url));
    }
    let address = match key {
        RowKey::Primary(_) => url.clone(),
        // The key is echoed as it was given.
        RowKey::Alternate(_) => format!("{}/{}", service.root, encode_key(key_text)),
    };
    Ok(Response::empty(204).with("OData-EntityId", address).about(url))
}

/// A header takes no control characters and no text beyond ASCII.
fn encode_key(text: &str) -> String {
    if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') { text.to_owned() } else { encode(text) }
}

/// `DELETE /contacts(id)`
pub(super) fn delete(
    session: &Session<'_>,
    table: &Arc<Table>,
    key: &RowKey,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let row = find(session, table, key)?.ok_or_else(|| absent(table, key))?;
    if let condition @ Precondition::Version(_) = Precondition::of(operation.request) {
        condition.check_write(table, &row)?;
    }
    let id = row[table.id].id().ok_or_else(ApiError::unexpected)?;
    session.delete(table, id)?;
    Ok(Response::empty(204))
}

/// `PUT /contacts(id)/jobtitle` with `{"value": …}`
pub(super) fn put_property(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    key: &RowKey,
    name: &str,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let body = object(&table.set, &operation.request.body)?;
    let column = table.property(name).filter(|column| table.columns[*column].lookup().is_none());
    let column = column.ok_or_else(|| ApiError::no_segment(name))?;
    let value = from_json(table, &table.columns[column], body.get("value").unwrap_or(&Json::Null))?;
    let row = find(session, table, key)?.ok_or_else(|| absent(table, key))?;
    Precondition::of(operation.request).check_write(table, &row)?;
    let id = row[table.id].id().ok_or_else(ApiError::unexpected)?;
    let values = if table.columns[column].updatable { vec![(column, value)] } else { Vec::new() };
    session.update(table, id, &row, values)?;
    Ok(Response::empty(204).with("OData-EntityId", format!("{}/{}({id})/{name}", service.root, table.set)))
}

/// `DELETE /contacts(id)/jobtitle`: empties a column. Lookups are emptied with `…/$ref`.
pub(super) fn delete_property(
    session: &Session<'_>,
    table: &Arc<Table>,
    key: &RowKey,
    name: &str,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let column = table.property(name).filter(|column| table.columns[*column].lookup().is_none());
    let column = column.ok_or_else(|| ApiError::no_segment(name))?;
    let row = find(session, table, key)?.ok_or_else(|| absent(table, key))?;
    Precondition::of(operation.request).check_write(table, &row)?;
    let id = row[table.id].id().ok_or_else(ApiError::unexpected)?;
    let values = if table.columns[column].updatable { vec![(column, Value::Null)] } else { Vec::new() };
    session.update(table, id, &row, values)?;
    Ok(Response::empty(204))
}
