//! Related rows in the payload of a create ("Create related table rows in one operation"), and the parties of
//! activities.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::address::reference;
use super::dispatch::Service;
use super::messages::lists;
use super::payload::{Purpose, assignments};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Collection, Table};
use crate::records::PLATFORM_PARTIES;
use crate::records::Session;
use crate::value::Value;

/// Creates a row and everything in its payload that belongs to it.
pub(super) fn create(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    body: &Map<String, Json>,
) -> ApiResult<Uuid> {
    let id = session.create(table, assignments(service, session, table, body, Purpose::Create)?)?;
    add_related(service, session, table, id, body)?;
    Ok(id)
}

/// Creates or links the rows that a payload puts into collections of a new row.
pub(super) fn add_related(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    id: Uuid,
    body: &Map<String, Json>,
) -> ApiResult<()> {
    for (name, json) in body {
        let Json::Array(items) = json else { continue };
        let bound = name.strip_suffix("@odata.bind");
        let Some(collection) = session.data.schema.collection(table, bound.unwrap_or(name)) else { continue };
        for item in items {
            match (item, bound) {
                (Json::String(url), Some(_)) => {
                    let (target, member) = reference(service, session, url)?;
                    link(session, table, id, &collection, &target, member)?;
                }
                (Json::Object(row), None) => {
                    add_one(service, session, table, id, &collection, row)?;
                }
                _ => {
                    let inner = "Microsoft.OData.ODataException: An unexpected node was found in a collection.";
                    return Err(ApiError::payload(&table.set, inner));
                }
            }
        }
    }
    Ok(())
}

/// Creates a row in a collection of another one.
pub(super) fn add_one(
    service: &Service<'_>,
    session: &Session<'_>,
    owner: &Table,
    id: Uuid,
    collection: &Collection,
    body: &Map<String, Json>,
) -> ApiResult<Uuid> {
    let child = collection.table();
    match collection {
        Collection::Children { column, .. } => {
            let mut values = assignments(service, session, child, body, Purpose::Create)?;
            values.push((*column, Value::Row(Arc::from(owner.logical.as_str()), id)));
            let new = session.create(child, values)?;
            add_related(service, session, child, new, body)?;
            Ok(new)
        }
        Collection::Associated { .. } => {
            let new = create(service, session, child, body)?;
            link(session, owner, id, collection, child, new)?;
            Ok(new)
        }
    }
}

/// Puts an existing row into a collection. Marketing lists have rules of their own for that.
pub(super) fn link(
    session: &Session<'_>,
    owner: &Table,
    id: Uuid,
    collection: &Collection,
    target: &Table,
    member: Uuid,
) -> ApiResult<()> {
    if target.logical != collection.table().logical {
        return Err(ApiError::payload(
            &owner.set,
            format!(
                "Microsoft.OData.ODataException: A row of '{}' can't stand in a collection of '{}'.",
                target.logical,
                collection.table().logical
            ),
        ));
    }
    match list_and_member(owner, id, collection, member) {
        Some((list, member)) => lists::link(session, list, collection_of_list(owner, collection), member),
        None => session.associate(owner, id, collection, member),
    }
}

/// Takes a row out of a collection.
pub(super) fn unlink(
    session: &Session<'_>,
    owner: &Table,
    id: Uuid,
    collection: &Collection,
    member: Uuid,
) -> ApiResult<()> {
    match list_and_member(owner, id, collection, member) {
        Some((list, member)) => lists::unlink(session, list, member),
        None => session.disassociate(id, collection, member),
    }
}

/// The marketing list and its member, whichever of them the collection belongs to.
fn list_and_member(owner: &Table, id: Uuid, collection: &Collection, member: Uuid) -> Option<(Uuid, Uuid)> {
    let Collection::Associated { intersect, .. } = collection else { return None };
    (intersect.logical == "listmember").then_some(())?;
    Some(if owner.logical == "list" { (id, member) } else { (member, id) })
}

/// Logical name of the table whose rows are members.
fn collection_of_list<'t>(owner: &'t Table, collection: &'t Collection) -> &'t str {
    if owner.logical == "list" { &collection.table().logical } else { &owner.logical }
}

/// Replaces the parties of an activity.
pub(super) fn replace_parties(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    id: Uuid,
    collection: &Collection,
    parties: &[Json],
) -> ApiResult<()> {
    let Collection::Children { table: party, column } = collection else { return Err(ApiError::unexpected()) };
    let role = party.column("participationtypemask");
    for row in session.equal(party, *column, Value::Id(id))? {
        // What follows from owner and regarding is the platform's to change.
        if role.is_some_and(|role| PLATFORM_PARTIES.contains(&row[role].int().unwrap_or_default())) {
            continue;
        }
        if let Some(old) = row[party.id].id() {
            session.delete(party, old)?;
        }
    }
    for item in parties {
        let row = item.as_object().ok_or_else(|| {
            ApiError::payload(&table.set, "Microsoft.OData.ODataException: A 'StartObject' node was expected.")
        })?;
        add_one(service, session, table, id, collection, row)?;
    }
    Ok(())
}

/// The collection of an activity's parties, if a name means it.
pub(super) fn parties(session: &Session<'_>, table: &Table, name: &str) -> Option<Collection> {
    let collection = session.data.schema.collection(table, name)?;
    (table.activity && collection.table().logical == "activityparty").then_some(collection)
}

/// Replaces the parties that the payload of an update names.
pub(super) fn update_parties(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Arc<Table>,
    id: Uuid,
    body: &Map<String, Json>,
) -> ApiResult<()> {
    for (name, json) in body {
        if let Json::Array(items) = json
            && let Some(collection) = parties(session, table, name)
        {
            replace_parties(service, session, table, id, &collection, items)?;
        }
    }
    Ok(())
}
