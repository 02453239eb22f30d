//! `WinOpportunity` and `LoseOpportunity`, each with the activity that says so; `SendEmail`.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::about::context;
use super::parameters::required;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::records::Session;
use crate::value::{Value, format_time};
use crate::webapi::Response;
use crate::webapi::deep;
use crate::webapi::dispatch::{Operation, Service};
use crate::webapi::payload::object;

/// `statecode` of an opportunity.
pub(super) const WON: i64 = 1;
pub(super) const LOST: i64 = 2;
/// `statecode` of a completed activity, and `statuscode` of an e-mail that waits for a server to send it.
const COMPLETED: i64 = 1;
const PENDING_SEND: i64 = 6;

/// `POST /WinOpportunity {"Status", "OpportunityClose": {"subject", "opportunityid@odata.bind", …}}`
pub(super) fn opportunity(
    service: &Service<'_>,
    session: &Session<'_>,
    operation: &Operation<'_>,
    state: i64,
) -> ApiResult<Response> {
    let body = object("OpportunityClose", &operation.request.body)?;
    let status = body.get("Status").and_then(Json::as_i64).ok_or_else(|| required("Status"))?;
    let close = body.get("OpportunityClose").and_then(Json::as_object).ok_or_else(|| required("OpportunityClose"))?;
    let closes = session.data.schema.table("opportunityclose").ok_or_else(ApiError::unexpected)?;
    let opportunities = session.data.schema.table("opportunity").ok_or_else(ApiError::unexpected)?;
    let activity = deep::create(service, session, closes, close)?;
    let row = session.find(closes, activity)?.ok_or_else(ApiError::unexpected)?;
    let named = |name: &str| closes.column(name).map_or(Value::Null, |column| row[column].clone());
    let id = named("opportunityid").id().ok_or_else(|| required("OpportunityClose"))?;
    let opportunity = session.find(opportunities, id)?.ok_or_else(|| ApiError::does_not_exist(opportunities, id))?;
    let of = |name: &str| opportunities.column(name).map_or(Value::Null, |column| opportunity[column].clone());
    if of("statecode") != Value::Int(0) {
        return Err(ApiError::new(400, "0x80040515", "The opportunity is already closed."));
    }
    let regarding = Value::Row(Arc::from("opportunity"), id);
    set(session, closes, activity, &row, &[("regardingobjectid", regarding), ("statecode", Value::Int(COMPLETED))])?;

    let revenue = match named("actualrevenue") {
        Value::Null if state == WON => of("estimatedvalue"),
        revenue => revenue,
    };
    let ended = match named("actualend") {
        Value::Int(ended) => ended,
        _ => session.now,
    };
    let mut changes = vec![
        ("statecode", Value::Int(state)),
        ("actualvalue", revenue),
        ("actualclosedate", Value::Text(format_time(ended)[..10].to_owned())),
    ];
    // -1 stands for the default status of the state.
    changes.extend((status != -1).then_some(("statuscode", Value::Int(status))));
    set(session, opportunities, id, &opportunity, &changes)?;
    Ok(Response::empty(204))
}

/// `POST /emails(id)/Microsoft.Dynamics.CRM.SendEmail {"IssueSend"}`: with `true` a server is to send it, which is not here;
/// with `false` it was sent elsewhere.
pub(super) fn send(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Table,
    id: Uuid,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let body = object(&table.set, &operation.request.body)?;
    let issue = body.get("IssueSend").and_then(Json::as_bool).ok_or_else(|| required("IssueSend"))?;
    let row = session.find(table, id)?.ok_or_else(|| ApiError::does_not_exist(table, id))?;
    let status = if issue { PENDING_SEND } else { 3 };
    set(session, table, id, &row, &[("statecode", Value::Int(COMPLETED)), ("statuscode", Value::Int(status))])?;
    let subject = table.column("subject").and_then(|column| row[column].text());
    let body = json!({ "@odata.context": context(service, "SendEmail"), "Subject": subject });
    Ok(Response::json(200, body.to_string()))
}

fn set(session: &Session<'_>, table: &Table, id: Uuid, row: &[Value], changes: &[(&str, Value)]) -> ApiResult<()> {
    let changes = changes.iter().filter_map(|(name, value)| Some((table.column(name)?, value.clone())));
    session.update(table, id, row, changes.collect())
}
