//! `EntityMetadata` out of a payload.

use serde_json::{Map, Value as Json};

use super::{Named, check_name, column, flag, label, text, told};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Requirement, Schema, Table, activity_columns, table as begin};
use crate::records::Session;

/// Type codes of custom tables begin here.
const FIRST_TYPE_CODE: i64 = 10_600;

/// Properties that are modelled; all others are kept as they were told.
pub(in crate::webapi::definitions) const KNOWN: [&str; 22] = [
    "SchemaName",
    "LogicalName",
    "EntitySetName",
    "LogicalCollectionName",
    "DisplayName",
    "OwnershipType",
    "IsActivity",
    "HasActivities",
    "Attributes",
    "MetadataId",
    "PrimaryIdAttribute",
    "PrimaryNameAttribute",
    "ObjectTypeCode",
    "IsCustomEntity",
    "IsIntersect",
    "ChangeTrackingEnabled",
    "Keys",
    "ManyToManyRelationships",
    "ManyToOneRelationships",
    "OneToManyRelationships",
    "Settings",
    "HasChanged",
];

/// Reads a new table with its columns.
pub(in crate::webapi::definitions) fn table(
    session: &Session<'_>,
    schema: &Schema,
    body: &Map<String, Json>,
) -> ApiResult<Table> {
    let name = text(body, "SchemaName").unwrap_or_default();
    check_name(session, Named::Table, name)?;
    let logical = name.to_lowercase();
    if schema.table(&logical).is_some() {
        let message = "An entity with the specified name already exists. Please specify a unique name.";
        return Err(ApiError::new(400, "0x8004700b", message));
    }
    let activity = flag(body, "IsActivity").unwrap_or(false);
    if activity {
        check_activity(body)?;
    }
    let owned = text(body, "OwnershipType").is_none_or(|kind| kind != "OrganizationOwned");
    let label = label(body.get("DisplayName"))
        .ok_or_else(|| ApiError::invalid_argument("The display name of the entity is missing."))?;
    let set = text(body, "EntitySetName").map_or_else(|| plural(&logical), str::to_owned);
    let code = schema.tables.iter().map(|table| table.type_code + 1).max().unwrap_or_default().max(FIRST_TYPE_CODE);
    let (primary, others) = primary_name(body)?;

    let mut builder;
    if activity {
        let max = primary.get("MaxLength").and_then(Json::as_u64).and_then(|max| usize::try_from(max).ok());
        builder = begin(name, &set, &label, "ActivityId").type_code(code);
        builder = activity_columns(builder, &logical, max.unwrap_or(200), 2000);
    } else {
        builder = begin(name, &set, &label, &format!("{name}Id")).type_code(code);
        builder = builder.push(column(session, schema, primary)?).active_inactive();
        builder = if owned { builder.owned(&["ownerid"]) } else { builder };
        builder = builder.stamped();
    }
    for other in others {
        builder = builder.push(column(session, schema, other)?);
    }
    let primary =
        if activity { "subject".to_owned() } else { text(primary, "SchemaName").unwrap_or_default().to_lowercase() };
    let mut table = builder.build(&primary);
    if let Some(twice) = table
        .columns
        .iter()
        .enumerate()
        .find(|(index, column)| table.columns[..*index].iter().any(|other| other.logical == column.logical))
    {
        return Err(taken(&twice.1.logical));
    }
    if activity && let Some(subject) = table.column("subject") {
        table.columns[subject].required = Requirement::Application;
    }
    table.has_activities = flag(body, "HasActivities").unwrap_or(false);
    table.change_tracking = flag(body, "ChangeTrackingEnabled").unwrap_or(true);
    table.custom = true;
    table.told = told(body, &KNOWN);
    Ok(table)
}

pub(in crate::webapi::definitions) fn taken(logical: &str) -> ApiError {
    ApiError::new(400, "0x80047013", format!("An attribute with the specified name {logical} already exists"))
}

/// What the platform asks of custom activity tables.
fn check_activity(body: &Map<String, Json>) -> ApiResult<()> {
    let rules = [
        (
            flag(body, "HasActivities") == Some(true),
            "0x8004f121",
            "A custom entity defined as an activity must not have a relationship with Activities.",
        ),
        (
            flag(body, "IsAvailableOffline") == Some(false),
            "0x8004f122",
            "A custom entity defined as an activity must have Offline Availability.",
        ),
        (
            flag(body, "HasNotes") != Some(true),
            "0x8004f123",
            "A custom entity defined as an activity must have a relationship to Notes by default.",
        ),
        (
            flag(body, "IsMailMergeEnabled") == Some(true),
            "0x8004f124",
            "A custom entity defined as an activity already cannot have MailMerge enabled.",
        ),
        (
            flag(body, "IsActivityParty") == Some(true),
            "0x80048501",
            "An activity entity cannot be also an activity party",
        ),
    ];
    match rules.iter().find(|(broken, _, _)| *broken) {
        Some((_, code, message)) => Err(ApiError::new(400, code, *message)),
        None => Ok(()),
    }
}

type Body = Map<String, Json>;

/// The column that names rows, and the others.
fn primary_name(body: &Body) -> ApiResult<(&Body, Vec<&Body>)> {
    let all: Vec<&Body> =
        body.get("Attributes").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_object).collect();
    let (primary, others): (Vec<&Body>, Vec<&Body>) =
        all.into_iter().partition(|attribute| flag(attribute, "IsPrimaryName") == Some(true));
    let [primary] = primary.as_slice() else {
        let message = "An entity needs exactly one attribute with IsPrimaryName set to true.";
        return Err(ApiError::invalid_argument(message));
    };
    let kind = primary.get("@odata.type").and_then(Json::as_str).unwrap_or_default();
    if !kind.contains("String") && text(primary, "AttributeType") != Some("String") {
        return Err(ApiError::invalid_argument("The primary name attribute must be a string attribute."));
    }
    let named_subject = text(primary, "SchemaName").is_some_and(|name| name.eq_ignore_ascii_case("Subject"));
    if flag(body, "IsActivity") == Some(true) && !named_subject {
        return Err(ApiError::invalid_argument("The primary attribute of an activity must be named Subject."));
    }
    Ok((primary, others))
}

/// The name of the entity set: the platform knows the rules of English spelling.
fn plural(logical: &str) -> String {
    let vowel_before_y = logical.chars().rev().nth(1).is_some_and(|letter| "aeiou".contains(letter));
    if ["s", "x", "z", "ch", "sh"].iter().any(|end| logical.ends_with(end)) {
        format!("{logical}es")
    } else if let Some(stem) = logical.strip_suffix('y').filter(|_| !vowel_before_y) {
        format!("{stem}ies")
    } else {
        format!("{logical}s")
    }
}

#[cfg(test)]
mod tests {
    use super::plural;

    #[test]
    fn set_names_follow_english_spelling() {
        for (logical, set) in [
            ("new_eventattendance", "new_eventattendances"),
            ("msdyn_smsengagementctx", "msdyn_smsengagementctxes"),
            ("new_party", "new_parties"),
            ("new_day", "new_days"),
            ("new_class", "new_classes"),
        ] {
            assert_eq!(plural(logical), set);
        }
    }
}
