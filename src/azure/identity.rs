//! Who signs in to Azure where neither key nor secret is named.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    time::{Duration, OffsetDateTime},
};
use azure_identity::{AzureCliCredential, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId};

/// Names the one credential that is used instead of a managed identity, as Azure's own libraries know it:
/// <https://learn.microsoft.com/azure/developer/intro/passwordless-overview>. The connector knows [`AZURE_CLI`].
pub const TOKEN_CREDENTIALS: &str = "AZURE_TOKEN_CREDENTIALS";

/// The person who is signed in with az CLI.
pub const AZURE_CLI: &str = "AzureCliCredential";

/// An identity that needs no secret here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// The app's own, or the user-assigned one of this client id.
    Managed { client_id: Option<String> },
    /// Whoever is signed in with az CLI: for commands that a person runs.
    AzureCli,
}

impl Identity {
    /// The managed identity, unless the settings name az CLI.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>, client_id: Option<String>) -> Self {
        let named = lookup(TOKEN_CREDENTIALS);
        match named.is_some_and(|name| name.trim().eq_ignore_ascii_case(AZURE_CLI)) {
            true => Self::AzureCli,
            false => Self::Managed { client_id },
        }
    }

    /// What its tokens are had from. No call is made.
    ///
    /// # Errors
    /// When there is no such identity on this machine.
    pub fn credential(&self) -> azure_core::Result<Arc<dyn TokenCredential>> {
        Ok(match self {
            Self::AzureCli => {
                static PERSON: OnceLock<Arc<Person>> = OnceLock::new();
                PERSON.get_or_init(Arc::default).clone()
            }
            Self::Managed { client_id } => ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                ..Default::default()
            }))?,
        })
    }
}

/// Whoever is signed in with az CLI. Each of its tokens costs a second, so they are kept while they are valid, for all clients.
#[derive(Debug, Default)]
struct Person(tokio::sync::Mutex<BTreeMap<String, AccessToken>>);

#[async_trait]
impl TokenCredential for Person {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let mut kept = self.0.lock().await;
        let scope = scopes.join(" ");
        if let Some(token) = kept.get(&scope)
            && token.expires_on - OffsetDateTime::now_utc() > Duration::minutes(5)
        {
            return Ok(token.clone());
        }
        let token = AzureCliCredential::new(None)?.get_token(scopes, options).await?;
        kept.insert(scope, token.clone());
        Ok(token)
    }
}
