//! `RetrieveDuplicates`: who would be a duplicate, before anything is written. `PublishDuplicateRule`: from then on a rule counts.

use serde_json::json;
use uuid::Uuid;

use super::jobs;
use super::parameters::{json as parsed, of_function, required, table_of};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::records::{Session, from_json};
use crate::value::Value;
use crate::webapi::Response;
use crate::webapi::address::Segment;
use crate::webapi::dispatch::{Operation, Service};
use crate::webapi::json::{write_name, write_text};
use crate::webapi::read::MAX_ROWS;
use crate::webapi::render::{Renderer, Shape};

/// `statecode` and `statuscode` of a rule that counts, and `operationtype` of the job that makes it count.
const ACTIVE: i64 = 1;
const PUBLISHED: i64 = 2;
const PUBLISH_RULE: i64 = 7;

/// `GET /RetrieveDuplicates(BusinessEntity=@p1,MatchingEntityName=@p2,PagingInfo=@p3)`
pub(super) fn run(
    service: &Service<'_>,
    session: &Session<'_>,
    segment: &Segment,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let parameter = |name: &str| of_function(segment, operation, name).ok_or_else(|| required(name));
    let entity = parsed(&parameter("BusinessEntity")?).ok_or_else(|| required("BusinessEntity"))?;
    let entity = entity.as_object().ok_or_else(|| required("BusinessEntity"))?;
    let table = table_of(session, entity, "BusinessEntity")?;
    let name = parameter("MatchingEntityName")?;
    let matching = session.data.schema.table(name.trim_matches('\''));
    let matching = matching.ok_or_else(|| required("MatchingEntityName"))?;
    let mut row = Session::blank(table);
    for (name, value) in entity.iter().filter(|(name, _)| !name.contains('@')) {
        let column = table.property(name).ok_or_else(|| ApiError::unknown_property(table, name))?;
        row[column] = from_json(table, &table.columns[column], value)?;
    }
    let paging = of_function(segment, operation, "PagingInfo").and_then(|text| parsed(&text)).unwrap_or_default();
    let number = |name: &str| paging[name].as_u64().and_then(|number| usize::try_from(number).ok());
    let size = number("Count").filter(|count| *count > 0).unwrap_or(MAX_ROWS).min(MAX_ROWS);
    let page = number("PageNumber").unwrap_or(1).max(1);
    let found = session.duplicates(table, &row, matching)?;
    let mut body = String::from("{");
    write_name(&mut body, "@odata.context");
    write_text(&mut body, &format!("{}/$metadata#{}", service.root, matching.set));
    write_name(&mut body, "value");
    body.push('[');
    let mut renderer = Renderer::new(session, &operation.prefer);
    for (at, row) in found.iter().skip((page - 1).saturating_mul(size)).take(size).enumerate() {
        if at > 0 {
            body.push(',');
        }
        body.push_str(&renderer.row(matching, row, &Shape::default())?);
    }
    body.push_str("]}");
    Ok(Response::json(200, body))
}

/// `POST /duplicaterules(id)/Microsoft.Dynamics.CRM.PublishDuplicateRule`
pub(super) fn publish(service: &Service<'_>, session: &Session<'_>, table: &Table, rule: Uuid) -> ApiResult<Response> {
    session.check_privilege("prvPublishDuplicateRule")?;
    let row = session.find(table, rule)?.ok_or_else(|| ApiError::does_not_exist(table, rule))?;
    let published = [("statecode", Value::Int(ACTIVE)), ("statuscode", Value::Int(PUBLISHED))];
    let changes = published.into_iter().filter_map(|(name, value)| Some((table.column(name)?, value)));
    session.update(table, rule, &row, changes.collect())?;
    let job = jobs::finished(session, "Publish duplicate detection rule", PUBLISH_RULE)?;
    let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.PublishDuplicateRuleResponse", service.root);
    Ok(Response::json(200, json!({ "@odata.context": context, "JobId": job }).to_string()))
}
