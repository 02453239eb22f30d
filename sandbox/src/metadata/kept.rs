//! Definitions as they are kept in a file.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::choices::GlobalChoice;
use super::edit::Deleted;
use super::{Association, Schema, Table};

/// What of a schema is written.
#[derive(Serialize, Deserialize)]
struct Kept {
    tables: Vec<Table>,
    associations: Vec<Association>,
    choices: Vec<GlobalChoice>,
    stamp: i64,
    changed: HashMap<String, i64>,
    deleted: Vec<Deleted>,
}

impl Schema {
    pub(crate) fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(&Kept {
            tables: self.tables.iter().map(|table| Table::clone(table)).collect(),
            associations: self.associations.clone(),
            choices: self.choices.clone(),
            stamp: self.stamp,
            changed: self.changed.clone(),
            deleted: self.deleted.clone(),
        })
    }

    pub(crate) fn from_json(text: &str) -> serde_json::Result<Self> {
        let Kept { tables, associations, choices, stamp, changed, deleted } = serde_json::from_str(text)?;
        let mut schema = Self { associations, choices, stamp, changed, deleted, ..Self::default() };
        for mut table in tables {
            table.reindex();
            schema.put(table);
        }
        Ok(schema)
    }

    /// Differs whenever what would be written differs.
    pub(crate) fn mark(&self) -> (i64, bool) {
        (self.stamp, self.keys_pending)
    }
}
