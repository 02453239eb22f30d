//! What faults do to a request.

use std::time::Duration;

use super::door::{refused, unauthorized};
use super::route::{Incoming, Outcome, plain};
use crate::admin::{Fault, FaultKind, Scripted};
use crate::errors::ApiError;
use crate::seed;
use crate::state::Site;
use crate::webapi::{Request, Service, serve};

/// What happens before a request is carried out; an outcome if it is not carried out at all.
pub(super) fn before(site: &Site<'_>, fault: &Fault, incoming: &Incoming) -> Option<Outcome> {
    match fault.kind {
        FaultKind::ResetBefore => Some(Outcome::Cut { parts: 1 }),
        FaultKind::Unauthorized => Some(unauthorized(site)),
        FaultKind::ExpiredToken => {
            if let Some(token) = incoming.token() {
                site.state.tokens.revoke(token);
            }
            Some(unauthorized(site))
        }
        FaultKind::BadGateway => Some(plain(502, "text/html", "<h2>502 Bad Gateway</h2>".to_owned())),
        FaultKind::GatewayTimeout => Some(plain(504, "text/html", "<h2>504 Gateway Timeout</h2>".to_owned())),
        FaultKind::UserDisabled => Some(refused(site, &ApiError::user_disabled(caller(site, incoming)), None)),
        FaultKind::Meanwhile => {
            if let Some(request) = &fault.request {
                meanwhile(site, request);
            }
            None
        }
        _ => Some(refused(site, &fault.error()?, None)),
    }
}

/// What happens once a request has been carried out.
pub(super) fn after(fault: &Fault, outcome: Outcome) -> Outcome {
    match (fault.kind, outcome) {
        (FaultKind::ResetAfter, Outcome::Answer(answer)) => Outcome::Cut { parts: answer.parts },
        (FaultKind::Slow, Outcome::Answer(mut answer)) => {
            answer.delay += Duration::from_millis(fault.ms);
            Outcome::Answer(answer)
        }
        (_, outcome) => outcome,
    }
}

/// Whose user is said to be disabled.
fn caller(site: &Site<'_>, incoming: &Incoming) -> uuid::Uuid {
    let client = incoming.token().map(|token| site.state.tokens.check(token, |_| true, site.organization.now()));
    match client {
        Some(Ok(client)) => site.organization.member(client).ok().flatten().unwrap_or_default(),
        _ => uuid::Uuid::nil(),
    }
}

/// Carries out somebody else's request. Whether it succeeds is its own affair: `GET /__admin/requests` does not show it.
fn meanwhile(site: &Site<'_>, scripted: &Scripted) {
    let service = Service::new(site.organization, format!("{}/api/data/v9.2", site.origin), seed::APPLICATION_USER);
    let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    let body = if scripted.body.is_null() { Vec::new() } else { scripted.body.to_string().into_bytes() };
    let request =
        Request { method: scripted.method.clone(), target: scripted.path.clone(), headers, body: body.into() };
    serve(&service, &request);
}
