//! Global choices (`GlobalOptionSetDefinitions`).

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::Described;
use super::describe::{id_of, label, option};
use super::edit::{Edit, in_use};
use super::parse::{self, Named, check_name};
use super::write::Change;
use crate::catalogue::{Component, drop_component};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{GlobalChoice, Schema};
use crate::records::normal_id;
use crate::webapi::Response;
use crate::webapi::address::Segment;

/// Properties that are modelled; all others are kept as they were told.
const KNOWN: [&str; 7] = ["Name", "DisplayName", "Options", "IsGlobal", "OptionSetType", "MetadataId", "HasChanged"];

fn choice_id(name: &str) -> Uuid {
    id_of(&format!("choice:{name}"))
}

/// The choice that a segment names, by name or id.
pub(super) fn named<'s>(schema: &'s Schema, segment: &Segment) -> ApiResult<&'s GlobalChoice> {
    let key = segment.key.as_deref().unwrap_or_default();
    let name = key.strip_prefix("Name='").and_then(|rest| rest.strip_suffix('\''));
    let id = normal_id(key);
    let found = schema.choices.iter().find(|choice| {
        name.is_some_and(|name| choice.name.eq_ignore_ascii_case(name)) || id == Some(choice_id(&choice.name))
    });
    found.ok_or_else(|| {
        ApiError::new(404, "0x80048039", format!("The optionset with Name={} does not exist.", name.unwrap_or(key)))
    })
}

pub(super) fn write(edit: &mut Edit<'_>, change: &Change<'_>) -> ApiResult<Response> {
    match (change.segments, change.request.method.as_str()) {
        ([all], "POST") if all.key.is_none() => {
            let choice = read(edit, change)?;
            check_name(edit.session, Named::Choice, &choice.name)?;
            if edit.schema.choice(&choice.name).is_some() {
                let message = "An OptionSet with the specified name already exists. Please specify a unique name.";
                return Err(ApiError::new(400, "0x80044345", message));
            }
            let id = choice_id(&choice.name);
            edit.schema.put_choice(choice);
            edit.component(Component::Choice, id)?;
            Ok(change.made(&format!("GlobalOptionSetDefinitions({id})")))
        }
        ([one], "PUT") => {
            let old = named(edit.schema, one)?.clone();
            let read = read(edit, change)?;
            let mut told = old.told;
            told.extend(read.told);
            let options = if read.options.is_empty() { old.options } else { read.options };
            edit.schema.put_choice(GlobalChoice { name: old.name, label: read.label, options, told });
            Ok(Response::empty(204))
        }
        ([one], "DELETE") => {
            let name = named(edit.schema, one)?.name.clone();
            let user = edit.schema.tables.iter().find_map(|table| {
                let column = table.columns.iter().find(|column| column.global.as_deref() == Some(&name))?;
                Some(format!("{}.{}", table.logical, column.logical))
            });
            if let Some(user) = user {
                return Err(in_use(&name, &user));
            }
            edit.schema.choices.retain(|choice| choice.name != name);
            drop_component(edit.session, choice_id(&name))?;
            Ok(Response::empty(204))
        }
        (_, method) => Err(ApiError::method_not_allowed(format!(
            "The requested resource 'GlobalOptionSetDefinitions' does not support http method '{method}'."
        ))),
    }
}

fn read(edit: &Edit<'_>, change: &Change<'_>) -> ApiResult<GlobalChoice> {
    let body = change.body("OptionSetMetadata")?;
    let name = parse::text(body, "Name").unwrap_or_default().to_owned();
    Ok(GlobalChoice {
        label: parse::label(body.get("DisplayName")).unwrap_or_else(|| name.clone()),
        name,
        options: parse::options(edit.session, body)?,
        told: parse::told(body, &KNOWN),
    })
}

/// `OptionSetMetadata` of a global choice.
pub(super) fn describe(choice: &GlobalChoice) -> Described {
    let options: Vec<Json> = choice.options.iter().map(|o| option(o.value, &o.label)).collect();
    let described = json!({
        "@odata.type": "#Microsoft.Dynamics.CRM.OptionSetMetadata",
        "MetadataId": choice_id(&choice.name),
        "HasChanged": null,
        "Name": choice.name,
        "DisplayName": label(&choice.label),
        "Description": label(""),
        "IsCustomOptionSet": true,
        "IsGlobal": true,
        "IsManaged": false,
        "IsCustomizable": { "Value": true, "CanBeChanged": true, "ManagedPropertyLogicalName": "iscustomizable" },
        "OptionSetType": "Picklist",
        "ParentOptionSetName": null,
        "Options": options,
    });
    let mut described = described.as_object().cloned().unwrap_or_default();
    described.extend(choice.told.clone());
    described
}
