//! `sdkmessage` and `sdkmessagefilter`: which table understands which message.

use super::{id_of, plant_row, row, text};
use crate::errors::ApiResult;
use crate::metadata::{Ownership, Storage, Table};
use crate::records::Session;
use crate::value::Value;

const MESSAGES: [&str; 29] = [
    "Create",
    "Retrieve",
    "RetrieveMultiple",
    "Update",
    "Delete",
    "CreateMultiple",
    "UpdateMultiple",
    "UpsertMultiple",
    "Upsert",
    "Assign",
    "SetState",
    "Associate",
    "Disassociate",
    "Merge",
    "QualifyLead",
    "AddMember",
    "AddListMembers",
    "RemoveMember",
    "AddPrivileges",
    "RetrieveUserPrivileges",
    "WhoAmI",
    "BulkDelete",
    "RetrieveDuplicates",
    "PublishXml",
    "GrantAccess",
    "ModifyAccess",
    "RevokeAccess",
    "RetrievePrincipalAccess",
    "RetrieveSharedPrincipalsAndAccess",
];

fn message_id(name: &str) -> uuid::Uuid {
    id_of(&format!("sdkmessage:{name}"))
}

pub(super) fn plant(session: &Session<'_>) -> ApiResult<()> {
    MESSAGES.iter().try_for_each(|name| plant_row(session, "sdkmessage", message_id(name), &[("name", text(name))]))
}

/// The messages of a table. `UpsertMultiple` has no row for any: it runs as the other two.
fn understood(table: &Table) -> Vec<&'static str> {
    match table.storage {
        Storage::Activities => return vec!["Retrieve", "RetrieveMultiple"],
        Storage::Platform => return vec!["RetrieveMultiple"],
        Storage::Own => {}
    }
    if !table.addressable || table.intersect {
        return vec!["Create", "Delete", "RetrieveMultiple"];
    }
    let mut names =
        vec!["Create", "Retrieve", "RetrieveMultiple", "Update", "Delete", "CreateMultiple", "UpdateMultiple"];
    if table.ownership == Ownership::User {
        names.extend(["Assign", "GrantAccess", "ModifyAccess", "RevokeAccess"]);
        names.extend(["RetrievePrincipalAccess", "RetrieveSharedPrincipalsAndAccess"]);
    }
    match table.logical.as_str() {
        "account" | "contact" => names.push("Merge"),
        "lead" => names.extend(["Merge", "QualifyLead"]),
        "list" => names.extend(["AddMember", "AddListMembers", "RemoveMember"]),
        _ => {}
    }
    names
}

/// Plants the filters of a table.
pub(super) fn announce(session: &Session<'_>, table: &Table) -> ApiResult<()> {
    understood(table).into_iter().try_for_each(|name| {
        plant_row(
            session,
            "sdkmessagefilter",
            id_of(&format!("sdkmessagefilter:{name}:{}", table.logical)),
            &[
                ("sdkmessageid", row("sdkmessage", message_id(name))),
                ("primaryobjecttypecode", text(&table.logical)),
                ("secondaryobjecttypecode", text("none")),
            ],
        )
    })
}

/// Takes the filters of a table away.
pub(super) fn withdraw(session: &Session<'_>, table: &Table) -> ApiResult<()> {
    let Some(filters) = session.data.schema.table("sdkmessagefilter") else { return Ok(()) };
    let Some(column) = filters.column("primaryobjecttypecode") else { return Ok(()) };
    for row in session.equal(filters, column, Value::Text(table.logical.clone()))? {
        if let Some(id) = row[filters.id].id() {
            session.delete(filters, id)?;
        }
    }
    Ok(())
}
