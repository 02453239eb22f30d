//! Messages that change the options of choices ("Create and update choices (option sets) using the Web API").

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::edit::{Edit, no_entity};
use super::parse::{self, label, text};
use super::write::Change;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Choice, ColumnType, StatusOption, Table};
use crate::webapi::Response;

/// The messages, by the names under which they are posted.
pub(super) const MESSAGES: [&str; 6] = [
    "InsertOptionValue",
    "UpdateOptionValue",
    "DeleteOptionValue",
    "OrderOption",
    "InsertStatusValue",
    "UpdateStateValue",
];

type Body = Map<String, Json>;

/// `PicklistValueNotUnique`
fn value_taken() -> ApiError {
    ApiError::new(400, "0x80044310", "The picklist value already exists.  Picklist values must be unique.")
}

/// Performs one of the messages.
pub(super) fn perform(edit: &mut Edit<'_>, change: &Change<'_>, message: &str) -> ApiResult<Response> {
    let body = change.body(message)?;
    match message {
        "InsertOptionValue" => {
            let option = new_option(edit, body)?;
            let value = option.value;
            changed(edit, body, |kind| {
                let options = choices(kind)?;
                if options.iter().any(|known| known.value == value) {
                    return Err(value_taken());
                }
                options.push(option);
                Ok(())
            })?;
            Ok(inserted(change, message, value))
        }
        "InsertStatusValue" => insert_status(edit, change, body),
        "UpdateOptionValue" | "UpdateStateValue" => {
            let (value, label) = (number(body, "Value")?, label(body.get("Label")).ok_or_else(|| required("Label"))?);
            changed(edit, body, |kind| {
                *label_of(kind, value).ok_or_else(|| no_option(value))? = label;
                Ok(())
            })?;
            Ok(Response::empty(204))
        }
        "DeleteOptionValue" => {
            let value = number(body, "Value")?;
            changed(edit, body, |kind| {
                let before = count(kind);
                match kind {
                    ColumnType::Choice(options) | ColumnType::Choices(options) => options.retain(|o| o.value != value),
                    ColumnType::Status(options) => options.retain(|o| o.value != value),
                    _ => {}
                }
                if count(kind) == before { Err(no_option(value)) } else { Ok(()) }
            })?;
            Ok(Response::empty(204))
        }
        _ => {
            let values = body.get("Values").and_then(Json::as_array).ok_or_else(|| required("Values"))?;
            let order: Vec<i64> = values.iter().filter_map(Json::as_i64).collect();
            changed(edit, body, |kind| {
                let options = choices(kind)?;
                if order.len() != options.len() || !options.iter().all(|option| order.contains(&option.value)) {
                    return Err(ApiError::invalid_argument("The values must be those of all options."));
                }
                options.sort_by_key(|option| order.iter().position(|value| *value == option.value));
                Ok(())
            })?;
            Ok(Response::empty(204))
        }
    }
}

fn required(name: &str) -> ApiError {
    ApiError::payload(
        "parameters",
        format!("System.ArgumentException: Required parameter '{name}' is missing or invalid."),
    )
}

fn number(body: &Body, name: &str) -> ApiResult<i64> {
    body.get(name).and_then(Json::as_i64).ok_or_else(|| required(name))
}

fn no_option(value: i64) -> ApiError {
    ApiError::new(400, "0x80048403", format!("The option value {value} does not exist in the option set."))
}

fn inserted(change: &Change<'_>, message: &str, value: i64) -> Response {
    let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.{message}Response", change.service.root);
    Response::json(200, json!({ "@odata.context": context, "NewOptionValue": value }).to_string())
}

/// The option that a body describes; without a value it gets the next one of the publisher's.
fn new_option(edit: &Edit<'_>, body: &Body) -> ApiResult<Choice> {
    let mut described = Body::new();
    described.insert("Value".to_owned(), body.get("Value").cloned().unwrap_or_default());
    described.insert("Label".to_owned(), body.get("Label").cloned().ok_or_else(|| required("Label"))?);
    let taken: Vec<i64> = match target(edit, body)? {
        Target::Global(name) => edit
            .schema
            .choice(&name)
            .into_iter()
            .flat_map(|choice| &choice.options)
            .map(|option| option.value)
            .collect(),
        Target::Column(table, column) => values(&table.columns[column].kind),
    };
    let set = json!({ "Options": [described] });
    let options = parse::options(edit.session, set.as_object().ok_or_else(ApiError::unexpected)?)?;
    let mut option = options.into_iter().next().ok_or_else(|| required("Label"))?;
    if body.get("Value").and_then(Json::as_i64).is_none() {
        while taken.contains(&option.value) {
            option.value += 1;
        }
    }
    Ok(option)
}

fn values(kind: &ColumnType) -> Vec<i64> {
    match kind {
        ColumnType::Choice(options) | ColumnType::Choices(options) => options.iter().map(|o| o.value).collect(),
        ColumnType::Status(options) => options.iter().map(|o| o.value).collect(),
        ColumnType::State(options) => options.iter().map(|o| o.value).collect(),
        _ => Vec::new(),
    }
}

fn count(kind: &ColumnType) -> usize {
    values(kind).len()
}

fn choices(kind: &mut ColumnType) -> ApiResult<&mut Vec<Choice>> {
    match kind {
        ColumnType::Choice(options) | ColumnType::Choices(options) => Ok(options),
        _ => Err(ApiError::invalid_argument("The attribute is no choice.")),
    }
}

/// The label of an option, of whatever kind.
fn label_of(kind: &mut ColumnType, value: i64) -> Option<&mut String> {
    match kind {
        ColumnType::Choice(options) | ColumnType::Choices(options) => {
            options.iter_mut().find(|o| o.value == value).map(|o| &mut o.label)
        }
        ColumnType::State(options) => options.iter_mut().find(|o| o.value == value).map(|o| &mut o.label),
        ColumnType::Status(options) => options.iter_mut().find(|o| o.value == value).map(|o| &mut o.label),
        ColumnType::Flag { yes, no } => match value {
            0 => Some(no),
            1 => Some(yes),
            _ => None,
        },
        _ => None,
    }
}

fn insert_status(edit: &mut Edit<'_>, change: &Change<'_>, body: &Body) -> ApiResult<Response> {
    let state = number(body, "StateCode")?;
    let mut option = new_option(edit, body)?;
    if body.get("Value").and_then(Json::as_i64).is_none() {
        option.value = option.value.max(1);
    }
    let value = option.value;
    changed(edit, body, |kind| {
        let ColumnType::Status(options) = kind else {
            return Err(ApiError::invalid_argument("The attribute is no status."));
        };
        if options.iter().any(|known| known.value == value) {
            return Err(value_taken());
        }
        options.push(StatusOption { value, label: option.label, state });
        Ok(())
    })?;
    Ok(inserted(change, "InsertStatusValue", value))
}

/// What a message is about.
enum Target {
    /// A global choice, by name.
    Global(String),
    Column(Arc<Table>, usize),
}

fn target(edit: &Edit<'_>, body: &Body) -> ApiResult<Target> {
    if let Some(name) = text(body, "OptionSetName").filter(|name| !name.is_empty()) {
        let choice = edit.schema.choice(name);
        let message = || ApiError::new(404, "0x80048039", format!("The optionset with Name={name} does not exist."));
        return Ok(Target::Global(choice.ok_or_else(message)?.name.clone()));
    }
    let entity = text(body, "EntityLogicalName").ok_or_else(|| required("EntityLogicalName"))?;
    let table = edit.schema.table(entity).ok_or_else(|| no_entity(entity))?;
    let name = text(body, "AttributeLogicalName").ok_or_else(|| required("AttributeLogicalName"))?;
    let column = table.column(name).ok_or_else(|| required("AttributeLogicalName"))?;
    match &table.columns[column].global {
        Some(global) => Ok(Target::Global(global.clone())),
        None => Ok(Target::Column(Arc::clone(table), column)),
    }
}

/// Changes the options of a column, or of a global choice with all columns that use it.
fn changed(edit: &mut Edit<'_>, body: &Body, change: impl FnOnce(&mut ColumnType) -> ApiResult<()>) -> ApiResult<()> {
    match target(edit, body)? {
        Target::Column(table, column) => {
            let mut table = Table::clone(&table);
            change(&mut table.columns[column].kind)?;
            edit.schema.put(table);
        }
        Target::Global(name) => {
            let mut choice = edit.schema.choice(&name).cloned().ok_or_else(ApiError::unexpected)?;
            let mut kind = ColumnType::Choice(std::mem::take(&mut choice.options));
            change(&mut kind)?;
            if let ColumnType::Choice(options) = kind {
                choice.options = options;
            }
            edit.schema.put_choice(choice);
        }
    }
    Ok(())
}
