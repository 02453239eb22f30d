//! `$ref`: links between rows ("Associate and disassociate table rows").

use std::sync::Arc;

use serde_json::Value as Json;
use uuid::Uuid;

use super::Response;
use super::address::{RowKey, Segment, absent, find, reference, row_key};
use super::conditions::{Precondition, etag};
use super::deep::{add_one, link, parties, replace_parties, unlink};
use super::dispatch::{Operation, Service};
use super::payload::object;
use super::read::representation;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Collection, Table};
use crate::records::Session;
use crate::value::Value;

/// `POST`, `PUT` or `DELETE` of `/accounts(id)/navigation/$ref`.
pub(super) fn write(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    key: &RowKey,
    navigation: &Segment,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let row = find(session, table, key)?.ok_or_else(|| absent(table, key))?;
    let id = row[table.id].id().ok_or_else(ApiError::unexpected)?;
    let method = operation.request.method.as_str();
    let name = navigation.name.as_str();
    if table.navigation(name).is_some() {
        return lookup(service, session, table, id, &row, name, operation);
    }
    let collection = session.data.schema.collection(table, name).ok_or_else(|| ApiError::no_segment(name))?;
    match method {
        "POST" if navigation.key.is_none() => {
            let (target, member) = target(service, session, table, operation)?;
            link(session, table, id, &collection, &target, member)?;
        }
        "DELETE" => {
            let member = removed(service, session, table, &collection, navigation, operation)?;
            unlink(session, table, id, &collection, member)?;
        }
        _ => return Err(refused(name, method)),
    }
    Ok(Response::empty(204))
}

/// Sets or empties a lookup.
fn lookup(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    id: Uuid,
    row: &[Value],
    name: &str,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let (column, navigation) = table.navigation(name).ok_or_else(|| ApiError::no_segment(name))?;
    let value = match operation.request.method.as_str() {
        "DELETE" => Value::Null,
        "PUT" => {
            let (target, id) = target(service, session, table, operation)?;
            if !navigation.targets.contains(&target.logical) {
                return Err(ApiError::undeclared_navigation(table, name));
            }
            Value::Row(Arc::from(target.logical.as_str()), id)
        }
        method => return Err(refused(name, method)),
    };
    session.update(table, id, row, vec![(column, value)])?;
    Ok(Response::empty(204))
}

/// The row that a body links to: `{"@odata.id": …}`.
fn target(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Table,
    operation: &Operation<'_>,
) -> ApiResult<(Arc<Table>, Uuid)> {
    let body = object(&table.set, &operation.request.body)?;
    let url = body.get("@odata.id").and_then(Json::as_str);
    let url =
        url.ok_or_else(|| ApiError::payload(&table.set, "Microsoft.OData.ODataException: @odata.id is missing."))?;
    reference(service, session, url)
}

/// The row to take out: in the path, or as `?$id=`.
fn removed(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Table,
    collection: &Collection,
    navigation: &Segment,
    operation: &Operation<'_>,
) -> ApiResult<Uuid> {
    let child = collection.table();
    if let Some(key) = &navigation.key {
        let key = row_key(child, key)?;
        let row = find(session, child, &key)?.ok_or_else(|| absent(child, &key))?;
        return row[child.id].id().ok_or_else(ApiError::unexpected);
    }
    let url = operation.pairs.iter().find(|(name, _)| name == "$id").map(|(_, url)| url);
    let url = url.ok_or_else(|| {
        ApiError::payload(&table.set, "Microsoft.OData.ODataException: The query option $id is missing.")
    })?;
    let (target, member) = reference(service, session, url)?;
    if target.logical == child.logical { Ok(member) } else { Err(ApiError::no_segment(&target.set)) }
}

/// `POST /accounts(id)/Account_Tasks`: a new row in a collection.
pub(super) fn create_in(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    key: &RowKey,
    name: &str,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let collection = session.data.schema.collection(table, name).ok_or_else(|| ApiError::no_segment(name))?;
    let row = find(session, table, key)?.ok_or_else(|| absent(table, key))?;
    let id = row[table.id].id().ok_or_else(ApiError::unexpected)?;
    let child = collection.table();
    let body = object(&child.set, &operation.request.body)?;
    let new = add_one(service, session, table, id, &collection, body)?;
    let url = format!("{}/{}({new})", service.root, child.set);
    if operation.prefer.representation {
        let row = session.find(child, new)?.ok_or_else(|| ApiError::does_not_exist(child, new))?;
        let response = representation(service, session, child, &row, operation, 201)?;
        return Ok(response.with("ETag", etag(child, &row)).about(url));
    }
    Ok(Response::empty(204).with("OData-EntityId", url.clone()).about(url))
}

/// `PUT /emails(id)/email_activity_parties` with `{"value": […]}`; `None` if the name means no parties.
pub(super) fn put_parties(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    key: &RowKey,
    name: &str,
    operation: &Operation<'_>,
) -> ApiResult<Option<Response>> {
    let Some(collection) = parties(session, table, name) else { return Ok(None) };
    let row = find(session, table, key)?.ok_or_else(|| absent(table, key))?;
    Precondition::of(operation.request).check_write(table, &row)?;
    let id = row[table.id].id().ok_or_else(ApiError::unexpected)?;
    let body = object(&table.set, &operation.request.body)?;
    let list = body.get("value").and_then(Json::as_array);
    let list = list.ok_or_else(|| {
        ApiError::payload(&table.set, "Microsoft.OData.ODataException: A property with name 'value' was expected.")
    })?;
    replace_parties(service, session, table, id, &collection, list)?;
    Ok(Some(Response::empty(204)))
}

fn refused(name: &str, method: &str) -> ApiError {
    ApiError::method_not_allowed(format!("The requested resource '{name}' does not support http method '{method}'."))
}
