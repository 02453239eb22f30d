//! The start page.

use maud::{Markup, html};

use super::layout;
use crate::state::Site;

pub(super) fn page(site: &Site<'_>) -> Markup {
    let api = format!("{}/api/data/v9.2/", site.origin);
    layout::page(
        site,
        "Start",
        html! {
            h1 { "A Dataverse to develop and test against" }
            div.cards {
                a.card href="/timeline" { h2 { "Timeline" } "Contacts and leads, and what they did, newest first." }
                a.card href="/tables" { h2 { "Tables" } "Every table and its rows." }
                a.card href="/requests" { h2 { "Requests" } "What clients have asked for." }
            }
            h2 { "For programs" }
            div.card {
                dl {
                    dt { "Web API" } dd { code { (api) } }
                    dt { "Organisation" } dd { (site.organization.name) " " code { (site.organization.id) } }
                    dt { "Tenant" } dd { code { (site.state.directory.tenant) } }
                    dt { "Admin API" } dd { code { "/__admin/" } " (faults, request log, reset, dump)" }
                }
            }
            @if site.state.folder.is_none() {
                p.quiet { "Everything is kept in memory: it is gone when the sandbox ends." }
            }
        },
    )
}
