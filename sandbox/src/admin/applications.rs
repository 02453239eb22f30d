//! Registered applications and their credentials.

use serde::Deserialize;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{Answer, done, failed};
use crate::entra::{Application, Certificate, Federation, PublicKey, Secret};
use crate::state::Site;

/// `{"client_id": "…", "name": "My app"}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    client_id: Option<Uuid>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    secret: Option<String>,
}

/// `{"disabled": true}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(default)]
    disabled: Option<bool>,
    #[serde(default)]
    blocked: Option<bool>,
    #[serde(default)]
    consented: Option<bool>,
}

/// `{"secret": "…", "expires_s": 3600}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSecret {
    secret: String,
    /// Seconds until it expires.
    #[serde(default)]
    expires_s: Option<i64>,
}

/// `{"pem": "-----BEGIN CERTIFICATE-----…"}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCertificate {
    pem: String,
}

/// `{"issuer": "https://…", "subject": "…", "jwks": {"keys": […]}}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFederation {
    issuer: String,
    subject: String,
    #[serde(default = "exchange")]
    audience: String,
    #[serde(default)]
    jwks: Option<KeySet>,
    /// The issuer's certificate, as PEM, instead of its keys.
    #[serde(default)]
    pem: Option<String>,
}

fn exchange() -> String {
    "api://AzureADTokenExchange".to_owned()
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    #[serde(default)]
    kid: Option<String>,
    n: String,
    e: String,
}

/// Answers what is asked of `applications`, of one of them, and of its credentials.
pub(super) fn answer(site: &Site<'_>, method: &str, path: &str, body: &[u8]) -> Answer {
    let (id, credential) = path.split_once('/').unwrap_or((path, ""));
    if id.is_empty() {
        return match method {
            "GET" => {
                let all: Vec<Json> = site.state.directory.all().iter().map(Application::describe).collect();
                (200, Json::Array(all).to_string())
            }
            "POST" => register(site, body),
            _ => failed(405, "This method means nothing here."),
        };
    }
    let Ok(id) = Uuid::try_parse(id) else { return failed(404, "An application is named by its client id.") };
    if (method, credential) == ("DELETE", "") {
        return if site.state.directory.remove(id) { done() } else { unknown() };
    }
    let changed = match change(site, method, credential, body) {
        Ok(change) => site.state.directory.change(id, change),
        Err(answer) => return answer,
    };
    changed.map_or_else(unknown, |application| (200, application.to_string()))
}

fn unknown() -> Answer {
    failed(404, "There is no application of this client id.")
}

fn register(site: &Site<'_>, body: &[u8]) -> Answer {
    let Wanted { client_id, name, secret } = match parse(body) {
        Ok(wanted) => wanted,
        Err(answer) => return answer,
    };
    let secrets = secret.map(|value| Secret { value, expires: None }).into_iter().collect();
    let application =
        Application { client_id: client_id.unwrap_or_else(Uuid::new_v4), name, secrets, ..Application::default() };
    let description = application.describe();
    site.state.directory.register(application);
    (201, description.to_string())
}

type ChangeOf = Box<dyn FnOnce(&mut Application)>;

/// What a request changes in an application.
fn change(site: &Site<'_>, method: &str, credential: &str, body: &[u8]) -> Result<ChangeOf, Answer> {
    Ok(match (method, credential) {
        ("GET", "") => Box::new(|_| {}),
        ("PATCH", "") => {
            let Change { disabled, blocked, consented } = parse(body)?;
            Box::new(move |application| {
                application.disabled = disabled.unwrap_or(application.disabled);
                application.blocked = blocked.unwrap_or(application.blocked);
                application.unconsented = consented.map_or(application.unconsented, |consented| !consented);
            })
        }
        ("POST", "secrets") => {
            let NewSecret { secret, expires_s } = parse(body)?;
            let expires = expires_s.map(|seconds| site.state.clock.now() + seconds);
            Box::new(move |application| application.secrets.push(Secret { value: secret, expires }))
        }
        ("DELETE", "secrets") => Box::new(|application| application.secrets.clear()),
        ("POST", "certificates") => {
            let NewCertificate { pem } = parse(body)?;
            let certificate = read_certificate(&pem)?;
            Box::new(move |application| application.certificates.push(certificate))
        }
        ("DELETE", "certificates") => Box::new(|application| application.certificates.clear()),
        ("POST", "federated") => {
            let federation = federation(parse(body)?)?;
            Box::new(move |application| application.federations.push(federation))
        }
        ("DELETE", "federated") => Box::new(|application| application.federations.clear()),
        _ => return Err(failed(404, "Credentials of an application are secrets, certificates and federated.")),
    })
}

fn federation(new: NewFederation) -> Result<Federation, Answer> {
    let NewFederation { issuer, subject, audience, jwks, pem } = new;
    let mut keys = Vec::new();
    for Jwk { kid, n, e } in jwks.map(|set| set.keys).unwrap_or_default() {
        let key = PublicKey::from_jwk(&n, &e).ok_or_else(|| failed(400, "A key of the set is no RSA key."))?;
        keys.push((kid, key));
    }
    if let Some(pem) = pem {
        keys.push((None, PublicKey::Certificate(read_certificate(&pem)?)));
    }
    Ok(Federation { issuer, subject, audience, keys })
}

fn read_certificate(pem: &str) -> Result<Certificate, Answer> {
    Certificate::from_pem(pem).ok_or_else(|| failed(400, "This is no X.509 v3 certificate in PEM."))
}

fn parse<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Answer> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| (400, json!({ "error": error.to_string() }).to_string()))
}
