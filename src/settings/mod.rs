//! What the connector is told: by its environment (app settings in Azure, variables on a desk), and by the settings document.

mod certificate;
pub mod document;
mod inevent;
pub mod kept;
mod key_vault;
mod prefix;
mod secret;
mod sign_in;

use secrecy::SecretString;

pub use certificate::KeyVaultCertificate;
pub use inevent::{InEventSettings, InEventSignIn, webhook_keys};
pub use prefix::{NoPrefix, Prefix};
pub use secret::{KeyVaultSecret, PlainSecret};
pub use sign_in::{Proof, SignIn};

use crate::azure::Identity;
pub use crate::dataverse::{SecretValue, Withheld};

/// Looks a setting up by name; blank is absent.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where Dataverse is and how the connector signs in.
#[derive(Debug, Clone)]
pub struct DataverseSettings {
    /// `DATAVERSE_URL`: the organisation, such as `https://contoso.crm4.dynamics.com`.
    pub url: String,
    pub sign_in: SignIn,
    /// `DATAVERSE_PREFIX` (default `new`): what `setup dataverse` was run with.
    pub prefix: Prefix,
    /// `INEVENT_TENANT` (default `inevent`): keeps the ids of several InEvent tenants in one CRM apart. Never change it once
    /// rows exist: every id would be another.
    pub tenant: String,
}

/// Where a secret is.
#[derive(Debug, Clone)]
pub enum SecretPlace {
    /// In an app setting, such as `DATAVERSE_CLIENT_SECRET`.
    Value(SecretString),
    /// In the vault that `KEY_VAULT_URL` names, under a name that may be set, such as by `DATAVERSE_CLIENT_SECRET_NAME` (default
    /// `dataverse-client-secret`).
    KeyVault { vault: Vault, name: String },
}

/// A vault, and who reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vault {
    /// `KEY_VAULT_URL`.
    pub url: String,
    /// `AZURE_CLIENT_ID`: the user-assigned managed identity; none: the app's own.
    pub identity: Identity,
}

impl Vault {
    /// The vault of the settings, if they name one.
    fn read(lookup: Lookup<'_>) -> Option<Self> {
        let identity = Identity::read(lookup, setting(lookup, "AZURE_CLIENT_ID"));
        Some(Self { url: setting(lookup, "KEY_VAULT_URL")?, identity })
    }
}

/// One thing to mend in the settings, in words for the person who mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem(pub String);

impl DataverseSettings {
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn read(lookup: Lookup<'_>) -> Result<Self, Vec<SettingProblem>> {
        let mut problems = Vec::new();
        let url = require(
            lookup,
            "DATAVERSE_URL",
            "the URL of your environment, such as https://contoso.crm4.dynamics.com",
            &mut problems,
        );
        let sign_in = SignIn::read(lookup, &mut problems);
        if !url.is_empty() && !secure(&url) {
            problems.push(SettingProblem("DATAVERSE_URL must begin with https:// and name a host.".to_owned()));
        }
        let prefix = Prefix::read(lookup).unwrap_or_else(|problem| {
            problems.push(problem);
            Prefix::default()
        });
        let tenant = setting(lookup, "INEVENT_TENANT").unwrap_or_else(|| "inevent".to_owned());
        match sign_in {
            Some(sign_in) if problems.is_empty() => Ok(Self { url, sign_in, prefix, tenant }),
            _ => Err(problems),
        }
    }
}

/// A setting without the space around it; blank is absent.
fn setting(lookup: Lookup<'_>, name: &str) -> Option<String> {
    lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// A setting that has to be there; what it is to be set `to` is a problem without it.
fn require(lookup: Lookup<'_>, name: &str, to: &str, problems: &mut Vec<SettingProblem>) -> String {
    setting(lookup, name).unwrap_or_else(|| {
        problems.push(SettingProblem(format!("Set {name} to {to}.")));
        String::new()
    })
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
        let proof = |settings: DataverseSettings| match settings.sign_in {
            SignIn::Application { proof, .. } => proof,
            other => panic!("{other:?}"),
        };
        let settings = with(&[("DATAVERSE_CLIENT_SECRET", "s3cret")]).unwrap();
        assert!(!format!("{settings:?}").contains("s3cret"));
        assert!(
            matches!(settings.sign_in, SignIn::Application { token_url, .. } if token_url.ends_with("/t/oauth2/v2.0/token"))
        );
        let vault = ("KEY_VAULT_URL", "https://v.vault.azure.net");
        assert!(matches!(proof(with(&[vault]).unwrap()), Proof::Secret(SecretPlace::KeyVault { .. })));
        let named = with(&[vault, ("DATAVERSE_SIGN_IN", "client-secret"), ("AZURE_CLIENT_ID", "id")]).unwrap();
        let Proof::Secret(SecretPlace::KeyVault { vault: by, name }) = proof(named) else { panic!() };
        let managed = |id: Option<&str>| Identity::Managed { client_id: id.map(str::to_owned) };
        assert_eq!((by.identity, name.as_str()), (managed(Some("id")), "dataverse-client-secret"));

        let federated = with(&[("DATAVERSE_SIGN_IN", "federated"), ("AZURE_CLIENT_ID", "id")]).unwrap();
        assert!(matches!(proof(federated), Proof::Federated(identity) if identity == managed(Some("id"))));
        let certificate = with(&[vault, ("DATAVERSE_SIGN_IN", "certificate")]).unwrap();
        assert!(matches!(proof(certificate), Proof::Certificate { name, .. } if name == "dataverse-certificate"));
        let certificate = [("DATAVERSE_SIGN_IN", "certificate"), ("DATAVERSE_CERTIFICATE_NAME", "mine")];
        assert!(with(&certificate).unwrap_err()[0].0.contains("KEY_VAULT_URL"));
        assert!(
            matches!(proof(with(&[&certificate[..], &[vault]].concat()).unwrap()), Proof::Certificate { name, .. } if name == "mine")
        );
        let unknown = with(&[("DATAVERSE_SIGN_IN", "password")]).unwrap_err();
        assert!(unknown[0].0.contains("DATAVERSE_SIGN_IN") && unknown[0].0.contains("federated"), "{unknown:?}");

        let identity =
            read(&[("DATAVERSE_URL", "https://x.crm.dynamics.com"), ("DATAVERSE_SIGN_IN", "managed-identity")]);
        assert!(matches!(identity.unwrap().sign_in, SignIn::ManagedIdentity(identity) if identity == managed(None)));
        let cli = [("DATAVERSE_SIGN_IN", "managed-identity"), ("AZURE_TOKEN_CREDENTIALS", "azureclicredential")];
        let person = read(&[&[("DATAVERSE_URL", "https://x.crm.dynamics.com")], &cli[..]].concat()).unwrap().sign_in;
        assert!(matches!(person, SignIn::ManagedIdentity(Identity::AzureCli)));
        assert!(read(&[("DATAVERSE_URL", "http://x.example"), ("DATAVERSE_SIGN_IN", "managed-identity")]).is_err());
        assert!(read(&[("DATAVERSE_URL", "http://127.0.0.1:80"), ("DATAVERSE_SIGN_IN", "managed-identity")]).is_ok());
    }
}
