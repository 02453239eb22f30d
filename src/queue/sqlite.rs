//! Queues in a SQLite file, for the desk.

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, named_params, params};
use uuid::Uuid;

use super::{Message, Peeked, PutOptions, Queue, QueueError, Queues, Receipt, rules};
use crate::store::sqlite_file::{SqliteFailure, SqliteFile};

/// Times are milliseconds since 1970. `was_visible` is what `visible` was before the last receive: it orders the answer.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS queues (name TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS queue_messages (
        seq         INTEGER PRIMARY KEY AUTOINCREMENT,
        queue       TEXT NOT NULL REFERENCES queues (name),
        id          TEXT NOT NULL UNIQUE,
        text        TEXT NOT NULL,
        inserted    INTEGER NOT NULL,
        expires     INTEGER NOT NULL,
        visible     INTEGER NOT NULL,
        was_visible INTEGER NOT NULL DEFAULT 0,
        dequeued    INTEGER NOT NULL DEFAULT 0,
        pop_receipt TEXT
    );
    CREATE INDEX IF NOT EXISTS queue_messages_due ON queue_messages (queue, visible, seq);
    CREATE INDEX IF NOT EXISTS queue_messages_dying ON queue_messages (expires) WHERE expires < 9223372036854775807;
";

/// What stands in `expires` for a message that never does.
const NEVER: i64 = i64::MAX;

/// The queues of one SQLite file. Several processes may have the same file open.
#[derive(Debug)]
pub struct SqliteQueues {
    file: SqliteFile,
}

impl SqliteQueues {
    /// Opens or creates the file. Blocks while it does.
    ///
    /// # Errors
    /// [`QueueError::Denied`] if the file cannot be opened or is no database.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, QueueError> {
        Ok(Self { file: SqliteFile::open(path.as_ref(), SCHEMA)? })
    }
}

impl Queues for SqliteQueues {
    fn queue(&self, name: &str) -> Result<Arc<dyn Queue>, QueueError> {
        rules::check_name(name)?;
        Ok(Arc::new(SqliteQueue { file: self.file.clone(), name: name.into() }))
    }
}

#[derive(Debug)]
struct SqliteQueue {
    file: SqliteFile,
    name: Arc<str>,
}

#[async_trait]
impl Queue for SqliteQueue {
    fn name(&self) -> &str {
        &self.name
    }

    async fn create(&self) -> Result<(), QueueError> {
        let name = Arc::clone(&self.name);
        self.file.run(move |db| db.execute("INSERT OR IGNORE INTO queues (name) VALUES (?1)", [&*name])).await?;
        Ok(())
    }

    async fn put(&self, text: &str, options: PutOptions) -> Result<(), QueueError> {
        let text = rules::check_text(text)?.into_owned();
        let queue = Arc::clone(&self.name);
        let added = self
            .file
            .run(move |db| {
                let now = now();
                let visible = now + millis(options.visible_after.min(rules::MAX_DELAY));
                let expires = options.time_to_live.map_or(NEVER, |ttl| now.saturating_add(millis(ttl)));
                db.execute(
                    "INSERT INTO queue_messages (queue, id, text, inserted, expires, visible)
                     SELECT name, ?2, ?3, ?4, ?5, ?6 FROM queues WHERE name = ?1",
                    params![&*queue, Uuid::new_v4().to_string(), text, now, expires, visible],
                )
            })
            .await?;
        if added == 0 { Err(QueueError::NoSuchQueue) } else { Ok(()) }
    }

    async fn receive(&self, max: usize, invisible_for: Duration) -> Result<Vec<Message>, QueueError> {
        let max = i64::try_from(max.clamp(1, rules::MAX_BATCH)).unwrap_or(1);
        let queue = Arc::clone(&self.name);
        let received = self
            .file
            .run(move |db| {
                let now = now();
                let mut rows = db
                    .prepare_cached(
                        "UPDATE queue_messages
                         SET was_visible = visible, visible = :until, dequeued = dequeued + 1,
                             pop_receipt = lower(hex(randomblob(16)))
                         WHERE seq IN (SELECT seq FROM queue_messages
                                       WHERE queue = :queue AND visible <= :now AND expires > :now
                                       ORDER BY visible, seq LIMIT :max)
                         RETURNING was_visible, seq, id, text, dequeued, inserted, expires, visible, pop_receipt",
                    )?
                    .query_map(
                        named_params! {":queue": &*queue, ":now": now, ":max": max, ":until": now + hidden(invisible_for)},
                        |row| Ok(((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?), message(row)?)),
                    )?
                    .collect::<rusqlite::Result<Vec<_>>>()?;
                // SQLite promises no order for RETURNING.
                rows.sort_unstable_by_key(|(place, _)| *place);
                if rows.is_empty() {
                    db.execute("DELETE FROM queue_messages WHERE expires < ?1", [now])?;
                }
                let known = !rows.is_empty() || exists(db, &queue)?;
                Ok(known.then(|| rows.into_iter().map(|(_, message)| message).collect()))
            })
            .await?;
        received.ok_or(QueueError::NoSuchQueue)
    }

    async fn renew(&self, receipt: &Receipt, invisible_for: Duration) -> Result<Receipt, QueueError> {
        let (queue, held) = (Arc::clone(&self.name), receipt.clone());
        let (renewed, known) = self
            .file
            .run(move |db| {
                let now = now();
                let renewed = db
                    .query_row(
                        "UPDATE queue_messages SET visible = ?4, pop_receipt = lower(hex(randomblob(16)))
                         WHERE queue = ?1 AND id = ?2 AND pop_receipt = ?3 AND expires > ?5 RETURNING pop_receipt",
                        params![&*queue, held.message_id, held.pop_receipt, now + hidden(invisible_for), now],
                        |row| Ok(Receipt { message_id: held.message_id.clone(), pop_receipt: row.get(0)? }),
                    )
                    .optional()?;
                Ok((renewed, exists(db, &queue)?))
            })
            .await?;
        renewed.ok_or(if known { QueueError::ReceiptVoid } else { QueueError::NoSuchQueue })
    }

    async fn delete(&self, receipt: &Receipt) -> Result<(), QueueError> {
        let (queue, held) = (Arc::clone(&self.name), receipt.clone());
        let (deleted, known) = self
            .file
            .run(move |db| {
                let deleted = db.execute(
                    "DELETE FROM queue_messages WHERE queue = ?1 AND id = ?2 AND pop_receipt = ?3",
                    params![&*queue, held.message_id, held.pop_receipt],
                )?;
                Ok((deleted == 1, exists(db, &queue)?))
            })
            .await?;
        match (deleted, known) {
            (true, _) => Ok(()),
            (false, true) => Err(QueueError::ReceiptVoid),
            (false, false) => Err(QueueError::NoSuchQueue),
        }
    }

    async fn approximate_len(&self) -> Result<u64, QueueError> {
        let queue = Arc::clone(&self.name);
        let len = self
            .file
            .run(move |db| {
                let len: i64 = db.query_row(
                    "SELECT count(*) FROM queue_messages WHERE queue = ?1 AND expires > ?2",
                    params![&*queue, now()],
                    |row| row.get(0),
                )?;
                Ok(exists(db, &queue)?.then_some(len.unsigned_abs()))
            })
            .await?;
        len.ok_or(QueueError::NoSuchQueue)
    }

    async fn front(&self) -> Result<Vec<Peeked>, QueueError> {
        let queue = Arc::clone(&self.name);
        let front = self
            .file
            .run(move |db| {
                let front = db
                    .prepare_cached(
                        "SELECT text, inserted FROM queue_messages
                         WHERE queue = ?1 AND visible <= ?2 AND expires > ?2 ORDER BY visible, seq LIMIT ?3",
                    )?
                    .query_map(params![&*queue, now(), rules::MAX_BATCH as i64], |row| {
                        Ok(Peeked { text: row.get(0)?, inserted: timestamp(row.get(1)?) })
                    })?
                    .collect::<rusqlite::Result<Vec<_>>>()?;
                Ok(exists(db, &queue)?.then_some(front))
            })
            .await?;
        front.ok_or(QueueError::NoSuchQueue)
    }
}

fn exists(db: &rusqlite::Connection, queue: &str) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM queues WHERE name = ?1")?.exists([queue])
}

fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let id: String = row.get("id")?;
    Ok(Message {
        text: row.get("text")?,
        dequeue_count: row.get("dequeued")?,
        inserted: timestamp(row.get("inserted")?),
        expires: timestamp(row.get("expires")?),
        next_visible: timestamp(row.get("visible")?),
        receipt: Receipt { message_id: id.clone(), pop_receipt: row.get("pop_receipt")? },
        id,
    })
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

fn hidden(invisible_for: Duration) -> i64 {
    millis(invisible_for.min(rules::MAX_DELAY))
}

/// Rounded up: nothing appears too early.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(NEVER)
}

fn timestamp(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

impl From<SqliteFailure> for QueueError {
    fn from(failure: SqliteFailure) -> Self {
        match failure {
            SqliteFailure::Denied(text) => Self::Denied(text),
            SqliteFailure::Unavailable(text) => Self::Unavailable(text),
        }
    }
}
