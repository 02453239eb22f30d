//! Checks before a row is written, or read by its key.

use super::{Depth, Right, Rights};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{System, Table};
use crate::records::{Assignments, Session};
use crate::value::Value;

impl Session<'_> {
    /// How far the caller's right on a table reaches; an error if it reaches nothing.
    pub(super) fn allowed(&self, right: Right, table: &Table) -> ApiResult<Depth> {
        match self.rights.depth(right, table) {
            Depth::None => Err(self.misses(self.caller, &self.rights, right, table)),
            depth => Ok(depth),
        }
    }

    /// Refuses what the caller may not do with a row.
    pub(crate) fn check_row(&self, right: Right, table: &Table, row: &[Value]) -> ApiResult<()> {
        if self.rights.everything() {
            return Ok(());
        }
        let depth = self.allowed(right, table)?;
        if self.covers(depth, table, row) || self.is_shared(right, row[table.id].id())? {
            Ok(())
        } else {
            Err(ApiError::no_access(self.caller, right.verb(), table, row))
        }
    }

    /// Refuses what belongs to no table, such as acting on behalf of others.
    pub(crate) fn check_privilege(&self, privilege: &str) -> ApiResult<()> {
        match self.rights.named(privilege) {
            Depth::None => Err(self.misses_privilege(privilege)),
            _ => Ok(()),
        }
    }

    /// Refuses a new row, with all its values.
    pub(in crate::records) fn check_create(&self, table: &Table, row: &[Value]) -> ApiResult<()> {
        self.check_new_owner(table, row, None)?;
        if self.rights.everything() {
            return Ok(());
        }
        self.check_row(Right::Create, table, row)?;
        let set = row.iter().enumerate().filter(|(_, value)| !value.is_null());
        self.check_links(table, row, set)
    }

    /// Refuses changes of a row.
    pub(in crate::records) fn check_update(&self, table: &Table, old: &[Value], new: &Assignments) -> ApiResult<()> {
        let owner = table.system(System::Owner);
        let given = new.iter().rev().find(|(column, _)| Some(*column) == owner);
        let changed = given.filter(|(column, value)| old[*column] != *value);
        if let Some((_, value)) = changed {
            self.check_new_owner(table, old, Some(value))?;
        }
        if self.rights.everything() {
            return Ok(());
        }
        if changed.is_some() {
            self.check_row(Right::Assign, table, old)?;
        }
        if new.is_empty() || new.iter().any(|(column, _)| Some(*column) != owner) {
            self.check_row(Right::Write, table, old)?;
        }
        self.check_links(table, old, new.iter().filter(|(column, value)| old[*column] != *value).map(|(c, v)| (*c, v)))
    }

    /// A row that is to own has to be able to read what it owns.
    fn check_new_owner(&self, table: &Table, row: &[Value], owner: Option<&Value>) -> ApiResult<()> {
        let Some(column) = table.system(System::Owner) else { return Ok(()) };
        let Value::Row(kind, id) = owner.unwrap_or(&row[column]) else { return Ok(()) };
        if *id == self.caller || !self.switches.owners_need_read || self.rights.is_platform() {
            return Ok(());
        }
        // Whoever gives a row to somebody has to see them.
        if !self.rights.everything()
            && let Some(owners) = self.data.schema.table(kind)
        {
            self.allowed(Right::Read, owners)?;
        }
        let rights = Rights::of_principal(self.data, kind, *id)?;
        match rights.depth(Right::Read, table) {
            Depth::None => Err(self.misses(*id, &rights, Right::Read, table)),
            _ => Ok(()),
        }
    }

    /// A lookup needs the right to append on its side and the right to be appended to on the other.
    fn check_links<'v>(
        &self,
        table: &Table,
        row: &[Value],
        values: impl Iterator<Item = (usize, &'v Value)>,
    ) -> ApiResult<()> {
        let mut appends = false;
        for (column, value) in values {
            let column = &table.columns[column];
            // Owners, and what the platform fills in by itself, are no links.
            if column.system.is_some() || !(column.creatable || column.updatable) {
                continue;
            }
            let Value::Row(target, id) = value else { continue };
            let Some(target) = self.data.schema.table(target) else { continue };
            if let Some(found) = self.find(target, *id)? {
                self.check_row(Right::AppendTo, target, &found)?;
            }
            appends = true;
        }
        if appends { self.check_row(Right::Append, table, row) } else { Ok(()) }
    }

    /// Whether a row lies within a depth.
    fn covers(&self, depth: Depth, table: &Table, row: &[Value]) -> bool {
        let Some(owner) = table.system(System::Owner) else { return depth > Depth::None };
        let within = |column: Option<usize>, ids: &[uuid::Uuid]| {
            column.and_then(|column| row[column].id()).is_some_and(|id| ids.contains(&id))
        };
        let own = within(Some(owner), &self.rights.owners);
        let unit = table.system(System::OwningUnit);
        match depth {
            Depth::Global => true,
            Depth::Deep => own || within(unit, &self.rights.units),
            Depth::Local => own || within(unit, self.rights.unit.as_slice()),
            Depth::Basic => own,
            Depth::None => false,
        }
    }
}
