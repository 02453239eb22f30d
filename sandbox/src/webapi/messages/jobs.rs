//! System jobs (`asyncoperation`), which are over before anyone can look.

use uuid::Uuid;

use crate::errors::{ApiError, ApiResult};
use crate::records::Session;
use crate::value::Value;

const COMPLETED: i64 = 3;
const SUCCEEDED: i64 = 30;

/// A job of this `operationtype` that has succeeded just now.
pub(in crate::webapi) fn finished(session: &Session<'_>, name: &str, kind: i64) -> ApiResult<Uuid> {
    let jobs = session.data.schema.table("asyncoperation").ok_or_else(ApiError::unexpected)?;
    let values = [
        ("name", Value::Text(name.to_owned())),
        ("operationtype", Value::Int(kind)),
        ("startedon", Value::Int(session.now)),
        ("completedon", Value::Int(session.now)),
    ];
    let id = session.create(jobs, values.into_iter().filter_map(|(n, v)| Some((jobs.column(n)?, v))).collect())?;
    // A job is created ready.
    let row = session.find(jobs, id)?.ok_or_else(ApiError::unexpected)?;
    let done = [("statecode", Value::Int(COMPLETED)), ("statuscode", Value::Int(SUCCEEDED))];
    session.update(jobs, id, &row, done.into_iter().filter_map(|(n, v)| Some((jobs.column(n)?, v))).collect())?;
    Ok(id)
}
