//! Pages for people.

use crate::state::State;

/// A page, or what stands in its place.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

/// Answers a browser; `path` has no slashes at its ends.
pub(crate) fn answer(_state: &State, _method: &str, _path: &str, _query: &str) -> Page {
    Page { status: 404, content_type: "text/html; charset=utf-8", body: String::new() }
}
