//! System jobs (`asyncoperation`) and jobs of imports, which are over before anyone can look.

use uuid::Uuid;

use crate::errors::{ApiError, ApiResult};
use crate::records::{Session, normal_id};
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

/// The job of an import that is over, under the id that the caller chose or a new one; `solution` is its unique name.
pub(in crate::webapi) fn imported(session: &Session<'_>, id: Option<&str>, solution: &str) -> ApiResult<Uuid> {
    let id = id.and_then(normal_id).unwrap_or_else(Uuid::now_v7);
    // A file from before there were such jobs has no table for them.
    let Some(jobs) = session.data.schema.table("importjob") else { return Ok(id) };
    let values = [
        ("importjobid", Value::Id(id)),
        ("name", Value::Text("Customizations".to_owned())),
        ("solutionname", Value::Text(solution.to_owned())),
        ("progress", Value::Real(100.0)),
        ("startedon", Value::Int(session.now)),
        ("completedon", Value::Int(session.now)),
        ("data", Value::Text(format!("<importexportxml succeeded=\"success\" solution=\"{solution}\" />"))),
    ];
    session.create(jobs, values.into_iter().filter_map(|(n, v)| Some((jobs.column(n)?, v))).collect())
}
