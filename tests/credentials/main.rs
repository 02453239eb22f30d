//! Each kind of credential against the sandbox's Entra, its managed identity endpoint and a stand-in for Key Vault, and rotation while
//! tokens are asked for.

#![allow(clippy::unwrap_used)]

mod vault;

use std::{process::Stdio, sync::Arc};

use async_trait::async_trait;
use azure_core::http::{ClientOptions, Transport};
use azure_security_keyvault_secrets::SecretClientOptions;
use dataverse_sandbox::{Options, Sandbox};
use futures_util::future::join_all;
use inevent_d365::{
    dataverse::{ClientCredentials, Credential, Error, Failure, SecretValue, TokenError, TokenSource, Withheld},
    settings::{KeyVaultCertificate, KeyVaultSecret, PlainSecret},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::process::Command;
use uuid::Uuid;
use vault::{Reader, Vault};

const SECRET: &str = "dataverse-client-secret";

async fn sandbox() -> Sandbox {
    dataverse_sandbox::start(Options { orgs: vec!["contoso".into()], ..Default::default() }).await.unwrap()
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Changes the credentials of the application in the sandbox's Entra.
async fn register(sandbox: &Sandbox, method: &str, kind: &str, body: Value) {
    let connection = sandbox.connection();
    let url = format!("{}/applications/{}/{kind}", connection.admin_url.trim_end_matches('/'), connection.client_id);
    let answer = http().request(method.parse().unwrap(), url).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
}

fn transport(vault: &Arc<Vault>) -> ClientOptions {
    ClientOptions { transport: Some(Transport::new(vault.clone())), ..Default::default() }
}

fn by_secret(vault: &Arc<Vault>) -> Credential {
    let options = SecretClientOptions { client_options: transport(vault), ..Default::default() };
    let secret = KeyVaultSecret::new(vault::URL, SECRET, Arc::new(Reader), Some(options)).unwrap();
    Credential::Secret(Arc::new(secret))
}

fn by_certificate(vault: &Arc<Vault>) -> Credential {
    let certificate =
        KeyVaultCertificate::new(vault::URL, "dataverse-certificate", Arc::new(Reader), transport(vault)).unwrap();
    Credential::Certificate(Arc::new(certificate))
}

fn signing_in(sandbox: &Sandbox, credential: Credential) -> ClientCredentials {
    let connection = sandbox.connection();
    let (token_url, client_id) = (connection.token_url.clone(), connection.client_id.clone());
    ClientCredentials::new(http(), token_url, client_id, &connection.http, Arc::new(credential))
}

/// Many who want a token at once, none of whom has one yet.
async fn all_get_one(tokens: &ClientCredentials) {
    tokens.forget().await;
    let got = join_all((0..8).map(|_| tokens.token())).await;
    for token in got {
        token.unwrap();
    }
}

async fn refused(tokens: &ClientCredentials) -> String {
    tokens.forget().await;
    match tokens.token().await {
        Err(TokenError::Refused { code }) => code,
        other => panic!("{other:?}"),
    }
}

/// What an administrator has to do before there is a token: events wait for that.
async fn mended_by(tokens: &ClientCredentials) -> String {
    tokens.forget().await;
    match Error::from(tokens.token().await.unwrap_err()).failure() {
        Failure::Held(hold) => hold.remedy().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_vault_that_refuses_holds_events_until_it_is_mended_and_one_that_is_away_does_not() {
    let (sandbox, vault) = (sandbox().await, Arc::new(Vault::default()));
    let tokens = signing_in(&sandbox, by_secret(&vault));
    let missing = mended_by(&tokens).await;
    assert!(missing.contains("Make a secret of the name dataverse-client-secret"), "{missing}");
    for (why, remedy) in [
        ("ForbiddenByRbac", "the role Key Vault Secrets User on the vault"),
        ("ForbiddenByFirewall", "network rules"),
        ("SecretDisabled", "Enable the newest version of the secret dataverse-client-secret"),
    ] {
        vault.close(Some(why));
        let told = mended_by(&tokens).await;
        assert!(told.contains(remedy), "{why}: {told}");
    }
    vault.close(None);
    vault.keep(SECRET, &sandbox.connection().client_secret);
    all_get_one(&tokens).await;

    // What Entra took last still serves when the vault gives nothing any more.
    vault.close(Some("ForbiddenByRbac"));
    all_get_one(&tokens).await;

    let away = Credential::Secret(Arc::new(Away));
    let error = signing_in(&sandbox, away).token().await.unwrap_err();
    assert_eq!(Error::from(error).failure(), Failure::Transient { retry_after: None });
}

/// A vault that does not answer.
struct Away;

#[async_trait]
impl SecretValue for Away {
    async fn read(&self) -> Result<SecretString, Withheld> {
        Err(Withheld::for_now("it does not answer".to_owned()))
    }
}

#[tokio::test]
async fn a_secret_is_rotated_in_either_order_while_tokens_are_asked_for() {
    let (sandbox, vault) = (sandbox().await, Arc::new(Vault::default()));
    vault.keep(SECRET, &sandbox.connection().client_secret);
    let tokens = signing_in(&sandbox, by_secret(&vault));
    all_get_one(&tokens).await;

    vault.keep(SECRET, "new");
    all_get_one(&tokens).await;
    register(&sandbox, "POST", "secrets", json!({ "secret": "new" })).await;
    all_get_one(&tokens).await;
    register(&sandbox, "DELETE", "secrets", Value::Null).await;
    register(&sandbox, "POST", "secrets", json!({ "secret": "newest" })).await;
    assert_eq!(refused(&tokens).await, "AADSTS7000215");
    vault.keep(SECRET, "newest");
    all_get_one(&tokens).await;
}

#[tokio::test]
async fn a_certificate_signs_in_the_vault_and_is_rotated_while_tokens_are_asked_for() {
    let (sandbox, vault) = (sandbox().await, Arc::new(Vault::default()));
    register(&sandbox, "DELETE", "secrets", Value::Null).await;
    let tokens = signing_in(&sandbox, by_certificate(&vault));
    let missing = mended_by(&tokens).await;
    assert!(missing.contains("Make a certificate of the name dataverse-certificate"), "{missing}");

    let first = vault.renew();
    assert_eq!(refused(&tokens).await, "AADSTS700027");
    register(&sandbox, "POST", "certificates", json!({ "pem": first })).await;
    all_get_one(&tokens).await;
    vault.close(Some("ForbiddenByRbac"));
    tokens.forget().await;
    // The certificate that Entra took last is known; only its key is out of reach.
    let role = mended_by(&tokens).await;
    assert!(role.contains("Key Vault C") && role.contains("User on the vault"), "{role}");
    vault.close(None);
    let second = vault.renew();
    all_get_one(&tokens).await;
    register(&sandbox, "DELETE", "certificates", Value::Null).await;
    register(&sandbox, "POST", "certificates", json!({ "pem": second })).await;
    all_get_one(&tokens).await;
}

#[tokio::test]
async fn one_question_serves_all_who_wait_and_a_token_serves_to_its_end_while_no_other_is_to_be_had() {
    let mut server = mockito::Server::new_async().await;
    let secret = PlainSecret("s3cret".to_owned().into());
    let credential = Arc::new(Credential::Secret(Arc::new(secret)));
    let tokens = ClientCredentials::new(http(), server.url(), "client".into(), &server.url(), credential);
    // Shorter than the margin: it is to be replaced at once.
    let granted = r#"{"token_type":"Bearer","expires_in":200,"access_token":"t0ken"}"#;
    let granted = server.mock("POST", "/").with_body(granted).expect(1).create_async().await;
    assert_eq!(tokens.token().await.unwrap().expose_secret(), "t0ken");
    granted.assert_async().await;
    granted.remove_async().await;

    let down = server.mock("POST", "/").with_status(503).expect(1).create_async().await;
    for token in join_all((0..8).map(|_| tokens.token())).await {
        assert_eq!(token.unwrap().expose_secret(), "t0ken");
    }
    down.assert_async().await;
    down.remove_async().await;

    tokens.forget().await;
    let renewed = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"n3w"}"#;
    let renewed = server.mock("POST", "/").with_body(renewed).expect(1).create_async().await;
    for token in join_all((0..8).map(|_| tokens.token())).await {
        assert_eq!(token.unwrap().expose_secret(), "n3w");
    }
    renewed.assert_async().await;
}

/// What `check` says of signing in, in the surroundings of a function app.
async fn checked(sandbox: &Sandbox, sign_in: &str, identity: &str) -> Vec<Value> {
    let connection = sandbox.connection();
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_inevent-d365"));
    command.args(["check", "--json"]).env_clear().env("NO_PROXY", "*").stdin(Stdio::null()).envs([
        ("DATAVERSE_URL", connection.http.as_str()),
        ("DATAVERSE_SIGN_IN", sign_in),
        ("DATAVERSE_TENANT_ID", &connection.tenant),
        ("DATAVERSE_CLIENT_ID", &connection.client_id),
        ("DATAVERSE_TOKEN_URL", &connection.token_url),
        ("AZURE_CLIENT_ID", identity),
        ("IDENTITY_ENDPOINT", &format!("{}/msi/token", connection.http)),
        ("IDENTITY_HEADER", "sandbox-identity-header"),
    ]);
    let output = command.env("INEVENT_D365_DESK_STORAGE", folder.path().join("storage.db")).output().await.unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    told["checks"].as_array().unwrap().clone()
}

fn line<'l>(lines: &'l [Value], name: &str) -> (&'l str, &'l str) {
    let line = lines.iter().find(|line| line["name"] == name).unwrap_or_else(|| panic!("{name}: {lines:?}"));
    (line["state"].as_str().unwrap(), line["detail"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_managed_identity_signs_in_itself_or_for_the_application_that_trusts_it() {
    let sandbox = sandbox().await;
    register(&sandbox, "DELETE", "secrets", Value::Null).await;
    let connection = sandbox.connection();
    let lines = checked(&sandbox, "managed-identity", &connection.client_id).await;
    assert_eq!((line(&lines, "token").0, line(&lines, "application user").0), ("ok", "ok"), "{lines:?}");

    let lines = checked(&sandbox, "federated", &connection.client_id).await;
    let (state, why) = line(&lines, "token");
    assert!(state == "wrong" && why.contains("AADSTS70021") && why.contains("api://AzureADTokenExchange"), "{why}");

    let tenant: Uuid = connection.tenant.parse().unwrap();
    let principal = Uuid::new_v5(&tenant, connection.client_id.parse::<Uuid>().unwrap().as_bytes());
    let issuer = format!("https://login.microsoftonline.com/{tenant}/v2.0");
    register(&sandbox, "POST", "federated", json!({ "issuer": issuer, "subject": principal })).await;
    let lines = checked(&sandbox, "federated", &connection.client_id).await;
    for name in ["secret", "token", "application user"] {
        assert_eq!(line(&lines, name).0, "ok", "{name}: {lines:?}");
    }

    for sign_in in ["managed-identity", "federated"] {
        let lines = checked(&sandbox, sign_in, &Uuid::nil().to_string()).await;
        let (state, why) = line(&lines, "token");
        assert!(state == "wrong" && why.contains("AZURE_CLIENT_ID"), "{why}");
    }
}
