//! Table definitions over the wire ("Query table definitions using the Web API", "Work with alternate keys"). Reading
//! covers tables, columns, options and many-to-one relationships; of writing, there are alternate keys so far.

mod describe;
mod keys;
mod project;

use serde_json::{Map, Value as Json};

use super::address::{Segment, segments};
use super::dispatch::Service;
use super::prefer::Prefer;
use super::uri::form_pairs;
use super::{Request, Response};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Schema, Table};
use crate::organization::Data;

const DEFINITIONS: &str = "EntityDefinitions";

/// Whether a request is about definitions rather than rows.
pub(super) fn concerns(target: &str) -> bool {
    target.starts_with(DEFINITIONS)
}

/// Answers a request that changes definitions.
pub(super) fn write(service: &Service<'_>, data: &mut Data, request: &Request) -> Response {
    let result = segments(request.target.split('?').next().unwrap_or_default()).and_then(|segments| {
        match (segments.as_slice(), request.method.as_str()) {
            ([definition, keys], "POST") if keys.name == "Keys" && keys.key.is_none() => {
                let table = named(&data.schema, definition)?.clone();
                keys::create(service, data, &table, request)
            }
            _ => Err(ApiError::not_implemented("this change of table definitions")),
        }
    });
    result.unwrap_or_else(|error| Response::error(&error, &Prefer::of(request)))
}

/// Answers a `GET` of definitions.
pub(super) fn read(service: &Service<'_>, schema: &Schema, path: &str, raw_query: &str) -> ApiResult<Response> {
    let segments = segments(path)?;
    let options = project::Options::parse(&form_pairs(raw_query))?;
    let (fragment, found) = match segments.as_slice() {
        [all] if all.key.is_none() && all.name == DEFINITIONS => {
            let tables = schema.tables.iter().map(|table| describe::table(schema, table)).collect();
            (DEFINITIONS.to_owned(), Found::Many(tables))
        }
        [one] => (format!("{DEFINITIONS}/$entity"), Found::One(describe::table(schema, named(schema, one)?))),
        [definition, part] => {
            let table = named(schema, definition)?;
            (format!("{DEFINITIONS}('{}')/{}", table.logical, part.name), parts(table, part, None)?)
        }
        [definition, part, cast] if cast.name.starts_with("Microsoft.Dynamics.CRM.") => {
            let table = named(schema, definition)?;
            let fragment = format!("{DEFINITIONS}('{}')/{}/{}", table.logical, part.name, cast.name);
            (fragment, parts(table, part, Some(&cast.name))?)
        }
        _ => return Err(ApiError::no_segment(path)),
    };
    let context = Json::from(format!("{}/$metadata#{fragment}", service.root));
    let body = match found {
        Found::Many(all) => {
            let value = options.apply(all)?;
            serde_json::json!({ "@odata.context": context, "value": value })
        }
        Found::One(one) => {
            let mut one = options.project(one)?;
            one.shift_insert(0, "@odata.context".to_owned(), context);
            Json::Object(one)
        }
    };
    Ok(Response::json(200, body.to_string()))
}

type Described = Map<String, Json>;

/// One definition or a list of them.
enum Found {
    One(Described),
    Many(Vec<Described>),
}

/// What hangs on a table definition; `cast` restricts columns to one type.
fn parts(table: &Table, part: &Segment, cast: Option<&str>) -> ApiResult<Found> {
    match (part.name.as_str(), &part.key, cast) {
        ("Attributes", None, cast) => {
            let all = table.columns.iter().map(|column| describe::column(table, column));
            let wanted = |described: &Described| {
                cast.is_none_or(|cast| described["@odata.type"].as_str().is_some_and(|kind| kind[1..] == *cast))
            };
            Ok(Found::Many(all.filter(wanted).collect()))
        }
        ("Attributes", Some(key), _) => {
            let column = logical_name(key).and_then(|logical| table.column(logical)).ok_or_else(absent)?;
            Ok(Found::One(describe::column(table, &table.columns[column])))
        }
        ("ManyToOneRelationships", None, None) => Ok(Found::Many(describe::many_to_one(table))),
        ("Keys", None, None) => Ok(Found::Many(keys::describe(table))),
        _ => Err(ApiError::not_implemented("this part of a table definition")),
    }
}

fn named<'s>(schema: &'s Schema, segment: &Segment) -> ApiResult<&'s std::sync::Arc<Table>> {
    if segment.name != DEFINITIONS {
        return Err(ApiError::no_segment(&segment.name));
    }
    segment.key.as_deref().and_then(logical_name).and_then(|logical| schema.table(logical)).ok_or_else(absent)
}

/// `LogicalName='contact'`
fn logical_name(key: &str) -> Option<&str> {
    key.strip_prefix("LogicalName='").and_then(|rest| rest.strip_suffix('\''))
}

fn absent() -> ApiError {
    ApiError::new(404, "0x80060888", "Could not find an entity with the specified key.")
}
