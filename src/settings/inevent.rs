//! Where InEvent is, how the connector signs in there, and what its webhooks must know.

use secrecy::SecretString;

use super::{Lookup, SecretPlace, SettingProblem, Vault, secure, setting};

/// InEvent's API.
#[derive(Debug, Clone)]
pub struct InEventSettings {
    /// `INEVENT_API_URL` (default `https://api.inevent.com`; Europe: `https://api.inevent.uk`).
    pub url: String,
    /// `INEVENT_COMPANY_ID`: InEvent's id of the company.
    pub company: Option<String>,
    pub sign_in: InEventSignIn,
}

/// How a token of InEvent's is had.
#[derive(Debug, Clone)]
pub enum InEventSignIn {
    /// `INEVENT_TOKEN`, or `KEY_VAULT_URL` and `INEVENT_TOKEN_SECRET_NAME` (default `inevent-token`).
    Token(SecretPlace),
    /// `INEVENT_USERNAME`, and `INEVENT_PASSWORD` or `KEY_VAULT_URL` and `INEVENT_PASSWORD_SECRET_NAME` (default
    /// `inevent-password`).
    Password { username: String, password: SecretPlace },
}

impl InEventSettings {
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn read(lookup: Lookup<'_>) -> Result<Self, Vec<SettingProblem>> {
        let get = |name: &str| setting(lookup, name);
        let mut problems = Vec::new();
        let url = get("INEVENT_API_URL").unwrap_or_else(|| "https://api.inevent.com".to_owned());
        if !secure(&url) {
            problems.push(SettingProblem("INEVENT_API_URL must begin with https:// and name a host.".to_owned()));
        }
        let sign_in = match get("INEVENT_USERNAME") {
            Some(username) => {
                match place(lookup, "INEVENT_PASSWORD", ("INEVENT_PASSWORD_SECRET_NAME", "inevent-password")) {
                    Some(password) => Some(InEventSignIn::Password { username, password }),
                    None => {
                        problems.push(SettingProblem(
                        "Set INEVENT_PASSWORD to the password of the InEvent user (or KEY_VAULT_URL to the vault that holds it)."
                            .to_owned(),
                    ));
                        None
                    }
                }
            }
            None => {
                let token = place(lookup, "INEVENT_TOKEN", ("INEVENT_TOKEN_SECRET_NAME", "inevent-token"))
                    .map(InEventSignIn::Token);
                if token.is_none() {
                    problems.push(SettingProblem(
                        "Set INEVENT_TOKEN to a token of InEvent's API (or KEY_VAULT_URL to the vault that holds it)."
                            .to_owned(),
                    ));
                }
                token
            }
        };
        match sign_in {
            Some(sign_in) if problems.is_empty() => Ok(Self { url, company: get("INEVENT_COMPANY_ID"), sign_in }),
            _ => Err(problems),
        }
    }

    /// Whose calls are counted together: never the token itself.
    pub fn owner(&self) -> String {
        match &self.sign_in {
            InEventSignIn::Password { username, .. } => username.clone(),
            InEventSignIn::Token(SecretPlace::KeyVault { vault, name }) => format!("{} {name}", vault.url),
            InEventSignIn::Token(SecretPlace::Value(_)) => "INEVENT_TOKEN".to_owned(),
        }
    }
}

/// Where the keys of the webhooks are: `INEVENT_WEBHOOK_KEYS`, or `KEY_VAULT_URL` and `INEVENT_WEBHOOK_KEYS_SECRET_NAME` (default
/// `inevent-webhook-keys`). Several are valid at once, separated by commas or lines.
///
/// # Errors
/// What must be set first.
pub fn webhook_keys(lookup: Lookup<'_>) -> Result<SecretPlace, SettingProblem> {
    place(lookup, "INEVENT_WEBHOOK_KEYS", ("INEVENT_WEBHOOK_KEYS_SECRET_NAME", "inevent-webhook-keys")).ok_or_else(|| {
        let remedy = "Set INEVENT_WEBHOOK_KEYS to a long random key (or KEY_VAULT_URL to the vault that holds it), and put it into the \
                      URL of the webhooks in InEvent.";
        SettingProblem(remedy.to_owned())
    })
}

/// The secret in the setting `name`, else the one in the vault, whose name there is in the setting `in_vault.0`, by default `in_vault.1`.
fn place(lookup: Lookup<'_>, name: &str, in_vault: (&str, &str)) -> Option<SecretPlace> {
    if let Some(value) = setting(lookup, name) {
        return Some(SecretPlace::Value(SecretString::from(value)));
    }
    let vault = Vault::read(lookup)?;
    let name = setting(lookup, in_vault.0).unwrap_or_else(|| in_vault.1.to_owned());
    Some(SecretPlace::KeyVault { vault, name })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<InEventSettings, Vec<SettingProblem>> {
        let settings: HashMap<&str, &str> = settings.iter().copied().collect();
        InEventSettings::read(&|name| settings.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn ways_to_sign_in() {
        let token = read(&[("INEVENT_TOKEN", "t0ken")]).unwrap();
        assert_eq!((token.url.as_str(), token.company.as_deref()), ("https://api.inevent.com", None));
        assert!(!format!("{token:?}").contains("t0ken") && token.owner() == "INEVENT_TOKEN");
        let vault = read(&[("KEY_VAULT_URL", "https://v.vault.azure.net"), ("INEVENT_COMPANY_ID", "12")]).unwrap();
        assert_eq!(vault.owner(), "https://v.vault.azure.net inevent-token");
        let user = read(&[("INEVENT_USERNAME", "api@x.example"), ("INEVENT_PASSWORD", "p")]).unwrap();
        assert!(matches!(user.sign_in, InEventSignIn::Password { password: SecretPlace::Value(_), .. }));
        for (settings, named) in [
            (&[][..], "INEVENT_TOKEN"),
            (&[("INEVENT_USERNAME", "api@x.example")], "INEVENT_PASSWORD"),
            (&[("INEVENT_TOKEN", "t"), ("INEVENT_API_URL", "http://api.inevent.com")], "INEVENT_API_URL"),
        ] {
            assert!(read(settings).unwrap_err()[0].0.contains(named), "{named}");
        }
    }
}
