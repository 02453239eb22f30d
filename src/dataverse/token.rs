//! Access tokens for Dataverse (OAuth 2.0 client credentials; Microsoft identity platform, v2 endpoint).

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;

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
    #[error("Entra could not be reached: {0}")]
    Unavailable(String),
}

/// A client secret.
pub struct ClientSecret {
    http: reqwest::Client,
    token_url: String,
    client_id: String,
    scope: String,
    secret: Arc<dyn SecretValue>,
    cached: Mutex<Option<(SecretString, Instant)>>,
}

/// Reads the secret whenever a token is fetched, so that a rotated secret needs no restart.
#[async_trait]
pub trait SecretValue: Send + Sync {
    /// # Errors
    /// In words that name the place of the secret, not the secret.
    async fn read(&self) -> Result<SecretString, String>;
}

/// How long before its end a token is replaced.
const MARGIN: Duration = Duration::from_secs(300);

impl ClientSecret {
    /// `token_url` is `https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token`; `organisation` the organisation's URL.
    pub fn new(
        http: reqwest::Client,
        token_url: String,
        client_id: String,
        organisation: &str,
        secret: Arc<dyn SecretValue>,
    ) -> Self {
        let scope = format!("{}/.default", organisation.trim_end_matches('/'));
        Self { http, token_url, client_id, scope, secret, cached: Mutex::new(None) }
    }

    async fn fetch(&self) -> Result<(SecretString, Instant), TokenError> {
        #[derive(Deserialize)]
        struct Granted {
            access_token: SecretString,
            expires_in: u64,
        }
        #[derive(Deserialize)]
        struct Denied {
            #[serde(default)]
            error: String,
            #[serde(default)]
            error_codes: Vec<u64>,
        }
        let secret = self.secret.read().await.map_err(TokenError::Unavailable)?;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.client_id),
            ("client_secret", secret.expose_secret()),
            ("scope", &self.scope),
        ];
        let asked = Instant::now();
        let unavailable = |error: reqwest::Error| TokenError::Unavailable(causes(&error.without_url()));
        let answer = self.http.post(&self.token_url).form(&form).send().await.map_err(unavailable)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(unavailable)?;
        if status.is_success() {
            let granted: Granted = serde_json::from_slice(&body)
                .map_err(|_| TokenError::Unavailable("the answer holds no token".into()))?;
            return Ok((granted.access_token, asked + Duration::from_secs(granted.expires_in)));
        }
        match serde_json::from_slice::<Denied>(&body) {
            Ok(denied) if status.is_client_error() && status.as_u16() != 429 => Err(TokenError::Refused {
                code: denied.error_codes.first().map_or(denied.error, |code| format!("AADSTS{code}")),
            }),
            _ => Err(TokenError::Unavailable(format!("Entra answered {}", status.as_u16()))),
        }
    }
}

#[async_trait]
impl TokenSource for ClientSecret {
    async fn token(&self) -> Result<SecretString, TokenError> {
        let mut cached = self.cached.lock().await;
        if let Some((token, end)) = cached.as_ref()
            && *end > Instant::now() + MARGIN
        {
            return Ok(token.clone());
        }
        let (token, end) = self.fetch().await?;
        *cached = Some((token.clone(), end));
        Ok(token)
    }

    async fn forget(&self) {
        *self.cached.lock().await = None;
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSecret").field("client_id", &self.client_id).finish_non_exhaustive()
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
        let token =
            self.credential.get_token(&[&self.scope], None).await.map_err(|error| match error.http_status() {
                Some(status) if status.is_client_error() => TokenError::Refused { code: status.to_string() },
                _ => TokenError::Unavailable(error.kind().to_string()),
            })?;
        Ok(token.token.secret().to_owned().into())
    }

    async fn forget(&self) {}
}

impl fmt::Debug for CredentialToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialToken").finish_non_exhaustive()
    }
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
