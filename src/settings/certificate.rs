//! A certificate in Key Vault, which signs there: its private key never comes here.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::{credentials::TokenCredential, http::ClientOptions};
use azure_security_keyvault_certificates::{CertificateClient, CertificateClientOptions};
use azure_security_keyvault_keys::{
    KeyClient, KeyClientOptions,
    models::{KeyClientSignOptions, SignParameters, SignatureAlgorithm},
};

use super::key_vault::{Asked, withheld};
use crate::{
    dataverse::{Certificate, Certificates, Withheld},
    telemetry::dependency::Recorded,
};

/// The certificate `name` of a vault. Its key is RSA: Entra takes no other.
pub struct KeyVaultCertificate {
    certificates: CertificateClient,
    keys: KeyClient,
    name: String,
}

impl KeyVaultCertificate {
    /// # Errors
    /// When the vault's URL is not one.
    pub fn new(
        vault: &str,
        name: &str,
        credential: Arc<dyn TokenCredential>,
        mut client_options: ClientOptions,
    ) -> Result<Self, String> {
        client_options.per_try_policies.push(Arc::new(Recorded("Key Vault")));
        let no_vault = |_| format!("{vault} is not a vault's URL");
        let options = CertificateClientOptions { client_options: client_options.clone(), ..Default::default() };
        let certificates = CertificateClient::new(vault, credential.clone(), Some(options)).map_err(no_vault)?;
        let options = KeyClientOptions { client_options, ..Default::default() };
        let keys = KeyClient::new(vault, credential, Some(options)).map_err(no_vault)?;
        Ok(Self { certificates, keys, name: name.to_owned() })
    }
}

#[async_trait]
impl Certificates for KeyVaultCertificate {
    async fn newest(&self) -> Result<Certificate, Withheld> {
        let answer = self.certificates.get_certificate(&self.name, None).await;
        let found = answer
            .and_then(|answer| answer.into_model())
            .map_err(|error| withheld(&error, Asked::Certificate, &self.name))?;
        let version = found.kid.as_deref().and_then(|kid| kid.trim_end_matches('/').rsplit('/').next());
        match (found.cer, version) {
            (Some(der), Some(version)) => Ok(Certificate::new(&der, version.to_owned())),
            _ => Err(Withheld::until(
                format!("Key Vault has no key for the certificate {}", self.name),
                "Make a certificate there whose key Key Vault keeps.",
            )),
        }
    }

    async fn sign(&self, certificate: &Certificate, digest: &[u8]) -> Result<Vec<u8>, Withheld> {
        let parameters = SignParameters { algorithm: Some(SignatureAlgorithm::Ps256), value: Some(digest.to_vec()) };
        let options = KeyClientSignOptions { key_version: Some(certificate.key_version.clone()), ..Default::default() };
        let signed = async {
            let answer = self.keys.sign(&self.name, parameters.try_into()?, Some(options)).await?;
            answer.into_model()
        };
        let signed = signed.await.map_err(|error| withheld(&error, Asked::Signature, &self.name))?;
        signed.result.ok_or_else(|| {
            Withheld::for_now(format!("Key Vault's signature with the certificate {} is empty", self.name))
        })
    }
}
