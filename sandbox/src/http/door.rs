//! The door of the Web API: who comes in, how often, and with what headers answers leave.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::headers::common;
use super::route::{Answer, Incoming, Outcome};
use crate::errors::ApiError;
use crate::state::Site;
use crate::webapi::{BACKGROUND, Prefer, Request, Response, SEARCH, Service, serve, serve_search, serve_status};

/// The longest URL of a request, in bytes; longer filters belong into a batch.
const MAX_URL: usize = 32_768;

/// What answers requests of one API.
type Serve = fn(&Service<'_>, &Request) -> (Response, usize);

/// Answers a request of the Web API, or of those beside it.
pub(super) fn answer(site: &Site<'_>, incoming: Incoming) -> Outcome {
    let organization = site.organization;
    let fits = |audience: &str| {
        site.state.organizations.of_resource(audience).is_some_and(|found| found.id == organization.id)
    };
    let client = incoming.token().map(|token| site.state.tokens.check(token, fits, organization.now()));
    let Some(Ok(client)) = client else { return unauthorized(site) };
    let caller = match organization.member(client) {
        Ok(Some(caller)) => caller,
        Ok(None) => return refused(site, &ApiError::not_a_member(), None),
        Err(error) => return refused(site, &error.into(), None),
    };
    let mut pass = match organization.limits.enter(caller, organization.now()) {
        Ok(pass) => pass,
        Err(error) => return refused(site, &error, Some(caller)),
    };
    let started = Instant::now();
    let (response, parts) = carry_out(site, incoming, caller);
    let response = match organization.settle() {
        Ok(()) => response,
        Err(error) => Response::error(&ApiError::new(500, "0x80044150", error.to_string()), &Prefer::default()),
    };
    pass.count(organization.now(), parts, started.elapsed());
    let mut outcome = dressed(site, response, parts, Some(caller));
    if let Outcome::Answer(answer) = &mut outcome {
        answer.delay = organization.limits.settings().latency.draw();
        answer.pass = Some(pass);
    }
    outcome
}

/// Performs a request that was let in; the second value is the number of operations in it.
fn carry_out(site: &Site<'_>, incoming: Incoming, caller: Uuid) -> (Response, usize) {
    let refuse = |error: &ApiError| (Response::error(error, &Prefer::default()), 1);
    if incoming.path.len() + incoming.query.len() > MAX_URL {
        return refuse(&ApiError::new(414, "0x80040203", "The request URL is too long."));
    }
    if incoming.body.len() > site.organization.switches().request_limit_bytes {
        return refuse(&ApiError::body_too_long());
    }
    for (api, serve) in [(SEARCH, serve_search as Serve), (BACKGROUND, serve_status)] {
        if let Some(target) = incoming.path.strip_prefix(api).map(str::to_owned) {
            let service = Service::new(site.organization, format!("{}/api/data/v9.2", site.origin), caller);
            let Incoming { method, headers, body, .. } = incoming;
            return serve(&service.with_headers(&headers), &Request { method, target, headers, body: body.into() });
        }
    }
    let rest = incoming.path.trim_start_matches("/api/data/");
    let (version, path) = rest.split_once('/').unwrap_or((rest, ""));
    if !matches!(version, "v9.0" | "v9.1" | "v9.2") {
        return refuse(&ApiError::no_resource(&format!("{}{}", site.origin, incoming.path)));
    }
    let service = Service::new(site.organization, format!("{}/api/data/{version}", site.origin), caller)
        .with_headers(&incoming.headers);
    let target = if incoming.query.is_empty() { path.to_owned() } else { format!("{path}?{}", incoming.query) };
    serve(&service, &Request { method: incoming.method, target, headers: incoming.headers, body: incoming.body.into() })
}

/// 401: no JSON, and a header that says where to get a token for what.
pub(super) fn unauthorized(site: &Site<'_>) -> Outcome {
    let (tenant, origin) = (site.state.directory.tenant, &site.origin);
    let challenge = format!("Bearer authorization_uri={origin}/{tenant}/oauth2/authorize, resource_id={origin}/");
    let response = Response::empty(401)
        .with("WWW-Authenticate", challenge)
        .with("Content-Type", "text/html")
        .with_body(b"HTTP Error 401 - Unauthorized: Access is denied".to_vec());
    dressed(site, response, 1, None)
}

/// An error, to a user if it is known to whom.
pub(super) fn refused(site: &Site<'_>, error: &ApiError, user: Option<Uuid>) -> Outcome {
    dressed(site, Response::error(error, &Prefer::default()), 1, user)
}

/// Adds the headers every answer has.
fn dressed(site: &Site<'_>, response: Response, parts: usize, user: Option<Uuid>) -> Outcome {
    let remaining = site.organization.limits.remaining(user, site.organization.now());
    let mut headers = common(site.organization, remaining);
    headers.extend(response.headers);
    Outcome::Answer(Answer {
        status: response.status,
        headers,
        body: response.body,
        parts,
        delay: Duration::ZERO,
        pass: None,
    })
}
