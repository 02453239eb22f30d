//! Where the client secret is read from, each time it is needed: a rotated secret needs no restart.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use secrecy::SecretString;

use super::key_vault::{Asked, withheld};
use crate::{
    dataverse::{SecretValue, Withheld},
    telemetry::dependency::Recorded,
};

/// A secret that stands in an app setting (which may be a Key Vault reference that the platform resolves).
pub struct PlainSecret(pub SecretString);

#[async_trait]
impl SecretValue for PlainSecret {
    async fn read(&self) -> Result<SecretString, Withheld> {
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
    async fn read(&self) -> Result<SecretString, Withheld> {
        let answer = self.client.get_secret(&self.name, None).await.and_then(|answer| answer.into_model());
        let secret = answer.map_err(|error| withheld(&error, Asked::Secret, &self.name))?;
        secret.value.map(SecretString::from).ok_or_else(|| {
            Withheld::for_now(format!("the secret could not be read from Key Vault: {} has no value", self.name))
        })
    }
}
