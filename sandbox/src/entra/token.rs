//! Issued tokens. They look like JWTs, and are valid only because they are remembered.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// How long a token is valid, in seconds; clients are told one second less.
pub(crate) const LIFETIME: i64 = 3600;

/// Who a token was issued to, for what, until when.
#[derive(Debug, Clone)]
struct Issued {
    client: Uuid,
    audience: String,
    /// Seconds since 1970.
    expires: i64,
}

/// Why a token does not open the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the token is unknown")]
    Unknown,
    #[error("the token has expired")]
    Expired,
    #[error("the token was issued for another resource")]
    Audience,
}

/// All tokens that were issued.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<HashMap<String, Issued>>);

impl Tokens {
    /// Issues a token for a resource.
    pub(crate) fn issue(&self, tenant: Uuid, client: Uuid, audience: &str, now: i64) -> String {
        let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let header = part(serde_json::json!({ "typ": "JWT", "alg": "RS256", "kid": "dataverse-sandbox" }));
        let claims = part(serde_json::json!({
            "aud": audience,
            "iss": format!("https://sts.windows.net/{tenant}/"),
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME,
            "appid": client,
            "oid": Uuid::new_v5(&tenant, client.as_bytes()),
            "tid": tenant,
            "uti": Uuid::new_v4(),
            "ver": "1.0",
        }));
        let signature = URL_SAFE_NO_PAD.encode([Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat());
        let token = format!("{header}.{claims}.{signature}");
        let issued = Issued { client, audience: audience.trim_end_matches('/').to_owned(), expires: now + LIFETIME };
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, issued| issued.expires + LIFETIME > now);
        tokens.insert(token.clone(), issued);
        token
    }

    /// Makes a token worthless.
    pub(crate) fn revoke(&self, token: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(token);
    }

    /// The client a token was issued to, if it is valid now for a resource that `fits`.
    pub(crate) fn check(&self, token: &str, fits: impl FnOnce(&str) -> bool, now: i64) -> Result<Uuid, Refusal> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let issued = tokens.get(token).ok_or(Refusal::Unknown)?;
        if issued.expires <= now {
            return Err(Refusal::Expired);
        }
        if !fits(&issued.audience) {
            return Err(Refusal::Audience);
        }
        Ok(issued.client)
    }
}
