//! Records in a SQLite file, for the desk.

use std::path::Path;

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, params, types::Type};
use serde_json::Value;

use super::{
    ETag, Key, Page, Record, Store, StoreError, rules,
    sqlite_file::{SqliteFailure, SqliteFile},
};

/// An ETag is random, so that a record deleted and inserted again does not get one back that somebody still holds.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS records (
        kind      TEXT NOT NULL,
        partition TEXT NOT NULL,
        row       TEXT NOT NULL,
        value     TEXT NOT NULL,
        etag      TEXT NOT NULL,
        PRIMARY KEY (kind, partition, row)
    );
";

/// The records of one SQLite file. Several processes may have the same file open, and it may be the queues' own.
#[derive(Debug)]
pub struct SqliteStore {
    file: SqliteFile,
}

impl SqliteStore {
    /// Opens or creates the file. Blocks while it does.
    ///
    /// # Errors
    /// [`StoreError::Denied`] if the file cannot be opened or is no database.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Ok(Self { file: SqliteFile::open(path.as_ref(), SCHEMA)? })
    }

    /// Runs a statement that writes one record, with ?1 to ?4 being its key and value, and gives the new ETag if it wrote.
    async fn write(&self, sql: &'static str, key: &Key, value: &Value, held: &str) -> Result<Option<ETag>, StoreError> {
        rules::check_key(key)?;
        let (key, value, held) = (key.clone(), rules::check_value(value)?, held.to_owned());
        let write = move |db: &mut rusqlite::Connection| {
            db.prepare_cached(sql)?
                .query_row(params![key.kind, key.partition, key.row, value, held], |row| Ok(ETag(row.get(0)?)))
                .optional()
        };
        Ok(self.file.run(write).await?)
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        rules::check_key(key)?;
        let key = key.clone();
        let read = move |db: &mut rusqlite::Connection| {
            db.query_row(
                "SELECT value, etag FROM records WHERE kind = ?1 AND partition = ?2 AND row = ?3",
                [key.kind, &key.partition, &key.row],
                |row| Ok(Record { value: json(row, 0)?, etag: ETag(row.get(1)?), key: key.clone() }),
            )
            .optional()
        };
        Ok(self.file.run(read).await?)
    }

    async fn insert(&self, key: &Key, value: &Value) -> Result<ETag, StoreError> {
        let inserted = self
            .write(
                "INSERT INTO records (kind, partition, row, value, etag)
                 SELECT ?1, ?2, ?3, ?4, lower(hex(randomblob(16))) WHERE ?5 = ''
                 ON CONFLICT DO NOTHING RETURNING etag",
                key,
                value,
                "",
            )
            .await?;
        inserted.ok_or(StoreError::Exists)
    }

    async fn replace(&self, key: &Key, value: &Value, etag: &ETag) -> Result<ETag, StoreError> {
        let replaced = self
            .write(
                "UPDATE records SET value = ?4, etag = lower(hex(randomblob(16)))
                 WHERE kind = ?1 AND partition = ?2 AND row = ?3 AND etag = ?5 RETURNING etag",
                key,
                value,
                &etag.0,
            )
            .await?;
        replaced.ok_or(StoreError::Changed)
    }

    async fn put(&self, key: &Key, value: &Value) -> Result<ETag, StoreError> {
        let put = self
            .write(
                "INSERT INTO records (kind, partition, row, value, etag)
                 SELECT ?1, ?2, ?3, ?4, lower(hex(randomblob(16))) WHERE ?5 = ''
                 ON CONFLICT DO UPDATE SET value = excluded.value, etag = excluded.etag RETURNING etag",
                key,
                value,
                "",
            )
            .await?;
        put.ok_or_else(|| StoreError::Unavailable("SQLite: nothing was written".to_owned()))
    }

    async fn delete(&self, key: &Key, etag: Option<&ETag>) -> Result<(), StoreError> {
        rules::check_key(key)?;
        let (key, held) = (key.clone(), etag.map(|etag| etag.0.clone()));
        let unconditional = held.is_none();
        let delete = move |db: &mut rusqlite::Connection| {
            db.execute(
                "DELETE FROM records WHERE kind = ?1 AND partition = ?2 AND row = ?3 AND (?4 IS NULL OR etag = ?4)",
                params![key.kind, key.partition, key.row, held],
            )
        };
        let deleted = self.file.run(delete).await?;
        if deleted == 1 || unconditional { Ok(()) } else { Err(StoreError::Changed) }
    }

    async fn list(
        &self,
        kind: &'static str,
        partition: Option<&str>,
        limit: usize,
        next: Option<&str>,
    ) -> Result<Page, StoreError> {
        rules::check_kind(kind)?;
        let partition = partition.map(str::to_owned);
        let after = next.map(serde_json::from_str::<(String, String)>).transpose().map_err(|_| StoreError::BadPage)?;
        let (after_partition, after_row) = after.unzip();
        let limit = limit.clamp(1, 1000);
        let read = move |db: &mut rusqlite::Connection| {
            db.prepare_cached(
                "SELECT partition, row, value, etag FROM records
                 WHERE kind = ?1 AND (?2 IS NULL OR partition = ?2) AND (?3 IS NULL OR (partition, row) > (?3, ?4))
                 ORDER BY partition, row LIMIT ?5",
            )?
            // One more than asked for shows whether there is a next page.
            .query_map(params![kind, partition, after_partition, after_row, limit as i64 + 1], |row| {
                let key = Key { kind, partition: row.get(0)?, row: row.get(1)? };
                Ok(Record { key, value: json(row, 2)?, etag: ETag(row.get(3)?) })
            })?
            .collect::<rusqlite::Result<Vec<_>>>()
        };
        let mut records = self.file.run(read).await?;
        let more = records.len() > limit;
        records.truncate(limit);
        let last = records.last().filter(|_| more).map(|record| &record.key);
        let next = last.map(|key| Value::from(vec![key.partition.as_str(), key.row.as_str()]).to_string());
        Ok(Page { records, next })
    }
}

fn json(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Value> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

impl From<SqliteFailure> for StoreError {
    fn from(failure: SqliteFailure) -> Self {
        match failure {
            SqliteFailure::Denied(text) => Self::Denied(text),
            SqliteFailure::Unavailable(text) => Self::Unavailable(text),
        }
    }
}
