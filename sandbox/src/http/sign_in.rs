//! What Entra answers, and the identity endpoints of Azure.

use super::route::Incoming;
use crate::clock::Clock;
use crate::entra::{
    Grant, IDENTITY_HEADER, IdentityRequest, answer_device, answer_identity, answer_metadata, answer_token,
};
use crate::state::Site;

/// Status and JSON body, if the path is one of theirs.
pub(super) fn answer(site: &Site<'_>, path: &str, incoming: &Incoming) -> Option<(u16, String)> {
    let state = site.state;
    let (tenant, begins) = match path.strip_suffix("/oauth2/v2.0/token") {
        Some(tenant) => (Some(tenant), false),
        None => (path.strip_suffix("/oauth2/v2.0/devicecode"), true),
    };
    if let Some(tenant) = tenant {
        if incoming.method != "POST" {
            return Some((405, r#"{"error":"invalid_request"}"#.to_owned()));
        }
        let form = String::from_utf8_lossy(&incoming.body);
        let grant = Grant {
            directory: &state.directory,
            tokens: &state.tokens,
            organizations: &state.organizations,
            now: state.clock.now(),
            machine_now: Clock::machine(),
            tenant,
            authorization: incoming.header("authorization"),
            form: &form,
        };
        return Some(if begins { answer_device(&grant, &site.origin) } else { answer_token(&grant) });
    }
    if let Some(tenant) = path.strip_suffix("/v2.0/.well-known/openid-configuration") {
        return Some((200, answer_metadata(&site.origin, tenant)));
    }
    if matches!(path, "msi/token" | "metadata/identity/oauth2/token") {
        let admitted = match path {
            "msi/token" => incoming.header("x-identity-header") == Some(IDENTITY_HEADER),
            _ => incoming.header("metadata").is_some_and(|value| value.eq_ignore_ascii_case("true")),
        };
        return Some(answer_identity(&IdentityRequest {
            directory: &state.directory,
            tokens: &state.tokens,
            organizations: &state.organizations,
            now: state.clock.now(),
            machine_now: Clock::machine(),
            query: &incoming.query,
            admitted,
        }));
    }
    if path.ends_with("/discovery/v2.0/keys") {
        // Dataverse checks tokens itself; nobody else has to.
        return Some((200, r#"{"keys":[]}"#.to_owned()));
    }
    None
}
