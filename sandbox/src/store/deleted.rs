//! Remembering rows that are gone, for change tracking.

use rusqlite::params;
use uuid::Uuid;

use super::Store;
use crate::metadata::Table;

impl Store {
    /// Makes the table of rows that are gone.
    pub(super) fn create_deleted(&self) -> rusqlite::Result<()> {
        self.connection.execute_batch(
            "CREATE TABLE \"#deleted\" (\"of\" TEXT, id TEXT, version INTEGER); \
             CREATE INDEX \"ix_#deleted\" ON \"#deleted\" (\"of\", version)",
        )
    }

    /// Remembers that a row was deleted at a version.
    pub(crate) fn remember_deleted(&self, table: &Table, id: Uuid, version: i64) -> rusqlite::Result<()> {
        let sql = "INSERT INTO \"#deleted\" (\"of\", id, version) VALUES (?, ?, ?)";
        self.connection.prepare_cached(sql)?.execute(params![table.logical, id.to_string(), version]).map(drop)
    }

    /// The rows of a table that were deleted after a version, in order, and are not there again.
    pub(crate) fn deleted_since(&self, table: &Table, version: i64) -> rusqlite::Result<Vec<Uuid>> {
        let mut found = Vec::new();
        let sql = "SELECT id FROM \"#deleted\" WHERE \"of\"=? AND version>? ORDER BY version";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![table.logical, version])?;
        while let Some(row) = rows.next()? {
            if let Ok(id) = Uuid::try_parse(&row.get::<_, String>(0)?)
                && !self.exists(table, id)?
            {
                found.push(id);
            }
        }
        Ok(found)
    }
}
