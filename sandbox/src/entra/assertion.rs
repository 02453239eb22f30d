//! Client assertions ("Certificate credentials", "Workload identity federation"): signed JWTs in place of a secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::directory::Application;
use super::keys::Algorithm;
use super::problem::Problem;
use crate::value::format_time;

/// By how many seconds clocks may differ.
const SKEW: f64 = 300.0;

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    x5t: Option<String>,
    #[serde(default, rename = "x5t#S256")]
    x5t_s256: Option<String>,
    #[serde(default)]
    kid: Option<String>,
}

/// The claims. Some clients write points in time as fractions, and not all say `nbf`.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn any(&self, test: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::One(one) => test(one),
            Self::Many(many) => many.iter().any(|one| test(one)),
        }
    }

    fn first(&self) -> &str {
        match self {
            Self::One(one) => one,
            Self::Many(many) => many.first().map_or("", String::as_str),
        }
    }
}

/// An assertion taken apart.
struct Assertion<'a> {
    header: Header,
    algorithm: Algorithm,
    claims: Claims,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Assertion<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = part(header)?;
        let algorithm = match header.alg.as_str() {
            "RS256" => Algorithm::RS256,
            "PS256" => Algorithm::PS256,
            _ => return None,
        };
        Some(Self { header, algorithm, claims: part(claims)?, signed, signature: bytes(signature)? })
    }
}

fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&bytes(text)?).ok()
}

/// Base64url; MSAL for Python pads it.
fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

/// Whether an assertion proves to be the application; `now` is the machine's time, which clients go by.
pub(super) fn check(application: &Application, tenant: Uuid, text: &str, now: i64) -> Result<(), Problem> {
    let assertion = Assertion::parse(text).ok_or_else(Problem::malformed_assertion)?;
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are small")]
    let (now_s, claims) = (now as f64, &assertion.claims);
    if claims.exp + SKEW < now_s || claims.nbf.is_some_and(|nbf| nbf - SKEW > now_s) {
        #[expect(clippy::cast_possible_truncation, reason = "only shown")]
        let times = [now, claims.nbf.unwrap_or(0.0) as i64, claims.exp as i64].map(format_time);
        return Err(Problem::assertion_out_of_time(&times));
    }
    let client = application.client_id.to_string();
    if claims.iss.contains("://") {
        return federated(application, &assertion);
    }
    if !claims.iss.eq_ignore_ascii_case(&client) || !claims.sub.eq_ignore_ascii_case(&client) {
        return Err(Problem::assertion_of_another_client());
    }
    let endpoints = ["oauth2/v2.0/token", "oauth2/token", "v2.0", ""];
    let fits = |audience: &str| {
        let path = audience.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
        endpoints.iter().any(|end| path.trim_end_matches('/') == format!("{tenant}/{end}").trim_end_matches('/'))
    };
    if !claims.aud.any(fits) {
        return Err(Problem::assertion_for_another_audience());
    }
    certified(application, &assertion)
}

/// Signed with a certificate that is registered for the application.
fn certified(application: &Application, assertion: &Assertion<'_>) -> Result<(), Problem> {
    let header = &assertion.header;
    let bare = |text: &Option<String>| text.as_deref().map(|text| text.trim_end_matches('=').to_owned());
    let (x5t, x5t_s256) = (bare(&header.x5t), bare(&header.x5t_s256));
    let named = x5t_s256.as_deref().or(x5t.as_deref()).or(header.kid.as_deref()).unwrap_or_default();
    let certificate = application.certificates.iter().find(|certificate| {
        x5t_s256.as_ref().is_some_and(|wanted| *wanted == certificate.x5t_s256())
            || x5t.as_ref().is_some_and(|wanted| *wanted == certificate.x5t())
    });
    let Some(certificate) = certificate else { return Err(Problem::unknown_certificate(named)) };
    if certificate.verifies(assertion.algorithm, assertion.signed.as_bytes(), &assertion.signature) {
        Ok(())
    } else {
        Err(Problem::wrong_signature(named))
    }
}

/// Issued by somebody whom the application trusts.
fn federated(application: &Application, assertion: &Assertion<'_>) -> Result<(), Problem> {
    let claims = &assertion.claims;
    let issued: Vec<_> = application.federations.iter().filter(|known| known.issuer == claims.iss).collect();
    if issued.is_empty() {
        return Err(Problem::no_federation(700_211, "issuer", &claims.iss));
    }
    let subject: Vec<_> = issued.into_iter().filter(|known| known.subject == claims.sub).collect();
    if subject.is_empty() {
        return Err(Problem::no_federation(700_213, "subject", &claims.sub));
    }
    let Some(trusted) = subject.into_iter().find(|known| claims.aud.any(|audience| audience == known.audience)) else {
        return Err(Problem::no_federation(700_212, "audience", claims.aud.first()));
    };
    let id = assertion.header.kid.as_ref();
    let signed = |key: &super::keys::PublicKey| {
        key.verifies(assertion.algorithm, assertion.signed.as_bytes(), &assertion.signature)
    };
    let fits = |known: &Option<String>| known.is_none() || id.is_none() || known.as_ref() == id;
    if trusted.keys.is_empty() || trusted.keys.iter().any(|(known, key)| fits(known) && signed(key)) {
        Ok(())
    } else {
        Err(Problem::wrong_signature(id.map_or("", String::as_str)))
    }
}
