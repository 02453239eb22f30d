//! Definitions as the platform writes them.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::Described;
use crate::metadata::{Column, ColumnType, Ownership, Requirement, Schema, Table};

/// Definitions have ids, too: made from their names, so that they stay the same.
fn id_of(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}

fn label(text: &str) -> Json {
    let localized = json!({ "Label": text, "LanguageCode": 1033, "IsManaged": false, "MetadataId": id_of(text) });
    json!({ "LocalizedLabels": [localized], "UserLocalizedLabel": localized })
}

fn object(json: Json) -> Described {
    match json {
        Json::Object(object) => object,
        _ => Described::new(),
    }
}

/// `EntityMetadata`
pub(super) fn table(schema: &Schema, table: &Table) -> Described {
    let regarding = |activity: &Table| {
        let column = activity.column("regardingobjectid").and_then(|column| activity.columns[column].lookup());
        column.is_some_and(|lookup| lookup.targets.contains(&table.logical))
    };
    object(json!({
        "MetadataId": id_of(&table.logical),
        "LogicalName": table.logical,
        "SchemaName": table.schema,
        "EntitySetName": table.set,
        "LogicalCollectionName": table.set,
        "PrimaryIdAttribute": table.columns[table.id].logical,
        "PrimaryNameAttribute": table.columns[table.name].logical,
        "ObjectTypeCode": table.type_code,
        "DisplayName": label(&table.label),
        "IsActivity": table.activity,
        "HasActivities": schema.activities().any(|activity| regarding(activity)),
        "IsCustomEntity": table.custom,
        "IsPrivate": false,
        "IsIntersect": false,
        "OwnershipType": if table.ownership == Ownership::User { "UserOwned" } else { "OrganizationOwned" },
        "ChangeTrackingEnabled": false,
        "IsOptimisticConcurrencyEnabled": true,
    }))
}

/// The members of `AttributeType`, and of the metadata type, for a column's type.
fn type_names(column: &Column) -> (&'static str, &'static str) {
    match column.kind {
        ColumnType::Id => ("Uniqueidentifier", "UniqueIdentifier"),
        ColumnType::Text { .. } => ("String", "String"),
        ColumnType::Memo { .. } => ("Memo", "Memo"),
        ColumnType::Whole { .. } => ("Integer", "Integer"),
        ColumnType::BigInt => ("BigInt", "BigInt"),
        ColumnType::Decimal { .. } => ("Decimal", "Decimal"),
        ColumnType::Flag { .. } => ("Boolean", "Boolean"),
        ColumnType::Choice(_) => ("Picklist", "Picklist"),
        ColumnType::Choices(_) => ("Virtual", "MultiSelectPicklist"),
        ColumnType::State(_) => ("State", "State"),
        ColumnType::Status(_) => ("Status", "Status"),
        ColumnType::DateTime | ColumnType::DateOnly => ("DateTime", "DateTime"),
        ColumnType::Lookup(_) if column.logical == "ownerid" => ("Owner", "Lookup"),
        ColumnType::Lookup(_) => ("Lookup", "Lookup"),
        ColumnType::TableName => ("EntityName", "EntityName"),
    }
}

/// `AttributeMetadata` and what its subtypes add.
pub(super) fn column(table: &Table, column: &Column) -> Described {
    let (kind, metadata) = type_names(column);
    let required = match column.required {
        Requirement::None => "None",
        Requirement::Application => "ApplicationRequired",
        Requirement::System => "SystemRequired",
    };
    let mut described = object(json!({
        "@odata.type": format!("#Microsoft.Dynamics.CRM.{metadata}AttributeMetadata"),
        "MetadataId": id_of(&format!("{}.{}", table.logical, column.logical)),
        "LogicalName": column.logical,
        "SchemaName": column.schema,
        "EntityLogicalName": table.logical,
        "AttributeType": kind,
        "AttributeTypeName": { "Value": format!("{kind}Type") },
        "AttributeOf": null,
        "DisplayName": label(&column.label),
        "RequiredLevel": {
            "Value": required,
            "CanBeChanged": column.required != Requirement::System,
            "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings",
        },
        "IsCustomAttribute": column.custom,
        "IsValidForCreate": column.creatable,
        "IsValidForUpdate": column.updatable,
        "IsValidForRead": true,
        "IsPrimaryId": column.logical == table.columns[table.id].logical,
        "IsPrimaryName": column.logical == table.columns[table.name].logical,
        "IsLogical": false,
    }));
    described.extend(details(column));
    described
}

/// What the type of a column adds to its description.
fn details(column: &Column) -> Described {
    let option = |value: i64, text: &str| json!({ "Value": value, "Label": label(text), "IsManaged": false });
    object(match &column.kind {
        ColumnType::Text { max } | ColumnType::Memo { max } => json!({ "MaxLength": max }),
        ColumnType::Whole { min, max } => json!({ "MinValue": min, "MaxValue": max }),
        ColumnType::Decimal { precision, min, max, .. } => {
            json!({ "MinValue": min, "MaxValue": max, "Precision": precision })
        }
        ColumnType::DateTime => json!({ "Format": "DateAndTime", "DateTimeBehavior": { "Value": "UserLocal" } }),
        ColumnType::DateOnly => json!({ "Format": "DateOnly", "DateTimeBehavior": { "Value": "DateOnly" } }),
        ColumnType::Lookup(lookup) => json!({ "Targets": lookup.targets }),
        ColumnType::Choice(options) | ColumnType::Choices(options) => {
            let options: Vec<Json> = options.iter().map(|o| option(o.value, &o.label)).collect();
            json!({ "OptionSet": { "OptionSetType": "Picklist", "IsGlobal": false, "Options": options } })
        }
        ColumnType::State(options) => {
            let options: Vec<Json> = options
                .iter()
                .map(|o| json!({ "Value": o.value, "Label": label(&o.label), "DefaultStatus": o.default_status }))
                .collect();
            json!({ "OptionSet": { "OptionSetType": "State", "IsGlobal": false, "Options": options } })
        }
        ColumnType::Status(options) => {
            let options: Vec<Json> = options
                .iter()
                .map(|o| json!({ "Value": o.value, "Label": label(&o.label), "State": o.state }))
                .collect();
            json!({ "OptionSet": { "OptionSetType": "Status", "IsGlobal": false, "Options": options } })
        }
        ColumnType::Flag { yes, no } => json!({
            "DefaultValue": column.default == Some(1),
            "OptionSet": { "OptionSetType": "Boolean", "TrueOption": option(1, yes), "FalseOption": option(0, no) },
        }),
        ColumnType::Id | ColumnType::BigInt | ColumnType::TableName => json!({}),
    })
}

/// `OneToManyRelationshipMetadata` of every lookup, one for each target and navigation property.
pub(super) fn many_to_one(table: &Table) -> Vec<Described> {
    let mut found = Vec::new();
    for column in &table.columns {
        for navigation in column.lookup().into_iter().flat_map(|lookup| &lookup.navigations) {
            for target in &navigation.targets {
                let schema = format!("{target}_{}_{}", table.logical, navigation.name);
                found.push(object(json!({
                    "MetadataId": id_of(&schema),
                    "SchemaName": schema,
                    "ReferencedEntity": target,
                    "ReferencingEntity": table.logical,
                    "ReferencingAttribute": column.logical,
                    "ReferencingEntityNavigationPropertyName": navigation.name,
                    "RelationshipType": "OneToManyRelationship",
                    "IsCustomRelationship": table.custom,
                })));
            }
        }
    }
    found
}
