//! Creating a row.

use std::sync::Arc;

use uuid::Uuid;

use super::{Assignments, Session, detailed, missing, refuse_view};
use crate::errors::ApiResult;
use crate::metadata::{System, Table};
use crate::value::Value;

impl Session<'_> {
    /// Adds a row and returns its primary key: the one the payload chose, or a new one.
    pub(crate) fn create(&self, table: &Table, assignments: Assignments) -> ApiResult<Uuid> {
        refuse_view(table, "Create")?;
        let mut row: Vec<Value> = table.columns.iter().map(|_| Value::Null).collect();
        for (column, value) in &table.defaults {
            row[*column] = Value::Int(*value);
        }
        for (column, value) in assignments {
            row[column] = value;
        }
        let id = row[table.id].id().unwrap_or_else(Uuid::now_v7);
        row[table.id] = Value::Id(id);
        for (column, value) in self.first_state(table, &row, id)? {
            row[column] = value;
        }
        let caller = Value::Row(Arc::from("systemuser"), self.caller);
        if let Some(owner) = table.system(System::Owner) {
            if row[owner].is_null() {
                row[owner] = caller.clone();
            }
            for (column, value) in self.owning(table, &row[owner].clone())? {
                row[column] = value;
            }
        }
        self.stamp_new(table, &mut row, &caller);
        let names = Self::full_name(table, &row);
        for (column, value) in Self::addresses(table, &row).into_iter().chain(names) {
            row[column] = value;
        }
        for (column, value) in self.converted(table, &row)?.into_iter().chain(Self::documented(table, &row)?) {
            row[column] = value;
        }
        if let Some(column) = table.mandatory.iter().find(|column| row[**column].is_null()) {
            return Err(missing(table, &table.columns[*column]));
        }
        self.check_create(table, &row)?;
        if table.column("overriddencreatedon").is_some_and(|column| !row[column].is_null()) {
            self.check_privilege("prvOverrideCreatedOnCreatedBy")?;
        }
        if self.detect_duplicates {
            self.refuse_duplicates(table, &row, None)?;
        }
        self.data
            .store
            .insert(table, &row)
            .map_err(|conflict| detailed(table, conflict, |column| row[column].clone()))?;
        if table.activity {
            self.add_parties(table, id, &row)?;
        }
        self.inherit(table, id, &row, true)?;
        Ok(id)
    }

    fn stamp_new(&self, table: &Table, row: &mut [Value], caller: &Value) {
        let created = match table.column("overriddencreatedon").map(|column| row[column].clone()) {
            Some(Value::Int(overridden)) => {
                // A migrated row keeps the time it is said to have been created at; the column then holds the real one.
                if let Some(column) = table.column("overriddencreatedon") {
                    row[column] = Value::Int(self.now);
                }
                Value::Int(overridden)
            }
            _ => Value::Int(self.now),
        };
        for (role, value) in [
            (System::CreatedOn, created),
            (System::CreatedBy, caller.clone()),
            (System::ModifiedOn, Value::Int(self.now)),
            (System::ModifiedBy, caller.clone()),
            (System::Version, Value::Int(self.next_version())),
            (System::ActivityType, Value::Text(table.logical.clone())),
        ] {
            if let Some(column) = table.system(role) {
                row[column] = value;
            }
        }
        if let Some(behalf) = self.behalf {
            for column in ["createdonbehalfby", "modifiedonbehalfby"].iter().filter_map(|name| table.column(name)) {
                row[column] = Value::Row(Arc::from("systemuser"), behalf);
            }
        }
    }
}
