//! The v2.0 token endpoint ("Microsoft identity platform and the OAuth 2.0 client credentials flow").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use uuid::Uuid;

use super::assertion;
use super::directory::{Application, Directory};
use super::problem::Problem;
use super::token::{LIFETIME, Tokens};
use crate::organizations::Organizations;
use crate::webapi::{decode, form_pairs};

/// The grant of somebody who signed in with a code.
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The only kind of assertion there is.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A token request and what it is judged by.
pub(crate) struct Grant<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) tokens: &'a Tokens,
    /// The organisations a token can be issued for.
    pub(crate) organizations: &'a Organizations,
    /// Seconds since 1970, by the sandbox's clock.
    pub(crate) now: i64,
    /// The same by the machine's clock: what clients date their assertions by.
    pub(crate) machine_now: i64,
    /// The tenant in the URL.
    pub(crate) tenant: &'a str,
    pub(crate) authorization: Option<&'a str>,
    pub(crate) form: &'a str,
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
        Err(problem) => problem.answer(grant.now),
    }
}

/// Status and JSON body of the answer to somebody who begins to sign in with a code.
pub(crate) fn answer_device(grant: &Grant<'_>, origin: &str) -> (u16, String) {
    let form = form_pairs(grant.form);
    let scope = form.iter().find(|(name, _)| name == "scope").map(|(_, value)| value.clone());
    match (Uuid::try_parse(grant.tenant) == Ok(grant.directory.tenant), scope) {
        (false, _) => Problem::unknown_tenant(grant.tenant).answer(grant.now),
        (true, None) => Problem::missing("scope").answer(grant.now),
        (true, Some(scope)) => (200, grant.directory.devices.begin(origin, scope, grant.now)),
    }
}

fn issue(grant: &Grant<'_>) -> Result<String, Problem> {
    let directory = grant.directory;
    if Uuid::try_parse(grant.tenant) != Ok(directory.tenant) {
        return Err(Problem::unknown_tenant(grant.tenant));
    }
    let form = form_pairs(grant.form);
    let field = |name: &str| form.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
    match field("grant_type").as_deref() {
        Some("client_credentials") => {}
        Some(DEVICE_CODE) => {
            let device = field("device_code").ok_or_else(|| Problem::missing("device_code"))?;
            let scope = directory.devices.signed_in(&device, grant.now)?;
            let resource = known_resource(grant, &scope)?.to_owned();
            return Ok(grant.tokens.issue(directory.tenant, crate::seed::CLIENT, &resource, grant.now));
        }
        Some(other) => return Err(Problem::unsupported_grant(other)),
        None => return Err(Problem::missing("grant_type")),
    }
    let (basic_id, basic_secret) = basic(grant.authorization).unzip();
    let client_id = field("client_id").or(basic_id).ok_or_else(|| Problem::missing("client_id"))?;
    let application =
        directory.application(&client_id).ok_or_else(|| Problem::unknown_application(&client_id, grant.tenant))?;
    if application.disabled {
        return Err(Problem::disabled_application(&client_id, &application.name));
    }
    match (field("client_assertion"), field("client_secret").or(basic_secret)) {
        (Some(assertion), _) => {
            if field("client_assertion_type").as_deref() != Some(JWT_BEARER) {
                return Err(Problem::wrong_assertion_type());
            }
            assertion::check(&application, directory.tenant, &assertion, grant.machine_now)?;
        }
        (None, Some(secret)) => check_secret(&application, &secret, grant.now)?,
        (None, None) => return Err(Problem::no_credential()),
    }
    let scope = field("scope").ok_or_else(|| Problem::missing("scope"))?;
    let resource = known_resource(grant, &scope)?;
    if application.unconsented {
        return Err(Problem::no_consent(&client_id, &application.name));
    }
    if application.blocked {
        return Err(Problem::blocked_application());
    }
    Ok(grant.tokens.issue(directory.tenant, application.client_id, resource, grant.now))
}

/// The organisation that a scope is about.
fn known_resource<'s>(grant: &Grant<'_>, scope: &'s str) -> Result<&'s str, Problem> {
    let resource = resource(scope)?;
    match grant.organizations.of_resource(resource) {
        Some(_) => Ok(resource),
        None => Err(Problem::unknown_resource(resource, grant.tenant)),
    }
}

fn check_secret(application: &Application, secret: &str, now: i64) -> Result<(), Problem> {
    let client = application.client_id.to_string();
    let known = application.secrets.iter().find(|known| known.value == secret);
    match known.ok_or_else(|| Problem::wrong_secret(&client))?.expires {
        Some(expires) if expires <= now => Err(Problem::expired_secret(&client)),
        _ => Ok(()),
    }
}

/// The one resource that a scope is about; MSAL adds scopes of OpenID Connect in some flows, which mean nothing here.
fn resource(scope: &str) -> Result<&str, Problem> {
    let mut resources =
        scope.split_whitespace().filter(|scope| !matches!(*scope, "openid" | "profile" | "offline_access"));
    match (resources.next(), resources.next()) {
        (Some(_), Some(_)) => Err(Problem::several_resources(scope)),
        (Some(one), None) => one.strip_suffix("/.default").ok_or_else(|| Problem::wrong_scope(scope)),
        (None, _) => Err(Problem::wrong_scope(scope)),
    }
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
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "issuer": format!("{base}/v2.0"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "response_types_supported": ["code", "id_token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "tid", "oid", "appid"],
        "tenant_region_scope": null,
        "cloud_instance_name": "microsoftonline.com",
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
    .to_string()
}
