//! One Azure storage account: where it is, how calls to it are signed, and the HTTP pipeline that its
//! queue, blob and table clients share.

mod account;
mod connection_string;
mod endpoints;
mod failure;
mod identity;
mod probe;
mod rest;
mod sas;
mod settings;
mod shared_key;

pub use account::{Account, AccountError};
pub use endpoints::{Endpoints, Service};
pub(crate) use failure::Failure;
pub use identity::{AZURE_CLI, Identity, TOKEN_CREDENTIALS};
pub use probe::{Shut, Why, probe};
pub(crate) use rest::Rest;

/// The REST version every call names: the newest one that Azurite 3.35 knows. (The queue crate's own default is newer
/// than any Azurite.)
pub(crate) const SERVICE_VERSION: &str = "2025-11-05";
