//! Access tokens for Dataverse, and those of the Azure SDK's credentials.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use azure_core::{credentials::TokenCredential, error::ErrorKind};
use secrecy::SecretString;

use super::Withheld;

/// Gives tokens for one organisation.
#[async_trait]
pub trait TokenSource: Send + Sync + fmt::Debug {
    /// A token that is good for some minutes more.
    async fn token(&self) -> Result<SecretString, TokenError>;

    /// The last token was refused: the next one is fetched anew.
    async fn forget(&self);
}

/// Why there is no token.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokenError {
    /// Entra said no; retrying does not help until it is mended. The code is Entra's own, such as `AADSTS7000215`.
    #[error("Entra refuses a token: {code}")]
    Refused { code: String },
    /// The managed identity is refused; the HTTP status.
    #[error("the managed identity is given no token: {0}")]
    Identity(u16),
    /// What the connector signs in with is not given out, before somebody does what the remedy says.
    #[error("{why}")]
    Withheld { why: String, remedy: Arc<str> },
    /// It may pass; why, in words.
    #[error("there is no token for now: {0}")]
    Unavailable(String),
}

impl From<Withheld> for TokenError {
    fn from(Withheld { why, remedy }: Withheld) -> Self {
        match remedy {
            Some(remedy) => Self::Withheld { why, remedy: remedy.into() },
            None => Self::Unavailable(why),
        }
    }
}

/// Any credential of the Azure SDK, such as a managed identity. The credential caches and refreshes by itself.
pub struct CredentialToken {
    credential: Arc<dyn TokenCredential>,
    scope: String,
}

impl CredentialToken {
    pub fn new(credential: Arc<dyn TokenCredential>, organisation: &str) -> Self {
        Self { credential, scope: format!("{}/.default", organisation.trim_end_matches('/')) }
    }
}

#[async_trait]
impl TokenSource for CredentialToken {
    async fn token(&self) -> Result<SecretString, TokenError> {
        of(&*self.credential, &self.scope).await
    }

    async fn forget(&self) {}
}

impl fmt::Debug for CredentialToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialToken").finish_non_exhaustive()
    }
}

/// A token of a credential of the Azure SDK.
pub(super) async fn of(credential: &dyn TokenCredential, scope: &str) -> Result<SecretString, TokenError> {
    let token = credential.get_token(&[scope], None).await.map_err(|error| {
        let mut answer = None;
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(inner) = cause {
            if let Some(ErrorKind::HttpResponse { status, raw_response, .. }) =
                inner.downcast_ref::<azure_core::Error>().map(azure_core::Error::kind)
            {
                let body = raw_response.as_ref().map(|answer| String::from_utf8_lossy(answer.body()).into_owned());
                answer = Some((u16::from(*status), body.unwrap_or_default()));
            }
            cause = inner.source();
        }
        match answer {
            Some((status, _)) if status == 429 || status >= 500 => {
                TokenError::Unavailable(format!("the managed identity was answered {status}"))
            }
            Some((status, body)) => match aadsts(&body) {
                Some(code) => TokenError::Refused { code },
                None => TokenError::Identity(status),
            },
            None => TokenError::Unavailable("the managed identity is not available here".to_owned()),
        }
    })?;
    Ok(token.token.secret().to_owned().into())
}

/// Entra's code in a text.
fn aadsts(text: &str) -> Option<String> {
    let digits = &text[text.find("AADSTS")? + "AADSTS".len()..];
    let digits = &digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())];
    (!digits.is_empty()).then(|| format!("AADSTS{digits}"))
}

/// An error with its causes, which reqwest leaves out of its own text.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
