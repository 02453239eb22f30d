//! The v2.0 token endpoint ("Microsoft identity platform and the OAuth 2.0 client credentials flow").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use uuid::Uuid;

use super::Directory;
use super::token::{LIFETIME, Tokens};
use crate::organizations::Organizations;
use crate::value::format_time;
use crate::webapi::{decode, form_pairs};

/// A token request and what it is judged by.
pub(crate) struct Grant<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) tokens: &'a Tokens,
    /// The organisations a token can be issued for.
    pub(crate) organizations: &'a Organizations,
    /// Seconds since 1970.
    pub(crate) now: i64,
    /// The tenant in the URL.
    pub(crate) tenant: &'a str,
    pub(crate) authorization: Option<&'a str>,
    pub(crate) form: &'a str,
}

/// An AADSTS error.
struct Problem {
    status: u16,
    error: &'static str,
    code: u32,
    text: String,
}

fn problem(status: u16, error: &'static str, code: u32, text: impl Into<String>) -> Problem {
    Problem { status, error, code, text: text.into() }
}

/// Status and JSON body of the answer to a token request.
pub(crate) fn answer_token(grant: &Grant<'_>) -> (u16, String) {
    match issue(grant) {
        Ok(token) => {
            let lifetime = LIFETIME - 1;
            let body = json!({
                "token_type": "Bearer",
                "expires_in": lifetime,
                "ext_expires_in": lifetime,
                "access_token": token,
            });
            (200, body.to_string())
        }
        Err(problem) => {
            let (trace, correlation) = (Uuid::new_v4(), Uuid::new_v4());
            let time = format_time(grant.now).replace('T', " ");
            let description = format!(
                "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}",
                problem.code, problem.text
            );
            let body = json!({
                "error": problem.error,
                "error_description": description,
                "error_codes": [problem.code],
                "timestamp": time,
                "trace_id": trace,
                "correlation_id": correlation,
                "error_uri": format!("https://login.microsoftonline.com/error?code={}", problem.code),
            });
            (problem.status, body.to_string())
        }
    }
}

fn issue(grant: &Grant<'_>) -> Result<String, Problem> {
    if Uuid::try_parse(grant.tenant) != Ok(grant.directory.tenant) {
        let text = format!(
            "Tenant '{}' not found. Check to make sure you have the correct tenant ID and are signing into the correct \
             cloud.",
            grant.tenant
        );
        return Err(problem(400, "invalid_request", 90002, text));
    }
    let form = form_pairs(grant.form);
    let field = |name: &str| form.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
    let missing = |name: &str| {
        let text = format!("The request body must contain the following parameter: '{name}'.");
        problem(400, "invalid_request", 900_144, text)
    };
    match field("grant_type").as_deref() {
        Some("client_credentials") => {}
        Some(other) => {
            let text = format!("The app requested an unsupported grant type '{other}'.");
            return Err(problem(400, "unsupported_grant_type", 70003, text));
        }
        None => return Err(missing("grant_type")),
    }
    let (basic_id, basic_secret) = basic(grant.authorization).unzip();
    let client_id = field("client_id").or(basic_id).ok_or_else(|| missing("client_id"))?;
    let application = grant.directory.application(&client_id).ok_or_else(|| {
        let text = format!(
            "Application with identifier '{client_id}' was not found in the directory '{}'. This can happen if the \
             application has not been installed by the administrator of the tenant or consented to by any user in the \
             tenant. You may have sent your authentication request to the wrong tenant.",
            grant.tenant
        );
        problem(400, "unauthorized_client", 700_016, text)
    })?;
    if field("client_assertion").is_some() {
        let text =
            "The certificate with identifier used to sign the client assertion is not registered on application.";
        return Err(problem(401, "invalid_client", 700_027, text));
    }
    let secret = field("client_secret").or(basic_secret).ok_or_else(|| {
        let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
        problem(401, "invalid_client", 7_000_218, text)
    })?;
    if secret != application.secret {
        let text = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, \
             not the client secret ID, for a secret added to app '{client_id}'."
        );
        return Err(problem(401, "invalid_client", 7_000_215, text));
    }
    let scope = field("scope").ok_or_else(|| missing("scope"))?;
    let mut scopes = scope.split_whitespace();
    let resource = match (scopes.next().and_then(|scope| scope.strip_suffix("/.default")), scopes.next()) {
        (Some(resource), None) => resource,
        _ => {
            let text = format!(
                "The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid."
            );
            return Err(problem(400, "invalid_scope", 70011, text));
        }
    };
    if grant.organizations.of_resource(resource).is_none() {
        let text = format!(
            "The resource principal named {resource} was not found in the tenant named {}. This can happen if the \
             application has not been installed by the administrator of the tenant or consented to by any user in the \
             tenant.",
            grant.tenant
        );
        return Err(problem(400, "invalid_resource", 500_011, text));
    }
    Ok(grant.tokens.issue(grant.directory.tenant, application.client_id, resource, grant.now))
}

/// Client id and secret from an `Authorization: Basic` header; both are percent-encoded in it.
fn basic(authorization: Option<&str>) -> Option<(String, String)> {
    let encoded = authorization?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((decode(id, true), decode(secret, true)))
}

/// The OpenID Connect metadata document of a tenant.
pub(crate) fn answer_metadata(origin: &str, tenant: &str) -> String {
    let base = format!("{origin}/{tenant}");
    json!({
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "private_key_jwt"],
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "issuer": format!("{base}/v2.0"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "response_types_supported": ["code", "id_token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
    .to_string()
}
