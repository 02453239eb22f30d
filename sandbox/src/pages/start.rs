//! The start page.

use maud::{Markup, html};

use super::layout;
use crate::state::State;

pub(super) fn page(state: &State) -> Markup {
    let api = state.resources.first().map_or_else(String::new, |origin| format!("{origin}/api/data/v9.2/"));
    layout::page(
        state,
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
                    dt { "Organisation" } dd { (state.organization.name) " " code { (state.organization.id) } }
                    dt { "Tenant" } dd { code { (state.directory.tenant) } }
                    dt { "Admin API" } dd { code { "/__admin/" } " (faults, request log, reset, dump)" }
                }
            }
            p.quiet { "Everything is kept in memory: it is gone when the sandbox ends." }
        },
    )
}
