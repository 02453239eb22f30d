//! A client of the Dataverse Web API: tokens, transport, queries, `$batch`, bulk creates and typed errors.
//!
//! It knows nothing of InEvent, of settings or of queues.

mod batch;
mod budget;
mod bulk_size;
mod certificate;
mod client;
mod client_credentials;
mod codes;
mod concurrency;
pub mod definition;
mod entra;
mod error;
mod failure;
pub mod metadata;
pub mod query;
mod token;
mod withheld;

pub use batch::{Answer, MAX_PARTS, Part};
pub use bulk_size::BulkSize;
pub use certificate::{Certificate, Certificates};
pub use client::{Client, ClientOptions, FetchCookie, WhoAmI};
pub use client_credentials::{ClientCredentials, Credential, SecretValue};
pub use codes::ListRefusal;
pub use concurrency::{Share, draws_at_once};
pub use error::{Error, ServiceError};
pub use failure::{Failure, Hold};
pub use token::{CredentialToken, TokenError, TokenSource};
pub use withheld::Withheld;

/// The columns of a row as the Web API carries them.
pub type Columns = serde_json::Map<String, serde_json::Value>;
