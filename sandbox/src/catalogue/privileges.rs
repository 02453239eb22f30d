//! Privileges, and the role that has all of them.

use std::sync::Arc;

use uuid::Uuid;

use super::{id_of, plant_row, text};
use crate::errors::ApiResult;
use crate::metadata::{Ownership, Schema, Storage, Table};
use crate::query::Query;
use crate::records::Session;
use crate::value::Value;

/// `roleid` of the System Administrator.
pub(crate) const SYSTEM_ADMINISTRATOR: Uuid = Uuid::from_u128(0x5a00_0000_0000_4000_8000_0000_0000_0001);
/// `roletemplateid` of the System Administrator, the same everywhere.
const TEMPLATE: Uuid = Uuid::from_u128(0x6270_90ff_40a3_4053_8790_584e_dc5b_e201);
/// The user's own rows.
const BASIC: i64 = 1;
/// Organisation-wide.
const GLOBAL: i64 = 8;

const READ: i64 = 1;
const WRITE: i64 = 2;
const APPEND: i64 = 4;
const APPEND_TO: i64 = 16;
const CREATE: i64 = 32;
const DELETE: i64 = 65_536;
const SHARE: i64 = 262_144;
const ASSIGN: i64 = 524_288;

const VERBS: [(&str, i64); 8] = [
    ("Create", CREATE),
    ("Read", READ),
    ("Write", WRITE),
    ("Delete", DELETE),
    ("Append", APPEND),
    ("AppendTo", APPEND_TO),
    ("Assign", ASSIGN),
    ("Share", SHARE),
];

/// Privileges that belong to no table.
const MISCELLANEOUS: [&str; 28] = [
    "prvActOnBehalfOfAnotherUser",
    "prvBypassCustomPlugins",
    "prvBypassCustomBusinessLogic",
    "prvBulkDelete",
    "prvMerge",
    "prvPublishCustomization",
    "prvPublishDuplicateRule",
    "prvOverrideCreatedOnCreatedBy",
    "prvCreateEntity",
    "prvReadEntity",
    "prvWriteEntity",
    "prvDeleteEntity",
    "prvCreateAttribute",
    "prvReadAttribute",
    "prvWriteAttribute",
    "prvDeleteAttribute",
    "prvCreateRelationship",
    "prvReadRelationship",
    "prvWriteRelationship",
    "prvDeleteRelationship",
    "prvCreateOptionSet",
    "prvReadOptionSet",
    "prvWriteOptionSet",
    "prvDeleteOptionSet",
    "prvCreateEntityKey",
    "prvReadEntityKey",
    "prvDeleteEntityKey",
    "prvAssignRole",
];

/// The id of a privilege, made from its name.
pub(crate) fn privilege_id(name: &str) -> Uuid {
    id_of(&format!("privilege:{}", name.to_lowercase()))
}

/// What the privileges of a table are called after the verb; activities have those of `activitypointer`. Nothing if
/// the table has no privileges of its own.
pub(crate) fn privilege_stem(table: &Table) -> Option<String> {
    if table.activity { Some("Activity".to_owned()) } else { stem(table) }
}

/// The privileges that rows of a table are guarded by, each with its verb.
pub(crate) fn privileges_of(table: &Table) -> impl Iterator<Item = (String, &'static str)> + use<> {
    let (stem, owned) = (privilege_stem(table), table.ownership == Ownership::User);
    let verbs = VERBS.iter().filter(move |(verb, _)| owned || !matches!(*verb, "Assign" | "Share"));
    verbs.filter_map(move |(verb, _)| Some((format!("prv{verb}{}", stem.as_ref()?), *verb)))
}

/// What the privileges of a table are called after the verb. Activities share those of `activitypointer`.
fn stem(table: &Table) -> Option<String> {
    match table.logical.as_str() {
        "activityparty"
        | "solutioncomponent"
        | "sdkmessagefilter"
        | "duplicaterulecondition"
        | "listmember"
        | "fileattachment"
        | "principalobjectaccess" => None,
        "annotation" => Some("Note".to_owned()),
        "privilege" | "activitypointer" => (table.logical == "activitypointer").then(|| "Activity".to_owned()),
        "systemuser" => Some("User".to_owned()),
        _ if table.intersect || table.activity => None,
        _ if table.schema.contains('_') => Some(table.schema.clone()),
        _ => Some(table.schema.clone()),
    }
}

pub(super) fn plant(session: &Session<'_>, unit: Uuid) -> ApiResult<()> {
    plant_row(
        session,
        "role",
        SYSTEM_ADMINISTRATOR,
        &[
            ("name", text("System Administrator")),
            ("businessunitid", Value::Row(Arc::from("businessunit"), unit)),
            ("roletemplateid", Value::Id(TEMPLATE)),
        ],
    )?;
    plant_row(
        session,
        "systemuserroles",
        id_of(&format!("{}:{SYSTEM_ADMINISTRATOR}", session.caller)),
        &[("systemuserid", Value::Id(session.caller)), ("roleid", Value::Id(SYSTEM_ADMINISTRATOR))],
    )?;
    for name in MISCELLANEOUS {
        grant(session, name, 0)?;
    }
    Ok(())
}

/// Plants the privileges of a table, and gives them to the System Administrator.
pub(super) fn announce(session: &Session<'_>, schema: &Schema, table: &Table) -> ApiResult<()> {
    debug_assert!(schema.table(&table.logical).is_some());
    let Some(stem) = stem(table) else { return Ok(()) };
    for (verb, right) in VERBS {
        if table.ownership == Ownership::User || !matches!(verb, "Assign" | "Share") {
            grant(session, &format!("prv{verb}{stem}"), right)?;
        }
    }
    Ok(())
}

fn grant(session: &Session<'_>, name: &str, right: i64) -> ApiResult<()> {
    let id = privilege_id(name);
    plant_row(session, "privilege", id, &[("name", text(name)), ("accessright", Value::Int(right))])?;
    plant_row(
        session,
        "roleprivileges",
        id_of(&format!("{SYSTEM_ADMINISTRATOR}:{id}")),
        &[
            ("roleid", Value::Id(SYSTEM_ADMINISTRATOR)),
            ("privilegeid", Value::Id(id)),
            ("privilegedepthmask", Value::Int(GLOBAL)),
        ],
    )
}

/// Plants a role whose holders read everything that is sold with and change what is their own.
pub(crate) fn plant_salesperson(session: &Session<'_>, unit: Uuid) -> ApiResult<()> {
    let role = id_of("role:salesperson");
    let unit = Value::Row(Arc::from("businessunit"), unit);
    plant_row(session, "role", role, &[("name", text("Salesperson")), ("businessunitid", unit)])?;
    let mut privileges = Vec::new();
    for stem in ["Account", "Activity", "Campaign", "Contact", "Lead", "List", "Opportunity"] {
        privileges.push((format!("prvRead{stem}"), GLOBAL));
        for verb in ["Create", "Write", "Delete", "Append", "AppendTo", "Assign", "Share"] {
            privileges.push((format!("prv{verb}{stem}"), if verb == "AppendTo" { GLOBAL } else { BASIC }));
        }
    }
    for stem in ["BusinessUnit", "Team", "TransactionCurrency", "User"] {
        privileges.push((format!("prvRead{stem}"), GLOBAL));
        privileges.push((format!("prvAppendTo{stem}"), GLOBAL));
    }
    for (name, depth) in privileges {
        let id = privilege_id(&name);
        let values =
            [("roleid", Value::Id(role)), ("privilegeid", Value::Id(id)), ("privilegedepthmask", Value::Int(depth))];
        plant_row(session, "roleprivileges", id_of(&format!("{role}:{id}")), &values)?;
    }
    for (kind, intersect, column) in
        [("systemuser", "systemuserroles", "systemuserid"), ("team", "teamroles", "teamid")]
    {
        let Some(table) = session.data.schema.table(kind) else { continue };
        for row in session.data.store.select(&Query::all(Arc::clone(table)))? {
            let Some(id) = row[table.id].id().filter(|id| *id != session.caller) else { continue };
            let values = [(column, Value::Id(id)), ("roleid", Value::Id(role))];
            plant_row(session, intersect, id_of(&format!("{id}:{role}")), &values)?;
        }
    }
    Ok(())
}

/// Takes the privileges of a table away from every role.
pub(super) fn withdraw(session: &Session<'_>, table: &Table) -> ApiResult<()> {
    let Some(stem) = stem(table).filter(|_| table.storage == Storage::Own) else { return Ok(()) };
    for (verb, _) in VERBS {
        let id = privilege_id(&format!("prv{verb}{stem}"));
        for (name, column) in [("roleprivileges", "privilegeid"), ("privilege", "privilegeid")] {
            let Some(rows) = session.data.schema.table(name) else { continue };
            let Some(column) = rows.column(column) else { continue };
            for row in session.equal(rows, column, Value::Id(id))? {
                if let Some(id) = row[rows.id].id() {
                    session.delete(rows, id)?;
                }
            }
        }
    }
    Ok(())
}
