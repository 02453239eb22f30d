//! Changing the definitions of an organisation.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use uuid::Uuid;

use super::{Schema, Table, wire};

/// A definition that is gone, as `RetrieveMetadataChanges` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deleted {
    pub(crate) stamp: i64,
    pub(crate) id: Uuid,
}

impl Schema {
    /// Takes a table away, and the many-to-many relationships it is part of.
    pub(crate) fn remove(&mut self, logical: &str) {
        self.tables.retain(|table| table.logical != logical);
        self.associations.retain(|association| {
            association.intersect != logical && association.sides.iter().all(|side| side.table != logical)
        });
        self.reindex();
    }

    /// Lets activities be about every table that has activities, after tables have come or gone.
    pub(crate) fn rewire(&mut self) {
        let mut tables: Vec<Table> = self.tables.iter().map(|table| (**table).clone()).collect();
        let changed = wire(&mut tables);
        for table in tables.into_iter().filter(|table| changed.contains(&table.logical)) {
            self.put(table);
        }
    }

    /// Notes what differs from `before`, so that clients can ask for what changed.
    pub(crate) fn note_changes(&mut self, before: &Schema, id_of: impl Fn(&Table) -> Uuid) {
        self.stamp = before.stamp + 1;
        for table in &self.tables {
            if before.table(&table.logical).is_none_or(|old| !Arc::ptr_eq(old, table)) {
                self.changed.insert(table.logical.clone(), self.stamp);
            }
        }
        for table in &before.tables {
            if self.table(&table.logical).is_some() {
                continue;
            }
            self.changed.remove(&table.logical);
            self.deleted.push(Deleted { stamp: self.stamp, id: id_of(table) });
        }
    }
}
