//! Where the settings document is kept: a file on a desk, a blob in Azure.

mod blob;
mod file;

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use blob::BlobPlace;
pub use file::FilePlace;

use super::Lookup;
use crate::azure::Account;

/// Names the file with the settings document; without it the document is a blob of the storage account.
pub const SETTINGS_FILE: &str = "INEVENT_D365_SETTINGS";

/// The container of the blob.
pub const CONTAINER: &str = "inevent-settings";

/// A document as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub text: String,
    pub etag: ETag,
}

/// A version of the document, opaque.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ETag(pub String);

/// Keeps the document, and every version that it replaced.
#[async_trait]
pub trait SettingsPlace: Send + Sync + Debug {
    /// `None` where there is no document: the defaults hold.
    async fn read(&self) -> Result<Option<Kept>, PlaceError>;

    /// Puts a document in place of the version `expected` (`None`: of nothing), which goes to the history.
    ///
    /// # Errors
    /// [`PlaceError::Changed`] when another version is there.
    async fn write(&self, text: &str, expected: Option<&ETag>) -> Result<ETag, PlaceError>;

    /// The names of the versions that were replaced, the newest first: the times at which they were.
    async fn history(&self) -> Result<Vec<String>, PlaceError>;

    /// The text of a replaced version; `None` where there is none of this name.
    async fn replaced(&self, version: &str) -> Result<Option<String>, PlaceError>;

    /// How long what was read may be used before it is read again.
    fn fresh_for(&self) -> Duration;
}

/// Why the document could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    #[error("somebody else changed the settings in the meantime")]
    Changed,
    /// It stays so until somebody mends it.
    #[error("{0}")]
    Unreadable(String),
    /// It may pass.
    #[error("{0}")]
    Unavailable(String),
}

/// The name of the version that is replaced now: a time in UTC, without characters that file systems refuse, in the order of time.
fn version(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H-%M-%S%.6fZ").to_string()
}

/// Whether it may be the name of a version, and no path to something else.
fn is_version(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.'))
}

/// The versions among the names of files, the newest first.
fn versions(files: impl Iterator<Item = String>) -> Vec<String> {
    let mut versions: Vec<String> = files.filter_map(|file| Some(file.strip_suffix(".json")?.to_owned())).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions
}

/// The place that the environment names.
///
/// # Errors
/// In words for the person who mends it, when the storage account is not named as it must be.
pub fn place(lookup: Lookup<'_>) -> Result<Arc<dyn SettingsPlace>, String> {
    if let Some(path) = lookup(SETTINGS_FILE).filter(|path| !path.trim().is_empty()) {
        return Ok(Arc::new(FilePlace::new(path.trim())));
    }
    let account = Account::from_settings("AzureWebJobsStorage", lookup).map_err(|error| error.to_string())?;
    Ok(Arc::new(BlobPlace::new(&account).map_err(|error| error.to_string())?))
}
