//! JSON bodies: properties become values of columns, `@odata.bind` becomes lookups.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::Body;
use super::address::reference;
use super::deep;
use super::dispatch::Service;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Navigation, Table};
use crate::records::{Assignments, Session, from_json};
use crate::value::Value;

/// What a payload is for: some columns can be set in one case only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Create,
    Update,
}

/// Parses a body that has to be a JSON object.
pub(super) fn object<'b>(set: &str, body: &'b Body) -> ApiResult<&'b Map<String, Json>> {
    match body.json() {
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
            // Collections are filled when their row is there.
            if purpose == Purpose::Create
                && json.is_array()
                && session.data.schema.collection(table, navigation).is_some()
            {
                continue;
            }
            assignments.extend(bound(service, session, table, navigation, json)?);
        } else if name.contains('@') {
            // Other annotations describe; they carry no values.
        } else if let Some((column, navigation)) = table.navigation(name) {
            match json {
                Json::Null => assignments.push((column, Value::Null)),
                Json::Object(row) if purpose == Purpose::Create => {
                    let target = inserted(session, table, navigation, row)?;
                    let id = deep::create(service, session, target, row)?;
                    assignments.push((column, Value::Row(Arc::from(target.logical.as_str()), id)));
                }
                Json::Object(_) => return Err(no_deep_update(table, name)),
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
        } else if json.is_array() && session.data.schema.collection(table, name).is_some() {
            if purpose == Purpose::Update && deep::parties(session, table, name).is_none() {
                return Err(no_deep_update(table, name));
            }
        } else {
            return Err(ApiError::unknown_property(table, name));
        }
    }
    Ok(assignments)
}

/// The table of a row inside a payload: it says so itself, where a navigation property leads to several.
fn inserted<'s>(
    session: &'s Session<'_>,
    table: &Table,
    navigation: &Navigation,
    row: &Map<String, Json>,
) -> ApiResult<&'s Arc<Table>> {
    let named = row.get("@odata.type").and_then(Json::as_str);
    let named = named.map(|name| name.trim_start_matches('#').trim_start_matches("Microsoft.Dynamics.CRM."));
    let target = match (named, navigation.targets.as_slice()) {
        (Some(named), targets) => targets.iter().find(|target| *target == named),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    target.and_then(|target| session.data.schema.table(target)).ok_or_else(|| {
        let inner = format!(
            "Microsoft.OData.ODataException: The type of the row in '{}' could not be resolved.",
            navigation.name
        );
        ApiError::payload(&table.set, inner)
    })
}

/// Related rows can come with a create only.
fn no_deep_update(table: &Table, name: &str) -> ApiError {
    let inner = format!(
        "Microsoft.Crm.CrmException: Deep update is not supported: the navigation property '{name}' can't be updated \
         through the row."
    );
    ApiError::payload(&table.set, inner)
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
