//! Members of marketing lists ("Marketing list table/entity reference").

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::query::{Comparison, Condition, Query};
use crate::records::{Right, Session, normal_id};
use crate::value::Value;
use crate::webapi::Response;
use crate::webapi::dispatch::{Operation, Service};
use crate::webapi::payload::object;

const SET: &str = "lists";

/// A list that takes members, and the table its members come from.
struct OpenList {
    id: Uuid,
    members: Arc<Table>,
}

/// `POST /AddListMembersList {"List", "Members"}`: several members at once.
pub(super) fn add_members(session: &Session<'_>, operation: &Operation<'_>) -> ApiResult<Response> {
    let (list, members) = several(session, operation)?;
    for member in members {
        add(session, &list, member)?;
    }
    recount(session, list.id)?;
    Ok(Response::empty(204))
}

/// `POST /RemoveListMembersList`, with the same parameters. Who is not on the list stays off it.
pub(super) fn remove_members(session: &Session<'_>, operation: &Operation<'_>) -> ApiResult<Response> {
    let (list, members) = several(session, operation)?;
    for member in members {
        unlink(session, list.id, member)?;
    }
    Ok(Response::empty(204))
}

/// A list and people of its kind.
fn several(session: &Session<'_>, operation: &Operation<'_>) -> ApiResult<(OpenList, Vec<Uuid>)> {
    let body = object(SET, &operation.request.body)?;
    let list = body.get("List").and_then(Json::as_object).and_then(|list| id_of(list, "listid"));
    let list = open(session, list.ok_or_else(|| required("List"))?)?;
    let mut ids = Vec::new();
    for member in body.get("Members").and_then(Json::as_array).ok_or_else(|| required("Members"))? {
        let member = member.as_object().ok_or_else(|| required("Members"))?;
        let kind = member.get("@odata.type").and_then(Json::as_str).unwrap_or_default();
        let kind = kind.trim_start_matches('#').trim_start_matches("Microsoft.Dynamics.CRM.");
        if kind != list.members.logical {
            return Err(ApiError::new(400, "0x80040301", "Unsupported list member type."));
        }
        let key = &list.members.columns[list.members.id].logical;
        ids.push(id_of(member, key).ok_or_else(|| required(key))?);
    }
    Ok((list, ids))
}

/// `POST /lists(id)/Microsoft.Dynamics.CRM.AddMemberList`
pub(super) fn add_member(
    service: &Service<'_>,
    session: &Session<'_>,
    list: Uuid,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let body = object(SET, &operation.request.body)?;
    let list = open(session, list)?;
    let id = add(session, &list, id_of(body, "EntityId").ok_or_else(|| required("EntityId"))?)?;
    recount(session, list.id)?;
    let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.AddMemberListResponse", service.root);
    Ok(Response::json(200, json!({ "@odata.context": context, "Id": id }).to_string()))
}

/// `POST /lists(id)/Microsoft.Dynamics.CRM.RemoveMemberList`: the id is that of the person, under either name.
pub(super) fn remove_member(session: &Session<'_>, list: Uuid, operation: &Operation<'_>) -> ApiResult<Response> {
    let body = object(SET, &operation.request.body)?;
    let nested = body.get("ListMember").and_then(Json::as_object);
    let person = id_of(body, "EntityId").or_else(|| nested.and_then(|member| id_of(member, "listmemberid")));
    let person = person.ok_or_else(|| required("EntityId"))?;
    let list = open(session, list)?;
    let table = memberships(session)?;
    let Some(membership) = find(session, table, list.id, person)? else {
        return Err(ApiError::new(400, "0x80048458", "Specified Item not a member of the specified List."));
    };
    session.delete(table, membership)?;
    recount(session, list.id)?;
    Ok(Response::empty(204))
}

/// `POST /lists(id)/Microsoft.Dynamics.CRM.CopyMembersList {"TargetListId"}`: the members of one list join another.
pub(super) fn copy_members(session: &Session<'_>, list: Uuid, operation: &Operation<'_>) -> ApiResult<Response> {
    let body = object(SET, &operation.request.body)?;
    let target = open(session, id_of(body, "TargetListId").ok_or_else(|| required("TargetListId"))?)?;
    let lists = session.data.schema.table("list").ok_or_else(ApiError::unexpected)?;
    let row = session.find(lists, list)?.ok_or_else(|| ApiError::does_not_exist(lists, list))?;
    if lists.column("createdfromcode").and_then(|column| row[column].int()) != Some(target.members.type_code) {
        return Err(ApiError::new(400, "0x80040301", "Unsupported list member type."));
    }
    let members = match dynamic_members(session, lists, &row)? {
        Some((_, members)) => members.iter().filter_map(Value::id).collect(),
        None => members(session, list)?,
    };
    for member in members {
        add(session, &target, member)?;
    }
    recount(session, target.id)?;
    Ok(Response::empty(204))
}

/// `POST /lists(id)/Microsoft.Dynamics.CRM.QualifyMemberList {"MembersId", "OverrideorRemove"}`: only these members stay,
/// or these go.
pub(super) fn qualify_members(session: &Session<'_>, list: Uuid, operation: &Operation<'_>) -> ApiResult<Response> {
    let body = object(SET, &operation.request.body)?;
    let named = body.get("MembersId").and_then(Json::as_array).ok_or_else(|| required("MembersId"))?;
    let named: Vec<Uuid> = named.iter().filter_map(|id| id.as_str().and_then(normal_id)).collect();
    let stay = body.get("OverrideorRemove").and_then(Json::as_bool).ok_or_else(|| required("OverrideorRemove"))?;
    let list = open(session, list)?;
    let table = memberships(session)?;
    for member in members(session, list.id)?.into_iter().filter(|member| named.contains(member) != stay) {
        if let Some(membership) = find(session, table, list.id, member)? {
            session.delete(table, membership)?;
        }
    }
    if stay {
        for member in named {
            add(session, &list, member)?;
        }
    }
    recount(session, list.id)?;
    Ok(Response::empty(204))
}

/// The members of a static list.
fn members(session: &Session<'_>, list: Uuid) -> ApiResult<Vec<Uuid>> {
    let table = memberships(session)?;
    let (Some(of), Some(member)) = (table.column("listid"), table.column("entityid")) else { return Ok(Vec::new()) };
    Ok(session.equal(table, of, Value::Id(list))?.iter().filter_map(|row| row[member].id()).collect())
}

/// Adds a member through the many-to-many relationship; `kind` is the member's table.
pub(in crate::webapi) fn link(session: &Session<'_>, list: Uuid, kind: &str, member: Uuid) -> ApiResult<()> {
    let list = open(session, list)?;
    if list.members.logical != kind {
        return Err(ApiError::new(400, "0x80040301", "Unsupported list member type."));
    }
    add(session, &list, member)?;
    recount(session, list.id)
}

/// Removes a member through the many-to-many relationship.
pub(in crate::webapi) fn unlink(session: &Session<'_>, list: Uuid, member: Uuid) -> ApiResult<()> {
    let list = open(session, list)?;
    let table = memberships(session)?;
    if let Some(membership) = find(session, table, list.id, member)? {
        session.delete(table, membership)?;
    }
    recount(session, list.id)
}

fn required(name: &str) -> ApiError {
    ApiError::payload(SET, format!("System.ArgumentException: Required parameter '{name}' is missing or invalid."))
}

fn id_of(object: &Map<String, Json>, name: &str) -> Option<Uuid> {
    object.get(name).and_then(Json::as_str).and_then(normal_id)
}

fn memberships<'s>(session: &'s Session<'_>) -> ApiResult<&'s Arc<Table>> {
    session.data.schema.table("listmember").ok_or_else(ApiError::unexpected)
}

/// The list, if members can be added to it or removed.
fn open(session: &Session<'_>, id: Uuid) -> ApiResult<OpenList> {
    let table = session.data.schema.table("list").ok_or_else(ApiError::unexpected)?;
    let row = session.find(table, id)?.ok_or_else(|| ApiError::does_not_exist(table, id))?;
    session.check_row(Right::Read, table, &row)?;
    let number = |name: &str| table.column(name).and_then(|column| row[column].int()).unwrap_or_default();
    if number("type") != 0 {
        let message = "This action is not available for a dynamic marketing list.";
        return Err(ApiError::new(400, "0x8004f701", message));
    }
    if number("lockstatus") != 0 {
        return Err(ApiError::new(400, "0x80040302", "List is Locked. Cannot perform this action."));
    }
    if number("statecode") != 0 {
        return Err(ApiError::new(400, "0x8004033a", "List is not active. Cannot perform this operation."));
    }
    let kind = number("createdfromcode");
    let members = session.data.schema.tables.iter().find(|table| table.type_code == kind);
    Ok(OpenList { id, members: Arc::clone(members.ok_or_else(ApiError::unexpected)?) })
}

/// The membership of a person in a list. Somebody is on few lists, and a list may have a great many members.
fn find(session: &Session<'_>, table: &Arc<Table>, list: Uuid, person: Uuid) -> ApiResult<Option<Uuid>> {
    let column = |name: &str| table.column(name).ok_or_else(ApiError::unexpected);
    let (of, member) = (column("listid")?, column("entityid")?);
    let theirs = session.equal(table, member, Value::Id(person))?;
    Ok(theirs.iter().find(|row| row[of].id() == Some(list)).and_then(|row| row[table.id].id()))
}

/// Adds a person, unless they are a member already; either way returns the membership.
fn add(session: &Session<'_>, list: &OpenList, person: Uuid) -> ApiResult<Uuid> {
    if !session.exists(&list.members, person)? {
        for other in ["account", "contact", "lead"].iter().filter_map(|name| session.data.schema.table(name)) {
            if session.exists(other, person)? {
                return Err(ApiError::new(400, "0x80040301", "Unsupported list member type."));
            }
        }
        return Err(ApiError::does_not_exist(&list.members, person));
    }
    link_rights(session, list, person)?;
    let table = memberships(session)?;
    if let Some(existing) = find(session, table, list.id, person)? {
        return Ok(existing);
    }
    let member = Arc::from(list.members.logical.as_str());
    let name = session.data.store.name_of(&session.data.schema, &list.members.logical, person)?;
    let values = [
        ("listid", Value::Row(Arc::from("list"), list.id)),
        ("entityid", Value::Row(member, person)),
        ("entitytype", Value::Text(list.members.logical.clone())),
        ("name", name.map_or(Value::Null, Value::Text)),
    ];
    let values = values.into_iter().filter_map(|(name, value)| table.column(name).map(|column| (column, value)));
    session.create(table, values.collect())
}

/// A membership needs the right to append on the person's side and the right to be appended to on the list's.
fn link_rights(session: &Session<'_>, list: &OpenList, person: Uuid) -> ApiResult<()> {
    let lists = session.data.schema.table("list").ok_or_else(ApiError::unexpected)?;
    if let Some(row) = session.find(lists, list.id)? {
        session.check_row(Right::AppendTo, lists, &row)?;
    }
    match session.find(&list.members, person)? {
        Some(row) => session.check_row(Right::Append, &list.members, &row),
        None => Ok(()),
    }
}

/// Keeps `membercount` right.
fn recount(session: &Session<'_>, list: Uuid) -> ApiResult<()> {
    let table = memberships(session)?;
    let lists = session.data.schema.table("list").ok_or_else(ApiError::unexpected)?;
    let (Some(column), Some(count)) = (table.column("listid"), lists.column("membercount")) else { return Ok(()) };
    let filter = Condition::Compare { column, comparison: Comparison::Equal, value: Value::Id(list) };
    let members = session.count(&Query { filter: Some(filter), ..Query::all(Arc::clone(table)) })?;
    let Some(row) = session.find(lists, list)? else { return Ok(()) };
    session.update(lists, list, &row, vec![(count, Value::Int(members))])
}

/// The members of a dynamic list, by its stored query: their table and their keys. Other rows have none.
pub(in crate::webapi) fn dynamic_members(
    session: &Session<'_>,
    table: &Table,
    row: &[Value],
) -> ApiResult<Option<(String, Vec<Value>)>> {
    let value = |name: &str| table.column(name).map(|column| &row[column]);
    if table.logical != "list" || value("type") != Some(&Value::Int(1)) {
        return Ok(None);
    }
    let Some(query) = value("query").and_then(Value::text) else { return Ok(Some((String::new(), Vec::new()))) };
    let (members, rows) = session.run_fetch(query)?;
    Ok(Some((members.logical.clone(), rows.iter().map(|row| row[members.id].clone()).collect())))
}

/// `POST /lists(id)/Microsoft.Dynamics.CRM.CopyDynamicListToStatic`
pub(super) fn copy_to_static(service: &Service<'_>, session: &Session<'_>, list: Uuid) -> ApiResult<Response> {
    let table = session.data.schema.table("list").ok_or_else(ApiError::unexpected)?;
    let row = session.find(table, list)?.ok_or_else(|| ApiError::does_not_exist(table, list))?;
    let Some((_, members)) = dynamic_members(session, table, &row)? else {
        return Err(ApiError::invalid_argument("The list is no dynamic marketing list."));
    };
    let copied = ["listname", "createdfromcode", "description", "purpose", "source"];
    let values = copied.iter().filter_map(|name| table.column(name)).map(|column| (column, row[column].clone()));
    let id = session.create(table, values.collect())?;
    let target = open(session, id)?;
    for member in members.iter().filter_map(Value::id) {
        add(session, &target, member)?;
    }
    recount(session, id)?;
    let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.CopyDynamicListToStaticResponse", service.root);
    Ok(Response::json(200, json!({ "@odata.context": context, "StaticListId": id }).to_string()))
}
