//! Functions that tell about the organisation and the caller.

use serde_json::json;

use super::parameters::{json as parsed, of_function, required};
use crate::errors::{ApiError, ApiResult};
use crate::query::Query;
use crate::records::{Session, normal_id};
use crate::seed::TENANT;
use crate::value::Value;
use crate::webapi::Response;
use crate::webapi::address::Segment;
use crate::webapi::dispatch::{Operation, Service};

/// What the organisation says it runs.
const VERSION: &str = "9.2.26103.196";

/// The context of a message's answer.
pub(super) fn context(service: &Service<'_>, message: &str) -> String {
    context_of(service, &format!("Microsoft.Dynamics.CRM.{message}Response"))
}

pub(super) fn context_of(service: &Service<'_>, what: &str) -> String {
    format!("{}/$metadata#{what}", service.root)
}

pub(super) fn who_am_i(service: &Service<'_>, session: &Session<'_>) -> ApiResult<Response> {
    let unit = match session.caller_unit()? {
        Value::Row(_, id) => Some(id),
        _ => None,
    };
    let body = json!({
        "@odata.context": context(service, "WhoAmI"),
        "BusinessUnitId": unit,
        "UserId": session.caller,
        "OrganizationId": service.organization.id,
    });
    Ok(Response::json(200, body.to_string()))
}

pub(super) fn version(service: &Service<'_>) -> Response {
    let body = json!({ "@odata.context": context(service, "RetrieveVersion"), "Version": VERSION });
    Response::json(200, body.to_string())
}

/// `GET /RetrieveCurrentOrganization(AccessType=Microsoft.Dynamics.CRM.EndpointAccessType'Default')`
pub(super) fn current_organization(service: &Service<'_>) -> Response {
    let origin = service.root.split("/api/data").next().unwrap_or_default();
    let organization = service.organization;
    let body = json!({
        "@odata.context": context(service, "RetrieveCurrentOrganization"),
        "Detail": {
            "OrganizationId": organization.id,
            "FriendlyName": organization.name,
            "OrganizationVersion": VERSION,
            "EnvironmentId": organization.id,
            "DatacenterId": "00000000-0000-0000-0000-000000000000",
            "Geo": "NA",
            "TenantId": TENANT,
            "UrlName": organization.name,
            "UniqueName": organization.name,
            "State": "Enabled",
            "OrganizationType": "Customer",
            "Endpoints": {
                "Count": 3,
                "IsReadOnly": false,
                "Keys": ["WebApplication", "OrganizationService", "OrganizationDataService"],
                "Values": [
                    format!("{origin}/"),
                    format!("{origin}/XRMServices/2011/Organization.svc"),
                    format!("{origin}/XRMServices/2011/OrganizationData.svc"),
                ],
            },
        },
    });
    Response::json(200, body.to_string())
}

/// `GET /RetrieveSolutionImportResult(ImportJobId=…)`: an import that failed left no job behind.
pub(super) fn import_result(
    service: &Service<'_>,
    session: &Session<'_>,
    segment: &Segment,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let id = of_function(segment, operation, "ImportJobId").and_then(|id| normal_id(&id));
    let id = id.ok_or_else(|| required("ImportJobId"))?;
    let jobs = session.data.schema.table("importjob").ok_or_else(ApiError::unexpected)?;
    if !session.exists(jobs, id)? {
        return Err(ApiError::does_not_exist(jobs, id));
    }
    let body = json!({
        "@odata.context": context(service, "RetrieveSolutionImportResult"),
        "SolutionOperationResult": {
            "Type": "Import",
            "Status": "Passed",
            "ErrorMessages": [],
            "WarningMessages": [],
            "ActionLink": null,
        },
    });
    Ok(Response::json(200, body.to_string()))
}

/// `GET /RetrieveTotalRecordCount(EntityNames=["contact"])`
pub(super) fn total_record_count(
    service: &Service<'_>,
    session: &Session<'_>,
    segment: &Segment,
    operation: &Operation<'_>,
) -> ApiResult<Response> {
    let name = "EntityNames";
    let names = of_function(segment, operation, name).and_then(|text| parsed(&text)).ok_or_else(|| required(name))?;
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    for name in names.as_array().ok_or_else(|| required(name))?.iter().filter_map(|name| name.as_str()) {
        let table = session.data.schema.table(name).ok_or_else(|| {
            ApiError::invalid_argument(format!("The entity with a name = '{name}' was not found in the MetadataCache."))
        })?;
        values.push(session.data.store.count(&Query::all(table.clone()))?);
        keys.push(name);
    }
    let body = json!({
        "@odata.context": context(service, "RetrieveTotalRecordCount"),
        "EntityRecordCountCollection": { "Count": keys.len(), "IsReadOnly": false, "Keys": keys, "Values": values },
    });
    Ok(Response::json(200, body.to_string()))
}
