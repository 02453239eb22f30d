//! Where bodies that are too large for a queue message lie.

mod azure_blobs;
#[cfg(feature = "local")]
mod sqlite;

pub use azure_blobs::AzureBlobBodies;
#[cfg(feature = "local")]
pub use sqlite::SqliteBodies;
