//! Deleting a row, and what hangs on it.

use std::sync::Arc;

use uuid::Uuid;

use super::{Right, Session, refuse_view};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Cascade, Storage, System, Table};
use crate::query::{Comparison, Condition, Query};
use crate::value::Value;

impl Session<'_> {
    /// Removes a row. Rows under a parental relationship go with it, other lookups to it are emptied. Says whether the
    /// row was there.
    pub(crate) fn delete(&self, table: &Table, id: Uuid) -> ApiResult<bool> {
        refuse_view(table, "Delete")?;
        if !self.rights.everything()
            && let Some(row) = self.find(table, id)?
        {
            self.check_row(Right::Delete, table, &row)?;
        }
        if !self.data.store.delete(table, id)? {
            return Ok(false);
        }
        self.forget_shares(table, id)?;
        if table.change_tracking {
            self.data.store.remember_deleted(table, id, self.next_version())?;
        }
        for other in self.data.schema.tables.iter().filter(|other| other.storage == Storage::Own) {
            for (column, lookup) in other.columns.iter().enumerate().filter_map(|(i, c)| Some((i, c.lookup()?))) {
                let Some(relation) = lookup.relation(&table.logical) else { continue };
                let value = Value::Row(Arc::from(table.logical.as_str()), id);
                let query = Query {
                    select: Some(Vec::new()),
                    filter: Some(Condition::Compare { column, comparison: Comparison::Equal, value }),
                    ..Query::all(Arc::clone(other))
                };
                for row in self.data.store.select(&query)? {
                    let Some(dependent) = row[other.id].id() else { continue };
                    if relation.cascades.delete == Cascade::Restrict {
                        return Err(ApiError::associated());
                    }
                    if relation.cascades.delete == Cascade::All {
                        self.delete(other, dependent)?;
                    } else {
                        // The version is SQL Server's: it changes with every write, even one like this.
                        let version = other.system(System::Version);
                        let version = version.map(|version| (version, Value::Int(self.next_version())));
                        let changes: Vec<_> = version.into_iter().chain([(column, Value::Null)]).collect();
                        let emptied = self.data.store.update(other, dependent, &changes);
                        emptied.map_err(|conflict| super::refusal(other, conflict))?;
                    }
                }
            }
        }
        Ok(true)
    }
}
