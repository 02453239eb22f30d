//! Bodies in a SQLite file, for the desk.

use std::path::Path;

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, params};

use crate::{
    queue::{Bodies, QueueError, rules},
    store::sqlite_file::SqliteFile,
};

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS bodies (key TEXT PRIMARY KEY, bytes BLOB NOT NULL);";

/// The bodies of one SQLite file. Several processes may have the same file open, and it may be the queues' own.
#[derive(Debug)]
pub struct SqliteBodies {
    file: SqliteFile,
}

impl SqliteBodies {
    /// Opens or creates the file. Blocks while it does.
    ///
    /// # Errors
    /// [`QueueError::Denied`] if the file cannot be opened or is no database.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, QueueError> {
        Ok(Self { file: SqliteFile::open(path.as_ref(), SCHEMA)? })
    }
}

#[async_trait]
impl Bodies for SqliteBodies {
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), QueueError> {
        rules::check_key(key)?;
        let (key, bytes) = (key.to_owned(), bytes.to_owned());
        self.file
            .run(move |db| {
                db.execute("INSERT OR REPLACE INTO bodies (key, bytes) VALUES (?1, ?2)", params![key, bytes])
            })
            .await?;
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, QueueError> {
        rules::check_key(key)?;
        let key = key.to_owned();
        let read = |db: &mut rusqlite::Connection| {
            db.query_row("SELECT bytes FROM bodies WHERE key = ?1", [key], |row| row.get(0)).optional()
        };
        Ok(self.file.run(read).await?)
    }

    async fn delete(&self, key: &str) -> Result<(), QueueError> {
        rules::check_key(key)?;
        let key = key.to_owned();
        self.file.run(move |db| db.execute("DELETE FROM bodies WHERE key = ?1", [key])).await?;
        Ok(())
    }
}
