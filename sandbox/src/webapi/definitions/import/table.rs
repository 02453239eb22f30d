//! Tables, columns and keys of a solution file, as the payloads that would make them.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::super::edit::Edit;
use super::super::{keys, parse};
use super::{label, malformed, text};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::Table;
use crate::query::Element;

/// Makes the table, or adds to it what it lacks.
pub(super) fn import(edit: &mut Edit<'_>, element: &Element) -> ApiResult<Arc<Table>> {
    let info = element.child("EntityInfo").and_then(|info| info.child("entity"));
    let entity = info.ok_or_else(|| malformed("EntityInfo was not found in the MetadataCache"))?;
    let logical = entity.attribute("Name").unwrap_or_default().to_lowercase();
    let attributes = entity.child("attributes").map(Element::children).unwrap_or_default();
    if edit.schema.table(&logical).is_none() {
        edit.create_table(&object(table(entity, attributes)?))?;
    }
    for attribute in attributes.iter().filter(|attribute| text(attribute, "IsCustomField") == "1") {
        let table = edit.table(&logical)?;
        if table.column(text(attribute, "LogicalName")).is_none() {
            let column = parse::column(edit.session, edit.schema, &object(column(attribute)?))?;
            edit.add_column(&table, column)?;
        }
    }
    for key in entity.child("EntityKeys").map(Element::children).unwrap_or_default() {
        let table = edit.table(&logical)?;
        let name = text(key, "LogicalName");
        if table.keys.iter().any(|known| known.name == name) {
            continue;
        }
        let columns = key.child("EntityKeyAttributes").map(Element::children).unwrap_or_default();
        let columns: Vec<&str> = columns.iter().map(Element::text).collect();
        let body = json!({ "SchemaName": text(key, "Name"), "KeyAttributes": columns, "DisplayName": labelled(&label(key, "displaynames")) });
        keys::add(edit, &table, &object(body))?;
    }
    edit.table(&logical)
}

fn object(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(object) => object,
        _ => Map::new(),
    }
}

fn labelled(text: &str) -> Json {
    let labels = if text.is_empty() { json!([]) } else { json!([{ "Label": text, "LanguageCode": 1033 }]) };
    json!({ "LocalizedLabels": labels })
}

fn table(entity: &Element, attributes: &[Element]) -> ApiResult<Json> {
    let set = |name: &str| text(entity, name) == "1";
    if !set("IsActivity") {
        return Err(ApiError::not_implemented("tables of a solution file that are no activities"));
    }
    let primary = attributes
        .iter()
        .filter(|attribute| text(attribute, "DisplayMask").split('|').any(|mask| mask == "PrimaryName"));
    let [primary] = primary.collect::<Vec<_>>()[..] else {
        return Err(malformed("exactly one attribute has to be the primary name"));
    };
    if text(entity, "ActivityTypeMask").is_empty() {
        return Err(malformed("ActivityTypeMask"));
    }
    let mut primary = column(primary)?;
    primary["IsPrimaryName"] = true.into();
    Ok(json!({
        "SchemaName": entity.attribute("Name"),
        "EntitySetName": text(entity, "EntitySetName"),
        "DisplayName": labelled(&label(entity, "LocalizedNames")),
        "DisplayCollectionName": labelled(&label(entity, "LocalizedCollectionNames")),
        "Description": labelled(&label(entity, "Descriptions")),
        "OwnershipType": text(entity, "OwnershipTypeMask"),
        "IsActivity": true,
        "ActivityTypeMask": 1,
        "HasNotes": text(entity, "HasRelatedNotes") == "True",
        "HasActivities": false,
        "IsAvailableOffline": set("IsReplicated"),
        "IsMailMergeEnabled": { "Value": set("IsMailMergeEnabled") },
        "IsAuditEnabled": { "Value": set("IsAuditEnabled") },
        "ChangeTrackingEnabled": set("ChangeTrackingEnabled"),
        "Attributes": [primary],
    }))
}

/// An attribute as the payload that would make it.
fn column(attribute: &Element) -> ApiResult<Json> {
    let name = attribute.attribute("PhysicalName").unwrap_or_default();
    let number = |of: &str| text(attribute, of).parse::<f64>().map_err(|_| malformed(&format!("{of} of {name}")));
    let whole = |of: &str| text(attribute, of).parse::<u64>().map_err(|_| malformed(&format!("{of} of {name}")));
    let (kind, more) = match text(attribute, "Type") {
        "nvarchar" => ("String", json!({ "MaxLength": whole("MaxLength")?, "FormatName": { "Value": "Text" } })),
        "ntext" => ("Memo", json!({ "MaxLength": whole("MaxLength")?, "Format": "TextArea" })),
        "decimal" => (
            "Decimal",
            json!({ "Precision": whole("Accuracy")?, "MinValue": number("MinValue")?, "MaxValue": number("MaxValue")? }),
        ),
        "datetime" => {
            let format = if text(attribute, "Format") == "date" { "DateOnly" } else { "DateAndTime" };
            let behavior = match text(attribute, "Behavior") {
                "2" => "DateOnly",
                "3" => "TimeZoneIndependent",
                _ => "UserLocal",
            };
            ("DateTime", json!({ "Format": format, "DateTimeBehavior": { "Value": behavior } }))
        }
        "picklist" => {
            let set = attribute.child("optionset").ok_or_else(|| malformed(&format!("optionset of {name}")))?;
            let options = set.child("options").map(Element::children).unwrap_or_default();
            let option = |option: &Element| {
                let value = option.attribute("value").and_then(|value| value.parse::<i64>().ok());
                json!({ "Value": value, "Label": labelled(&label(option, "labels")) })
            };
            let options: Vec<Json> = options.iter().map(option).collect();
            ("Picklist", json!({ "OptionSet": { "OptionSetType": "Picklist", "IsGlobal": false, "Options": options } }))
        }
        other => return Err(ApiError::not_implemented(&format!("columns of the type {other} in a solution file"))),
    };
    let required = match text(attribute, "RequiredLevel") {
        "required" => "ApplicationRequired",
        "systemrequired" => "SystemRequired",
        "none" => "None",
        other => return Err(malformed(&format!("RequiredLevel {other} of {name}"))),
    };
    let mut body = json!({
        "@odata.type": format!("Microsoft.Dynamics.CRM.{kind}AttributeMetadata"),
        "SchemaName": name,
        "DisplayName": labelled(&label(attribute, "displaynames")),
        "Description": labelled(&label(attribute, "Descriptions")),
        "RequiredLevel": { "Value": required },
        "IsAuditEnabled": { "Value": text(attribute, "IsAuditEnabled") == "1" },
    });
    if let (Some(body), Json::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    Ok(body)
}
