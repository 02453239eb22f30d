//! On whose behalf a request is answered ("Impersonate another user using the Web API").

use uuid::Uuid;

use super::Request;
use super::dispatch::Service;
use crate::errors::{ApiError, ApiResult};
use crate::organization::Data;
use crate::records::{Session, normal_id};
use crate::value::Value;

/// What lets a user act on behalf of another.
const IMPERSONATE: &str = "prvActOnBehalfOfAnotherUser";

/// Work on behalf of the caller, or of the user that the request names instead.
pub(super) fn session<'d>(service: &Service<'_>, data: &'d Data, request: &Request) -> ApiResult<Session<'d>> {
    let session = service.organization.session(data, service.caller);
    admit(&session)?;
    let header = |name: &str| request.header(name).or(service.header(name)).map(str::to_owned);
    let other = match (header("CallerObjectId"), header("MSCRMCallerID")) {
        (Some(object), _) => Some(by_object(data, &object)?),
        (None, Some(id)) => Some(by_id(&session, &id)?),
        (None, None) => None,
    };
    let Some(other) = other.filter(|other| *other != service.caller) else { return Ok(session) };
    session.check_privilege(IMPERSONATE)?;
    let mut acting = service.organization.session(data, other);
    admit(&acting)?;
    acting.rights = acting.rights.shared_with(&session.rights);
    acting.behalf = Some(service.caller);
    Ok(acting)
}

/// Refuses users who are disabled or have no role.
fn admit(session: &Session<'_>) -> ApiResult<()> {
    if let Some(users) = session.data.schema.table("systemuser")
        && let Some(row) = session.find(users, session.caller)?
        && let Some(disabled) = users.column("isdisabled")
        && row[disabled] == Value::Int(1)
    {
        return Err(ApiError::user_disabled(session.caller));
    }
    if session.rights.none() { Err(ApiError::no_roles()) } else { Ok(()) }
}

/// The user with this object id in Entra.
fn by_object(data: &Data, text: &str) -> ApiResult<Uuid> {
    let users = data.schema.table("systemuser").ok_or_else(ApiError::not_a_member)?;
    let column = users.column("azureactivedirectoryobjectid").ok_or_else(ApiError::not_a_member)?;
    let object = normal_id(text).ok_or_else(|| not_an_id("CallerObjectId", text))?;
    let found = data.store.id_where(users, &[(column, Value::Id(object))])?;
    found.ok_or_else(ApiError::not_a_member)
}

fn by_id(session: &Session<'_>, text: &str) -> ApiResult<Uuid> {
    let id = normal_id(text).ok_or_else(|| not_an_id("MSCRMCallerID", text))?;
    let users = session.data.schema.table("systemuser").ok_or_else(ApiError::not_a_member)?;
    if session.exists(users, id)? { Ok(id) } else { Err(ApiError::does_not_exist(users, id)) }
}

fn not_an_id(header: &str, text: &str) -> ApiError {
    ApiError::invalid_argument(format!("The value '{text}' of the header {header} is no unique identifier."))
}
