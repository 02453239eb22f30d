//! `ImportSolution` and `ImportSolutionAsync`: tables, columns, keys, views, forms and roles out of a solution file.
//!
//! There is no published schema of solution files: this reads what exports of real environments hold, and refuses what it does not know.
//! It shares nothing with whatever wrote the file.

mod package;
mod rows;
mod table;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use super::edit::Edit;
use super::write::Change;
use crate::errors::{ApiError, ApiResult};
use crate::query::Element;
use crate::webapi::Response;
use crate::webapi::messages::jobs;
use package::Package;

/// `operationtype` of the job.
const IMPORT: i64 = 203;

/// Imports an unmanaged solution. In the background means: the job is done when the answer comes.
pub(super) fn run(edit: &mut Edit<'_>, change: &Change<'_>, message: &str) -> ApiResult<Response> {
    let body = change.body(message)?;
    for required in ["OverwriteUnmanagedCustomizations", "PublishWorkflows"] {
        if !body.get(required).is_some_and(Json::is_boolean) {
            return Err(missing(required));
        }
    }
    let file = body.get("CustomizationFile").and_then(Json::as_str).ok_or_else(|| missing("CustomizationFile"))?;
    let file = STANDARD.decode(file).map_err(|_| missing("CustomizationFile"))?;
    let package = Package::read(&file)?;
    edit.solution = Some(rows::solution(edit.session, &package.manifest)?);
    for entity in section(&package.customizations, "Entities") {
        let name = entity.child("Name").map(Element::text).unwrap_or_default();
        package.check_root("1", name)?;
        let table = table::import(edit, entity)?;
        rows::layout(edit.session, &table, entity)?;
    }
    for role in section(&package.customizations, "Roles") {
        package.check_root("20", role.attribute("id").unwrap_or_default())?;
        rows::role(edit.session, role)?;
    }
    let known = ["Entities", "Roles", "Languages"];
    if let Some(other) = package
        .customizations
        .children()
        .iter()
        .find(|part| !known.contains(&part.name()) && !part.children().is_empty())
    {
        return Err(ApiError::not_implemented(&format!("{} in a solution file", other.name())));
    }
    let name = text(&package.manifest, "UniqueName");
    let import = jobs::imported(edit.session, body.get("ImportJobId").and_then(Json::as_str), name)?;
    if message == "ImportSolution" {
        return Ok(Response::empty(204));
    }
    let job = jobs::finished(edit.session, "Import solution", IMPORT)?;
    let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.ImportSolutionAsyncResponse", change.service.root);
    let body = json!({ "@odata.context": context, "AsyncOperationId": job, "ImportJobKey": import.to_string() });
    Ok(Response::json(200, body.to_string()))
}

fn missing(parameter: &str) -> ApiError {
    ApiError::payload(
        "ImportSolution",
        format!("System.ArgumentException: Required parameter '{parameter}' is missing."),
    )
}

/// What stands in a section of the customisations.
fn section<'e>(customizations: &'e Element, name: &str) -> &'e [Element] {
    customizations.child(name).map(Element::children).unwrap_or_default()
}

/// The first label of a list such as `LocalizedNames`.
fn label(element: &Element, list: &str) -> String {
    let label = element.child(list).and_then(|list| list.children().first());
    label.and_then(|label| label.attribute("description")).unwrap_or_default().to_owned()
}

/// The text of a child element.
fn text<'e>(element: &'e Element, name: &str) -> &'e str {
    element.child(name).map(Element::text).unwrap_or_default()
}

/// The file breaks the form that it has to have.
fn malformed(what: &str) -> ApiError {
    ApiError::new(
        400,
        "0x8004802c",
        format!("The import file is invalid. XSD validation failed with the following error: '{what}'."),
    )
}
