//! Relationships as the platform writes them.

use serde_json::{Value as Json, json};

use super::{relation_id, text_of};
use crate::metadata::{Association, Column, Relation, Schema, System, Table};
use crate::webapi::definitions::Described;
use crate::webapi::definitions::describe::label;

/// Every relationship of an organisation.
pub(in crate::webapi::definitions) fn all_of(schema: &Schema) -> impl Iterator<Item = Described> {
    let one = schema.tables.iter().flat_map(|table| many_to_one(schema, table));
    one.chain(schema.associations.iter().map(|association| many_to_many(schema, association)))
}

/// `OneToManyRelationshipMetadata` of every lookup of a table, one for each target.
pub(in crate::webapi::definitions) fn many_to_one(schema: &Schema, table: &Table) -> Vec<Described> {
    let mut found = Vec::new();
    for column in &table.columns {
        let Some(lookup) = column.lookup() else { continue };
        for relation in &lookup.relations {
            let navigation = lookup.navigations.iter().find(|n| n.targets.contains(&relation.target));
            let mut described = one_to_many(table, column, relation, navigation.map_or("", |n| n.name.as_str()));
            if column.system == Some(System::Owner) {
                // Users and teams are owners: one relationship leads to both.
                described.insert("ReferencedEntity".to_owned(), "owner".into());
                described.insert("ReferencedAttribute".to_owned(), "ownerid".into());
                found.push(described);
                break;
            }
            if let Some(target) = schema.table(&relation.target) {
                described.insert("ReferencedAttribute".to_owned(), target.columns[target.id].logical.clone().into());
            }
            found.push(described);
        }
    }
    found
}

/// The relationships that lead to a table.
pub(in crate::webapi::definitions) fn one_to_many_of(schema: &Schema, table: &Table) -> Vec<Described> {
    let all = schema.tables.iter().flat_map(|other| many_to_one(schema, other));
    all.filter(|described| text_of(described, "ReferencedEntity") == table.logical).collect()
}

/// The many-to-many relationships of a table.
pub(in crate::webapi::definitions) fn many_to_many_of(schema: &Schema, table: &Table) -> Vec<Described> {
    let of = |association: &&Association| association.sides.iter().any(|side| side.table == table.logical);
    schema.associations.iter().filter(of).map(|association| many_to_many(schema, association)).collect()
}

fn one_to_many(table: &Table, column: &Column, relation: &Relation, navigation: &str) -> Described {
    let cascades = relation.cascades;
    object(json!({
        "@odata.type": "#Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
        "MetadataId": relation_id(&relation.schema),
        "HasChanged": null,
        "SchemaName": relation.schema,
        "RelationshipType": "OneToManyRelationship",
        "IsCustomRelationship": relation.custom,
        "IsManaged": false,
        "IsValidForAdvancedFind": true,
        "IsHierarchical": false,
        "SecurityTypes": "Append",
        "IntroducedVersion": "1.0.0.0",
        "ReferencedAttribute": null,
        "ReferencedEntity": relation.target,
        "ReferencingAttribute": column.logical,
        "ReferencingEntity": table.logical,
        "ReferencedEntityNavigationPropertyName": relation.collection,
        "ReferencingEntityNavigationPropertyName": navigation,
        "RelationshipBehavior": 1,
        "EntityKey": null,
        "IsCustomizable": { "Value": true, "CanBeChanged": true, "ManagedPropertyLogicalName": "iscustomizable" },
        "AssociatedMenuConfiguration": menu(),
        "CascadeConfiguration": {
            "Assign": cascades.assign.name(),
            "Delete": cascades.delete.name(),
            "Archive": cascades.delete.name(),
            "Merge": cascades.merge.name(),
            "Reparent": cascades.reparent.name(),
            "Share": cascades.share.name(),
            "Unshare": cascades.unshare.name(),
            "RollupView": "NoCascade",
        },
    }))
}

fn many_to_many(schema: &Schema, association: &Association) -> Described {
    let custom = schema.table(&association.intersect).is_some_and(|table| table.custom);
    let [one, two] = &association.sides;
    object(json!({
        "@odata.type": "#Microsoft.Dynamics.CRM.ManyToManyRelationshipMetadata",
        "MetadataId": relation_id(&association.name),
        "HasChanged": null,
        "SchemaName": association.name,
        "RelationshipType": "ManyToManyRelationship",
        "IsCustomRelationship": custom,
        "IsManaged": false,
        "IsValidForAdvancedFind": true,
        "SecurityTypes": "None",
        "IntroducedVersion": "1.0.0.0",
        "Entity1LogicalName": one.table,
        "Entity2LogicalName": two.table,
        "IntersectEntityName": association.intersect,
        "Entity1IntersectAttribute": one.column,
        "Entity2IntersectAttribute": two.column,
        "Entity1NavigationPropertyName": one.navigation,
        "Entity2NavigationPropertyName": two.navigation,
        "IsCustomizable": { "Value": true, "CanBeChanged": true, "ManagedPropertyLogicalName": "iscustomizable" },
        "Entity1AssociatedMenuConfiguration": menu(),
        "Entity2AssociatedMenuConfiguration": menu(),
    }))
}

fn menu() -> Json {
    json!({
        "Behavior": "UseCollectionName", "Group": "Details", "Order": null, "IsCustomizable": true, "Icon": null,
        "ViewId": "00000000-0000-0000-0000-000000000000", "AvailableOffline": true, "MenuId": null,
        "QueryApi": null, "Label": label(""),
    })
}

fn object(json: Json) -> Described {
    match json {
        Json::Object(object) => object,
        _ => Described::new(),
    }
}
