//! Where the client secret is read from, each time it is needed: a rotated secret needs no restart.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use secrecy::SecretString;

use crate::{dataverse::SecretValue, telemetry::dependency::Recorded};

/// A secret that stands in an app setting (which may be a Key Vault reference that the platform resolves).
pub struct PlainSecret(pub SecretString);

#[async_trait]
impl SecretValue for PlainSecret {
    async fn read(&self) -> Result<SecretString, String> {
        Ok(self.0.clone())
    }
}

/// A secret in Key Vault.
pub struct KeyVaultSecret {
    client: SecretClient,
    name: String,
}

impl KeyVaultSecret {
    /// # Errors
    /// When the vault's URL is not one.
    pub fn new(
        vault: &str,
        name: &str,
        credential: Arc<dyn TokenCredential>,
        options: Option<SecretClientOptions>,
    ) -> Result<Self, String> {
        let mut options = options.unwrap_or_default();
        options.client_options.per_try_policies.push(Arc::new(Recorded("Key Vault")));
        let client =
            SecretClient::new(vault, credential, Some(options)).map_err(|_| format!("{vault} is not a vault's URL"))?;
        Ok(Self { client, name: name.to_owned() })
    }
}

#[async_trait]
impl SecretValue for KeyVaultSecret {
    async fn read(&self) -> Result<SecretString, String> {
        let unread = |why: String| format!("the secret {} could not be read from Key Vault: {why}", self.name);
        let answer = self.client.get_secret(&self.name, None).await.map_err(|error| match error.http_status() {
            Some(status) => unread(format!("it answered {status}")),
            None => unread(error.kind().to_string()),
        })?;
        let secret = answer.into_model().map_err(|_| unread("its answer could not be read".to_owned()))?;
        secret.value.map(SecretString::from).ok_or_else(|| unread("it has no value".to_owned()))
    }
}
