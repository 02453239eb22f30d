//! How the connector signs in to Dataverse.

use super::{Lookup, SecretPlace, SettingProblem, Vault, require, secure, setting};
use crate::azure::Identity;

/// How tokens are had: `DATAVERSE_SIGN_IN`.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// `managed-identity`: user-assigned where `AZURE_CLIENT_ID` names one.
    ManagedIdentity(Identity),
    /// The app registration of `DATAVERSE_TENANT_ID` and `DATAVERSE_CLIENT_ID`.
    Application {
        /// `DATAVERSE_TOKEN_URL`, by default the public cloud's v2 endpoint of the tenant.
        token_url: String,
        client_id: String,
        proof: Proof,
    },
}

/// What the app registration proves itself with.
#[derive(Debug, Clone)]
pub enum Proof {
    /// `federated`: the token of the managed identity that `AZURE_CLIENT_ID` names (none: the app's own).
    Federated(Identity),
    /// `certificate`: `DATAVERSE_CERTIFICATE_NAME` (default `dataverse-certificate`) in the vault.
    Certificate { vault: Vault, name: String },
    /// `client-secret`, also where nothing is set.
    Secret(SecretPlace),
}

impl SignIn {
    /// None after a problem.
    pub(super) fn read(lookup: Lookup<'_>, problems: &mut Vec<SettingProblem>) -> Option<Self> {
        let kind = setting(lookup, "DATAVERSE_SIGN_IN");
        let identity = Identity::read(lookup, setting(lookup, "AZURE_CLIENT_ID"));
        if kind.as_deref() == Some("managed-identity") {
            return Some(Self::ManagedIdentity(identity));
        }
        let directory = require(lookup, "DATAVERSE_TENANT_ID", "your directory (tenant) id", problems);
        let client_id =
            require(lookup, "DATAVERSE_CLIENT_ID", "the application (client) id of the app registration", problems);
        let token_url = setting(lookup, "DATAVERSE_TOKEN_URL")
            .unwrap_or_else(|| format!("https://login.microsoftonline.com/{directory}/oauth2/v2.0/token"));
        if !secure(&token_url) {
            problems.push(SettingProblem("DATAVERSE_TOKEN_URL must begin with https:// and name a host.".to_owned()));
        }
        let named =
            |setting_name: &str, default: &str| setting(lookup, setting_name).unwrap_or_else(|| default.to_owned());
        let vault = Vault::read(lookup);
        let proof = match (kind.as_deref(), vault) {
            (Some("federated"), _) => Proof::Federated(identity),
            (Some("certificate"), Some(vault)) => {
                let name = named("DATAVERSE_CERTIFICATE_NAME", "dataverse-certificate");
                Proof::Certificate { vault, name }
            }
            (Some("certificate"), None) => {
                require(lookup, "KEY_VAULT_URL", "the vault that holds the certificate", problems);
                return None;
            }
            (None | Some("client-secret"), vault) => match (setting(lookup, "DATAVERSE_CLIENT_SECRET"), vault) {
                (Some(value), _) => Proof::Secret(SecretPlace::Value(value.into())),
                (None, Some(vault)) => {
                    let name = named("DATAVERSE_CLIENT_SECRET_NAME", "dataverse-client-secret");
                    Proof::Secret(SecretPlace::KeyVault { vault, name })
                }
                (None, None) => {
                    let to = "the vault that holds the client secret (or DATAVERSE_CLIENT_SECRET to the secret itself)";
                    require(lookup, "KEY_VAULT_URL", to, problems);
                    return None;
                }
            },
            (Some(_), _) => {
                let kinds = "Set DATAVERSE_SIGN_IN to managed-identity, federated, certificate or client-secret.";
                problems.push(SettingProblem(kinds.to_owned()));
                return None;
            }
        };
        Some(Self::Application { token_url, client_id, proof })
    }
}
