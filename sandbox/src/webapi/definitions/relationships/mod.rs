//! Relationships over the wire (`RelationshipDefinitions`).

mod describe;

pub(super) use describe::{all_of, many_to_many_of, many_to_one, one_to_many_of};

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::Described;
use super::describe::id_of;
use super::edit::Edit;
use super::parse::{self, Named, check_name};
use super::write::Change;
use crate::catalogue::{Component, drop_component};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{
    Association, Cascade, Cascades, Column, ColumnType, Lookup, Navigation, Relation, Requirement, Schema, Side, Table,
    table as begin,
};
use crate::records::normal_id;
use crate::webapi::Response;
use crate::webapi::address::Segment;

fn relation_id(schema: &str) -> Uuid {
    id_of(&format!("relationship:{schema}"))
}

/// What a segment such as `RelationshipDefinitions(SchemaName='x')` names.
pub(super) fn is(segment: &Segment, schema_name: &str) -> bool {
    let key = segment.key.as_deref().unwrap_or_default();
    let name = key.strip_prefix("SchemaName='").and_then(|rest| rest.strip_suffix('\''));
    name.is_some_and(|name| name.eq_ignore_ascii_case(schema_name)) || normal_id(key) == Some(relation_id(schema_name))
}

pub(super) fn write(edit: &mut Edit<'_>, change: &Change<'_>) -> ApiResult<Response> {
    match (change.segments, change.request.method.as_str()) {
        ([all], "POST") if all.key.is_none() => {
            let body = change.body("RelationshipMetadata")?;
            let schema = parse::text(&body, "SchemaName").unwrap_or_default().to_owned();
            let many = body.get("@odata.type").and_then(Json::as_str).is_some_and(|kind| kind.contains("ManyToMany"));
            check_name(edit.session, if many { Named::ManyToMany } else { Named::OneToMany }, &schema)?;
            if all_of(edit.schema).any(|known| text_of(&known, "SchemaName").eq_ignore_ascii_case(&schema)) {
                let message = "A relationship with the specified name already exists. Please specify a unique name.";
                return Err(ApiError::new(400, "0x8004432b", message));
            }
            if many {
                create_many_to_many(edit, &schema, &body)?
            } else {
                create_one_to_many(edit, &schema, &body)?
            }
            edit.component(Component::Relationship, relation_id(&schema))?;
            Ok(change.made(&format!("RelationshipDefinitions({})", relation_id(&schema))))
        }
        ([one, ..], "DELETE") => delete(edit, one),
        ([one, ..], "PUT") => update(edit, one, change.body("RelationshipMetadata")?),
        (_, method) => Err(ApiError::method_not_allowed(format!(
            "The requested resource 'RelationshipDefinitions' does not support http method '{method}'."
        ))),
    }
}

fn text_of<'j>(described: &'j Described, name: &str) -> &'j str {
    described.get(name).and_then(Json::as_str).unwrap_or_default()
}

fn required<'b>(body: &'b Map<String, Json>, name: &str) -> ApiResult<&'b str> {
    let missing = || ApiError::invalid_argument(format!("The property {name} of the relationship is missing."));
    parse::text(body, name).ok_or_else(missing)
}

fn create_one_to_many(edit: &mut Edit<'_>, schema: &str, body: &Map<String, Json>) -> ApiResult<()> {
    let referencing = edit.table(required(body, "ReferencingEntity")?)?;
    let referenced = edit.table(required(body, "ReferencedEntity")?)?;
    let lookup = body.get("Lookup").and_then(Json::as_object);
    let lookup =
        lookup.ok_or_else(|| ApiError::invalid_argument("The property Lookup of the relationship is missing."))?;
    let name = required(lookup, "SchemaName")?;
    check_name(edit.session, Named::Column, name)?;
    let navigation = match parse::text(body, "ReferencingEntityNavigationPropertyName") {
        Some(name) => name.to_owned(),
        None if referencing.activity => format!("{name}_{}", referencing.schema),
        None => name.to_owned(),
    };
    let collection = parse::text(body, "ReferencedEntityNavigationPropertyName").unwrap_or(schema).to_owned();
    let target = referenced.logical.clone();
    let relation = Relation {
        target: target.clone(),
        schema: schema.to_owned(),
        collection,
        cascades: cascades(body, Cascades::REFERENTIAL)?,
        custom: true,
    };
    let column = Column {
        logical: name.to_lowercase(),
        schema: name.to_owned(),
        label: parse::label(lookup.get("DisplayName")).unwrap_or_else(|| name.to_owned()),
        kind: ColumnType::Lookup(Lookup {
            targets: vec![target.clone()],
            navigations: vec![Navigation { name: navigation, targets: vec![target] }],
            relations: vec![relation],
        }),
        required: match parse::text(lookup, "RequiredLevel") {
            Some("SystemRequired") => Requirement::System,
            Some("ApplicationRequired" | "Recommended") => Requirement::Application,
            _ => Requirement::None,
        },
        creatable: true,
        updatable: true,
        custom: true,
        system: None,
        default: None,
        indexed: true,
        global: None,
        told: Map::new(),
        file: None,
    };
    edit.add_column(&referencing, column).map(drop)
}

/// `CascadeConfiguration`, on top of what stands.
fn cascades(body: &Map<String, Json>, mut cascades: Cascades) -> ApiResult<Cascades> {
    let told = body.get("CascadeConfiguration").and_then(Json::as_object);
    for (name, slot) in [
        ("Assign", &mut cascades.assign),
        ("Delete", &mut cascades.delete),
        ("Merge", &mut cascades.merge),
        ("Reparent", &mut cascades.reparent),
        ("Share", &mut cascades.share),
        ("Unshare", &mut cascades.unshare),
    ] {
        if let Some(text) = told.and_then(|told| told.get(name)).and_then(Json::as_str) {
            *slot = Cascade::parse(text)
                .ok_or_else(|| ApiError::invalid_argument(format!("{text} is no cascade for {name}.")))?;
        }
    }
    Ok(cascades)
}

fn create_many_to_many(edit: &mut Edit<'_>, schema: &str, body: &Map<String, Json>) -> ApiResult<()> {
    let left = edit.table(required(body, "Entity1LogicalName")?)?;
    let right = edit.table(required(body, "Entity2LogicalName")?)?;
    let intersect = parse::text(body, "IntersectEntityName").unwrap_or(schema).to_owned();
    check_name(edit.session, Named::Table, &intersect)?;
    let key = |table: &Table| table.columns[table.id].schema.clone();
    let (one, two) = if left.logical == right.logical {
        (format!("{}one", key(&left)), format!("{}two", key(&right)))
    } else {
        (key(&left), key(&right))
    };
    let side = |table: &Table, column: &str, name: &str| Side {
        table: table.logical.clone(),
        column: column.to_lowercase(),
        navigation: parse::text(body, name).unwrap_or(schema).to_owned(),
    };
    let association = Association {
        name: schema.to_owned(),
        intersect: intersect.to_lowercase(),
        sides: [
            side(&left, &one, "Entity1NavigationPropertyName"),
            side(&right, &two, "Entity2NavigationPropertyName"),
        ],
    };
    let code = edit.schema.tables.iter().map(|table| table.type_code + 1).max().unwrap_or(10_600);
    let set = format!("{}set", intersect.to_lowercase());
    let id = format!("{intersect}id");
    let table = begin(&intersect, &set, &intersect, &id).type_code(code).listing_only().link(&one, &two);
    edit.add_table(table.build(&id.to_lowercase()))?;
    edit.schema.associations.push(association);
    Ok(())
}

fn absent() -> ApiError {
    ApiError::new(404, "0x80060888", "Could not find a relationship with the specified key.")
}

/// The table, column and target of a one-to-many relationship.
fn place(schema: &Schema, segment: &Segment) -> Option<(std::sync::Arc<Table>, usize, usize)> {
    schema.tables.iter().find_map(|table| {
        table.columns.iter().enumerate().find_map(|(column, definition)| {
            let relations = &definition.lookup()?.relations;
            let at = relations.iter().position(|relation| is(segment, &relation.schema))?;
            Some((table.clone(), column, at))
        })
    })
}

fn delete(edit: &mut Edit<'_>, segment: &Segment) -> ApiResult<Response> {
    let not_custom = || ApiError::new(400, "0x8004700a", "The specified relationship is not a custom relationship");
    if let Some(association) = edit.schema.associations.iter().find(|known| is(segment, &known.name)).cloned() {
        let intersect = edit.table(&association.intersect)?;
        if !intersect.custom {
            return Err(not_custom());
        }
        edit.schema.remove(&intersect.logical);
        edit.session.data.store.drop_table(&intersect)?;
        drop_component(edit.session, relation_id(&association.name))?;
        return Ok(Response::empty(204));
    }
    let (table, column, at) = place(edit.schema, segment).ok_or_else(absent)?;
    let definition = &table.columns[column];
    let relation = definition.lookup().map(|lookup| lookup.relations[at].clone()).ok_or_else(absent)?;
    if !relation.custom || !definition.custom {
        return Err(not_custom());
    }
    drop_component(edit.session, relation_id(&relation.schema))?;
    edit.delete_column(&table, column)?;
    Ok(Response::empty(204))
}

fn update(edit: &mut Edit<'_>, segment: &Segment, body: &Map<String, Json>) -> ApiResult<Response> {
    let (table, column, at) = place(edit.schema, segment).ok_or_else(absent)?;
    let mut new = (*table).clone();
    if let ColumnType::Lookup(lookup) = &mut new.columns[column].kind {
        let relation = &mut lookup.relations[at];
        relation.cascades = cascades(body, relation.cascades)?;
    }
    edit.schema.put(new);
    Ok(Response::empty(204))
}
