//! `RetrieveMetadataChanges` ("Query schema definitions"): definitions by a query object, and what changed since.

use serde_json::{Value as Json, json};

use super::describe::{self, table_id};
use super::{Described, keys, relationships};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Schema, Table};
use crate::webapi::Response;
use crate::webapi::address::Segment;
use crate::webapi::dispatch::Service;

/// `GET RetrieveMetadataChanges(Query=@p1,ClientVersionStamp=@p2)?@p1={…}&@p2='…'`
pub(super) fn retrieve(
    service: &Service<'_>,
    schema: &Schema,
    segment: &Segment,
    pairs: &[(String, String)],
) -> ApiResult<Response> {
    let parameter = |name: &str| {
        let key = segment.key.as_deref().unwrap_or_default();
        let (_, rest) = key.split_once(&format!("{name}="))?;
        let value = rest.split(',').next().unwrap_or(rest).trim().to_owned();
        if value.starts_with('@') {
            pairs.iter().find(|(alias, _)| *alias == value).map(|(_, value)| value.clone())
        } else if value.starts_with('{') {
            Some(rest.to_owned())
        } else {
            Some(value)
        }
    };
    let query: Json = match parameter("Query") {
        Some(text) if text != "null" => serde_json::from_str(&text)
            .map_err(|error| ApiError::query(format!("The value of the parameter Query is no JSON: {error}")))?,
        _ => json!({}),
    };
    let since = match parameter("ClientVersionStamp") {
        Some(text) if text != "null" => Some(stamp(schema, text.trim_matches('\''))?),
        _ => None,
    };
    let mut entities = Vec::new();
    for table in &schema.tables {
        let changed = schema.changed.get(&table.logical).copied().unwrap_or(0);
        if since.is_some_and(|since| changed <= since) {
            continue;
        }
        let described = describe::table(table);
        if meets(query.get("Criteria"), &described)? {
            entities.push(Json::Object(entity(schema, table, described, &query)?));
        }
    }
    let deleted: Vec<Json> = since.map_or_else(Vec::new, |since| {
        schema.deleted.iter().filter(|gone| gone.stamp > since).map(|gone| json!(gone.id)).collect()
    });
    let deleted = if deleted.is_empty() {
        json!({ "Count": 0, "IsReadOnly": false, "Keys": [], "Values": [] })
    } else {
        json!({ "Count": 1, "IsReadOnly": false, "Keys": ["Entity"], "Values": [{ "Items": deleted }] })
    };
    let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.RetrieveMetadataChangesResponse", service.root);
    let body = json!({
        "@odata.context": context,
        "ServerVersionStamp": format!("{}!01/05/2026 08:00:00", FIRST + schema.stamp),
        "DeletedMetadata": deleted,
        "EntityMetadata": entities,
    });
    Ok(Response::json(200, body.to_string()))
}

/// Stamps begin somewhere, as in an organisation that has seen some changes.
const FIRST: i64 = 500_000;

/// Reads a stamp; one that this schema never gave out has expired.
fn stamp(schema: &Schema, text: &str) -> ApiResult<i64> {
    let number = text.split('!').next().and_then(|number| number.parse::<i64>().ok()).map(|number| number - FIRST);
    number.filter(|stamp| (0..=schema.stamp).contains(stamp)).ok_or_else(|| {
        let message = "Version stamp associated with the client has expired. Please perform a full sync.";
        ApiError::new(400, "0x80044352", message)
    })
}

fn entity(schema: &Schema, table: &Table, described: Described, query: &Json) -> ApiResult<Described> {
    let mut entity = projected(described, query.get("Properties"), &["MetadataId", "LogicalName", "HasChanged"]);
    entity.insert("HasChanged".to_owned(), true.into());
    let wants = |name: &str| wanted(query.get("Properties"), name);
    let lists = [
        (
            "Attributes",
            "AttributeQuery",
            (0..table.columns.len()).map(|index| describe::column(table, index)).collect(),
        ),
        ("Keys", "KeyQuery", keys::describe(table)),
        ("ManyToOneRelationships", "RelationshipQuery", relationships::many_to_one(schema, table)),
        ("OneToManyRelationships", "RelationshipQuery", relationships::one_to_many_of(schema, table)),
        ("ManyToManyRelationships", "RelationshipQuery", relationships::many_to_many_of(schema, table)),
    ];
    for (name, asked, all) in lists {
        let inner = query.get(asked);
        let mut kept = Vec::new();
        if wants(name) {
            for one in all {
                if meets(inner.and_then(|inner| inner.get("Criteria")), &one)? {
                    let mut one = projected(
                        one,
                        inner.and_then(|inner| inner.get("Properties")),
                        &["MetadataId", "LogicalName", "HasChanged"],
                    );
                    // The action answers with complex types instead of entity types.
                    if let Some(Json::String(kind)) = one.get_mut("@odata.type") {
                        *kind = kind.replace("#Microsoft.Dynamics.CRM.", "#Microsoft.Dynamics.CRM.Complex");
                    }
                    kept.push(Json::Object(one));
                }
            }
        }
        entity.insert(name.to_owned(), Json::Array(kept));
    }
    entity.insert("MetadataId".to_owned(), json!(table_id(&table.logical)));
    Ok(entity)
}

fn wanted(properties: Option<&Json>, name: &str) -> bool {
    let Some(properties) = properties else { return true };
    let all = properties.get("AllProperties").and_then(Json::as_bool);
    let names = properties.get("PropertyNames").and_then(Json::as_array);
    all == Some(true) || names.is_none_or(|names| names.iter().any(|listed| listed == name))
}

fn projected(one: Described, properties: Option<&Json>, always: &[&str]) -> Described {
    one.into_iter()
        .filter(|(name, _)| name == "@odata.type" || always.contains(&name.as_str()) || wanted(properties, name))
        .collect()
}

/// `MetadataFilterExpression`
fn meets(filter: Option<&Json>, one: &Described) -> ApiResult<bool> {
    let Some(filter) = filter.filter(|filter| !filter.is_null()) else { return Ok(true) };
    let mut results = Vec::new();
    for condition in filter.get("Conditions").and_then(Json::as_array).into_iter().flatten() {
        results.push(holds(condition, one)?);
    }
    for inner in filter.get("Filters").and_then(Json::as_array).into_iter().flatten() {
        results.push(meets(Some(inner), one)?);
    }
    let any = matches!(filter.get("FilterOperator").and_then(Json::as_str), Some("Or"));
    Ok(if any && !results.is_empty() { results.contains(&true) } else { !results.contains(&false) })
}

/// `MetadataConditionExpression`
fn holds(condition: &Json, one: &Described) -> ApiResult<bool> {
    let name = condition["PropertyName"].as_str().unwrap_or_default();
    let actual = one.get(name).map_or(&Json::Null, |actual| actual.get("Value").unwrap_or(actual));
    let value = condition["Value"].get("Value").unwrap_or(&condition["Value"]);
    let same = |value: &Json| match (value, actual) {
        (Json::String(text), Json::Bool(flag)) => text.eq_ignore_ascii_case(if *flag { "true" } else { "false" }),
        (Json::String(text), Json::Number(number)) => *text == number.to_string(),
        (Json::String(text), Json::String(actual)) => text.eq_ignore_ascii_case(actual),
        (value, actual) => value == actual,
    };
    let any = || match value {
        Json::Array(values) => values.iter().any(same),
        Json::String(text) => serde_json::from_str::<Vec<Json>>(text).is_ok_and(|values| values.iter().any(same)),
        _ => false,
    };
    match condition["ConditionOperator"].as_str() {
        Some("Equals") => Ok(same(value)),
        Some("NotEquals") => Ok(!same(value)),
        Some("In") => Ok(any()),
        Some("NotIn") => Ok(!any()),
        Some("GreaterThan") => Ok(actual.as_f64() > value.as_f64()),
        Some("LessThan") => Ok(actual.as_f64() < value.as_f64()),
        _ => Err(ApiError::invalid_argument("The ConditionOperator of a metadata condition is missing or unknown.")),
    }
}
