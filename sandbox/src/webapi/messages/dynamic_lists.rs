//! Dynamic marketing lists: their members are what a stored query finds.

use serde_json::json;
use uuid::Uuid;

use super::lists;
use crate::errors::{ApiError, ApiResult};
use crate::records::Session;
use crate::value::Value;
use crate::webapi::Response;
use crate::webapi::dispatch::Service;

/// `POST /lists(id)/Microsoft.Dynamics.CRM.CopyDynamicListToStatic`: a new static list with whom the query finds now.
pub(super) fn copy_to_static(service: &Service<'_>, session: &Session<'_>, list: Uuid) -> ApiResult<Response> {
    let table = session.data.schema.table("list").ok_or_else(ApiError::unexpected)?;
    let row = session.find(table, list)?.ok_or_else(|| ApiError::does_not_exist(table, list))?;
    let of = |name: &str| table.column(name).map_or(Value::Null, |column| row[column].clone());
    if of("type") != Value::Int(1) {
        return Err(ApiError::invalid_argument("Only a dynamic marketing list can be copied to a static one."));
    }
    let query = of("query");
    let query = query.text().ok_or_else(|| ApiError::invalid_argument("The dynamic marketing list has no query."))?;
    let (members, found) = session.run_fetch(query)?;
    if of("createdfromcode") != Value::Int(members.type_code) {
        return Err(ApiError::new(400, "0x80040301", "Unsupported list member type."));
    }
    let copied = ["listname", "createdfromcode", "membertype", "purpose", "source"];
    let values = copied.iter().filter_map(|name| table.column(name).map(|column| (column, of(name)))).collect();
    let copy = session.create(table, values)?;
    for member in found.iter().filter_map(|row| row[members.id].id()) {
        lists::link(session, copy, &members.logical, member)?;
    }
    let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.CopyDynamicListToStaticResponse", service.root);
    Ok(Response::json(200, json!({ "@odata.context": context, "StaticListId": copy }).to_string()))
}
