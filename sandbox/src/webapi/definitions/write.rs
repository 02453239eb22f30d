//! Requests that change definitions ("Create and update table definitions using the Web API").

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::describe::{column_id, table_id};
use super::edit::Edit;
use super::{choices, import, keys, named, options, parse, relationships};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Requirement, Table};
use crate::webapi::address::Segment;
use crate::webapi::dispatch::Service;
use crate::webapi::payload::object;
use crate::webapi::uri::form_pairs;
use crate::webapi::{Request, Response};

/// Where a change is aimed, and what it carries.
pub(super) struct Change<'a> {
    pub(super) service: &'a Service<'a>,
    pub(super) request: &'a Request,
    pub(super) segments: &'a [Segment],
}

impl Change<'_> {
    pub(super) fn body(&self, what: &str) -> ApiResult<&Map<String, Json>> {
        object(what, &self.request.body)
    }

    pub(super) fn made(&self, path: &str) -> Response {
        let url = format!("{}/{path}", self.service.root);
        Response::empty(204).with("OData-EntityId", url.clone()).about(url)
    }

    fn refused(&self) -> ApiError {
        let method = &self.request.method;
        let resource = self.segments.last().map_or("", |segment| segment.name.as_str());
        ApiError::method_not_allowed(format!(
            "The requested resource '{resource}' does not support http method '{method}'."
        ))
    }
}

/// The solution that new definitions are to belong to.
pub(super) fn solution(request: &Request) -> Option<String> {
    let query = request.target.split_once('?').map_or("", |(_, query)| query);
    let pair = form_pairs(query).into_iter().find(|(name, _)| name.eq_ignore_ascii_case("SolutionUniqueName"));
    request.header("mscrm.solutionuniquename").map(str::to_owned).or(pair.map(|(_, value)| value))
}

/// The privilege that a change needs, such as `prvCreateAttribute`.
pub(super) fn privilege(change: &Change<'_>) -> String {
    let last = change.segments.last().map_or("", |segment| segment.name.as_str());
    let what = match last {
        "Attributes" => "Attribute",
        "Keys" | "ReactivateEntityKey" => "EntityKey",
        "RelationshipDefinitions" => "Relationship",
        "GlobalOptionSetDefinitions" => "OptionSet",
        // An option that comes or goes is a change of its choice.
        name if options::MESSAGES.contains(&name) => return "prvWriteOptionSet".to_owned(),
        "ImportSolution" | "ImportSolutionAsync" => return "prvImportCustomization".to_owned(),
        "PublishXml" | "PublishAllXml" => return "prvPublishCustomization".to_owned(),
        _ => "Entity",
    };
    let verb = match change.request.method.as_str() {
        "DELETE" => "Delete",
        "POST" => "Create",
        _ => "Write",
    };
    format!("prv{verb}{what}")
}

/// Performs a change.
pub(super) fn perform(edit: &mut Edit<'_>, change: &Change<'_>) -> ApiResult<Response> {
    let method = change.request.method.as_str();
    match (change.segments, method) {
        ([all], "POST") if all.key.is_none() && all.name == "EntityDefinitions" => {
            let table = edit.create_table(change.body("EntityMetadata")?)?;
            Ok(change.made(&format!("EntityDefinitions({})", table_id(&table.logical))))
        }
        ([all], "POST") if all.name == "CreateEntities" => create_entities(edit, change),
        ([all], "POST") if all.name.starts_with("ImportSolution") => import::run(edit, change, &all.name),
        ([all], "POST") if all.name == "PublishAllXml" => Ok(Response::empty(204)),
        ([all], "POST") if all.name == "PublishXml" => publish(change),
        ([all], "POST") if all.name == "ReactivateEntityKey" => keys::reactivate(edit, change),
        ([all], "POST") if options::MESSAGES.contains(&all.name.as_str()) => options::perform(edit, change, &all.name),
        ([first, ..], _) if first.name == "RelationshipDefinitions" => relationships::write(edit, change),
        ([first, ..], _) if first.name == "GlobalOptionSetDefinitions" => choices::write(edit, change),
        ([definition, rest @ ..], _) => {
            let table = Arc::clone(named(edit.schema, definition)?);
            match (rest, method) {
                ([], "PUT") => update_table(edit, &table, change),
                ([], "DELETE") => {
                    edit.delete_table(&table)?;
                    Ok(Response::empty(204))
                }
                ([part], "POST") if part.name == "Keys" && part.key.is_none() => keys::create(edit, &table, change),
                ([part], "DELETE") if part.name == "Keys" => keys::delete(edit, &table, part),
                ([part], "POST") if part.name == "Attributes" && part.key.is_none() => {
                    let body = change.body("AttributeMetadata")?;
                    let column = parse::column(edit.session, edit.schema, body)?;
                    let id = edit.add_column(&table, column)?;
                    Ok(change.made(&format!("{}/Attributes({id})", super::address(definition))))
                }
                ([part, ..], _) if part.name == "Attributes" && part.key.is_some() => {
                    let index = super::attribute(&table, part)?;
                    match method {
                        "PUT" => update_column(edit, &table, index, change),
                        "DELETE" => {
                            edit.delete_column(&table, index)?;
                            Ok(Response::empty(204))
                        }
                        _ => Err(change.refused()),
                    }
                }
                _ => Err(change.refused()),
            }
        }
        _ => Err(change.refused()),
    }
}

fn create_entities(edit: &mut Edit<'_>, change: &Change<'_>) -> ApiResult<Response> {
    let body = change.body("CreateEntities")?;
    let mut ids = Vec::new();
    for entity in body.get("Entities").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_object) {
        ids.push(table_id(&edit.create_table(entity)?.logical));
    }
    if ids.is_empty() {
        let inner = "System.ArgumentException: Required parameter 'Entities' is missing or empty.";
        return Err(ApiError::payload("CreateEntities", inner));
    }
    let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.CreateEntitiesResponse", change.service.root);
    Ok(Response::json(200, json!({ "@odata.context": context, "EntityIds": ids }).to_string()))
}

/// Definitions take effect at once; publishing only has to be asked for correctly.
fn publish(change: &Change<'_>) -> ApiResult<Response> {
    let body = change.body("PublishXml")?;
    let text = body.get("ParameterXml").and_then(Json::as_str).unwrap_or_default();
    if text.trim_start().starts_with("<importexportxml") {
        Ok(Response::empty(204))
    } else {
        Err(ApiError::invalid_argument("Required parameter 'ParameterXml' is missing or is no importexportxml."))
    }
}

fn update_table(edit: &mut Edit<'_>, table: &Table, change: &Change<'_>) -> ApiResult<Response> {
    let body = change.body("EntityMetadata")?;
    let mut new = table.clone();
    if let Some(label) = parse::label(body.get("DisplayName")) {
        new.label = label;
    }
    if let Some(tracked) = parse::flag(body, "ChangeTrackingEnabled") {
        new.change_tracking = tracked;
    }
    if parse::flag(body, "HasActivities") == Some(true) {
        if table.activity {
            let message = "A custom entity defined as an activity must not have a relationship with Activities.";
            return Err(ApiError::new(400, "0x8004f121", message));
        }
        new.has_activities = true;
    }
    new.told.extend(parse::told(body, &parse::TABLE_PROPERTIES));
    edit.schema.put(new);
    edit.schema.rewire();
    Ok(change.made(&format!("EntityDefinitions({})", table_id(&table.logical))))
}

fn update_column(edit: &mut Edit<'_>, table: &Table, index: usize, change: &Change<'_>) -> ApiResult<Response> {
    let body = change.body("AttributeMetadata")?;
    let mut column = parse::updated_column(edit.session, edit.schema, &table.columns[index], body)?;
    if table.columns[index].required == Requirement::System {
        column.required = Requirement::System;
    }
    let id = column_id(&table.logical, &column.logical);
    let mut new = table.clone();
    new.columns[index] = column;
    new.reindex();
    edit.schema.put(new);
    Ok(change.made(&format!("EntityDefinitions({})/Attributes({id})", table_id(&table.logical))))
}
