//! `GET` of resource paths: from a set to a row, along its navigation properties, down to the value of a property.

use std::sync::Arc;

use super::address::{Segment, absent, find, row_key};
use super::dispatch::{Operation, Service};
use super::json::{write_name, write_text, write_value};
use super::read::{self, Listing};
use super::{Response, fetch, files, messages, tracking};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{ColumnType, Table};
use crate::query::{Condition, Query};
use crate::records::{self, Right, Session, unsupported};
use crate::value::{Value, format_time};

/// Where a path has led so far.
enum Place {
    Rows(Listing),
    Row(Arc<Table>, Vec<Value>),
    /// A lookup without a row behind it.
    Nothing,
    /// A column of a row.
    Property(Arc<Table>, Vec<Value>, usize),
}

/// Answers a `GET` of rows or what belongs to them.
pub(super) fn get(
    service: &Service<'_>,
    session: &Session<'_>,
    segments: &[Segment],
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let Some((first, rest)) = segments.split_first() else { return read::service_document(service, session) };
    let mut place = start(session, first, rest.is_empty())?;
    for (at, segment) in rest.iter().enumerate() {
        let last = at + 1 == rest.len();
        place = match (place, segment.name.as_str()) {
            (Place::Rows(listing), "$count") if last => return read::count(session, &listing, operation),
            (Place::Rows(listing), "$ref") if last => return references(service, session, &listing),
            (Place::Row(table, row), "$ref") if last => return Ok(reference(service, &table, &row)),
            (Place::Nothing, "$ref") if last => Place::Nothing,
            (Place::Property(table, row, column), "$value") if last && table.columns[column].file.is_some() => {
                let place = records::Place { table: &table, row: &row, column };
                return files::download(service, session, &place, true, operation.request);
            }
            (Place::Property(table, row, column), "$value") if last => {
                return Ok(raw(&table.columns[column].kind, &row[column]));
            }
            (Place::Row(table, row), name) => step(session, table, row, name, segment.key.as_deref())?,
            _ => return Err(ApiError::no_segment(&segment.name)),
        };
    }
    match place {
        Place::Rows(listing) if tracking::asked(operation) => tracking::list(service, session, &listing, operation),
        Place::Rows(listing) if fetch::asked(operation) => fetch::list(service, session, &listing, operation),
        Place::Rows(listing) => read::list(service, session, &listing, operation),
        Place::Row(table, row) => read::row(service, session, &table, &row, operation),
        Place::Nothing => Ok(Response::empty(204)),
        Place::Property(table, row, column) if table.columns[column].file.is_some() => {
            let place = records::Place { table: &table, row: &row, column };
            files::download(service, session, &place, false, operation.request)
        }
        Place::Property(table, row, column) => Ok(property(service, &table, &row, column)),
    }
}

fn start(session: &Session<'_>, first: &Segment, only: bool) -> ApiResult<Place> {
    let table = session.data.schema.set(&first.name).ok_or_else(|| ApiError::no_segment(&first.name))?;
    let Some(key) = &first.key else {
        return Ok(Place::Rows(Listing { table: Arc::clone(table), path: table.set.clone(), restriction: None }));
    };
    let key = row_key(table, key)?;
    if only && !table.addressable {
        return Err(unsupported(table, "Retrieve"));
    }
    let row = find(session, table, &key)?.ok_or_else(|| absent(table, &key))?;
    Ok(Place::Row(Arc::clone(table), row))
}

/// One segment further from a row.
fn step(session: &Session<'_>, table: Arc<Table>, row: Vec<Value>, name: &str, key: Option<&str>) -> ApiResult<Place> {
    let schema = &session.data.schema;
    if let Some(cast) = name.strip_prefix("Microsoft.Dynamics.CRM.") {
        return if cast == table.logical { Ok(Place::Row(table, row)) } else { Err(ApiError::no_segment(name)) };
    }
    if let Some(collection) = schema.collection(&table, name) {
        let owner = row[table.id].clone();
        let id = owner.id().ok_or_else(ApiError::unexpected)?;
        let child = Arc::clone(collection.table());
        let restriction = match messages::dynamic_members(session, &table, &row)? {
            Some((members, values)) if members == child.logical => Condition::In { column: child.id, values },
            _ => Condition::in_collection(&collection, owner),
        };
        let Some(key) = key else {
            let path = format!("{}({id})/{name}", table.set);
            return Ok(Place::Rows(Listing { table: child, path, restriction: Some(restriction) }));
        };
        let key = row_key(&child, key)?;
        let found = find(session, &child, &key)?.ok_or_else(|| absent(&child, &key))?;
        let mut query = Query { limit: Some(1), ..Query::all(Arc::clone(&child)) };
        query.restrict(Condition::equal(child.id, found[child.id].clone()));
        query.restrict(restriction);
        if session.select(&query)?.is_empty() {
            return Err(absent(&child, &key));
        }
        return Ok(Place::Row(child, found));
    }
    if key.is_some() {
        return Err(ApiError::no_segment(name));
    }
    if let Some((column, navigation)) = table.navigation(name) {
        let Value::Row(target, id) = &row[column] else { return Ok(Place::Nothing) };
        let target = schema.table(target).filter(|_| navigation.targets.iter().any(|t| **t == **target));
        let Some(target) = target else { return Ok(Place::Nothing) };
        return Ok(match session.find(target, *id)? {
            Some(found) => {
                session.check_row(Right::Read, target, &found)?;
                Place::Row(Arc::clone(target), found)
            }
            None => Place::Nothing,
        });
    }
    let column = table.property(name).ok_or_else(|| ApiError::no_segment(name))?;
    Ok(Place::Property(table, row, column))
}

/// `GET /contacts(id)/fullname`
fn property(service: &Service<'_>, table: &Table, row: &[Value], column: usize) -> Response {
    let definition = &table.columns[column];
    if row[column].is_null() {
        return Response::empty(204);
    }
    let id = row[table.id].id().map(|id| id.to_string()).unwrap_or_default();
    let mut body = String::from("{");
    write_name(&mut body, "@odata.context");
    write_text(&mut body, &format!("{}/$metadata#{}({id})/{}", service.root, table.set, definition.property()));
    write_name(&mut body, "value");
    write_value(&mut body, definition, &row[column]);
    body.push('}');
    Response::json(200, body)
}

/// `GET /contacts(id)/fullname/$value`: the value as text.
fn raw(kind: &ColumnType, value: &Value) -> Response {
    let text = match (value, kind) {
        (Value::Null, _) => return Response::empty(204),
        (Value::Int(flag), ColumnType::Flag { .. }) => (*flag != 0).to_string(),
        (Value::Int(time), ColumnType::DateTime) => format_time(*time),
        (Value::Int(number), _) => number.to_string(),
        (Value::Real(number), _) => number.to_string(),
        (Value::Text(text), _) => text.clone(),
        (Value::Id(id) | Value::Row(_, id), _) => id.to_string(),
    };
    Response::empty(200).with("Content-Type", "text/plain").with_body(text.into_bytes())
}

/// `GET /accounts(id)/primarycontactid/$ref`
fn reference(service: &Service<'_>, table: &Table, row: &[Value]) -> Response {
    let id = row[table.id].id().map(|id| id.to_string()).unwrap_or_default();
    let body = serde_json::json!({
        "@odata.context": format!("{}/$metadata#$ref", service.root),
        "@odata.id": format!("{}/{}({id})", service.root, table.set),
    });
    Response::json(200, body.to_string())
}

/// `GET /accounts(id)/Account_Tasks/$ref`
fn references(service: &Service<'_>, session: &Session<'_>, listing: &Listing) -> ApiResult<Response> {
    let table = &listing.table;
    let query = Query {
        select: Some(Vec::new()),
        filter: listing.restriction.clone(),
        limit: Some(read::MAX_ROWS),
        ..Query::all(Arc::clone(table))
    };
    let rows = session.select(&query)?;
    let ids = rows.iter().filter_map(|row| row[table.id].id());
    let value: Vec<_> =
        ids.map(|id| serde_json::json!({ "@odata.id": format!("{}/{}({id})", service.root, table.set) })).collect();
    let context = format!("{}/$metadata#Collection($ref)", service.root);
    Ok(Response::json(200, serde_json::json!({ "@odata.context": context, "value": value }).to_string()))
}
