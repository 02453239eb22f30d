//! Columns and their options as the platform writes them.

use serde_json::{Value as Json, json};

use super::{column_id, id_of, label, managed, object, with_told};
use crate::metadata::{Column, ColumnType, Number, Requirement, Table};
use crate::webapi::definitions::Described;

/// The members of `AttributeType`, and of the metadata type, for a column's type.
fn type_names(column: &Column) -> (&'static str, &'static str) {
    match &column.kind {
        ColumnType::Id => ("Uniqueidentifier", "UniqueIdentifier"),
        ColumnType::Text { .. } => ("String", "String"),
        ColumnType::Memo { .. } => ("Memo", "Memo"),
        ColumnType::Whole { .. } => ("Integer", "Integer"),
        ColumnType::BigInt => ("BigInt", "BigInt"),
        ColumnType::Decimal { number: Number::Decimal, .. } => ("Decimal", "Decimal"),
        ColumnType::Decimal { number: Number::Double, .. } => ("Double", "Double"),
        ColumnType::Decimal { number: Number::Money, .. } => ("Money", "Money"),
        ColumnType::Flag { .. } => ("Boolean", "Boolean"),
        ColumnType::Choice(_) => ("Picklist", "Picklist"),
        ColumnType::Choices(_) => ("Virtual", "MultiSelectPicklist"),
        ColumnType::State(_) => ("State", "State"),
        ColumnType::Status(_) => ("Status", "Status"),
        ColumnType::DateTime | ColumnType::DateOnly => ("DateTime", "DateTime"),
        ColumnType::Lookup(_) if column.logical == "ownerid" => ("Owner", "Lookup"),
        ColumnType::Lookup(lookup) if lookup.targets == ["account", "contact"] => ("Customer", "Lookup"),
        ColumnType::Lookup(_) => ("Lookup", "Lookup"),
        ColumnType::TableName => ("EntityName", "EntityName"),
    }
}

/// Whether a column is described by this type, such as `StringAttributeMetadata`.
pub(in crate::webapi::definitions) fn is(column: &Column, metadata: &str) -> bool {
    let told = column.told.get("@odata.type").and_then(Json::as_str);
    match told.and_then(|told| told.rsplit('.').next()) {
        Some(told) => told == metadata,
        None => metadata.strip_suffix("AttributeMetadata") == Some(type_names(column).1),
    }
}

/// `AttributeMetadata` and what its subtypes add.
pub(in crate::webapi::definitions) fn column(table: &Table, index: usize) -> Described {
    let mut described = general(table, index);
    described.extend(details(table, &table.columns[index]));
    with_told(described, &table.columns[index].told)
}

/// What every column has, whatever its type: `AttributeMetadata`.
pub(in crate::webapi::definitions) fn general(table: &Table, index: usize) -> Described {
    let column = &table.columns[index];
    let (kind, metadata) = type_names(column);
    let required = match column.required {
        Requirement::None => "None",
        Requirement::Application => "ApplicationRequired",
        Requirement::System => "SystemRequired",
    };
    let type_name = match kind {
        "Virtual" => "MultiSelectPicklist",
        "Uniqueidentifier" => "Uniqueidentifier",
        kind => kind,
    };
    let mut described = object(json!({
        "@odata.type": format!("#Microsoft.Dynamics.CRM.{metadata}AttributeMetadata"),
        "MetadataId": column_id(&table.logical, &column.logical),
        "HasChanged": null,
        "LogicalName": column.logical,
        "SchemaName": column.schema,
        "EntityLogicalName": table.logical,
        "AttributeType": kind,
        "AttributeTypeName": { "Value": format!("{type_name}Type") },
        "AttributeOf": null,
        "ColumnNumber": index + 1,
        "Description": label(""),
        "DisplayName": label(&column.label),
        "DeprecatedVersion": null,
        "IntroducedVersion": "1.0.0.0",
        "ExternalName": null,
        "InheritsFrom": null,
        "LinkedAttributeId": null,
        "SourceType": if matches!(kind, "String" | "Integer" | "Decimal" | "Picklist") { json!(0) } else { Json::Null },
        "RequiredLevel": {
            "Value": required,
            "CanBeChanged": column.required != Requirement::System,
            "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings",
        },
        "IsCustomAttribute": column.custom,
        "IsManaged": false,
        "IsValidForCreate": column.creatable,
        "IsValidForUpdate": column.updatable,
        "IsValidForRead": true,
        "IsValidForForm": true,
        "IsValidForGrid": true,
        "IsRequiredForForm": false,
        "IsRetrievable": true,
        "IsSearchable": false,
        "IsFilterable": false,
        "IsSecured": false,
        "CanBeSecuredForCreate": column.custom,
        "CanBeSecuredForRead": column.custom,
        "CanBeSecuredForUpdate": column.custom,
        "IsDataSourceSecret": false,
        "AutoNumberFormat": "",
        "IsPrimaryId": index == table.id,
        "IsPrimaryName": index == table.name,
        "IsLogical": false,
        "CreatedOn": "2026-01-05T08:00:00Z",
        "ModifiedOn": "2026-01-05T08:00:00Z",
    }));
    for (name, value) in [
        ("IsAuditEnabled", true),
        ("IsCustomizable", true),
        ("IsRenameable", true),
        ("IsValidForAdvancedFind", true),
        ("IsSortableEnabled", false),
        ("IsGlobalFilterEnabled", false),
        ("CanModifyAdditionalSettings", true),
    ] {
        described.insert(name.to_owned(), managed(name, value));
    }
    described
}

/// An option as it stands in a list of them.
pub(in crate::webapi::definitions) fn option(value: i64, text: &str) -> Json {
    json!({
        "Value": value, "Label": label(text), "Description": label(""), "Color": null, "IsManaged": false,
        "ExternalValue": null, "ParentValues": [], "Tag": null, "IsHidden": false, "MetadataId": null,
        "HasChanged": null,
    })
}

/// What the type of a column adds to its description. `OptionSet` and `GlobalOptionSet` have to be expanded.
fn details(table: &Table, column: &Column) -> Described {
    let extended = |value: i64, text: &str, name: &str, more: Json| {
        let mut option = option(value, text);
        option[name] = more;
        option
    };
    object(match &column.kind {
        ColumnType::Text { max } => json!({
            "MaxLength": max, "DatabaseLength": 2 * max, "Format": "Text", "FormatName": { "Value": "Text" },
            "ImeMode": "Auto", "IsLocalizable": false, "YomiOf": null, "FormulaDefinition": "", "SourceTypeMask": 0,
        }),
        ColumnType::Memo { max } => json!({
            "MaxLength": max, "Format": "TextArea", "FormatName": { "Value": "TextArea" }, "ImeMode": "Auto",
            "IsLocalizable": false,
        }),
        ColumnType::Whole { min, max } => json!({
            "MinValue": min, "MaxValue": max, "Format": "None", "FormulaDefinition": "", "SourceTypeMask": 0,
        }),
        ColumnType::BigInt => json!({ "MinValue": i64::MIN, "MaxValue": i64::MAX }),
        ColumnType::Decimal { precision, min, max, number, .. } => {
            let mut more = json!({ "MinValue": min, "MaxValue": max, "Precision": precision, "ImeMode": "Disabled" });
            if *number == Number::Money {
                more["PrecisionSource"] = 2.into();
                more["IsBaseCurrency"] = column.logical.ends_with("_base").into();
                more["CalculationOf"] = Json::Null;
            }
            more
        }
        ColumnType::DateTime => datetime("DateAndTime", "UserLocal"),
        ColumnType::DateOnly => datetime("DateOnly", "DateOnly"),
        ColumnType::Lookup(lookup) => json!({ "Targets": lookup.targets, "Format": "None" }),
        ColumnType::Choice(options) | ColumnType::Choices(options) => {
            let all: Vec<Json> = options.iter().map(|o| option(o.value, &o.label)).collect();
            let set = option_set(table, column, "Picklist", all);
            let multiple = matches!(column.kind, ColumnType::Choices(_));
            let global = column.global.as_ref().map_or(Json::Null, |_| set.clone());
            json!({
                "DefaultFormValue": column.default.unwrap_or(-1), "ParentPicklistLogicalName": null,
                "ChildPicklistLogicalNames": [], "SourceTypeMask": if multiple { Json::Null } else { json!(0) },
                "OptionSet": set, "GlobalOptionSet": global,
            })
        }
        ColumnType::State(options) => {
            let all = options
                .iter()
                .map(|o| extended(o.value, &o.label, "DefaultStatus", o.default_status.into()))
                .map(|mut option| {
                    option["InvariantName"] = option["Label"]["UserLocalizedLabel"]["Label"].clone();
                    option
                });
            let set = option_set(table, column, "State", all.collect());
            json!({ "DefaultFormValue": 0, "OptionSet": set, "GlobalOptionSet": null })
        }
        ColumnType::Status(options) => {
            let all = options.iter().map(|o| extended(o.value, &o.label, "State", o.state.into()));
            let set = option_set(table, column, "Status", all.collect());
            json!({ "DefaultFormValue": -1, "OptionSet": set, "GlobalOptionSet": null })
        }
        ColumnType::Flag { yes, no } => {
            let mut set = option_set(table, column, "Boolean", Vec::new());
            if let Some(set) = set.as_object_mut() {
                set.remove("Options");
                set.insert("TrueOption".to_owned(), option(1, yes));
                set.insert("FalseOption".to_owned(), option(0, no));
            }
            json!({ "DefaultValue": column.default == Some(1), "OptionSet": set, "GlobalOptionSet": null })
        }
        ColumnType::Id | ColumnType::TableName => json!({}),
    })
}

fn datetime(format: &str, behavior: &str) -> Json {
    json!({
        "Format": format, "DateTimeBehavior": { "Value": behavior }, "ImeMode": "Inactive",
        "MinSupportedValue": "1753-01-01T00:00:00Z", "MaxSupportedValue": "9999-12-30T23:59:59Z",
        "CanChangeDateTimeBehavior": managed("canchangedatetimebehavior", behavior == "UserLocal"),
        "FormulaDefinition": "", "SourceTypeMask": 0,
    })
}

fn option_set(table: &Table, column: &Column, kind: &str, options: Vec<Json>) -> Json {
    let name = column.global.clone().unwrap_or_else(|| format!("{}_{}", table.logical, column.logical));
    json!({
        "MetadataId": id_of(&format!("choice:{name}")), "HasChanged": null, "Name": name,
        "DisplayName": label(&column.label), "Description": label(""), "IsCustomOptionSet": column.custom,
        "IsGlobal": column.global.is_some(), "IsManaged": false, "ExternalTypeName": "",
        "IsCustomizable": managed("iscustomizable", true), "IntroducedVersion": "1.0.0.0", "OptionSetType": kind,
        "ParentOptionSetName": null, "Options": options,
    })
}
