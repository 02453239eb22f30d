//! Privileges of roles and users.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::about::context;
use super::parameters::{of_function, required};
use crate::catalogue::{id_of, privilege_id};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::records::{Session, normal_id};
use crate::value::Value;
use crate::webapi::Response;
use crate::webapi::address::Segment;
use crate::webapi::dispatch::{Operation, Service};
use crate::webapi::payload::object;

/// Depths by name, with the bit each has in `privilegedepthmask`.
const DEPTHS: [(&str, i64); 4] = [("Basic", 1), ("Local", 2), ("Deep", 4), ("Global", 8)];

fn table<'s>(session: &'s Session<'_>, name: &str) -> ApiResult<&'s Arc<Table>> {
    session.data.schema.table(name).ok_or_else(ApiError::unexpected)
}

fn column(table: &Table, name: &str) -> ApiResult<usize> {
    table.column(name).ok_or_else(ApiError::unexpected)
}

/// `POST /roles(id)/Microsoft.Dynamics.CRM.AddPrivilegesRole`; with `replace`, what is not named is taken away.
pub(super) fn add(session: &Session<'_>, role: Uuid, replace: bool, operation: &Operation<'_>) -> ApiResult<Response> {
    let body = object("roles", &operation.request.body)?;
    let roles = table(session, "role")?;
    if !session.exists(roles, role)? {
        return Err(ApiError::does_not_exist(roles, role));
    }
    let links = table(session, "roleprivileges")?;
    let of_role = column(links, "roleid")?;
    if replace {
        for link in session.equal(links, of_role, Value::Id(role))? {
            session.delete(links, link[links.id].id().ok_or_else(ApiError::unexpected)?)?;
        }
    }
    for privilege in body.get("Privileges").and_then(Json::as_array).ok_or_else(|| required("Privileges"))? {
        let id = privilege["PrivilegeId"].as_str().and_then(normal_id).filter(|id| !id.is_nil());
        let id = id.or_else(|| privilege["PrivilegeName"].as_str().map(privilege_id));
        let id = id.ok_or_else(|| required("PrivilegeId"))?;
        let privileges = table(session, "privilege")?;
        if !session.exists(privileges, id)? {
            return Err(ApiError::does_not_exist(privileges, id));
        }
        let name = privilege["Depth"].as_str().unwrap_or_default();
        let depth = DEPTHS.iter().find(|(known, bit)| *known == name || privilege["Depth"] == bit.ilog2());
        let (_, bit) = depth.ok_or_else(wrong_depth)?;
        set(session, role, id, *bit)?;
    }
    Ok(Response::empty(204))
}

fn wrong_depth() -> ApiError {
    ApiError::new(400, "0x8004140b", "Invalid privilege depth.")
}

/// Gives a role a privilege, by the name of its depth.
pub(in crate::webapi) fn grant(session: &Session<'_>, role: Uuid, privilege: Uuid, depth: &str) -> ApiResult<()> {
    let (_, bit) = DEPTHS.iter().find(|(known, _)| *known == depth).ok_or_else(wrong_depth)?;
    set(session, role, privilege, *bit)
}

fn set(session: &Session<'_>, role: Uuid, privilege: Uuid, bit: i64) -> ApiResult<()> {
    let links = table(session, "roleprivileges")?;
    let (of_role, of_privilege, mask) =
        (column(links, "roleid")?, column(links, "privilegeid")?, column(links, "privilegedepthmask")?);
    let existing = session.equal(links, of_role, Value::Id(role))?;
    let existing = existing.iter().find(|link| link[of_privilege].id() == Some(privilege));
    match existing.and_then(|link| Some((link, link[links.id].id()?))) {
        Some((link, link_id)) => session.update(links, link_id, link, vec![(mask, Value::Int(bit))]),
        None => {
            let values = vec![
                (links.id, Value::Id(id_of(&format!("{role}:{privilege}")))),
                (of_role, Value::Id(role)),
                (of_privilege, Value::Id(privilege)),
                (mask, Value::Int(bit)),
            ];
            session.create(links, values).map(drop)
        }
    }
}

/// `POST /roles(id)/Microsoft.Dynamics.CRM.RemovePrivilegeRole {"PrivilegeId"}`
pub(super) fn remove(session: &Session<'_>, role: Uuid, operation: &Operation<'_>) -> ApiResult<Response> {
    let body = object("roles", &operation.request.body)?;
    let privilege = body.get("PrivilegeId").and_then(Json::as_str).and_then(normal_id);
    let privilege = privilege.ok_or_else(|| required("PrivilegeId"))?;
    let links = table(session, "roleprivileges")?;
    let of_privilege = column(links, "privilegeid")?;
    for link in session.equal(links, column(links, "roleid")?, Value::Id(role))? {
        if link[of_privilege].id() == Some(privilege) {
            session.delete(links, link[links.id].id().ok_or_else(ApiError::unexpected)?)?;
        }
    }
    Ok(Response::empty(204))
}

/// `GET /systemusers(id)/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()` and `…/RetrieveTeamPrivileges()`: the
/// privileges of all roles of a user or a team.
pub(super) fn of_principal(
    service: &Service<'_>,
    session: &Session<'_>,
    principals: &Table,
    id: Uuid,
    message: &str,
) -> ApiResult<Response> {
    session.check_privilege("prvReadRole")?;
    let row = session.find(principals, id)?.ok_or_else(|| ApiError::does_not_exist(principals, id))?;
    let unit = row[column(principals, "businessunitid")?].id();
    let memberships = table(session, &format!("{}roles", principals.logical))?;
    let (near, far) = (column(memberships, &format!("{}id", principals.logical))?, column(memberships, "roleid")?);
    let roles = session.equal(memberships, near, Value::Id(id))?;
    let roles: Vec<Value> = roles.iter().map(|membership| membership[far].clone()).collect();
    privileges(service, session, &roles, unit, message)
}

/// `GET /RetrieveRolePrivilegesRole(RoleId=…)`
pub(super) fn of_role(
    service: &Service<'_>,
    session: &Session<'_>,
    segment: &Segment,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    session.check_privilege("prvReadRole")?;
    let id = of_function(segment, operation, "RoleId").and_then(|id| normal_id(&id));
    let id = id.ok_or_else(|| required("RoleId"))?;
    let roles = table(session, "role")?;
    let row = session.find(roles, id)?.ok_or_else(|| ApiError::does_not_exist(roles, id))?;
    let unit = row[column(roles, "businessunitid")?].id();
    privileges(service, session, &[Value::Id(id)], unit, "RetrieveRolePrivilegesRole")
}

/// What roles allow together, each privilege as deep as the deepest of them.
fn privileges(
    service: &Service<'_>,
    session: &Session<'_>,
    roles: &[Value],
    unit: Option<Uuid>,
    message: &str,
) -> ApiResult<Response> {
    let links = table(session, "roleprivileges")?;
    let mut deepest: Vec<(Uuid, i64)> = Vec::new();
    for role in roles {
        for link in session.equal(links, column(links, "roleid")?, role.clone())? {
            let depth = link[column(links, "privilegedepthmask")?].int().unwrap_or_default();
            let Some(id) = link[column(links, "privilegeid")?].id() else { continue };
            match deepest.iter_mut().find(|(known, _)| *known == id) {
                Some((_, known)) => *known = depth.max(*known),
                None => deepest.push((id, depth)),
            }
        }
    }
    let mut value = Vec::new();
    for (id, mask) in deepest {
        let depth = DEPTHS.iter().rev().find(|(_, bit)| mask & bit != 0).map_or("Basic", |(name, _)| name);
        let name = session.data.store.name_of(&session.data.schema, "privilege", id)?;
        value.push(json!({ "Depth": depth, "PrivilegeId": id, "BusinessUnitId": unit, "PrivilegeName": name }));
    }
    let body = json!({ "@odata.context": context(service, message), "RolePrivileges": value });
    Ok(Response::json(200, body.to_string()))
}
