//! One SQLite file, shared by the processes of the desk: the stand-in for the Functions host and the connector.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

/// How long a statement waits for another process's write.
const BUSY: Duration = Duration::from_secs(10);

/// A connection to the file. Calls run one after another on blocking threads.
#[derive(Clone, Debug)]
pub(crate) struct SqliteFile {
    connection: Arc<Mutex<Connection>>,
}

/// Why the file could not be used.
#[derive(Debug)]
pub(crate) enum SqliteFailure {
    /// The file cannot be opened or written, or is no database: waiting does not help.
    Denied(String),
    /// Busy, full, an I/O error: may pass.
    Unavailable(String),
}

impl SqliteFile {
    /// Opens the file, creates it if need be, and runs the schema, which must be repeatable (`IF NOT EXISTS`).
    ///
    /// Write-ahead log, so that readers and the writer do not wait for each other, with `synchronous = FULL`: a commit is
    /// on the disk when it returns, so neither a killed process nor a power cut takes it back. (NORMAL would survive the
    /// kill, but not the power cut.)
    pub(crate) fn open(path: &Path, schema: &'static str) -> Result<Self, SqliteFailure> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        use_write_ahead_log(&connection)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(schema)?;
        transaction.commit()?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    /// Runs the work on a blocking thread. A work of several statements that belong together opens a transaction itself.
    ///
    /// If the returned future is dropped the work is done all the same.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, SqliteFailure> {
        let connection = Arc::clone(&self.connection);
        let done = tokio::task::spawn_blocking(move || {
            // A work that panicked has left no open transaction behind: dropping one rolls it back.
            work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
        });
        match done.await {
            Ok(result) => Ok(result?),
            Err(_) => Err(SqliteFailure::Unavailable("the work on the file was broken off".to_owned())),
        }
    }
}

/// SQLite does not call the busy handler for this change, so two processes that open a new file at once must retry.
fn use_write_ahead_log(connection: &Connection) -> Result<(), SqliteFailure> {
    let give_up = Instant::now() + BUSY;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < give_up => {
                std::thread::sleep(Duration::from_millis(10));
            }
            result => return Ok(result?),
        }
    }
}

impl From<rusqlite::Error> for SqliteFailure {
    fn from(error: rusqlite::Error) -> Self {
        let text = format!("SQLite: {error}");
        match error.sqlite_error_code() {
            Some(
                ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::NotADatabase
                | ErrorCode::AuthorizationForStatementDenied,
            ) => Self::Denied(text),
            _ => Self::Unavailable(text),
        }
    }
}
