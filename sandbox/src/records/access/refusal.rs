//! What is said to those who may not.

use uuid::Uuid;

use super::{Right, Rights};
use crate::catalogue::{privilege_id, privilege_stem};
use crate::errors::ApiError;
use crate::metadata::Table;
use crate::records::Session;

impl Session<'_> {
    /// A user or team lacks a right on a table.
    pub(super) fn misses(&self, principal: Uuid, rights: &Rights, right: Right, table: &Table) -> ApiError {
        let privilege = format!("prv{}{}", right.verb(), privilege_stem(table).unwrap_or_default());
        let about =
            format!(" on OTC={} for entity '{}' (LocalizedName='{}')", table.type_code, table.logical, table.label);
        self.missing_privilege(principal, rights, &privilege, &about)
    }

    /// The caller lacks a privilege that belongs to no table.
    pub(super) fn misses_privilege(&self, privilege: &str) -> ApiError {
        self.missing_privilege(self.caller, &self.rights, privilege, "")
    }

    fn missing_privilege(&self, principal: Uuid, rights: &Rights, privilege: &str, about: &str) -> ApiError {
        let (mut mode, mut object) = ("0 Read-Write".to_owned(), Uuid::nil());
        if let Some(users) = self.data.schema.table("systemuser")
            && let Ok(Some(row)) = self.find(users, principal)
        {
            if let Some(column) = users.column("accessmode")
                && let Some(value) = row[column].int()
            {
                mode = format!("{value} {}", users.columns[column].kind.label(value).unwrap_or_default());
            }
            object = users.column("azureactivedirectoryobjectid").and_then(|column| row[column].id()).unwrap_or(object);
        }
        let message = format!(
            "Principal user (Id={principal}, type=8, roleCount={}, privilegeCount={}, accessMode='{mode}', \
             AADObjectId='{object}', MetadataCachePrivilegesCount={}, businessUnitId={}), is missing {privilege} \
             privilege (Id={}){about}. context.Caller={}. Consider adding missed privilege to one of the principal \
             (user/team) roles.",
            rights.roles,
            rights.privileges(),
            8 * self.data.schema.tables.len(),
            rights.unit.unwrap_or_default(),
            privilege_id(privilege),
            self.caller,
        );
        ApiError::new(403, "0x80040220", message)
    }
}
