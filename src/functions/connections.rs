//! The clients of Dataverse and InEvent, with the credentials that the settings name. Making them makes no call.

use std::{sync::Arc, time::Duration};

use azure_core::credentials::TokenCredential;

use super::webhook_keys::WebhookKeys;
use crate::{
    azure::Identity,
    dataverse::{Client, ClientCredentials, ClientOptions, Credential, CredentialToken, SecretValue, TokenSource},
    inevent::{self, Pacer, Terms, Token},
    settings::{
        DataverseSettings, InEventSettings, InEventSignIn, KeyVaultCertificate, KeyVaultSecret, Lookup, PlainSecret,
        Proof, SecretPlace, SettingProblem, SignIn, webhook_keys,
    },
    store::Store,
    sync::outcome::Held,
};

/// A client that signs in as the settings say.
pub struct Signed {
    pub client: Arc<Client>,
    pub tokens: Arc<dyn TokenSource>,
    /// What the app registration proves itself with; none where a managed identity signs in itself.
    pub credential: Option<Arc<Credential>>,
}

/// The HTTP client of everything that is asked outside the storage account.
///
/// # Errors
/// When the machine has no usable TLS.
pub fn http_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("inevent-d365/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Makes the client of the environment. No call is made.
///
/// # Errors
/// What must be mended first.
pub fn connect(settings: &DataverseSettings) -> Result<Signed, Held> {
    let http = http()?;
    let (tokens, credential): (Arc<dyn TokenSource>, _) = match &settings.sign_in {
        SignIn::ManagedIdentity(who) => (Arc::new(CredentialToken::new(identity(who)?, &settings.url)), None),
        SignIn::Application { token_url, client_id, proof } => {
            let credential = Arc::new(credential(proof, token_url)?);
            let (token_url, client_id) = (token_url.clone(), client_id.clone());
            let tokens = ClientCredentials::new(http.clone(), token_url, client_id, &settings.url, credential.clone());
            (Arc::new(tokens), Some(credential))
        }
    };
    let client = Arc::new(Client::new(http, tokens.clone(), ClientOptions::new(&settings.url)));
    Ok(Signed { client, tokens, credential })
}

fn credential(proof: &Proof, token_url: &str) -> Result<Credential, Held> {
    Ok(match proof {
        Proof::Federated(who) => Credential::federated(identity(who)?, token_url),
        Proof::Secret(place) => Credential::Secret(secret(place)?),
        Proof::Certificate { vault, name } => {
            let reader = identity(&vault.identity)?;
            let certificate = KeyVaultCertificate::new(&vault.url, name, reader, Default::default());
            Credential::Certificate(Arc::new(certificate.map_err(broken)?))
        }
    })
}

/// Makes the client of InEvent's API. No call is made. Processes that share `store` take turns.
///
/// # Errors
/// What must be mended first.
pub fn connect_inevent(settings: &InEventSettings, store: Option<Arc<dyn Store>>) -> Result<inevent::Client, Held> {
    let token = match &settings.sign_in {
        InEventSignIn::Token(place) => Token::kept(secret(place)?),
        InEventSignIn::Password { username, password } => Token::sign_in(username.clone(), secret(password)?),
    };
    let pacer = match store {
        Some(store) => Pacer::shared(store, &settings.url, &settings.owner(), Terms::default()),
        None => Pacer::alone(),
    };
    let options = inevent::ClientOptions::new(&settings.url, settings.company.clone());
    inevent::Client::new(http()?, token, pacer, options).map_err(broken)
}

/// The keys that InEvent's webhooks carry. They are read when they are first needed.
///
/// # Errors
/// What must be set first.
pub fn keys_of_webhooks(lookup: Lookup<'_>) -> Result<WebhookKeys, Held> {
    let place = webhook_keys(lookup).map_err(|problem| held_by_settings(&[problem]))?;
    secret(&place).map(WebhookKeys::new)
}

fn broken(problem: String) -> Held {
    held_by_settings(&[SettingProblem(problem)])
}

fn http() -> Result<reqwest::Client, Held> {
    http_client().map_err(|error| broken(format!("The HTTP client could not be made: {error}.")))
}

fn identity(identity: &Identity) -> Result<Arc<dyn TokenCredential>, Held> {
    identity.credential().map_err(|error| broken(format!("The identity is not available here: {error}.")))
}

/// The managed identity of this client id, or the app's own. No call is made.
///
/// # Errors
/// In words for the person who mends it.
pub fn managed_identity(client_id: Option<&str>) -> Result<Arc<dyn TokenCredential>, String> {
    let identity = Identity::Managed { client_id: client_id.map(str::to_owned) };
    identity.credential().map_err(|error| format!("The managed identity is not available here: {error}."))
}

/// A secret, read from its place whenever it is needed.
fn secret(place: &SecretPlace) -> Result<Arc<dyn SecretValue>, Held> {
    Ok(match place {
        SecretPlace::Value(secret) => Arc::new(PlainSecret(secret.clone())),
        SecretPlace::KeyVault { vault, name } => {
            let reader = identity(&vault.identity)?;
            Arc::new(KeyVaultSecret::new(&vault.url, name, reader, None).map_err(broken)?)
        }
    })
}

/// What settings hold that are missing or wrong.
pub(super) fn held_by_settings(problems: &[SettingProblem]) -> Held {
    let remedy = problems.iter().map(|problem| problem.0.as_str()).collect::<Vec<_>>().join(" ");
    Held { name: "settings", remedy }
}
