//! Changing the SQL tables along with their definitions. DDL is transactional, so a change of definitions is, too.

use rusqlite::ErrorCode;

use super::{Store, index_name, polymorphic, sql_name, sql_type, target_name};
use crate::metadata::{Column, Key, KeyIndex, Storage, Table};

impl Store {
    /// Adds an empty table.
    pub(crate) fn add_table(&self, table: &Table) -> rusqlite::Result<()> {
        if table.storage != Storage::Activities { self.create_table(table) } else { Ok(()) }
    }

    /// Removes a table with its rows. Views over it have to be made anew first.
    pub(crate) fn drop_table(&self, table: &Table) -> rusqlite::Result<()> {
        self.insertion.take();
        self.connection.execute_batch(&format!("DROP TABLE IF EXISTS \"{}\"", table.logical))
    }

    /// Adds a column; rows that are there already have null in it.
    pub(crate) fn add_column(&self, table: &Table, column: &Column) -> rusqlite::Result<()> {
        self.insertion.take();
        let mut columns = vec![format!("{} {}", sql_name(column), sql_type(column))];
        if polymorphic(column) {
            columns.push(format!("{} TEXT", target_name(column)));
        }
        for column in columns {
            self.connection.execute_batch(&format!("ALTER TABLE \"{}\" ADD COLUMN {column}", table.logical))?;
        }
        if column.indexed {
            self.create_index(table, column)?;
        }
        Ok(())
    }

    /// Removes a column with its values.
    pub(crate) fn drop_column(&self, table: &Table, column: &Column) -> rusqlite::Result<()> {
        self.insertion.take();
        self.connection.execute_batch(&format!("DROP INDEX IF EXISTS {}", index_name(table, column)))?;
        let mut columns = vec![sql_name(column)];
        if polymorphic(column) {
            columns.push(target_name(column));
        }
        for column in columns {
            self.connection.execute_batch(&format!("ALTER TABLE \"{}\" DROP COLUMN {column}", table.logical))?;
        }
        Ok(())
    }

    /// Makes the index behind an alternate key, unless rows collide.
    pub(crate) fn try_key(&self, table: &Table, key: &Key) -> rusqlite::Result<KeyIndex> {
        match self.create_key(table, key) {
            Ok(()) => Ok(KeyIndex::Active),
            Err(rusqlite::Error::SqliteFailure(failure, _)) if failure.code == ErrorCode::ConstraintViolation => {
                Ok(KeyIndex::Failed)
            }
            Err(error) => Err(error),
        }
    }

    /// Removes the index behind an alternate key.
    pub(crate) fn drop_key(&self, table: &Table, key: &Key) -> rusqlite::Result<()> {
        self.connection.execute_batch(&format!("DROP INDEX IF EXISTS \"key_{}_{}\"", table.logical, key.name))
    }
}
