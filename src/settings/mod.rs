//! What the connector is told: by its environment (app settings in Azure, variables on a desk), and by the settings document.

pub mod document;
mod inevent;
pub mod kept;
mod secret;

use secrecy::SecretString;

pub use inevent::{InEventSettings, InEventSignIn, webhook_keys};
pub use secret::{KeyVaultSecret, PlainSecret};

pub use crate::dataverse::SecretValue;

/// Looks a setting up by name; blank is absent.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where Dataverse is and how the connector signs in.
#[derive(Debug, Clone)]
pub struct DataverseSettings {
    /// `DATAVERSE_URL`: the organisation, such as `https://contoso.crm4.dynamics.com`.
    pub url: String,
    pub sign_in: SignIn,
    /// `INEVENT_TENANT` (default `inevent`): keeps the ids of several InEvent tenants in one CRM apart. Never change it once
    /// rows exist: every id would be another.
    pub tenant: String,
}

/// How tokens are had.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// `DATAVERSE_TENANT_ID`, `DATAVERSE_CLIENT_ID` and the secret.
    ClientSecret {
        /// `DATAVERSE_TOKEN_URL`, by default the public cloud's v2 endpoint of the tenant.
        token_url: String,
        client_id: String,
        secret: SecretPlace,
    },
    /// `DATAVERSE_SIGN_IN=managed-identity`, user-assigned where `AZURE_CLIENT_ID` names one.
    ManagedIdentity { client_id: Option<String> },
}

/// Where a secret is.
#[derive(Debug, Clone)]
pub enum SecretPlace {
    /// In an app setting, such as `DATAVERSE_CLIENT_SECRET`.
    Value(SecretString),
    /// In the vault that `KEY_VAULT_URL` names, under a name that may be set, such as by `DATAVERSE_CLIENT_SECRET_NAME` (default
    /// `dataverse-client-secret`).
    KeyVault { vault: String, name: String },
}

/// One thing to mend in the settings, in words for the person who mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem(pub String);

impl DataverseSettings {
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn read(lookup: Lookup<'_>) -> Result<Self, Vec<SettingProblem>> {
        let get = |name: &str| lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let mut problems = Vec::new();
        let mut require = |name: &str, what: &str| {
            get(name).unwrap_or_else(|| {
                problems.push(SettingProblem(format!("Set {name} to {what}.")));
                String::new()
            })
        };
        let url = require("DATAVERSE_URL", "the URL of your environment, such as https://contoso.crm4.dynamics.com");
        let sign_in = if get("DATAVERSE_SIGN_IN").as_deref() == Some("managed-identity") {
            SignIn::ManagedIdentity { client_id: get("AZURE_CLIENT_ID") }
        } else {
            let directory = require("DATAVERSE_TENANT_ID", "your directory (tenant) id");
            let client_id = require("DATAVERSE_CLIENT_ID", "the application (client) id of the app registration");
            let secret = match (get("DATAVERSE_CLIENT_SECRET"), get("KEY_VAULT_URL")) {
                (Some(value), _) => SecretPlace::Value(value.into()),
                (None, Some(vault)) => {
                    let name =
                        get("DATAVERSE_CLIENT_SECRET_NAME").unwrap_or_else(|| "dataverse-client-secret".to_owned());
                    SecretPlace::KeyVault { vault, name }
                }
                (None, None) => {
                    require(
                        "KEY_VAULT_URL",
                        "the vault that holds the client secret (or DATAVERSE_CLIENT_SECRET to the secret itself)",
                    );
                    SecretPlace::Value(String::new().into())
                }
            };
            let token_url = get("DATAVERSE_TOKEN_URL")
                .unwrap_or_else(|| format!("https://login.microsoftonline.com/{directory}/oauth2/v2.0/token"));
            SignIn::ClientSecret { token_url, client_id, secret }
        };
        if !url.is_empty() && !secure(&url) {
            problems.push(SettingProblem("DATAVERSE_URL must begin with https:// and name a host.".to_owned()));
        }
        if let SignIn::ClientSecret { token_url, .. } = &sign_in
            && !secure(token_url)
        {
            problems.push(SettingProblem("DATAVERSE_TOKEN_URL must begin with https:// and name a host.".to_owned()));
        }
        let tenant = get("INEVENT_TENANT").unwrap_or_else(|| "inevent".to_owned());
        if problems.is_empty() { Ok(Self { url, sign_in, tenant }) } else { Err(problems) }
    }
}

/// https, or http on this very machine.
fn secure(url: &str) -> bool {
    match reqwest::Url::parse(url) {
        Ok(url) => match (url.scheme(), url.host_str()) {
            ("https", Some(_)) => true,
            ("http", Some(host)) => matches!(host, "127.0.0.1" | "localhost" | "[::1]"),
            _ => false,
        },
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<DataverseSettings, Vec<SettingProblem>> {
        let settings: HashMap<&str, &str> = settings.iter().copied().collect();
        DataverseSettings::read(&|name| settings.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn everything_missing_is_named_at_once() {
        let problems = read(&[]).unwrap_err();
        for name in ["DATAVERSE_URL", "DATAVERSE_TENANT_ID", "DATAVERSE_CLIENT_ID", "KEY_VAULT_URL"] {
            assert!(problems.iter().any(|problem| problem.0.contains(name)), "{name}");
        }
    }

    #[test]
    fn sign_in_forms() {
        let base = [
            ("DATAVERSE_URL", "https://x.crm.dynamics.com"),
            ("DATAVERSE_TENANT_ID", "t"),
            ("DATAVERSE_CLIENT_ID", "c"),
        ];
        let with = |more: &[(&str, &str)]| read(&[&base[..], more].concat());
        let settings = with(&[("DATAVERSE_CLIENT_SECRET", "s3cret")]).unwrap();
        assert!(!format!("{settings:?}").contains("s3cret"));
        assert!(
            matches!(settings.sign_in, SignIn::ClientSecret { token_url, .. } if token_url.ends_with("/t/oauth2/v2.0/token"))
        );
        let vault = with(&[("KEY_VAULT_URL", "https://v.vault.azure.net")]).unwrap();
        assert!(matches!(vault.sign_in, SignIn::ClientSecret { secret: SecretPlace::KeyVault { .. }, .. }));
        let identity =
            read(&[("DATAVERSE_URL", "https://x.crm.dynamics.com"), ("DATAVERSE_SIGN_IN", "managed-identity")]);
        assert!(matches!(identity.unwrap().sign_in, SignIn::ManagedIdentity { client_id: None }));
        assert!(read(&[("DATAVERSE_URL", "http://x.example"), ("DATAVERSE_SIGN_IN", "managed-identity")]).is_err());
        assert!(read(&[("DATAVERSE_URL", "http://127.0.0.1:80"), ("DATAVERSE_SIGN_IN", "managed-identity")]).is_ok());
    }
}
