//! JSON bodies: properties become values of columns, `@odata.bind` becomes lookups.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::address::reference;
use super::dispatch::Service;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::records::{Assignments, Session, from_json};
use crate::value::Value;

/// What a payload is for: some columns can be set in one case only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Create,
    Update,
}

/// Parses a body that has to be a JSON object.
pub(super) fn object(set: &str, body: &[u8]) -> ApiResult<Map<String, Json>> {
    match serde_json::from_slice(body) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(_) => Err(ApiError::payload(
            set,
            "Microsoft.OData.ODataException: An unexpected 'StartArray' node was found when reading from the JSON \
             reader. A 'StartObject' node was expected.",
        )),
        Err(error) => Err(ApiError::payload(set, format!("Microsoft.OData.ODataException: Invalid JSON. {error}"))),
    }
}

/// The values a payload sets. Columns that can't be set by callers are passed over, as the platform does.
pub(super) fn assignments(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Table,
    body: &Map<String, Json>,
    purpose: Purpose,
) -> ApiResult<Assignments> {
    let mut assignments = Assignments::with_capacity(body.len());
    for (name, json) in body {
        if let Some(navigation) = name.strip_suffix("@odata.bind") {
            assignments.extend(bound(service, session, table, navigation, json)?);
        } else if name.contains('@') {
            // Other annotations describe; they carry no values.
        } else if let Some((column, _)) = table.navigation(name) {
            match json {
                Json::Null => assignments.push((column, Value::Null)),
                Json::Object(_) => return Err(ApiError::not_implemented("deep insert of related rows")),
                _ => return Err(not_a_row(table)),
            }
        } else if let Some(column) = table.property(name) {
            let definition = &table.columns[column];
            if definition.lookup().is_some() {
                return Err(ApiError::payload(
                    &table.set,
                    "Microsoft.Crm.CrmException: CRM do not support direct update of Entity Reference properties, Use \
                     Navigation properties instead.",
                ));
            }
            let settable = if purpose == Purpose::Create { definition.creatable } else { definition.updatable };
            if settable {
                let value = from_json(table, definition, json)?;
                assignments.push((column, rewritten(session, value)));
            }
        } else if json.is_array() || json.is_object() {
            return Err(ApiError::not_implemented("deep insert of related rows"));
        } else {
            return Err(ApiError::unknown_property(table, name));
        }
    }
    Ok(assignments)
}

/// The lookup set by `navigation@odata.bind`.
fn bound(
    service: &Service<'_>,
    session: &Session<'_>,
    table: &Table,
    navigation: &str,
    json: &Json,
) -> ApiResult<Option<(usize, Value)>> {
    let (column, definition) =
        table.navigation(navigation).ok_or_else(|| ApiError::undeclared_navigation(table, navigation))?;
    let value = match json {
        Json::Null => Value::Null,
        Json::String(text) => {
            let (target, id) = reference(service, session, text)?;
            if !definition.targets.contains(&target.logical) {
                let inner = format!(
                    "Microsoft.OData.ODataException: The entity reference '{}' can't be bound to the navigation \
                     property '{navigation}', which takes '{}'.",
                    target.set,
                    definition.targets.join(", ")
                );
                return Err(ApiError::payload(&table.set, inner));
            }
            Value::Row(Arc::from(target.logical.as_str()), id)
        }
        _ => return Err(not_a_row(table)),
    };
    let settable = table.columns[column].updatable || table.columns[column].creatable;
    Ok(settable.then_some((column, value)))
}

fn not_a_row(table: &Table) -> ApiError {
    ApiError::payload(
        &table.set,
        "Microsoft.OData.ODataException: A 'PrimitiveValue' node with non-null value was found when trying to read the \
         value of a navigation property; however, a 'StartArray' node, a 'StartObject' node, or a 'PrimitiveValue' node \
         with null value was expected.",
    )
}

/// Text that looks like a point in time, in the platform's notation, where the switch asks for that.
fn rewritten(session: &Session<'_>, value: Value) -> Value {
    match &value {
        Value::Text(text) if session.switches.rewrite_times_in_text => match crate::value::parse_time(text) {
            Some(time) => Value::Text(crate::value::format_time(time)),
            None => value,
        },
        _ => value,
    }
}
