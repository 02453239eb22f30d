//! Why a call to a storage service failed, in words that quote neither its URL nor its body.

use std::error::Error as _;

use azure_core::error::ErrorKind;

/// Why a call failed.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    /// The service answered with an error; `code` is its own word for it, such as `QueueNotFound`, or empty.
    #[error("HTTP {status} {code}{}", hint(code))]
    Answer { status: u16, code: String },
    /// No token could be had.
    #[error("no token for the storage account: {0}")]
    Token(String),
    /// No answer came, or none that could be read.
    #[error("{0}")]
    NoAnswer(String),
}

impl Failure {
    pub(crate) fn status(&self) -> Option<u16> {
        if let Self::Answer { status, .. } = self { Some(*status) } else { None }
    }

    pub(crate) fn code(&self) -> &str {
        if let Self::Answer { code, .. } = self { code } else { "" }
    }

    /// The account refuses us, and goes on refusing until somebody mends something.
    pub(crate) fn is_denied(&self) -> bool {
        match self {
            Self::Answer { status, code } => matches!(status, 401 | 403) || code == "AccountRequiresHttps",
            Self::Token(_) => true,
            Self::NoAnswer(_) => false,
        }
    }
}

/// What to do about the refusals that an administrator meets.
/// <https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes>
fn hint(code: &str) -> &'static str {
    match code {
        "AuthenticationFailed" | "InvalidAuthenticationInfo" => {
            " (the account key or signature is wrong or expired, or this machine's clock is more than 15 minutes off)"
        }
        "AuthorizationPermissionMismatch" | "InsufficientAccountPermissions" => {
            " (the connector's identity or signature lacks a data role on the storage account)"
        }
        "AuthorizationFailure" => " (the storage account's network rules do not let the connector in)",
        "KeyBasedAuthenticationNotPermitted" => {
            " (the storage account allows no keys: use <setting>__accountName and the app's identity)"
        }
        "AccountRequiresHttps" => " (use https in the connection string)",
        _ => "",
    }
}

impl From<azure_core::Error> for Failure {
    fn from(error: azure_core::Error) -> Self {
        match error.kind() {
            ErrorKind::HttpResponse { status, error_code, .. } => {
                Self::Answer { status: u16::from(*status), code: error_code.clone().unwrap_or_default() }
            }
            ErrorKind::Credential => Self::Token(identity_words(&error)),
            ErrorKind::Connection => Self::NoAnswer(format!("no connection: {}", root_cause(&error))),
            ErrorKind::Io => Self::NoAnswer(format!("the connection broke: {}", root_cause(&error))),
            kind => Self::NoAnswer(format!("{kind}: {}", root_cause(&error))),
        }
    }
}

/// What the identity says, from the outermost cause to the innermost; no token is in it.
fn identity_words(error: &azure_core::Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let words: Vec<String> = causes.filter(|cause| !cause.is::<reqwest::Error>()).map(ToString::to_string).collect();
    let words = if words.is_empty() { error.to_string() } else { words.join(": ") };
    words.chars().take(500).collect()
}

/// The innermost cause: the outer ones, reqwest's above all, print the URL, which may hold a signature.
fn root_cause(error: &azure_core::Error) -> String {
    match std::iter::successors(error.source(), |&cause| cause.source()).last() {
        Some(cause) if cause.is::<reqwest::Error>() => "the request failed".to_owned(),
        Some(cause) => cause.to_string(),
        None => "no cause was given".to_owned(),
    }
}
