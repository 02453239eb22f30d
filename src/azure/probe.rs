//! Whether an account lets somebody in at all, and if not, why.

use azure_core::http::{Method, Request};

use super::{Account, Failure, Rest, Service};

/// A service of the account that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shut {
    pub service: Service,
    pub why: Why,
}

/// Why a service cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The account's network rules keep this machine out, or no way leads there from here.
    Network,
    /// Whoever asks has no data role on the account.
    Role,
    /// In the service's words.
    Other(String),
}

/// Asks queues, tables and blobs for a list of one; what any data role allows.
///
/// # Errors
/// The first service that is shut.
pub async fn probe(account: &Account) -> Result<(), Shut> {
    let list = [("comp", "list"), ("maxresults", "1")];
    let (queues, tables, blobs) = tokio::join!(
        ask(account, Service::Queue, &[], &list),
        ask(account, Service::Table, &["Tables"], &[("$top", "1")]),
        ask(account, Service::Blob, &[], &list)
    );
    queues.and(tables).and(blobs)
}

async fn ask(account: &Account, service: Service, path: &[&str], query: &[(&str, &str)]) -> Result<(), Shut> {
    let shut = |why| Shut { service, why };
    let rest = Rest::new(account, service).map_err(|error| shut(Why::Other(error.to_string())))?;
    let mut request = Request::new(rest.url_with_query(path, query), Method::Get);
    request.insert_header("accept", "application/json;odata=nometadata");
    rest.send(request).await.map(drop).map_err(|failure| shut(Why::from(&failure)))
}

/// <https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes>
impl From<&Failure> for Why {
    fn from(failure: &Failure) -> Self {
        match (failure, failure.code()) {
            (_, "AuthorizationFailure") | (Failure::NoAnswer(_), _) => Self::Network,
            (_, "AuthorizationPermissionMismatch" | "InsufficientAccountPermissions") => Self::Role,
            _ => Self::Other(failure.to_string()),
        }
    }
}
