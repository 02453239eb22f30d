//! Functions and actions: the messages that are not plain reads and writes of rows.

pub(super) mod lists;

use super::Response;
use super::address::{RowKey, Segment};
use super::dispatch::{Operation, Service};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::records::Session;
use crate::value::Value;

/// A message that is bound to nothing, such as `WhoAmI`.
pub(super) fn unbound(
    service: &Service<'_>,
    session: &Session<'_>,
    segment: &Segment,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let method = operation.request.method.as_str();
    match (segment.name.as_str(), method) {
        ("WhoAmI", "GET") => who_am_i(service, session),
        ("AddListMembersList", "POST") => lists::add_members(session, operation),
        // A function answers GET only.
        ("WhoAmI", _) => Err(ApiError::no_resource(&format!("{}/{}", service.root, segment.name))),
        _ => Err(ApiError::no_segment(&segment.name)),
    }
}

/// A message bound to one row.
pub(super) fn bound(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Table,
    key: &RowKey,
    message: &str,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    match (table.logical.as_str(), message, key) {
        ("list", "AddMemberList", RowKey::Primary(list)) => lists::add_member(service, session, *list, operation),
        ("list", "RemoveMemberList", RowKey::Primary(list)) => lists::remove_member(session, *list, operation),
        _ => Err(ApiError::no_segment(&format!("Microsoft.Dynamics.CRM.{message}"))),
    }
}

fn who_am_i(service: &Service<'_>, session: &Session<'_>) -> ApiResult<Response> {
    let mut unit = None;
    if let Some(users) = session.data.schema.table("systemuser")
        && let (Some(row), Some(column)) = (session.find(users, session.caller)?, users.column("businessunitid"))
        && let Value::Row(_, id) = &row[column]
    {
        unit = Some(*id);
    }
    let body = serde_json::json!({
        "@odata.context": format!("{}/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse", service.root),
        "BusinessUnitId": unit,
        "UserId": session.caller,
        "OrganizationId": service.organization.id,
    });
    Ok(Response::json(200, body.to_string()))
}
