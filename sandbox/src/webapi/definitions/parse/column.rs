//! `AttributeMetadata` out of a payload.

use serde_json::{Map, Value as Json};

use super::{Named, check_name, flag, label, resolved, text, told};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Column, ColumnType, Number, Requirement, Schema};
use crate::records::Session;

/// Properties that are modelled; all others are kept as they were told.
const KNOWN: [&str; 33] = [
    "AttributeType",
    "AttributeTypeName",
    "SchemaName",
    "LogicalName",
    "DisplayName",
    "RequiredLevel",
    "MaxLength",
    "MinValue",
    "MaxValue",
    "Precision",
    "OptionSet",
    "GlobalOptionSet",
    "DefaultValue",
    "DefaultFormValue",
    "Targets",
    "IsPrimaryName",
    "IsPrimaryId",
    "MetadataId",
    "EntityLogicalName",
    "IsCustomAttribute",
    "IsValidForCreate",
    "IsValidForUpdate",
    "IsValidForRead",
    "HasChanged",
    "IsLogical",
    "AttributeOf",
    "IsManaged",
    "CreatedOn",
    "ModifiedOn",
    "ColumnNumber",
    "DatabaseLength",
    "IntroducedVersion",
    "DeprecatedVersion",
];

/// The kind of column: `String` in `#Microsoft.Dynamics.CRM.ComplexStringAttributeMetadata`.
fn kind_of(body: &Map<String, Json>) -> Option<String> {
    let declared = body.get("@odata.type").and_then(Json::as_str).map(|name| {
        let name = name.trim_start_matches('#').trim_start_matches("Microsoft.Dynamics.CRM.");
        name.trim_start_matches("Complex").trim_end_matches("AttributeMetadata").to_owned()
    });
    declared
        .filter(|kind| !kind.is_empty())
        .or_else(|| text(body, "AttributeTypeName").map(|name| name.trim_end_matches("Type").to_owned()))
        .or_else(|| text(body, "AttributeType").map(str::to_owned))
}

/// Reads a new column.
pub(in crate::webapi::definitions) fn column(
    session: &Session<'_>,
    schema: &Schema,
    body: &Map<String, Json>,
) -> ApiResult<Column> {
    let name = text(body, "SchemaName").unwrap_or_default();
    check_name(session, Named::Column, name)?;
    unchecked(session, schema, body, name)
}

/// The definition of a column after a `PUT`, whose type stays as it is.
pub(in crate::webapi::definitions) fn updated_column(
    session: &Session<'_>,
    schema: &Schema,
    old: &Column,
    body: &Map<String, Json>,
) -> ApiResult<Column> {
    let mut new = old.clone();
    if let Some(label) = label(body.get("DisplayName")) {
        new.label = label;
    }
    new.required = requirement(body).unwrap_or(old.required);
    match &mut new.kind {
        ColumnType::Lookup(_) | ColumnType::State(_) | ColumnType::Status(_) | ColumnType::Id => {}
        kind => {
            let read = unchecked(session, schema, body, &old.schema)?;
            if std::mem::discriminant(kind) != std::mem::discriminant(&read.kind) && kind.edm() != read.kind.edm() {
                let message = format!("The type of the attribute {} can't be changed.", old.logical);
                return Err(ApiError::invalid_argument(message));
            }
            if old.custom || !matches!(kind, ColumnType::Choice(_) | ColumnType::Flag { .. }) {
                if std::mem::discriminant(kind) == std::mem::discriminant(&read.kind) {
                    *kind = read.kind;
                }
                (new.default, new.global) = (read.default, read.global);
            }
        }
    }
    new.told.extend(told(body, &KNOWN));
    Ok(new)
}

fn requirement(body: &Map<String, Json>) -> Option<Requirement> {
    text(body, "RequiredLevel").map(|level| match level {
        "ApplicationRequired" | "Recommended" => Requirement::Application,
        "SystemRequired" => Requirement::System,
        _ => Requirement::None,
    })
}

fn unchecked(session: &Session<'_>, schema: &Schema, body: &Map<String, Json>, name: &str) -> ApiResult<Column> {
    let kind = kind_of(body).unwrap_or_default();
    let mut column = Column {
        logical: name.to_lowercase(),
        schema: name.to_owned(),
        label: label(body.get("DisplayName")).unwrap_or_else(|| name.to_owned()),
        kind: ColumnType::Id,
        // A form asks for a recommended value; nobody insists on it.
        required: requirement(body).unwrap_or(Requirement::None),
        creatable: true,
        updatable: true,
        custom: true,
        system: None,
        default: None,
        indexed: false,
        global: None,
        told: told(body, &KNOWN),
        file: None,
    };
    let number = |name: &str| body.get(name).and_then(Json::as_f64);
    let digits = |standard: u64| {
        let digits = body.get("Precision").and_then(Json::as_u64).unwrap_or(standard);
        usize::try_from(digits).unwrap_or_default()
    };
    let decimal = |precision: usize, limit: f64, kind: Number| ColumnType::Decimal {
        precision,
        scale: if kind == Number::Double { precision } else { 10 },
        min: number("MinValue").unwrap_or(-limit),
        max: number("MaxValue").unwrap_or(limit),
        number: kind,
    };
    column.kind = match kind.as_str() {
        "String" => ColumnType::Text { max: length(body, &column.logical, 4000)? },
        "Memo" => ColumnType::Memo { max: length(body, &column.logical, 1_048_576)? },
        "Integer" => ColumnType::Whole {
            min: body.get("MinValue").and_then(Json::as_i64).unwrap_or(i64::from(i32::MIN)),
            max: body.get("MaxValue").and_then(Json::as_i64).unwrap_or(i64::from(i32::MAX)),
        },
        "BigInt" => ColumnType::BigInt,
        "Decimal" => decimal(digits(2).min(10), 100_000_000_000.0, Number::Decimal),
        "Double" => decimal(digits(2).min(5), 100_000_000_000.0, Number::Double),
        "Money" => decimal(digits(2).min(4), 922_337_203_685_477.0, Number::Money),
        "Boolean" => {
            let of = |option: &str, standard: &str| {
                let label = body.get("OptionSet").and_then(|set| label(set.get(option)?.get("Label")));
                label.unwrap_or_else(|| standard.to_owned())
            };
            column.default = Some(i64::from(flag(body, "DefaultValue").unwrap_or(false)));
            ColumnType::Flag { yes: of("TrueOption", "Yes"), no: of("FalseOption", "No") }
        }
        "DateTime" => match text(body, "DateTimeBehavior") {
            Some("DateOnly") => ColumnType::DateOnly,
            _ => ColumnType::DateTime,
        },
        "Picklist" | "MultiSelectPicklist" => {
            let (options, global) = resolved(session, schema, body)?;
            column.global = global;
            column.default = body.get("DefaultFormValue").and_then(Json::as_i64).filter(|value| *value >= 0);
            if kind == "Picklist" { ColumnType::Choice(options) } else { ColumnType::Choices(options) }
        }
        "UniqueIdentifier" | "Uniqueidentifier" => ColumnType::Id,
        "EntityName" => ColumnType::TableName,
        "File" | "Image" => {
            // Such a column shows the id of what was uploaded.
            (column.creatable, column.updatable) = (false, false);
            column.told.insert("@odata.type".into(), format!("#Microsoft.Dynamics.CRM.{kind}AttributeMetadata").into());
            column.told.insert("AttributeType".into(), "Virtual".into());
            column.told.insert("AttributeTypeName".into(), serde_json::json!({ "Value": format!("{kind}Type") }));
            let (standard, most) = if kind == "File" { (32_768, 10_485_760) } else { (10_240, 30_720) };
            let size = body.get("MaxSizeInKB").and_then(Json::as_u64).unwrap_or(standard);
            if !(1..=most).contains(&size) {
                let message =
                    format!("The maximum size of the attribute {} must be between 1 and {most}.", column.logical);
                return Err(ApiError::invalid_argument(message));
            }
            column.told.insert("MaxSizeInKB".into(), size.into());
            column.file = Some(size);
            ColumnType::Id
        }
        "Lookup" | "Customer" | "Owner" => {
            let message = "A lookup column is created with its relationship: POST RelationshipDefinitions.";
            return Err(ApiError::invalid_argument(message));
        }
        "" => return Err(ApiError::payload("attributes", "System.ArgumentException: The attribute has no type.")),
        other => return Err(ApiError::not_implemented(&format!("columns of the type {other}"))),
    };
    Ok(column)
}

fn length(body: &Map<String, Json>, logical: &str, longest: usize) -> ApiResult<usize> {
    let Some(max) = body.get("MaxLength").and_then(Json::as_u64) else {
        return Err(ApiError::invalid_argument("New string attributes must have a max length value."));
    };
    match usize::try_from(max) {
        Ok(max) if (1..=longest).contains(&max) => Ok(max),
        _ => Err(ApiError::invalid_argument(format!(
            "The maximum length of the attribute {logical} must be between 1 and {longest}."
        ))),
    }
}
