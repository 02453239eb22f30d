//! Changing a row.

use std::sync::Arc;

use uuid::Uuid;

use super::{Assignments, Session, detailed, missing, refuse_view};
use crate::errors::ApiResult;
use crate::metadata::{Cascade, Requirement, Storage, System, Table};
use crate::query::{Comparison, Condition, Query};
use crate::value::Value;

impl Session<'_> {
    /// Sets columns of the row `old`, read in the same transaction. A row gets a new version even if nothing differs.
    pub(crate) fn update(&self, table: &Table, id: Uuid, old: &[Value], new: Assignments) -> ApiResult<()> {
        refuse_view(table, "Update")?;
        self.units.borrow_mut().clear();
        self.check_update(table, old, &new)?;
        let mut changes: Assignments = Vec::with_capacity(new.len() + 6);
        for (index, value) in &new {
            let column = &table.columns[*index];
            if column.required == Requirement::System && value.is_null() {
                return Err(missing(table, column));
            }
            if *index != table.id {
                set(&mut changes, *index, value.clone());
            }
        }
        for (column, value) in self.next_state(table, old, &new, id)? {
            set(&mut changes, column, value);
        }
        if let Some(owner) = table.system(System::Owner)
            && let Some((_, owner)) = new.iter().rev().find(|(column, _)| *column == owner)
        {
            for (column, value) in self.owning(table, owner)? {
                set(&mut changes, column, value);
            }
        }
        let follows = table.system(System::FullName).or(table.system(System::Currency)).is_some();
        if follows || !table.composites.is_empty() {
            let mut row = old.to_vec();
            for (column, value) in &changes {
                row[*column] = value.clone();
            }
            for (column, value) in self.converted(table, &row)? {
                set(&mut changes, column, value);
            }
            for (column, value) in Self::addresses(table, &row).into_iter().chain(Self::full_name(table, &row)) {
                set(&mut changes, column, value);
            }
        }
        if self.detect_duplicates {
            let mut row = old.to_vec();
            for (column, value) in &changes {
                row[*column] = value.clone();
            }
            let changed: Vec<usize> = new.iter().map(|(column, _)| *column).collect();
            self.refuse_duplicates(table, &row, Some(&changed))?;
        }
        for (role, value) in [
            (System::ModifiedOn, Value::Int(self.now)),
            (System::ModifiedBy, Value::Row(Arc::from("systemuser"), self.caller)),
            (System::Version, Value::Int(self.next_version())),
        ] {
            if let Some(column) = table.system(role) {
                set(&mut changes, column, value);
            }
        }
        if let Some(column) = table.column("modifiedonbehalfby") {
            let behalf = self.behalf.map_or(Value::Null, |user| Value::Row(Arc::from("systemuser"), user));
            set(&mut changes, column, behalf);
        }
        self.data.store.update(table, id, &changes).map_err(|conflict| {
            detailed(table, conflict, |column| {
                changes
                    .iter()
                    .find(|(changed, _)| *changed == column)
                    .map_or_else(|| old[column].clone(), |(_, v)| v.clone())
            })
        })?;
        if table.activity {
            self.replace_parties(table, id, &new)?;
        }
        match table.system(System::Owner).and_then(|owner| new.iter().rev().find(|(column, _)| *column == owner)) {
            Some((column, owner)) if *owner != old[*column] => {
                self.reassign_dependents(table, id, &old[*column], owner)
            }
            _ => Ok(()),
        }
    }

    /// Rows follow the owner of the row they point to, as far as their relationship says.
    fn reassign_dependents(&self, table: &Table, id: Uuid, old_owner: &Value, new_owner: &Value) -> ApiResult<()> {
        for other in self.data.schema.tables.iter().filter(|other| other.storage == Storage::Own) {
            let Some(owner) = other.system(System::Owner) else { continue };
            for (column, lookup) in other.columns.iter().enumerate().filter_map(|(i, c)| Some((i, c.lookup()?))) {
                let Some(relation) = lookup.relation(&table.logical) else { continue };
                let follows = |row: &[Value]| match relation.cascades.assign {
                    Cascade::All => true,
                    Cascade::Active => other.system(System::State).is_none_or(|state| row[state] == Value::Int(0)),
                    Cascade::UserOwned => row[owner] == *old_owner,
                    Cascade::None | Cascade::RemoveLink | Cascade::Restrict => false,
                };
                if matches!(relation.cascades.assign, Cascade::None | Cascade::RemoveLink | Cascade::Restrict) {
                    continue;
                }
                let value = Value::Row(Arc::from(table.logical.as_str()), id);
                let filter = Some(Condition::Compare { column, comparison: Comparison::Equal, value });
                for row in self.data.store.select(&Query { filter, ..Query::all(Arc::clone(other)) })? {
                    let Some(dependent) = row[other.id].id().filter(|_| follows(&row)) else { continue };
                    self.update(other, dependent, &row, vec![(owner, new_owner.clone())])?;
                }
            }
        }
        Ok(())
    }
}

/// Each column once, the last value wins: SQL allows no column twice.
fn set(changes: &mut Assignments, column: usize, value: Value) {
    match changes.iter_mut().find(|(c, _)| *c == column) {
        Some(slot) => slot.1 = value,
        None => changes.push((column, value)),
    }
}
