//! How an administrator signs in for `setup`: once, with a token that is kept nowhere.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::Deserialize;
use tokio::{process::Command, time::sleep};

use super::challenge;
use crate::dataverse::{TokenError, TokenSource};

/// A token that somebody handed over.
#[derive(Debug)]
pub struct OneToken(pub SecretString);

#[async_trait]
impl TokenSource for OneToken {
    async fn token(&self) -> Result<SecretString, TokenError> {
        Ok(self.0.clone())
    }

    async fn forget(&self) {}
}

/// The token of whom Azure CLI has signed in; `None` where there is no Azure CLI.
///
/// # Errors
/// In words for the person who signs in.
pub async fn azure_cli(organisation: &str) -> Result<Option<SecretString>, String> {
    let resource = organisation.trim_end_matches('/');
    let arguments =
        ["account", "get-access-token", "--resource", resource, "--query", "accessToken", "--output", "tsv"];
    let program = if cfg!(windows) { "az.cmd" } else { "az" };
    let output = match Command::new(program).args(arguments).kill_on_drop(true).output().await {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("Azure CLI cannot be started: {error}.")),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let token = text(&output.stdout);
    if output.status.success() && !token.is_empty() {
        return Ok(Some(token.into()));
    }
    Err(format!("Azure CLI gives no token for {resource}: {} Sign in with `az login` first.", text(&output.stderr)))
}

/// The application that people sign in to: the one of Microsoft's own samples for Dataverse, which every directory knows.
pub const PUBLIC_CLIENT: &str = "51f81489-12ee-4a9e-aaae-a2591f45987d";

/// What the person who signs in is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    pub url: String,
    pub code: String,
}

/// Lets a person sign in on another page (OAuth 2.0 device authorization grant, RFC 8628).
///
/// # Errors
/// In words for the person who signs in.
pub async fn device_code(
    http: &reqwest::Client,
    organisation: &str,
    token_url: Option<String>,
    client_id: &str,
    show: impl FnOnce(&Prompt),
) -> Result<SecretString, String> {
    let organisation = organisation.trim_end_matches('/');
    let token_url = match token_url {
        Some(url) => url,
        None => challenge::ask(http, organisation)
            .await?
            .token_url()
            .ok_or_else(|| format!("{organisation} does not say who gives tokens for it. Set DATAVERSE_TOKEN_URL."))?,
    };
    let begin = format!("{}/devicecode", token_url.trim_end_matches("/token"));
    let scope = format!("{organisation}/.default");
    let unreadable = |_| "Entra gave an answer that could not be read.".to_owned();
    let body = post(http, &begin, &[("client_id", client_id), ("scope", &scope)]).await?;
    let begun: Begun = serde_json::from_slice(&body).map_err(unreadable)?;
    show(&Prompt { url: begun.verification_uri, code: begun.user_code });
    let mut pause = Duration::from_secs(begun.interval);
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", client_id),
        ("device_code", &begun.device_code),
    ];
    let ends = tokio::time::Instant::now() + Duration::from_secs(begun.expires_in);
    while tokio::time::Instant::now() < ends {
        sleep(pause).await;
        let polled: Polled = serde_json::from_slice(&post(http, &token_url, &form).await?).map_err(unreadable)?;
        match (polled.access_token, polled.error.as_deref()) {
            (Some(token), _) => return Ok(token),
            (None, Some("authorization_pending")) => {}
            (None, Some("slow_down")) => pause += Duration::from_secs(5),
            (None, Some("authorization_declined" | "access_denied")) => {
                return Err("The sign-in was declined.".to_owned());
            }
            (None, why) => return Err(format!("Entra refuses the sign-in: {}.", why.unwrap_or("it does not say why"))),
        }
    }
    Err("Nobody signed in in time.".to_owned())
}

#[derive(Deserialize)]
struct Begun {
    device_code: String,
    user_code: String,
    verification_uri: String,
    /// Seconds.
    expires_in: u64,
    #[serde(default = "five")]
    interval: u64,
}

/// Seconds between two questions where the answer names none.
fn five() -> u64 {
    5
}

#[derive(Deserialize)]
struct Polled {
    access_token: Option<SecretString>,
    error: Option<String>,
}

async fn post(http: &reqwest::Client, url: &str, form: &[(&str, &str)]) -> Result<bytes::Bytes, String> {
    let unavailable = |error: reqwest::Error| crate::dataverse::Error::from(error).to_string();
    let answer = http.post(url).form(form).timeout(Duration::from_secs(30)).send().await.map_err(unavailable)?;
    answer.bytes().await.map_err(unavailable)
}
