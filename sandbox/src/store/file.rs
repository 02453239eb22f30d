//! Stores in files: the rows, and beside them the definitions that they were written by.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};

use super::Store;
use crate::metadata::{Schema, Storage, System};

/// Where the definitions stand; no table of Dataverse has such a name.
const KEPT: &str = "\"#kept\"";

impl Store {
    /// The store in a file, which is made if there is none, and the definitions kept in it.
    pub(crate) fn open_file(path: &Path) -> rusqlite::Result<(Self, Option<String>)> {
        let connection = Connection::open(path)?;
        // One process writes; what the last moments before a power cut wrote may be lost.
        connection.execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
             CREATE TABLE IF NOT EXISTS {KEPT} (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
        ))?;
        let store = Self::on(connection)?;
        let sql = format!("SELECT value FROM {KEPT} WHERE name = 'schema'");
        let kept = store.connection.query_row(&sql, [], |row| row.get(0)).optional()?;
        Ok((store, kept))
    }

    /// Keeps the definitions, if this store is in a file.
    pub(crate) fn keep(&self, schema: &Schema) -> anyhow::Result<()> {
        if self.connection.path().is_none_or(str::is_empty) {
            return Ok(());
        }
        let sql = format!("CREATE TABLE IF NOT EXISTS {KEPT} (name TEXT PRIMARY KEY, value TEXT NOT NULL)");
        self.connection.execute_batch(&sql)?;
        let sql = format!("INSERT OR REPLACE INTO {KEPT} VALUES ('schema', ?)");
        self.connection.execute(&sql, [schema.to_json()?])?;
        Ok(())
    }

    /// The highest version that a row has.
    pub(crate) fn highest_version(&self, schema: &Schema) -> rusqlite::Result<i64> {
        let mut highest = 0;
        for table in schema.tables.iter().filter(|table| table.storage != Storage::Activities) {
            let Some(column) = table.system(System::Version) else { continue };
            let sql = format!("SELECT max({}) FROM \"{}\"", super::sql_name(&table.columns[column]), table.logical);
            let found: Option<i64> = self.connection.query_row(&sql, [], |row| row.get(0))?;
            highest = highest.max(found.unwrap_or(0));
        }
        Ok(highest)
    }
}
