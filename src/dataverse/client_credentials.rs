//! Tokens of an application (OAuth 2.0 client credentials; Microsoft identity platform, v2 endpoint). It proves itself by a secret, by a
//! certificate, or by a token of the managed identity that it trusts.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use tracing::Instrument;
use uuid::Uuid;

use super::{
    TokenError, TokenSource, Withheld,
    certificate::{Certificate, Certificates, Unsigned},
    token::{self, causes},
};
use crate::telemetry::dependency;

/// Reads the secret whenever a token is fetched, so that a rotated secret needs no restart.
#[async_trait]
pub trait SecretValue: Send + Sync {
    /// # Errors
    /// In words that name the place of the secret, not the secret.
    async fn read(&self) -> Result<SecretString, Withheld>;
}

/// What an application proves itself with.
pub enum Credential {
    Secret(Arc<dyn SecretValue>),
    Certificate(Arc<dyn Certificates>),
    /// The managed identity that is a federated credential of the application, and for whom it gets the token that stands for a secret.
    Federated {
        identity: Arc<dyn TokenCredential>,
        exchange: &'static str,
    },
}

/// A credential at one moment.
#[derive(Clone)]
enum Proof {
    Secret(SecretString),
    Certificate(Certificate),
    Assertion(SecretString),
}

/// For whom Entra gives the token of a managed identity that stands for a secret, by the cloud that the token endpoint is of
/// ("Configure an application to trust a managed identity": each cloud has its own).
/// <https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity>
fn exchange(token_url: &str) -> &'static str {
    let host = token_url.split_once("://").map_or("", |(_, rest)| rest).split(['/', ':']).next().unwrap_or_default();
    match host {
        host if host.ends_with(".us") => "api://AzureADTokenExchangeUSGov/.default",
        host if host.ends_with(".cn") => "api://AzureADTokenExchangeChina/.default",
        _ => "api://AzureADTokenExchange/.default",
    }
}
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl Credential {
    /// The identity that the application trusts in the cloud of this token endpoint.
    pub fn federated(identity: Arc<dyn TokenCredential>, token_url: &str) -> Self {
        Self::Federated { identity, exchange: exchange(token_url) }
    }

    /// What an administrator calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Secret(_) => "client secret",
            Self::Certificate(_) => "certificate",
            Self::Federated { .. } => "managed identity's token",
        }
    }

    /// Whether it can be had now.
    ///
    /// # Errors
    /// In words that name its place.
    pub async fn check(&self) -> Result<(), TokenError> {
        self.newest().await.map(drop)
    }

    async fn newest(&self) -> Result<Proof, TokenError> {
        match self {
            Self::Secret(secret) => Ok(secret.read().await.map(Proof::Secret)?),
            Self::Certificate(all) => Ok(all.newest().await.map(Proof::Certificate)?),
            Self::Federated { identity, exchange } => token::of(&**identity, exchange).await.map(Proof::Assertion),
        }
    }
}

impl PartialEq for Proof {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Secret(a), Self::Secret(b)) | (Self::Assertion(a), Self::Assertion(b)) => {
                a.expose_secret() == b.expose_secret()
            }
            (Self::Certificate(a), Self::Certificate(b)) => a == b,
            _ => false,
        }
    }
}

/// How long before its end a token is replaced.
const MARGIN: Duration = Duration::from_secs(300);
/// After how long Entra is asked again for a token that could not be replaced ahead of its end.
const PAUSE: Duration = Duration::from_secs(30);

/// An application that signs in.
pub struct ClientCredentials {
    http: reqwest::Client,
    token_url: String,
    client_id: String,
    scope: String,
    credential: Arc<Credential>,
    /// Held while a token is fetched: who needs one meanwhile waits for that one.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    granted: Option<Granted>,
    /// What Entra took last.
    accepted: Option<Proof>,
}

struct Granted {
    token: SecretString,
    replace: Instant,
    end: Instant,
}

impl ClientCredentials {
    /// `token_url` is `https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token`; `organisation` the organisation's URL.
    pub fn new(
        http: reqwest::Client,
        token_url: String,
        client_id: String,
        organisation: &str,
        credential: Arc<Credential>,
    ) -> Self {
        let scope = format!("{}/.default", organisation.trim_end_matches('/'));
        Self { http, token_url, client_id, scope, credential, state: Mutex::default() }
    }

    /// Credentials are rotated at any time. What Entra refuses may have been replaced since it was read; what is new in the vault may
    /// not be known to Entra yet, which then still takes the one before.
    async fn fetch(&self, accepted: &mut Option<Proof>) -> Result<Granted, TokenError> {
        let mut tried: Vec<Proof> = Vec::new();
        let mut first = None;
        for turn in 0..3 {
            if turn == 1 && tried.is_empty() {
                continue;
            }
            let proof = if turn < 2 { self.credential.newest().await.map(Some) } else { Ok(accepted.clone()) };
            let outcome = match proof {
                Ok(Some(proof)) if !tried.contains(&proof) => {
                    let outcome = self.ask(&proof).await;
                    tried.push(proof.clone());
                    if outcome.is_ok() {
                        *accepted = Some(proof);
                    }
                    outcome
                }
                Ok(_) => continue,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(granted) => return Ok(granted),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        Err(first.unwrap_or_else(|| TokenError::Unavailable("there is nothing to sign in with".into())))
    }

    async fn ask(&self, proof: &Proof) -> Result<Granted, TokenError> {
        #[derive(Deserialize)]
        struct Answer {
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
        let signed;
        let (name, value) = match proof {
            Proof::Secret(secret) => ("client_secret", secret),
            Proof::Assertion(assertion) => ("client_assertion", assertion),
            Proof::Certificate(certificate) => {
                signed = self.sign(certificate).await?;
                ("client_assertion", &signed)
            }
        };
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", &self.client_id),
            ("scope", &self.scope),
            (name, value.expose_secret()),
        ];
        if name == "client_assertion" {
            form.push(("client_assertion_type", JWT_BEARER));
        }
        let asked = Instant::now();
        let unavailable = |error: reqwest::Error| {
            TokenError::Unavailable(format!("Entra could not be reached: {}", causes(&error.without_url())))
        };
        let host = reqwest::Url::parse(&self.token_url).ok();
        let span = dependency::call("Entra", "token", host.as_ref().and_then(|url| url.host_str()).unwrap_or_default());
        let answer = self.http.post(&self.token_url).form(&form).send().instrument(span.clone()).await;
        dependency::ended(&span, answer.as_ref().ok().map(|answer| answer.status().as_u16()));
        let answer = answer.map_err(unavailable)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(unavailable)?;
        if status.is_success() {
            let answer: Answer = serde_json::from_slice(&body)
                .map_err(|_| TokenError::Unavailable("Entra's answer holds no token".into()))?;
            let end = asked + Duration::from_secs(answer.expires_in);
            let replace = end.checked_sub(MARGIN).unwrap_or(asked);
            return Ok(Granted { token: answer.access_token, replace, end });
        }
        match serde_json::from_slice::<Denied>(&body) {
            Ok(denied) if status.is_client_error() && status.as_u16() != 429 => Err(TokenError::Refused {
                code: denied.error_codes.first().map_or(denied.error, |code| format!("AADSTS{code}")),
            }),
            _ => Err(TokenError::Unavailable(format!("Entra answered {}", status.as_u16()))),
        }
    }

    async fn sign(&self, certificate: &Certificate) -> Result<SecretString, TokenError> {
        let Credential::Certificate(certificates) = &*self.credential else {
            return Err(TokenError::Unavailable("there is no certificate to sign with".to_owned()));
        };
        let unsigned = Unsigned::new(certificate, &self.token_url, &self.client_id, Timestamp::now(), Uuid::new_v4());
        let signature = certificates.sign(certificate, &unsigned.digest()).await?;
        Ok(unsigned.signed(&signature))
    }
}

#[async_trait]
impl TokenSource for ClientCredentials {
    async fn token(&self) -> Result<SecretString, TokenError> {
        let mut state = self.state.lock().await;
        let State { granted, accepted } = &mut *state;
        if let Some(granted) = granted.as_ref().filter(|granted| granted.replace > Instant::now()) {
            return Ok(granted.token.clone());
        }
        match (self.fetch(accepted).await, granted) {
            (Ok(new), granted) => Ok(granted.insert(new).token.clone()),
            (Err(error), Some(old)) if old.end > Instant::now() + PAUSE => {
                tracing::warn!(%error, "the token could not be replaced ahead of its end");
                old.replace = Instant::now() + PAUSE;
                Ok(old.token.clone())
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn forget(&self) {
        self.state.lock().await.granted = None;
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cloud_exchanges_tokens_for_itself() {
        for (token_url, expected) in [
            ("https://login.microsoftonline.com/t/oauth2/v2.0/token", "api://AzureADTokenExchange/.default"),
            ("https://login.microsoftonline.us/t/oauth2/v2.0/token", "api://AzureADTokenExchangeUSGov/.default"),
            (
                "https://login.partner.microsoftonline.cn/t/oauth2/v2.0/token",
                "api://AzureADTokenExchangeChina/.default",
            ),
            ("https://login.chinacloudapi.cn/t/oauth2/v2.0/token", "api://AzureADTokenExchangeChina/.default"),
            ("http://127.0.0.1:8080/t/oauth2/v2.0/token", "api://AzureADTokenExchange/.default"),
        ] {
            assert_eq!(exchange(token_url), expected, "{token_url}");
        }
    }
}
