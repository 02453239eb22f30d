//! Definitions over the wire ("Query table definitions using the Web API", "Create and update table definitions using
//! the Web API"): tables, columns, keys, relationships, global choices.

mod changes;
mod choices;
mod describe;
mod document;
mod edit;
mod import;
mod keys;
mod options;
mod parse;
mod project;
mod relationships;
mod write;

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::address::{Segment, segments};
use super::caller;
use super::dispatch::Service;
use super::prefer::Prefer;
use super::uri::form_pairs;
use super::{Request, Response};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Schema, Table};
use crate::organization::Data;
use crate::records::{Rights, Session, normal_id};

/// First segments of requests about definitions.
const RESOURCES: [&str; 11] = [
    "EntityDefinitions",
    "RelationshipDefinitions",
    "GlobalOptionSetDefinitions",
    "$metadata",
    "RetrieveMetadataChanges",
    "CreateEntities",
    "PublishXml",
    "PublishAllXml",
    "ReactivateEntityKey",
    "ImportSolution",
    "ImportSolutionAsync",
];
const CRM: &str = "Microsoft.Dynamics.CRM.";

/// Whether a request is about definitions rather than rows.
pub(super) fn concerns(target: &str) -> bool {
    let first = target.split(['?', '/', '(']).next().unwrap_or_default();
    RESOURCES.contains(&first) || options::MESSAGES.contains(&first)
}

/// Answers a request that changes definitions.
pub(super) fn write(service: &Service<'_>, data: &mut Data, request: &Request) -> Response {
    let mut schema = data.schema.clone();
    let result =
        segments(service.relative(&request.target).split('?').next().unwrap_or_default()).and_then(|segments| {
            let mut session = caller::session(service, data, request)?;
            let change = write::Change { service, request, segments: &segments };
            session.check_privilege(&write::privilege(&change))?;
            // What follows from the change is the platform's own work.
            session.rights = Rights::platform();
            let mut edit = edit::Edit { session: &session, schema: &mut schema, solution: write::solution(request) };
            data.store.atomically(|| write::perform(&mut edit, &change))
        });
    match result {
        Ok(response) => {
            schema.note_changes(&data.schema, |table| describe::table_id(&table.logical));
            data.schema = schema;
            response
        }
        Err(error) => Response::error(&error, &Prefer::of(request)),
    }
}

/// Refuses a `GET` of definitions to whom may not read them.
pub(super) fn check_read(session: &Session<'_>, path: &str, raw_query: &str) -> ApiResult<()> {
    if path.starts_with("$metadata") || session.rights.everything() {
        return Ok(());
    }
    for (part, privilege) in [
        ("EntityDefinitions", "prvReadEntity"),
        ("RetrieveMetadataChanges", "prvReadEntity"),
        ("Attributes", "prvReadAttribute"),
        ("Relationship", "prvReadRelationship"),
        ("OptionSet", "prvReadOptionSet"),
        ("Keys", "prvReadEntityKey"),
    ] {
        if path.contains(part) || raw_query.contains(part) {
            session.check_privilege(privilege)?;
        }
    }
    Ok(())
}

/// Answers a `GET` of definitions.
pub(super) fn read(service: &Service<'_>, schema: &Schema, path: &str, raw_query: &str) -> ApiResult<Response> {
    let pairs = form_pairs(raw_query);
    let segments = segments(path)?;
    match segments.first().map(|first| first.name.as_str()) {
        Some("$metadata") => return Ok(document::respond(schema, &pairs)),
        Some("RetrieveMetadataChanges") => return changes::retrieve(service, schema, &segments[0], &pairs),
        Some("EntityDefinitions" | "RelationshipDefinitions" | "GlobalOptionSetDefinitions") => {}
        // Actions answer POST only.
        Some(action) => return Err(ApiError::no_resource(&format!("{}/{action}", service.root))),
        None => return Err(ApiError::no_segment(path)),
    }
    let options = project::Options::parse(&pairs)?;
    let (fragment, kind, found) = find(schema, &segments)?;
    let context = Json::from(format!("{}/$metadata#{fragment}{}", service.root, selection(&options)));
    let body = match found {
        Found::Many(all) => {
            let mut value = Vec::new();
            for one in all {
                if options.meets(&one)? {
                    value.push(Json::Object(shown(schema, &options, one)?));
                }
            }
            check(schema, &options, kind)?;
            serde_json::json!({ "@odata.context": context, "value": value })
        }
        Found::One(one) => {
            check(schema, &options, kind)?;
            let mut one = shown(schema, &options, one)?;
            one.shift_insert(0, "@odata.context".to_owned(), context);
            Json::Object(one)
        }
    };
    Ok(Response::json(200, body.to_string()))
}

fn selection(options: &project::Options) -> String {
    options.select.as_ref().map_or_else(String::new, |select| format!("({})", select.join(",")))
}

type Described = Map<String, Json>;

/// One definition or a list of them.
enum Found {
    One(Described),
    Many(Vec<Described>),
}

/// What a path names: the fragment of the context URL, the type to check `$select` against, and the definitions.
fn find(schema: &Schema, segments: &[Segment]) -> ApiResult<(String, &'static str, Found)> {
    let (first, rest) = segments.split_first().ok_or_else(|| ApiError::no_segment(""))?;
    match (first.name.as_str(), &first.key, rest) {
        ("EntityDefinitions", None, []) => {
            let tables = schema.tables.iter().map(|table| describe::table(table)).collect();
            Ok(("EntityDefinitions".to_owned(), "EntityMetadata", Found::Many(tables)))
        }
        ("EntityDefinitions", Some(_), []) => {
            let table = describe::table(named(schema, first)?);
            Ok(("EntityDefinitions/$entity".to_owned(), "EntityMetadata", Found::One(table)))
        }
        ("EntityDefinitions", Some(_), [part, rest @ ..]) => {
            let table = named(schema, first)?;
            let cast = rest.first().and_then(|segment| segment.name.strip_prefix(CRM));
            let mut fragment = format!("EntityDefinitions('{}')/{}", table.logical, part.name);
            if let Some(cast) = cast {
                fragment = format!("{fragment}/{CRM}{cast}");
            }
            let after = &rest[usize::from(cast.is_some())..];
            let (kind, found) = parts(schema, table, part, cast)?;
            match (found, after) {
                (found, []) => Ok((fragment, kind, found)),
                // …/Attributes(LogicalName='x')/Microsoft.Dynamics.CRM.PicklistAttributeMetadata/OptionSet
                (Found::One(one), [property]) => match one.get(&property.name) {
                    Some(Json::Object(inner)) => {
                        Ok((format!("{fragment}/{}/$entity", property.name), "", Found::One(inner.clone())))
                    }
                    Some(value) => {
                        let mut inner = Described::new();
                        inner.insert("value".to_owned(), value.clone());
                        Ok((format!("{fragment}/{}", property.name), "", Found::One(inner)))
                    }
                    None => Err(ApiError::no_segment(&property.name)),
                },
                _ => Err(ApiError::no_segment(&part.name)),
            }
        }
        ("RelationshipDefinitions", key, rest) => {
            let cast = rest.first().map(|segment| segment.name.trim_start_matches(CRM));
            let wanted = |one: &Described| {
                let kind = one.get("@odata.type").and_then(Json::as_str).unwrap_or_default();
                cast.is_none_or(|cast| kind.trim_start_matches('#').trim_start_matches(CRM) == cast)
            };
            let mut all = relationships::all_of(schema).filter(wanted);
            if key.is_none() {
                return Ok(("RelationshipDefinitions".to_owned(), "", Found::Many(all.collect())));
            }
            let one = all.find(|one| relationships::is(first, one["SchemaName"].as_str().unwrap_or_default()));
            Ok(("RelationshipDefinitions/$entity".to_owned(), "", Found::One(one.ok_or_else(absent)?)))
        }
        ("GlobalOptionSetDefinitions", None, _) => {
            Ok(("GlobalOptionSetDefinitions".to_owned(), "", Found::Many(describe::global_choices(schema))))
        }
        ("GlobalOptionSetDefinitions", Some(_), _) => {
            let one = choices::describe(choices::named(schema, first)?);
            Ok(("GlobalOptionSetDefinitions/$entity".to_owned(), "", Found::One(one)))
        }
        (name, ..) => Err(ApiError::no_segment(name)),
    }
}

/// What hangs on a table definition; `cast` restricts columns to one type.
fn parts(schema: &Schema, table: &Table, part: &Segment, cast: Option<&str>) -> ApiResult<(&'static str, Found)> {
    let is_a = |described: &Described, cast: &str| {
        described["@odata.type"]
            .as_str()
            .is_some_and(|kind| kind.trim_start_matches('#').trim_start_matches(CRM) == cast)
    };
    let general = if cast.is_some() { "" } else { "AttributeMetadata" };
    match (part.name.as_str(), &part.key) {
        ("Attributes", None) => {
            let wanted = |index: &usize| cast.is_none_or(|cast| describe::is(&table.columns[*index], cast));
            let all = (0..table.columns.len()).filter(wanted).map(|index| describe::column(table, index));
            Ok((general, Found::Many(all.collect())))
        }
        ("Attributes", Some(_)) => {
            let described = describe::column(table, attribute(table, part)?);
            if cast.is_some_and(|cast| !is_a(&described, cast)) {
                return Err(absent());
            }
            Ok((general, Found::One(described)))
        }
        ("Keys", None) => Ok(("EntityKeyMetadata", Found::Many(keys::describe(table)))),
        ("Keys", Some(_)) => {
            Ok(("EntityKeyMetadata", Found::One(keys::describe(table).swap_remove(keys::find(table, part)?))))
        }
        (name @ ("ManyToOneRelationships" | "OneToManyRelationships" | "ManyToManyRelationships"), key) => {
            let mut all = match name {
                "ManyToOneRelationships" => relationships::many_to_one(schema, table),
                "OneToManyRelationships" => relationships::one_to_many_of(schema, table),
                _ => relationships::many_to_many_of(schema, table),
            };
            if key.is_none() {
                return Ok(("", Found::Many(all)));
            }
            let of = |one: &Described| relationships::is(part, one["SchemaName"].as_str().unwrap_or_default());
            let at = all.iter().position(of).ok_or_else(absent)?;
            Ok(("", Found::One(all.swap_remove(at))))
        }
        (name, None) => {
            // A property of the definition itself.
            let described = describe::table(table);
            let value = described.get(name).ok_or_else(|| ApiError::no_segment(name))?;
            let mut one = Described::new();
            one.insert("value".to_owned(), value.clone());
            Ok(("", Found::One(one)))
        }
        (name, Some(_)) => Err(ApiError::no_segment(name)),
    }
}

/// Names that hang on a table definition.
const PARTS: [&str; 5] =
    ["Attributes", "Keys", "ManyToOneRelationships", "OneToManyRelationships", "ManyToManyRelationships"];

fn check(schema: &Schema, options: &project::Options, kind: &str) -> ApiResult<()> {
    let Some(sample) = schema.table("contact") else { return Ok(()) };
    match kind {
        "EntityMetadata" => {
            let known = describe::table(sample);
            options.check(kind, |name| known.contains_key(name) || PARTS.contains(&name))
        }
        "AttributeMetadata" => {
            let known = describe::general(sample, 0);
            options.check(kind, |name| known.contains_key(name))
        }
        _ => Ok(()),
    }
}

/// A definition with what was selected and expanded.
fn shown(schema: &Schema, options: &project::Options, one: Described) -> ApiResult<Described> {
    let table = one.get("EntitySetName").and(one.get("LogicalName")).and_then(Json::as_str);
    let table = table.and_then(|logical| schema.table(logical)).cloned();
    let mut shown = options.project(one)?;
    let Some(table) = table else { return Ok(shown) };
    for (name, inner) in &options.expand {
        let part = Segment { name: name.clone(), key: None };
        if let (_, Found::Many(all)) = parts(schema, &table, &part, None)? {
            let mut value = Vec::new();
            for one in all {
                if inner.meets(&one)? {
                    value.push(Json::Object(inner.project(one)?));
                }
            }
            shown.insert(name.clone(), Json::Array(value));
        }
    }
    Ok(shown)
}

/// The table that `EntityDefinitions(LogicalName='x')` or `EntityDefinitions(id)` names.
fn named<'s>(schema: &'s Schema, segment: &Segment) -> ApiResult<&'s Arc<Table>> {
    if segment.name != "EntityDefinitions" {
        return Err(ApiError::no_segment(&segment.name));
    }
    let key = segment.key.as_deref().unwrap_or_default();
    if let Some(id) = normal_id(key.strip_prefix("MetadataId=").unwrap_or(key)) {
        return schema.tables.iter().find(|table| describe::table_id(&table.logical) == id).ok_or_else(absent);
    }
    let logical = logical_name(key).ok_or_else(absent)?;
    schema.table(logical).ok_or_else(|| edit::no_entity(logical))
}

/// The column that `Attributes(LogicalName='x')` or `Attributes(id)` names.
fn attribute(table: &Table, segment: &Segment) -> ApiResult<usize> {
    let key = segment.key.as_deref().unwrap_or_default();
    if let Some(id) = normal_id(key.strip_prefix("MetadataId=").unwrap_or(key)) {
        let of = |column: &crate::metadata::Column| describe::column_id(&table.logical, &column.logical) == id;
        return table.columns.iter().position(of).ok_or_else(absent);
    }
    logical_name(key).and_then(|logical| table.column(logical)).ok_or_else(absent)
}

/// The path of a definition as it was addressed.
fn address(segment: &Segment) -> String {
    format!("{}({})", segment.name, segment.key.as_deref().unwrap_or_default())
}

/// `LogicalName='contact'`
fn logical_name(key: &str) -> Option<&str> {
    key.strip_prefix("LogicalName='").and_then(|rest| rest.strip_suffix('\''))
}

fn absent() -> ApiError {
    ApiError::new(404, "0x80060888", "Could not find an entity with the specified key.")
}
