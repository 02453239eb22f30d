//! A small stand-in for Key Vault: the REST shape of its data plane (7.x) as its reference describes it. It asks for a token by a challenge,
//! keeps secrets and the versions of one certificate, and signs. Here it stands behind the official clients' transport.

use std::{collections::BTreeMap, sync::Mutex};

use async_trait::async_trait;
use aws_lc_rs::{
    digest::{Digest, SHA256},
    signature::{RSA_PSS_SHA256, RsaKeyPair},
};
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    http::{AsyncRawResponse, Body, HttpClient, Method, Request, StatusCode, headers::Headers},
    time::{Duration, OffsetDateTime},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

pub const URL: &str = "https://desk.vault.azure.net";
/// Whom its tokens are for.
pub const AUDIENCE: &str = "https://vault.azure.net";

#[derive(Default)]
pub struct Vault {
    secrets: Mutex<BTreeMap<String, String>>,
    versions: Mutex<Vec<Version>>,
    /// Why nobody is let in, such as `ForbiddenByRbac`.
    closed: Mutex<Option<&'static str>>,
}

struct Version {
    der: Vec<u8>,
    key: RsaKeyPair,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    pub fn keep(&self, name: &str, secret: &str) {
        self.secrets.lock().unwrap().insert(name.to_owned(), secret.to_owned());
    }

    /// Lets nobody in for this reason, or everybody again.
    pub fn close(&self, why: Option<&'static str>) {
        *self.closed.lock().unwrap() = why;
    }

    /// Makes a new version of the certificate, and gives its public part as PEM.
    pub fn renew(&self) -> String {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let certificate = CertificateParams::new(vec!["connector".to_owned()]).unwrap().self_signed(&key).unwrap();
        let signer = RsaKeyPair::from_pkcs8(&key.serialize_der()).unwrap();
        self.versions.lock().unwrap().push(Version { der: certificate.der().to_vec(), key: signer });
        certificate.pem()
    }

    /// Status and body, for somebody with a token for it.
    pub fn answer(&self, method: Method, path: &str, body: &[u8]) -> (u16, Value) {
        let refused = |code: &str, inner: &str| {
            json!({ "error": {
            "code": code, "message": "Key Vault explains it at length, and names who asked.", "innererror": { "code": inner },
        } })
        };
        if let Some(why) = *self.closed.lock().unwrap() {
            return (403, refused("Forbidden", why));
        }
        match self.kept(method, path, body) {
            Some(answer) => (200, answer),
            None => {
                (404, json!({ "error": { "code": "SecretNotFound", "message": "There is nothing of this name." } }))
            }
        }
    }

    /// What it says to somebody without a token.
    pub fn challenge() -> String {
        format!(r#"Bearer authorization="https://login.microsoftonline.com/t", resource="{AUDIENCE}""#)
    }

    fn kept(&self, method: Method, path: &str, body: &[u8]) -> Option<Value> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match (method, &parts[..]) {
            (Method::Get, ["secrets", name]) => Some(json!({
                "value": self.secrets.lock().unwrap().get(*name)?, "id": format!("{URL}/secrets/{name}/1"), "attributes": { "enabled": true },
            })),
            (Method::Get, ["certificates", name]) => {
                let versions = self.versions.lock().unwrap();
                let (version, newest) = (versions.len(), versions.last()?);
                Some(json!({
                    "id": format!("{URL}/certificates/{name}/{version}"), "kid": format!("{URL}/keys/{name}/{version}"),
                    "sid": format!("{URL}/secrets/{name}/{version}"), "cer": STANDARD.encode(&newest.der),
                    "attributes": { "enabled": true },
                }))
            }
            (Method::Post, ["keys", name, version, "sign"]) => {
                let asked: Value = serde_json::from_slice(body).ok()?;
                assert_eq!(asked["alg"], "PS256");
                let digest = URL_SAFE_NO_PAD.decode(asked["value"].as_str()?.trim_end_matches('=')).ok()?;
                let versions = self.versions.lock().unwrap();
                let key = &versions.get(version.parse::<usize>().ok()? - 1)?.key;
                let mut signature = vec![0; key.public_modulus_len()];
                let digest = Digest::import_less_safe(&digest, &SHA256).ok()?;
                key.sign_digest(&RSA_PSS_SHA256, &digest, &mut signature).ok()?;
                Some(
                    json!({ "kid": format!("{URL}/keys/{name}/{version}"), "value": URL_SAFE_NO_PAD.encode(signature) }),
                )
            }
            _ => None,
        }
    }
}

#[async_trait]
impl HttpClient for Vault {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut headers = Headers::new();
        let authorized = request
            .headers()
            .iter()
            .any(|(name, value)| name.as_str() == "authorization" && value.as_str() == "Bearer t0ken");
        if !authorized {
            headers.insert("www-authenticate", Self::challenge());
            return Ok(AsyncRawResponse::from_bytes(StatusCode::Unauthorized, headers, Vec::new()));
        }
        let Body::Bytes(body) = request.body() else { panic!("a body that streams") };
        headers.insert("content-type", "application/json; charset=utf-8");
        let (status, answer) = self.answer(request.method(), request.url().path(), body);
        Ok(AsyncRawResponse::from_bytes(StatusCode::from(status), headers, answer.to_string()))
    }
}

/// Whom the vault lets in.
#[derive(Debug)]
pub struct Reader;

#[async_trait]
impl TokenCredential for Reader {
    async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        Ok(AccessToken::new("t0ken", OffsetDateTime::now_utc() + Duration::hours(1)))
    }
}
