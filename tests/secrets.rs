//! The client secret in Key Vault, read the way the official client asks for it, over a transport that stays on this machine.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    http::{AsyncRawResponse, ClientOptions, HttpClient, Request, Transport, Url},
    time::{Duration, OffsetDateTime},
};
use azure_security_keyvault_secrets::SecretClientOptions;
use inevent_d365::{dataverse::SecretValue, settings::KeyVaultSecret};
use mockito::{Server, ServerGuard};
use secrecy::ExposeSecret;

/// Keeps the https address that the client insists on, and asks the loopback instead.
#[derive(Debug)]
struct Loopback {
    http: reqwest::Client,
    base: Url,
}

#[async_trait]
impl HttpClient for Loopback {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut request = request.clone();
        let url = request.url_mut();
        url.set_scheme(self.base.scheme()).unwrap();
        url.set_host(self.base.host_str()).unwrap();
        url.set_port(self.base.port()).unwrap();
        self.http.execute_request(&request).await
    }
}

#[derive(Debug)]
struct Anybody;

#[async_trait]
impl TokenCredential for Anybody {
    async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        Ok(AccessToken::new("t0ken", OffsetDateTime::now_utc() + Duration::hours(1)))
    }
}

fn secret(server: &ServerGuard) -> KeyVaultSecret {
    let loopback = Loopback { http: reqwest::Client::new(), base: server.url().parse().unwrap() };
    let client_options = ClientOptions { transport: Some(Transport::new(Arc::new(loopback))), ..Default::default() };
    let options = SecretClientOptions { client_options, ..Default::default() };
    KeyVaultSecret::new("https://desk.vault.azure.net", "dataverse-client-secret", Arc::new(Anybody), Some(options))
        .unwrap()
}

async fn challenge(server: &mut ServerGuard) {
    let challenge = r#"Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net""#;
    let path = mockito::Matcher::Regex("^/secrets/dataverse-client-secret".into());
    server
        .mock("GET", path)
        .match_header("authorization", mockito::Matcher::Missing)
        .with_status(401)
        .with_header("www-authenticate", challenge)
        .create_async()
        .await;
}

#[tokio::test]
async fn the_secret_is_read_anew_each_time_so_that_a_rotated_one_needs_no_restart() {
    let mut server = Server::new_async().await;
    challenge(&mut server).await;
    let path = || mockito::Matcher::Regex("^/secrets/dataverse-client-secret".into());
    let answer = |value: &str| {
        format!(
            r#"{{"value":"{value}","id":"https://desk.vault.azure.net/secrets/dataverse-client-secret/1","attributes":{{"enabled":true}}}}"#
        )
    };
    let vault = secret(&server);
    for value in ["old", "new"] {
        let mock = server.mock("GET", path()).match_header("authorization", "Bearer t0ken").with_body(answer(value));
        let mock = mock.with_header("content-type", "application/json").create_async().await;
        assert_eq!(vault.read().await.unwrap().expose_secret(), value);
        mock.remove_async().await;
    }
}

#[tokio::test]
async fn a_vault_that_refuses_is_told_with_its_status_and_the_role_that_it_wants() {
    let mut server = Server::new_async().await;
    challenge(&mut server).await;
    let path = mockito::Matcher::Regex("^/secrets/dataverse-client-secret".into());
    let body = r#"{"error":{"code":"Forbidden","message":"Caller is not authorized to perform action on resource."}}"#;
    server
        .mock("GET", path)
        .match_header("authorization", "Bearer t0ken")
        .with_status(403)
        .with_body(body)
        .create_async()
        .await;
    let told = secret(&server).read().await.unwrap_err().to_string();
    for part in ["dataverse-client-secret", "403", "the role Key Vault Secrets User"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}
