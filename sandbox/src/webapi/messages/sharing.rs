//! `GrantAccess` and its like: rows shared with users and teams ("Share rows", "AccessRights EnumType").

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::about::context;
use super::parameters::{json as parsed, of_function, reference_of, required};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::records::{Principal, Right, Session, Sharing};
use crate::webapi::Response;
use crate::webapi::address::Segment;
use crate::webapi::dispatch::{Operation, Service};
use crate::webapi::payload::object;

/// `POST /GrantAccess {"Target", "PrincipalAccess": {"AccessMask", "Principal"}}`; `ModifyAccess` sets what `GrantAccess`
/// adds.
pub(super) fn change(
    service: &Service<'_>,
    session: &Session<'_>,
    operation: &Operation<'_>,
    sharing: fn(i64) -> Sharing,
) -> ApiResult<Response> {
    let body = object("PrincipalAccess", &operation.request.body)?;
    let (table, target) = reference_of(service, session, body, "Target")?;
    let access = body.get("PrincipalAccess").and_then(Json::as_object).ok_or_else(|| required("PrincipalAccess"))?;
    let principal = principal_of(service, session, access, "Principal")?;
    let mask = access.get("AccessMask").and_then(mask_of).ok_or_else(|| required("AccessMask"))?;
    session.share(&table, target, &principal, sharing(mask))?;
    Ok(Response::empty(204))
}

/// `POST /RevokeAccess {"Target", "Revokee"}`
pub(super) fn revoke(service: &Service<'_>, session: &Session<'_>, operation: &Operation<'_>) -> ApiResult<Response> {
    let body = object("RevokeAccess", &operation.request.body)?;
    let (table, target) = reference_of(service, session, body, "Target")?;
    let principal = principal_of(service, session, body, "Revokee")?;
    session.share(&table, target, &principal, Sharing::Revoke)?;
    Ok(Response::empty(204))
}

/// `GET /RetrieveSharedPrincipalsAndAccess(Target=@t)?@t={'@odata.id':'accounts(id)'}`
pub(super) fn shared_with(
    service: &Service<'_>,
    session: &Session<'_>,
    segment: &Segment,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let (_, target, _) = target_row(service, session, segment, operation)?;
    let mut accesses = Vec::new();
    for share in session.shares(target)? {
        let (kind, id) = &share.principal;
        let mut principal = Map::new();
        principal.insert("@odata.type".to_owned(), format!("#Microsoft.Dynamics.CRM.{kind}").into());
        for key in [format!("{kind}id"), "ownerid".to_owned()] {
            principal.insert(key, id.to_string().into());
        }
        let rights = Right::ALL.into_iter().filter(|right| share.mask() & right.bit() != 0);
        accesses.push(json!({ "AccessMask": named(rights), "Principal": principal }));
    }
    let context = context(service, "RetrieveSharedPrincipalsAndAccess");
    Ok(Response::json(200, json!({ "@odata.context": context, "PrincipalAccesses": accesses }).to_string()))
}

/// `GET /systemusers(id)/Microsoft.Dynamics.CRM.RetrievePrincipalAccess(Target=@t)?@t={'@odata.id':'accounts(id)'}`
pub(super) fn access_of(
    service: &Service<'_>,
    session: &Session<'_>,
    principal: (&Table, Uuid),
    segment: &Segment,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let (table, _, row) = target_row(service, session, segment, operation)?;
    let (kind, id) = principal;
    if !session.exists(kind, id)? {
        return Err(ApiError::does_not_exist(kind, id));
    }
    let rights = session.access_of(&(Arc::from(kind.logical.as_str()), id), &table, &row)?;
    let context = context(service, "RetrievePrincipalAccess");
    Ok(Response::json(200, json!({ "@odata.context": context, "AccessRights": named(rights) }).to_string()))
}

/// The row that a function is about, which the caller has to see.
fn target_row(
    service: &Service<'_>,
    session: &Session<'_>,
    segment: &Segment,
    operation: &Operation<'_>,
) -> ApiResult<(Arc<Table>, Uuid, Vec<crate::value::Value>)> {
    let text = of_function(segment, operation, "Target").ok_or_else(|| required("Target"))?;
    let mut parameters = Map::new();
    parameters.insert("Target".to_owned(), parsed(&text).ok_or_else(|| required("Target"))?);
    let (table, id) = reference_of(service, session, &parameters, "Target")?;
    let row = session.find(&table, id)?.ok_or_else(|| ApiError::does_not_exist(&table, id))?;
    session.check_row(Right::Read, &table, &row)?;
    Ok((table, id, row))
}

fn principal_of(
    service: &Service<'_>,
    session: &Session<'_>,
    body: &Map<String, Json>,
    name: &str,
) -> ApiResult<Principal> {
    let (table, id) = reference_of(service, session, body, name)?;
    if !matches!(table.logical.as_str(), "systemuser" | "team") {
        return Err(required(name));
    }
    if !session.exists(&table, id)? {
        return Err(ApiError::does_not_exist(&table, id));
    }
    Ok((Arc::from(table.logical.as_str()), id))
}

/// The sum of the rights in `ReadAccess, WriteAccess`, or the sum itself.
fn mask_of(json: &Json) -> Option<i64> {
    let Some(names) = json.as_str() else { return json.as_i64() };
    names.split(',').map(str::trim).try_fold(0, |mask, name| {
        let right = Right::ALL.into_iter().find(|right| name.strip_suffix("Access") == Some(right.verb()));
        right.map(|right| mask | right.bit()).or((name == "None").then_some(mask))
    })
}

fn named(rights: impl IntoIterator<Item = Right>) -> String {
    let names: Vec<String> = rights.into_iter().map(|right| format!("{}Access", right.verb())).collect();
    if names.is_empty() { "None".to_owned() } else { names.join(", ") }
}
