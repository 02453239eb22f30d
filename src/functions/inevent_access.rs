//! The way to InEvent.

use std::{sync::Arc, time::Duration};

use azure_identity::{ManagedIdentityCredential, ManagedIdentityCredentialOptions};

use crate::{
    inevent::{Client, ClientOptions, Pacer, Terms, Token},
    settings::{
        InEventSettings, InEventSignIn, KeyVaultSecret, Lookup, PlainSecret, SecretPlace, SecretValue, SettingProblem,
    },
    store::Store,
};

/// Makes the client of InEvent's API. No call is made; processes that share the store and the token take turns.
///
/// # Errors
/// What must be mended first.
pub fn connect(lookup: Lookup<'_>, store: Arc<dyn Store>) -> Result<Client, Vec<SettingProblem>> {
    let settings = InEventSettings::read(lookup)?;
    let broken = |problem: String| vec![SettingProblem(problem)];
    let http = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("inevent-d365/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| broken(format!("The HTTP client could not be made: {error}.")))?;
    let secret = |place: &SecretPlace| secret(place).map_err(broken);
    let token = match &settings.sign_in {
        InEventSignIn::Token(place) => Token::kept(secret(place)?),
        InEventSignIn::Password { username, password } => Token::sign_in(username.clone(), secret(password)?),
    };
    let pacer = Pacer::shared(store, &settings.url, &settings.owner(), Terms::default());
    Client::new(http, token, pacer, ClientOptions::new(&settings.url, settings.company.clone())).map_err(broken)
}

fn secret(place: &SecretPlace) -> Result<Arc<dyn SecretValue>, String> {
    Ok(match place {
        SecretPlace::Value(secret) => Arc::new(PlainSecret(secret.clone())),
        SecretPlace::KeyVault { vault, name } => {
            let identity = ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions::default()));
            let identity = identity.map_err(|error| format!("The managed identity is not available here: {error}."))?;
            Arc::new(KeyVaultSecret::new(vault, name, identity, None)?)
        }
    })
}
