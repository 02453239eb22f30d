//! Definitions as the Web API takes them (Microsoft: "Create and update table definitions using the Web API").

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    definition::{
        ActivityTable, Column, Key, Kind, LANGUAGE, OPTION_PREFIX, Publisher, Solution, VERSION, View, option_value,
    },
    layout,
    role::{Privilege, Role},
};
use crate::settings::Prefix;

pub fn publisher(publisher: &Publisher, prefix: &Prefix) -> Value {
    json!({
        "uniquename": publisher.unique_name,
        "friendlyname": publisher.label,
        "customizationprefix": prefix.as_str(),
        "customizationoptionvalueprefix": OPTION_PREFIX,
    })
}

pub fn solution(solution: &Solution, publisher: Uuid) -> Value {
    json!({
        "uniquename": solution.unique_name,
        "friendlyname": solution.label,
        "description": solution.description,
        "version": VERSION,
        "publisherid@odata.bind": format!("/publishers({publisher})"),
    })
}

/// An activity table with the column that names its rows. The others are added one by one.
pub fn activity_table(table: &ActivityTable) -> Value {
    json!({
        "@odata.type": "Microsoft.Dynamics.CRM.EntityMetadata",
        "SchemaName": table.name,
        "DisplayName": label(&table.label),
        "DisplayCollectionName": label(&table.plural),
        "Description": label(&table.description),
        "OwnershipType": "UserOwned",
        // What a table of activities has to be (Microsoft: "Custom activities").
        "IsActivity": true,
        "ActivityTypeMask": 1,
        "HasActivities": false,
        "HasNotes": true,
        "IsAvailableOffline": true,
        "IsMailMergeEnabled": managed("canmodifymailmergesettings", false),
        "IsAuditEnabled": managed("canmodifyauditsettings", true),
        "Attributes": [{
            "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata",
            "AttributeType": "String",
            "AttributeTypeName": { "Value": "StringType" },
            "SchemaName": "Subject",
            "IsPrimaryName": true,
            "MaxLength": SUBJECT,
            "FormatName": { "Value": "Text" },
            "RequiredLevel": required("ApplicationRequired"),
            "DisplayName": label("Subject"),
        }],
    })
}

/// Characters of the column that names an activity.
pub const SUBJECT: u32 = 400;

pub fn column(column: &Column) -> Value {
    let (kind, more) = match column.kind {
        Kind::Text(max) => ("String", json!({ "MaxLength": max, "FormatName": { "Value": "Text" } })),
        Kind::Memo(max) => ("Memo", json!({ "MaxLength": max, "Format": "TextArea" })),
        Kind::DateTime => {
            ("DateTime", json!({ "Format": "DateAndTime", "DateTimeBehavior": { "Value": "UserLocal" } }))
        }
        Kind::Decimal { precision, most } => {
            ("Decimal", json!({ "Precision": precision, "MinValue": -most, "MaxValue": most }))
        }
        Kind::Choice(options) => {
            let options: Vec<Value> = options
                .iter()
                .map(|(place, text)| json!({ "Value": option_value(*place), "Label": label(text) }))
                .collect();
            let set = json!({
                "@odata.type": "Microsoft.Dynamics.CRM.OptionSetMetadata",
                "OptionSetType": "Picklist", "IsGlobal": false, "Options": options,
            });
            ("Picklist", json!({ "OptionSet": set }))
        }
    };
    let mut body = json!({
        "@odata.type": format!("Microsoft.Dynamics.CRM.{kind}AttributeMetadata"),
        "AttributeType": kind,
        "AttributeTypeName": { "Value": format!("{kind}Type") },
        "SchemaName": column.name,
        "DisplayName": label(column.label),
        "Description": label(column.description),
        "RequiredLevel": required("None"),
        "IsAuditEnabled": managed("canmodifyauditsettings", true),
    });
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    body
}

/// `InsertOptionValue`
pub fn option(table: &str, column: &str, (place, text): (u32, &str), solution: &str) -> Value {
    json!({
        "EntityLogicalName": table, "AttributeLogicalName": column, "Value": option_value(place),
        "Label": label(text), "SolutionUniqueName": solution,
    })
}

pub fn key(key: &Key) -> Value {
    json!({ "SchemaName": key.name, "DisplayName": label(key.label), "KeyAttributes": key.columns })
}

pub fn view(table: &ActivityTable, view: &View) -> Value {
    json!({
        "savedqueryid": view.id,
        "name": view.name,
        "returnedtypecode": table.name,
        "querytype": 0,
        "isdefault": false,
        "fetchxml": layout::fetch(table, view).to_line(),
        "layoutxml": layout::grid(view).to_line(),
    })
}

pub fn form(table: &ActivityTable) -> Value {
    json!({
        "formid": table.form.id,
        "name": table.form.name,
        "objecttypecode": table.name,
        "type": MAIN_FORM,
        "formactivationstate": 1,
        "formxml": layout::form(&table.form).to_line(),
    })
}

/// `type` of a main form.
const MAIN_FORM: u32 = 2;

pub fn role(role: &Role, unit: Uuid) -> Value {
    json!({ "roleid": role.id, "name": role.name, "businessunitid@odata.bind": format!("/businessunits({unit})") })
}

/// `AddPrivilegesRole`
pub fn privileges(privileges: &[(Privilege, Uuid)], unit: Uuid) -> Value {
    let one = |(privilege, id): &(Privilege, Uuid)| {
        json!({
            "PrivilegeId": id, "PrivilegeName": privilege.name, "Depth": privilege.depth.name(), "BusinessUnitId": unit,
        })
    };
    json!({ "Privileges": privileges.iter().map(one).collect::<Vec<_>>() })
}

pub fn application_user(application: Uuid, unit: Uuid) -> Value {
    // 4: non-interactive.
    json!({
        "applicationid": application, "accessmode": 4, "businessunitid@odata.bind": format!("/businessunits({unit})"),
    })
}

/// `PublishXml` of these tables.
pub fn publish<'a>(tables: impl Iterator<Item = &'a str>) -> Value {
    let tables: String = tables.map(|table| format!("<entity>{table}</entity>")).collect();
    json!({ "ParameterXml": format!("<importexportxml><entities>{tables}</entities></importexportxml>") })
}

fn label(text: &str) -> Value {
    let labels: Vec<Value> = (!text.is_empty())
        .then(|| {
            json!({
                "@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel", "Label": text, "LanguageCode": LANGUAGE,
            })
        })
        .into_iter()
        .collect();
    json!({ "@odata.type": "Microsoft.Dynamics.CRM.Label", "LocalizedLabels": labels })
}

fn required(level: &str) -> Value {
    json!({ "Value": level, "CanBeChanged": true, "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings" })
}

fn managed(name: &str, value: bool) -> Value {
    json!({ "Value": value, "CanBeChanged": true, "ManagedPropertyLogicalName": name })
}
