//! The bytes of files, and those of uploads that are not finished.

use rusqlite::{OptionalExtension as _, params};
use uuid::Uuid;

use super::Store;

impl Store {
    /// Makes what files are kept in. A file goes with its row of `fileattachment`.
    pub(super) fn create_files(&self) -> rusqlite::Result<()> {
        self.connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS \"#files\" (id TEXT PRIMARY KEY, body BLOB NOT NULL); \
             CREATE TABLE IF NOT EXISTS \"#blocks\" (upload TEXT, block TEXT, body BLOB NOT NULL, \
             PRIMARY KEY (upload, block)); \
             CREATE TRIGGER IF NOT EXISTS \"#files gone\" AFTER DELETE ON fileattachment \
             BEGIN DELETE FROM \"#files\" WHERE id = OLD.fileattachmentid; END",
        )
    }

    pub(crate) fn put_file(&self, id: Uuid, body: &[u8]) -> rusqlite::Result<()> {
        let sql = "INSERT INTO \"#files\" (id, body) VALUES (?, ?)";
        self.connection.prepare_cached(sql)?.execute(params![id.to_string(), body]).map(drop)
    }

    /// The bytes of a file.
    pub(crate) fn file(&self, id: Uuid) -> rusqlite::Result<Option<Vec<u8>>> {
        let sql = "SELECT body FROM \"#files\" WHERE id = ?";
        self.connection.prepare_cached(sql)?.query_row([id.to_string()], |row| row.get(0)).optional()
    }

    /// Keeps a part of an upload; one that was sent before under the same name is gone.
    pub(crate) fn put_block(&self, upload: Uuid, block: &str, body: &[u8]) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO \"#blocks\" (upload, block, body) VALUES (?, ?, ?)";
        self.connection.prepare_cached(sql)?.execute(params![upload.to_string(), block, body]).map(drop)
    }

    /// A part of an upload.
    pub(crate) fn block(&self, upload: Uuid, block: &str) -> rusqlite::Result<Option<Vec<u8>>> {
        let sql = "SELECT body FROM \"#blocks\" WHERE upload = ? AND block = ?";
        self.connection.prepare_cached(sql)?.query_row([&upload.to_string(), block], |row| row.get(0)).optional()
    }

    /// Forgets the parts of an upload.
    pub(crate) fn drop_blocks(&self, upload: Uuid) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("DELETE FROM \"#blocks\" WHERE upload = ?")?
            .execute([upload.to_string()])
            .map(drop)
    }
}
