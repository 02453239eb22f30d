//! Members of teams.

use serde_json::Value as Json;
use uuid::Uuid;

use super::parameters::{required, row_in};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::records::Session;
use crate::webapi::Response;
use crate::webapi::dispatch::Operation;
use crate::webapi::payload::object;

/// `POST /teams(id)/Microsoft.Dynamics.CRM.AddMembersTeam {"Members"}`, or with `join` false `RemoveMembersTeam`. Who is
/// a member already stays one.
pub(super) fn members(
    session: &Session<'_>,
    teams: &Table,
    team: Uuid,
    join: bool,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let body = object(&teams.set, &operation.request.body)?;
    let members = body.get("Members").and_then(Json::as_array).ok_or_else(|| required("Members"))?;
    if !session.exists(teams, team)? {
        return Err(ApiError::does_not_exist(teams, team));
    }
    let collection = session.data.schema.collection(teams, "teammembership_association");
    let collection = collection.ok_or_else(ApiError::unexpected)?;
    for member in members {
        let member = member.as_object().ok_or_else(|| required("Members"))?;
        let (_, user) = row_in(session, member, "Members")?;
        session.disassociate(team, &collection, user)?;
        if join {
            session.associate(teams, team, &collection, user)?;
        }
    }
    Ok(Response::empty(204))
}
