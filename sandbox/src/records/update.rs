//! Changing a row.

use std::sync::Arc;

use uuid::Uuid;

use super::{Assignments, Session, detailed, missing, refuse_view};
use crate::errors::ApiResult;
use crate::metadata::{Requirement, System, Table};
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
        let derived = [System::FullName, System::Currency, System::Document];
        let follows = derived.into_iter().any(|role| table.system(role).is_some());
        if follows || !table.composites.is_empty() {
            let mut row = old.to_vec();
            for (column, value) in &changes {
                row[*column] = value.clone();
            }
            for (column, value) in self.converted(table, &row)?.into_iter().chain(Self::documented(table, &row)?) {
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
        let given = table.system(System::Owner).and_then(|owner| new.iter().rev().find(|(column, _)| *column == owner));
        let owner = given.filter(|(column, owner)| *owner != old[*column]);
        let moved = |(column, value): &(usize, Value)| table.columns[*column].reparents() && *value != old[*column];
        if owner.is_some() || new.iter().any(moved) {
            let mut row = old.to_vec();
            for (column, value) in changes {
                row[column] = value;
            }
            self.inherit(table, id, &row, false)?;
        }
        if let Some((column, owner)) = owner {
            for follower in self.followers(table, id, &old[*column], |cascades| cascades.assign)? {
                let Some(column) = follower.table.system(System::Owner) else { continue };
                self.update(follower.table, follower.id, &follower.row, vec![(column, owner.clone())])?;
            }
            self.hand_down(table, id, owner)?;
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
