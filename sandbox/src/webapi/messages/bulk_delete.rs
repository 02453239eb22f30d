//! `BulkDelete`: rows by query, deleted by a system job that is done when the answer comes.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::jobs;
use super::parameters::required;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{ColumnType, Table};
use crate::query::{Comparison, Condition, Query};
use crate::records::{Session, from_json, normal_id};
use crate::value::Value;
use crate::webapi::Response;
use crate::webapi::dispatch::{Operation, Service};
use crate::webapi::payload::object;

const BULK_DELETE: i64 = 13;

/// `POST /BulkDelete {"QuerySet": [QueryExpression], "JobName", …}`
pub(super) fn run(service: &Service<'_>, session: &Session<'_>, operation: &Operation<'_>) -> ApiResult<Response> {
    session.check_privilege("prvBulkDelete")?;
    let body = object("BulkDelete", &operation.request.body)?;
    let queries = body.get("QuerySet").and_then(Json::as_array).filter(|set| !set.is_empty());
    for query in queries.ok_or_else(|| required("QuerySet"))? {
        let name = query["EntityName"].as_str().ok_or_else(|| required("EntityName"))?;
        let table = session.data.schema.table(name).ok_or_else(|| required("EntityName"))?;
        let filter = Some(condition(table, &query["Criteria"])?);
        let found = session.select(&Query { filter, ..Query::all(Arc::clone(table)) })?;
        for row in found {
            if let Some(id) = row[table.id].id() {
                session.delete(table, id)?;
            }
        }
    }
    let job_name = body.get("JobName").and_then(Json::as_str).unwrap_or("Bulk delete");
    let id = jobs::finished(session, job_name, BULK_DELETE)?;
    let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.BulkDeleteResponse", service.root);
    Ok(Response::json(200, json!({ "@odata.context": context, "JobId": id }).to_string()))
}

/// `FilterExpression`
fn condition(table: &Table, filter: &Json) -> ApiResult<Condition> {
    let mut terms = Vec::new();
    for condition in filter["Conditions"].as_array().into_iter().flatten() {
        terms.push(compared(table, condition)?);
    }
    for inner in filter["Filters"].as_array().into_iter().flatten() {
        terms.push(condition(table, inner)?);
    }
    let any = filter["FilterOperator"] == "Or" && !terms.is_empty();
    Ok(if any { Condition::Any(terms) } else { Condition::All(terms) })
}

/// `ConditionExpression`
fn compared(table: &Table, condition: &Json) -> ApiResult<Condition> {
    let name = condition["AttributeName"].as_str().ok_or_else(|| required("AttributeName"))?;
    let column = table.column(name).ok_or_else(|| ApiError::no_such_property(table, name))?;
    let mut values = Vec::new();
    for value in condition["Values"].as_array().into_iter().flatten() {
        let bare = value.get("Value").unwrap_or(value);
        values.push(match (&table.columns[column].kind, bare.as_str().and_then(normal_id)) {
            (ColumnType::Lookup(_) | ColumnType::Id, Some(id)) => Value::Id(id),
            _ => from_json(table, &table.columns[column], bare)?,
        });
    }
    let single = || values.first().cloned().ok_or_else(|| required("Values"));
    let compare = |comparison| Ok::<_, ApiError>(Condition::Compare { column, comparison, value: single()? });
    match condition["Operator"].as_str().unwrap_or("Equal") {
        "Equal" | "On" => Ok(Condition::equal(column, single()?)),
        "NotEqual" => compare(Comparison::NotEqual),
        "GreaterThan" => compare(Comparison::Greater),
        "GreaterEqual" | "OnOrAfter" => compare(Comparison::GreaterOrEqual),
        "LessThan" => compare(Comparison::Less),
        "LessEqual" | "OnOrBefore" => compare(Comparison::LessOrEqual),
        "Null" => Ok(Condition::IsNull(column)),
        "NotNull" => Ok(Condition::Not(Box::new(Condition::IsNull(column)))),
        "In" => Ok(Condition::In { column, values }),
        "NotIn" => Ok(Condition::Not(Box::new(Condition::In { column, values }))),
        other => Err(ApiError::not_implemented(&format!("the condition operator {other} in BulkDelete"))),
    }
}
