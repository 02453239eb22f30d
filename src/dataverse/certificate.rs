//! Client assertions that a certificate proves ("Microsoft identity platform application authentication certificate credentials").

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Withheld;

/// The versions of one certificate, kept where its private key stays.
#[async_trait]
pub trait Certificates: Send + Sync {
    /// The newest version.
    ///
    /// # Errors
    /// In words that name the place of the certificate.
    async fn newest(&self) -> Result<Certificate, Withheld>;

    /// The signature PS256 (RSASSA-PSS with SHA-256) over what has this SHA-256 digest.
    ///
    /// # Errors
    /// In words that name the place of the certificate.
    async fn sign(&self, certificate: &Certificate, digest: &[u8]) -> Result<Vec<u8>, Withheld>;
}

/// One version of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// `x5t#S256`: SHA-256 of its DER form, as base64url.
    thumbprint: String,
    /// Which version of the key signs for it.
    pub key_version: String,
}

impl Certificate {
    pub fn new(der: &[u8], key_version: String) -> Self {
        Self { thumbprint: URL_SAFE_NO_PAD.encode(Sha256::digest(der)), key_version }
    }
}

/// How long an assertion is good for.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// An assertion that waits for its signature: header and claims of the JWT.
pub(super) struct Unsigned(String);

impl Unsigned {
    pub(super) fn new(certificate: &Certificate, token_url: &str, client_id: &str, now: Timestamp, id: Uuid) -> Self {
        let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": certificate.thumbprint });
        let now = now.as_second();
        let claims = json!({
            "aud": token_url, "iss": client_id, "sub": client_id, "jti": id,
            "iat": now, "nbf": now, "exp": now + LIFETIME.as_secs(),
        });
        Self(format!("{}.{}", part(header), part(claims)))
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }

    pub(super) fn signed(self, signature: &[u8]) -> SecretString {
        format!("{}.{}", self.0, URL_SAFE_NO_PAD.encode(signature)).into()
    }
}
