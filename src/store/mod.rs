//! Small durable records with an ETag: cursors, parked events, closings, what is held and why.
//!
//! What a record means is not known here. Two kinds stand behind the one trait: Azure Table storage, and SQLite for the desk.

mod azure_tables;
mod escape;
mod lease;
mod rules;
#[cfg(feature = "local")]
mod sqlite;
#[cfg(feature = "local")]
pub(crate) mod sqlite_file;

pub use azure_tables::AzureTableStore;
pub use lease::{CLOCK_SKEW, Lease};
#[cfg(feature = "local")]
pub use sqlite::SqliteStore;

use std::fmt::Debug;

use async_trait::async_trait;
use serde_json::Value;

/// The most a record's JSON may weigh, in bytes. Table storage allows 64 KiB of UTF-16 a string property and
/// 1 MiB an entity; the implementation splits the value over properties.
pub const MAX_RECORD_BYTES: usize = 256 * 1024;

/// Where a record is kept. Any text is allowed in partition and row, up to 512 UTF-16 units once escaped; the
/// implementation escapes what its storage forbids.
///
/// Azure is asked for a record by a URL that holds its key, so no personal data belongs into one: ids and hashes do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The kind of record, a name fixed in code: lower-case letters and digits, starting with a letter.
    pub kind: &'static str,
    /// Records of one partition are listed together.
    pub partition: String,
    pub row: String,
}

impl Key {
    pub fn new(kind: &'static str, partition: impl Into<String>, row: impl Into<String>) -> Self {
        Self { kind, partition: partition.into(), row: row.into() }
    }
}

/// A version of a record, opaque.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(pub String);

/// A stored record.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub key: Key,
    pub value: Value,
    pub etag: ETag,
}

/// One page of a listing, ordered by partition and row (by their escaped form where the storage escapes).
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub records: Vec<Record>,
    /// Give this to the next call to go on; `None` at the end.
    pub next: Option<String>,
}

/// Durable records.
#[async_trait]
pub trait Store: Send + Sync + Debug {
    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError>;

    /// Adds a record; [`StoreError::Exists`] if there is one already.
    async fn insert(&self, key: &Key, value: &Value) -> Result<ETag, StoreError>;

    /// Replaces a record that is still at `etag`; [`StoreError::Changed`] if it was changed or deleted since.
    async fn replace(&self, key: &Key, value: &Value, etag: &ETag) -> Result<ETag, StoreError>;

    /// Writes a record whatever is there.
    async fn put(&self, key: &Key, value: &Value) -> Result<ETag, StoreError>;

    /// Removes a record that is still at `etag`, or whatever its version if `etag` is `None`; that it is gone already is success
    /// in the second case and [`StoreError::Changed`] in the first.
    async fn delete(&self, key: &Key, etag: Option<&ETag>) -> Result<(), StoreError>;

    /// Lists the records of a kind, of one partition if named, at most `limit` (1 to 1000) at a time.
    ///
    /// A page may hold fewer records than `limit`, even none, and still have a `next`.
    async fn list(
        &self,
        kind: &'static str,
        partition: Option<&str>,
        limit: usize,
        next: Option<&str>,
    ) -> Result<Page, StoreError>;
}

/// Why a store operation failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("a record with this key exists already")]
    Exists,
    #[error("the record was changed by someone else")]
    Changed,
    /// The kind is not lower-case letters and digits, or a part of the key is longer than a storage key may be.
    #[error("not a record key: {0}")]
    BadKey(&'static str),
    /// The `next` given to a listing did not come from one.
    #[error("not a place in a listing of records")]
    BadPage,
    #[error("the record weighs {bytes} bytes, more than a record may ({MAX_RECORD_BYTES})")]
    TooLarge { bytes: usize },
    /// The storage refused us (credentials, role, account): retrying does not help until it is mended.
    #[error("the record storage refuses the connector: {0}")]
    Denied(String),
    /// Anything that may pass: network, time-out, server error.
    #[error("the record storage did not answer as expected: {0}")]
    Unavailable(String),
}
