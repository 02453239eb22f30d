//! Pages for people: what the CRM would show them. Plain HTML, no scripts, nothing from elsewhere.

mod display;
mod layout;
mod person;
mod requests;
mod start;
mod tables;
mod timeline;

use maud::Markup;

use crate::state::Site;
use crate::webapi::form_pairs;

/// A page, or what stands in its place.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

const HTML: &str = "text/html; charset=utf-8";

/// Answers a browser; `path` has no slashes at its ends.
pub(crate) fn answer(site: &Site<'_>, method: &str, path: &str, query: &str) -> Page {
    if !matches!(method, "GET" | "HEAD") {
        return Page { status: 405, content_type: "text/plain", body: "Pages can only be read.".to_owned() };
    }
    if path == "style.css" {
        return Page {
            status: 200,
            content_type: "text/css; charset=utf-8",
            body: include_str!("style.css").to_owned(),
        };
    }
    let pairs = form_pairs(query);
    let field = |name: &str| pairs.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str()).to_owned();
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let found: Result<Option<Markup>, rusqlite::Error> = match segments.as_slice() {
        [] => Ok(Some(start::page(site))),
        ["timeline"] => timeline::page(site, &field("q")).map(Some),
        ["timeline", table, id] => person::page(site, table, id),
        ["tables"] => tables::index(site).map(Some),
        ["tables", set] => tables::rows(site, set, field("page").parse().unwrap_or(1)),
        ["requests"] => Ok(Some(requests::page(site))),
        _ => Ok(None),
    };
    match found {
        Ok(Some(page)) => Page { status: 200, content_type: HTML, body: page.into_string() },
        Ok(None) => Page { status: 404, content_type: HTML, body: layout::not_found(site).into_string() },
        Err(error) => Page { status: 500, content_type: "text/plain", body: error.to_string() },
    }
}
