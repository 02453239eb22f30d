//! Which room answers a request: the Web API, Entra, the admin API or the pages.

use std::time::Duration;

use super::door;
use super::mishap::{after, before};
use super::sign_in;
use crate::admin;
use crate::limits::Pass;
use crate::pages;
use crate::state::Site;
use crate::webapi::{BACKGROUND, SEARCH};

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
        ["/api/data/", SEARCH, BACKGROUND].iter().any(|api| self.path.starts_with(api))
    }

    pub(super) fn is_admin(&self) -> bool {
        self.path.starts_with("/__admin")
    }

    /// The bearer token, if there is one.
    pub(super) fn token(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
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
    /// How long it is held back.
    pub(super) delay: Duration,
    /// The place among a user's concurrent requests that it holds until it leaves.
    pub(super) pass: Option<Pass>,
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
    let fault = site.organization.faults.meet(&incoming.path, incoming.is_web_api(), site.organization.now());
    if let Some(fault) = &fault
        && let Some(outcome) = before(site, fault, &incoming)
    {
        return outcome;
    }
    let outcome = if incoming.is_web_api() { door::answer(site, incoming) } else { elsewhere(site, &incoming) };
    match fault {
        Some(fault) => after(&fault, outcome),
        None => outcome,
    }
}

/// Entra and the pages.
fn elsewhere(site: &Site<'_>, incoming: &Incoming) -> Outcome {
    let path = incoming.path.trim_matches('/');
    if let Some((status, body)) = sign_in::answer(site, path, incoming) {
        return plain(status, "application/json; charset=utf-8", body);
    }
    let page = pages::answer(site, &incoming.method, path, &incoming.query);
    plain(page.status, page.content_type, page.body)
}

pub(super) fn plain(status: u16, content_type: &str, body: String) -> Outcome {
    let headers = vec![("Content-Type", content_type.to_owned()), ("Cache-Control", "no-store".to_owned())];
    Outcome::Answer(Answer { status, headers, body: body.into_bytes(), parts: 1, delay: Duration::ZERO, pass: None })
}
