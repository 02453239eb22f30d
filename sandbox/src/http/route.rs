//! Which room answers a request: the Web API, Entra, the admin API or the pages.

use std::time::Instant;

use super::headers::common;
use crate::admin::{self, Fault, FaultKind};
use crate::clock::Clock;
use crate::entra::{Grant, IDENTITY_HEADER, IdentityRequest, answer_identity, answer_metadata, answer_token};
use crate::errors::ApiError;
use crate::pages;
use crate::state::Site;
use crate::webapi::{Prefer, Request, Response, Service, serve};

/// The longest URL of a request, in bytes; longer filters belong into a batch.
const MAX_URL: usize = 32_768;

/// A request as it came in.
pub(super) struct Incoming {
    pub(super) method: String,
    /// Still percent-encoded.
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Incoming {
    pub(super) fn is_web_api(&self) -> bool {
        self.path.starts_with("/api/data/")
    }

    pub(super) fn is_admin(&self) -> bool {
        self.path.starts_with("/__admin")
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// An answer on its way out.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// Operations the request carried.
    pub(super) parts: usize,
}

/// What becomes of a request.
pub(super) enum Outcome {
    Answer(Answer),
    /// The connection is cut.
    Cut {
        parts: usize,
    },
}

/// Answers a request. Blocks while it works on rows.
pub(super) fn answer(site: &Site<'_>, incoming: Incoming) -> Outcome {
    if incoming.is_admin() {
        let path = incoming.path.trim_start_matches("/__admin").trim_matches('/');
        let (status, body) = admin::answer(site, &incoming.method, path, &incoming.query, &incoming.body);
        return plain(status, "application/json", body);
    }
    let fault = site.organization.faults.meet(&incoming.path, incoming.is_web_api());
    if let Some(fault) = &fault
        && let Some(outcome) = before(site, fault)
    {
        return outcome;
    }
    let outcome = if incoming.is_web_api() { web_api(site, incoming) } else { elsewhere(site, &incoming) };
    match (fault, outcome) {
        (Some(Fault { kind: FaultKind::ResetAfter, .. }), Outcome::Answer(answer)) => {
            Outcome::Cut { parts: answer.parts }
        }
        (_, outcome) => outcome,
    }
}

/// Faults that keep a request from being carried out.
fn before(site: &Site<'_>, fault: &Fault) -> Option<Outcome> {
    match fault.kind {
        FaultKind::ResetBefore => Some(Outcome::Cut { parts: 1 }),
        FaultKind::Unauthorized => Some(unauthorized(site)),
        _ => {
            let response = Response::error(&fault.error()?, &Prefer::default());
            Some(dressed(site, response, 1, Instant::now()))
        }
    }
}

/// 401: no JSON, and a header that says where to get a token for what.
fn unauthorized(site: &Site<'_>) -> Outcome {
    let (tenant, origin) = (site.state.directory.tenant, &site.origin);
    let challenge = format!("Bearer authorization_uri={origin}/{tenant}/oauth2/authorize, resource_id={origin}/");
    let response = Response::empty(401)
        .with("WWW-Authenticate", challenge)
        .with("Content-Type", "text/html")
        .with_body(b"HTTP Error 401 - Unauthorized: Access is denied".to_vec());
    dressed(site, response, 1, Instant::now())
}

fn web_api(site: &Site<'_>, incoming: Incoming) -> Outcome {
    let started = Instant::now();
    let token = incoming.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let state = site.state;
    let fits = |audience: &str| {
        state.organizations.of_resource(audience).is_some_and(|found| found.id == site.organization.id)
    };
    let client = token.map(|token| state.tokens.check(token.trim(), fits, state.clock.now()));
    let Some(Ok(client)) = client else { return unauthorized(site) };
    let refused = |error: &ApiError| dressed(site, Response::error(error, &Prefer::default()), 1, started);
    let caller = match site.organization.member(client) {
        Ok(Some(caller)) => caller,
        Ok(None) => return refused(&ApiError::not_a_member()),
        Err(error) => return refused(&error.into()),
    };
    if incoming.path.len() + incoming.query.len() > MAX_URL {
        return refused(&ApiError::new(414, "0x80040203", "The request URL is too long."));
    }
    let rest = incoming.path.trim_start_matches("/api/data/");
    let (version, path) = rest.split_once('/').unwrap_or((rest, ""));
    if !matches!(version, "v9.0" | "v9.1" | "v9.2") {
        return refused(&ApiError::no_resource(&format!("{}{}", site.origin, incoming.path)));
    }
    let service = Service::new(site.organization, format!("{}/api/data/{version}", site.origin), caller)
        .with_headers(&incoming.headers);
    let target = if incoming.query.is_empty() { path.to_owned() } else { format!("{path}?{}", incoming.query) };
    let request = Request { method: incoming.method, target, headers: incoming.headers, body: incoming.body };
    let (response, parts) = serve(&service, &request);
    dressed(site, response, parts, started)
}

/// Adds the headers every answer has.
fn dressed(site: &Site<'_>, response: Response, parts: usize, started: Instant) -> Outcome {
    let remaining = site.organization.window.count(site.state.clock.now(), started.elapsed());
    let mut headers = common(site.organization, remaining);
    headers.extend(response.headers);
    Outcome::Answer(Answer { status: response.status, headers, body: response.body, parts })
}

/// The token endpoint and the pages.
fn elsewhere(site: &Site<'_>, incoming: &Incoming) -> Outcome {
    let state = site.state;
    let path = incoming.path.trim_matches('/');
    if let Some(tenant) = path.strip_suffix("/oauth2/v2.0/token") {
        if incoming.method != "POST" {
            return plain(405, "text/plain", "POST a form.".to_owned());
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
        let (status, body) = answer_token(&grant);
        return plain(status, "application/json; charset=utf-8", body);
    }
    if let Some(tenant) = path.strip_suffix("/v2.0/.well-known/openid-configuration") {
        return plain(200, "application/json; charset=utf-8", answer_metadata(&site.origin, tenant));
    }
    if matches!(path, "msi/token" | "metadata/identity/oauth2/token") {
        let admitted = match path {
            "msi/token" => incoming.header("x-identity-header") == Some(IDENTITY_HEADER),
            _ => incoming.header("metadata").is_some_and(|value| value.eq_ignore_ascii_case("true")),
        };
        let (status, body) = answer_identity(&IdentityRequest {
            directory: &state.directory,
            tokens: &state.tokens,
            organizations: &state.organizations,
            now: state.clock.now(),
            query: &incoming.query,
            admitted,
        });
        return plain(status, "application/json; charset=utf-8", body);
    }
    if path.ends_with("/discovery/v2.0/keys") {
        // Dataverse checks tokens itself; nobody else has to.
        return plain(200, "application/json; charset=utf-8", r#"{"keys":[]}"#.to_owned());
    }
    let page = pages::answer(site, &incoming.method, path, &incoming.query);
    plain(page.status, page.content_type, page.body)
}

fn plain(status: u16, content_type: &str, body: String) -> Outcome {
    let headers = vec![("Content-Type", content_type.to_owned()), ("Cache-Control", "no-store".to_owned())];
    Outcome::Answer(Answer { status, headers, body: body.into_bytes(), parts: 1 })
}
