//! Managed identities: tokens for who runs in Azure, without any credential.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use uuid::Uuid;

use super::{Application, Directory, LIFETIME, Tokens};
use crate::organizations::Organizations;
use crate::seed;
use crate::webapi::form_pairs;

/// What `X-IDENTITY-HEADER` has to say: who sees it runs on the same machine.
pub(crate) const IDENTITY_HEADER: &str = "sandbox-identity-header";

/// Whom the token is for that stands for the secret of an application which trusts the identity.
const TOKEN_EXCHANGE: &str = "api://AzureADTokenExchange";

/// What else in Azure an identity has tokens for: whoever stands in for it reads the claims, and cannot check the signature.
const OF_AZURE: [&str; 2] = ["https://vault.azure.net", "https://storage.azure.com"];

/// A token of the identity that an application may be proved by; it opens nothing itself. Its signature is no signature, so a
/// federated credential for it has no keys.
fn assertion(tenant: Uuid, client: Uuid, now: i64) -> String {
    let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let principal = Uuid::new_v5(&tenant, client.as_bytes());
    let claims = json!({
        "aud": TOKEN_EXCHANGE,
        "iss": format!("https://login.microsoftonline.com/{tenant}/v2.0"),
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME,
        "oid": principal,
        "sub": principal,
        "tid": tenant,
        "ver": "2.0",
    });
    format!(
        "{}.{}.{}",
        part(json!({ "typ": "JWT", "alg": "RS256" })),
        part(claims),
        URL_SAFE_NO_PAD.encode(b"unsigned")
    )
}

/// A request for the token of a managed identity.
pub(crate) struct IdentityRequest<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) tokens: &'a Tokens,
    pub(crate) organizations: &'a Organizations,
    /// Seconds since 1970.
    pub(crate) now: i64,
    /// The same by the machine's clock, which what stands in for the rest of Azure goes by.
    pub(crate) machine_now: i64,
    pub(crate) query: &'a str,
    /// Whether the header that the protocol asks for is there.
    pub(crate) admitted: bool,
}

/// Status and JSON body. The identity without a client id is the registered application of the seed.
pub(crate) fn answer_identity(request: &IdentityRequest<'_>) -> (u16, String) {
    let pairs = form_pairs(request.query);
    let field = |name: &str| pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let refuse = |status: u16, text: &str| {
        (
            status,
            json!({ "statusCode": status, "message": text, "error": "invalid_request", "error_description": text })
                .to_string(),
        )
    };
    if !request.admitted {
        return refuse(401, "The header that proves the caller runs here is missing or wrong.");
    }
    let Some(resource) = field("resource") else { return refuse(400, "The parameter 'resource' is missing.") };
    let exchanges = resource == TOKEN_EXCHANGE;
    let of_azure = OF_AZURE.contains(&resource.trim_end_matches('/'));
    if !exchanges && !of_azure && request.organizations.of_resource(resource).is_none() {
        return refuse(
            400,
            &format!("AADSTS500011: The resource principal named {resource} was not found in the tenant."),
        );
    }
    let client = field("client_id").map_or_else(|| seed::CLIENT.to_string(), str::to_owned);
    let Some(Application { client_id, .. }) = request.directory.application(&client) else {
        return refuse(
            400,
            "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.",
        );
    };
    let tenant = request.directory.tenant;
    let now = if of_azure { request.machine_now } else { request.now };
    let token = if exchanges {
        assertion(tenant, client_id, now)
    } else {
        request.tokens.issue(tenant, client_id, resource, now)
    };
    let body = json!({
        "access_token": token,
        "client_id": client_id,
        "expires_in": (LIFETIME - 1).to_string(),
        "expires_on": (now + LIFETIME - 1).to_string(),
        "not_before": now.to_string(),
        "resource": resource,
        "token_type": "Bearer",
    });
    (200, body.to_string())
}
