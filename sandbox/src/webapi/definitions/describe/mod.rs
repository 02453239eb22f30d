//! Definitions as the platform writes them.

mod column;

pub(super) use column::{column, general, is, option};

use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::Described;
use super::choices;
use crate::catalogue;
use crate::metadata::{Ownership, Schema, Table};

/// Definitions have ids, too: made from their names, so that they stay the same.
pub(super) fn id_of(name: &str) -> Uuid {
    catalogue::id_of(name)
}

pub(super) fn table_id(logical: &str) -> Uuid {
    id_of(logical)
}

pub(super) fn column_id(table: &str, column: &str) -> Uuid {
    id_of(&format!("{table}.{column}"))
}

pub(super) fn label(text: &str) -> Json {
    if text.is_empty() {
        return json!({ "LocalizedLabels": [], "UserLocalizedLabel": null });
    }
    let localized = json!({ "Label": text, "LanguageCode": 1033, "IsManaged": false, "MetadataId": id_of(text), "HasChanged": null });
    json!({ "LocalizedLabels": [localized], "UserLocalizedLabel": localized })
}

fn managed(name: &str, value: bool) -> Json {
    json!({ "Value": value, "CanBeChanged": true, "ManagedPropertyLogicalName": name.to_lowercase() })
}

fn object(json: Json) -> Described {
    match json {
        Json::Object(object) => object,
        _ => Described::new(),
    }
}

/// Adds what was told and is not modelled. Managed properties keep their form.
fn with_told(mut described: Described, told: &Map<String, Json>) -> Described {
    for (name, value) in told {
        match (described.get_mut(name), value) {
            (Some(Json::Object(slot)), bare) if slot.contains_key("ManagedPropertyLogicalName") => {
                let value = bare.get("Value").unwrap_or(bare).clone();
                slot.insert("Value".to_owned(), value);
            }
            _ if name.ends_with("Name") && value.get("LocalizedLabels").is_some() => {
                described.insert(name.clone(), relabelled(value));
            }
            _ if value.get("LocalizedLabels").is_some() => {
                described.insert(name.clone(), relabelled(value));
            }
            _ => {
                described.insert(name.clone(), value.clone());
            }
        }
    }
    described
}

fn relabelled(told: &Json) -> Json {
    label(super::parse::label(Some(told)).unwrap_or_default().as_str())
}

/// `EntityMetadata`
pub(super) fn table(table: &Table) -> Described {
    let mut described = object(json!({
        "MetadataId": table_id(&table.logical),
        "HasChanged": null,
        "LogicalName": table.logical,
        "SchemaName": table.schema,
        "EntitySetName": table.set,
        "LogicalCollectionName": table.set,
        "CollectionSchemaName": table.set,
        "PrimaryIdAttribute": table.columns[table.id].logical,
        "PrimaryNameAttribute": table.columns[table.name].logical,
        "PrimaryImageAttribute": null,
        "ObjectTypeCode": table.type_code,
        "ActivityTypeMask": i32::from(table.activity),
        "DisplayName": label(&table.label),
        "DisplayCollectionName": label(&format!("{}s", table.label)),
        "Description": label(""),
        "IsActivity": table.activity,
        "IsActivityParty": table.has_activities || table.logical == "systemuser",
        "HasActivities": table.has_activities,
        "HasNotes": table.has_notes(),
        "HasFeedback": false,
        "HasEmailAddresses": table.columns.iter().any(|column| column.logical == "emailaddress1"),
        "IsCustomEntity": table.custom,
        "IsPrivate": false,
        "IsManaged": false,
        "IsIntersect": table.intersect,
        "IsLogicalEntity": false,
        "IsChildEntity": false,
        "IsBPFEntity": false,
        "IsSolutionAware": false,
        "IsStateModelAware": table.column("statecode").is_some(),
        "OwnershipType": if table.ownership == Ownership::User { "UserOwned" } else { "OrganizationOwned" },
        "ChangeTrackingEnabled": table.change_tracking,
    }));
    described.extend(object(json!({
        "IsAvailableOffline": true,
        "IsImportable": !table.intersect,
        "IsValidForAdvancedFind": true,
        "IsEnabledForCharts": true,
        "IsEnabledForTrace": false,
        "IsEnabledForExternalChannels": false,
        "IsBusinessProcessEnabled": false,
        "IsDocumentManagementEnabled": false,
        "IsKnowledgeManagementEnabled": false,
        "IsInteractionCentricEnabled": false,
        "IsOneNoteIntegrationEnabled": false,
        "IsSLAEnabled": false,
        "IsQuickCreateEnabled": false,
        "IsReadingPaneEnabled": true,
        "IsArchivalEnabled": false,
        "IsRetentionEnabled": false,
        "IsAIRUpdated": false,
        "AutoCreateAccessTeams": false,
        "AutoRouteToOwnerQueue": false,
        "CanTriggerWorkflow": true,
        "EnforceStateTransitions": false,
        "EntityHelpUrlEnabled": false,
        "EntityHelpUrl": null,
        "EntityColor": null,
        "ExternalName": null,
        "ExternalCollectionName": null,
        "DataProviderId": null,
        "DataSourceId": null,
        "IntroducedVersion": "1.0.0.0",
        "ReportViewName": format!("Filtered{}", table.schema),
        "RecurrenceBaseEntityLogicalName": null,
        "DaysSinceRecordLastModified": 0,
        "MobileOfflineFilters": "",
        "TableType": "Standard",
        "UsesBusinessDataLabelTable": false,
        "SyncToExternalSearchIndex": false,
        "IsOptimisticConcurrencyEnabled": true,
        "CreatedOn": "2026-01-05T08:00:00Z",
        "ModifiedOn": "2026-01-05T08:00:00Z",
    })));
    for (name, value) in [
        ("IsAuditEnabled", false),
        ("IsValidForQueue", false),
        ("IsConnectionsEnabled", true),
        ("IsCustomizable", true),
        ("IsRenameable", true),
        ("IsMappable", true),
        ("IsDuplicateDetectionEnabled", !table.intersect),
        ("IsMailMergeEnabled", false),
        ("IsVisibleInMobile", false),
        ("IsVisibleInMobileClient", true),
        ("IsReadOnlyInMobileClient", false),
        ("IsOfflineInMobileClient", false),
        ("CanCreateAttributes", !table.intersect),
        ("CanCreateForms", true),
        ("CanCreateViews", true),
        ("CanCreateCharts", true),
        ("CanBeRelatedEntityInRelationship", true),
        ("CanBePrimaryEntityInRelationship", true),
        ("CanBeInManyToMany", true),
        ("CanBeInCustomEntityAssociation", true),
        ("CanEnableSyncToExternalSearchIndex", true),
        ("CanModifyAdditionalSettings", true),
        ("CanChangeHierarchicalRelationship", true),
        ("CanChangeTrackingBeEnabled", true),
    ] {
        described.insert(name.to_owned(), managed(name, value));
    }
    described.insert("Privileges".to_owned(), catalogue::privileges_of(table).map(privilege).collect());
    with_told(described, &table.told)
}

/// `SecurityPrivilegeMetadata`
fn privilege((name, verb): (String, &str)) -> Json {
    json!({
        "CanBeBasic": true,
        "CanBeLocal": true,
        "CanBeDeep": true,
        "CanBeGlobal": true,
        "CanBeEntityReference": false,
        "CanBeParentEntityReference": false,
        "PrivilegeId": catalogue::privilege_id(&name),
        "PrivilegeType": verb,
        "Name": name,
    })
}

/// Every choice, the global ones.
pub(super) fn global_choices(schema: &Schema) -> Vec<Described> {
    schema.choices.iter().map(choices::describe).collect()
}
