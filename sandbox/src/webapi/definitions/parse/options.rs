//! Options of choices.

use serde_json::{Map, Value as Json};

use super::label;
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Choice, Schema};
use crate::records::{Session, normal_id};
use crate::webapi::definitions::describe::id_of;

/// The options of an `OptionSet`. Options without a value get the next one under the publisher's prefix.
pub(in crate::webapi::definitions) fn options(
    session: &Session<'_>,
    set: &Map<String, Json>,
) -> ApiResult<Vec<Choice>> {
    let mut next = first_value(session)?;
    let mut found: Vec<Choice> = Vec::new();
    for option in set.get("Options").and_then(Json::as_array).into_iter().flatten() {
        let value = match option.get("Value").and_then(Json::as_i64) {
            Some(value) => value,
            None => {
                next = found.iter().map(|option| option.value + 1).max().unwrap_or(next).max(next);
                next
            }
        };
        if found.iter().any(|known| known.value == value) {
            let message = format!("The option value {value} is used more than once.");
            return Err(ApiError::invalid_argument(message));
        }
        found.push(Choice { value, label: label(option.get("Label")).unwrap_or_else(|| value.to_string()) });
    }
    Ok(found)
}

/// `prefix * 10000` of the default publisher.
fn first_value(session: &Session<'_>) -> ApiResult<i64> {
    let Some(publishers) = session.data.schema.table("publisher") else { return Ok(100_000_000) };
    let Some(column) = publishers.column("customizationoptionvalueprefix") else { return Ok(100_000_000) };
    let rows = session.data.store.select(&crate::query::Query::all(publishers.clone()))?;
    Ok(rows.first().and_then(|row| row[column].int()).unwrap_or(10_000) * 10_000)
}

/// The options of a choice column: its own, or those of the global choice it names.
pub(in crate::webapi::definitions) fn resolved(
    session: &Session<'_>,
    schema: &Schema,
    body: &Map<String, Json>,
) -> ApiResult<(Vec<Choice>, Option<String>)> {
    let named = |set: &Map<String, Json>| {
        let global = set.get("IsGlobal").and_then(Json::as_bool).unwrap_or(false);
        set.get("Name").and_then(Json::as_str).filter(|_| global).map(str::to_owned)
    };
    let bound = body.get("GlobalOptionSet@odata.bind").and_then(Json::as_str).map(reference);
    let set = body.get("OptionSet").and_then(Json::as_object);
    let nested = body.get("GlobalOptionSet").and_then(Json::as_object);
    let name = bound
        .or_else(|| set.and_then(named))
        .or_else(|| nested.and_then(|set| set.get("Name").and_then(Json::as_str)).map(str::to_owned));
    match (name, set) {
        (Some(name), _) => {
            let choice = schema
                .choices
                .iter()
                .find(|choice| {
                    choice.name.eq_ignore_ascii_case(&name)
                        || normal_id(&name) == Some(id_of(&format!("choice:{}", choice.name)))
                })
                .ok_or_else(|| {
                    ApiError::new(400, "0x80048039", format!("The optionset with Name={name} does not exist."))
                })?;
            Ok((choice.options.clone(), Some(choice.name.clone())))
        }
        (None, Some(set)) => Ok((options(session, set)?, None)),
        (None, None) => Err(ApiError::invalid_argument("A choice column needs an OptionSet.")),
    }
}

/// The name or id in `/GlobalOptionSetDefinitions(Name='x')`.
fn reference(url: &str) -> String {
    let key = url.rsplit_once('(').map_or(url, |(_, key)| key).trim_end_matches(')');
    key.strip_prefix("Name='").and_then(|name| name.strip_suffix('\'')).unwrap_or(key).to_owned()
}
