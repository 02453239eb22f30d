//! `Prefer: respond-async` ("Background operations"): the work is done at once here, and told when it is asked for.

use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::dispatch::Operation;
use super::{Request, Response};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::organization::Data;
use crate::records::{Right, Rights, Session, normal_id};
use crate::value::Value;

const COMPLETED: i64 = 3;
const SUCCEEDED: i64 = 30;
const FAILED: i64 = 31;
/// Where operations are asked for, below the address of the organisation.
pub(crate) const PATH: &str = "/api/backgroundoperation/";

/// Whether a caller does not want to wait for a message.
pub(super) fn asked(request: &Request) -> bool {
    let lines = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("prefer"));
    lines.flat_map(|(_, line)| line.split(',')).any(|item| item.trim().eq_ignore_ascii_case("respond-async"))
}

/// Carries a message out and keeps what came of it.
pub(super) fn run(
    session: &Session<'_>,
    root: &str,
    operation: &Operation<'_>,
    work: impl FnOnce() -> ApiResult<Response>,
) -> ApiResult<Response> {
    let table = table(session.data)?;
    let result = session.data.store.atomically(work);
    let id = Uuid::now_v7();
    let name = operation.request.target.split(['?', '(']).next().unwrap_or_default();
    let mut values = vec![
        ("backgroundoperationid", Value::Id(id)),
        ("name", Value::Text(name.rsplit(['/', '.']).next().unwrap_or(name).to_owned())),
        ("backgroundoperationstatecode", Value::Int(COMPLETED)),
        ("starttime", Value::Int(session.now)),
        ("endtime", Value::Int(session.now)),
        ("runas", Value::Text(session.caller.to_string())),
    ];
    match result {
        Ok(response) => {
            values.push(("backgroundoperationstatuscode", Value::Int(SUCCEEDED)));
            if !response.body.is_empty() {
                values.push(("outputparameters", Value::Text(String::from_utf8_lossy(&response.body).into_owned())));
            }
        }
        Err(error) => {
            let code = i64::from_str_radix(error.code.trim_start_matches("0x"), 16).unwrap_or_default();
            values.push(("backgroundoperationstatuscode", Value::Int(FAILED)));
            // The code is a signed number of 32 bits.
            values.push(("errorcode", Value::Int(if code > i64::from(i32::MAX) { code - (1 << 32) } else { code })));
            values.push(("errormessage", Value::Text(error.message)));
        }
    }
    let values = values.into_iter().filter_map(|(name, value)| Some((table.column(name)?, value))).collect();
    let platform = Session { rights: Rights::platform(), ..session.clone() };
    platform.create(table, values)?;
    let origin = root.split("/api/data").next().unwrap_or_default();
    Ok(Response::empty(202)
        .with("Location", format!("{origin}{PATH}{id}"))
        .with("x-ms-dyn-backgroundoperationid", id.to_string())
        .with("Preference-Applied", "respond-async"))
}

fn table(data: &Data) -> ApiResult<&std::sync::Arc<Table>> {
    data.schema.table("backgroundoperation").ok_or_else(ApiError::unexpected)
}

/// `GET` and `DELETE` of `/api/backgroundoperation/id`. What is completed can't be cancelled any more.
pub(super) fn status(session: &Session<'_>, request: &Request) -> ApiResult<Response> {
    if !matches!(request.method.as_str(), "GET" | "DELETE") {
        return Err(ApiError::method_not_allowed("The requested resource takes GET and DELETE only."));
    }
    let table = table(session.data)?;
    let id = normal_id(request.target.split('?').next().unwrap_or_default().trim_matches('/'));
    let id = id.ok_or_else(|| ApiError::no_segment("backgroundoperation"))?;
    let row = session.find(table, id)?.ok_or_else(|| ApiError::does_not_exist(table, id))?;
    session.check_row(Right::Read, table, &row)?;
    let mut body = Map::new();
    for (name, column) in [
        ("backgroundOperationStateCode", "backgroundoperationstatecode"),
        ("backgroundOperationStatusCode", "backgroundoperationstatuscode"),
    ] {
        let Some(column) = table.column(column) else { continue };
        let value = row[column].int().unwrap_or_default();
        let label = table.columns[column].kind.label(value);
        body.insert(format!("{name}@OData.Community.Display.V1.FormattedValue"), label.into());
        body.insert(name.to_owned(), value.into());
    }
    let told = |name: &str| table.column(name).map(|column| row[column].clone()).unwrap_or(Value::Null);
    if let (Value::Int(code), Value::Text(message)) = (told("errorcode"), told("errormessage")) {
        body.insert("backgroundOperationErrorCode".to_owned(), code.into());
        body.insert("backgroundOperationErrorMessage".to_owned(), message.into());
    }
    if let Value::Text(outputs) = told("outputparameters")
        && let Ok(Json::Object(outputs)) = serde_json::from_str(&outputs)
    {
        body.extend(outputs.into_iter().filter(|(name, _)| !name.starts_with('@')));
    }
    Ok(Response::json(200, json!(body).to_string()))
}
