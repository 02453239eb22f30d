//! The request log.

use maud::{Markup, html};

use super::{display, layout};
use crate::state::Site;

/// Entries shown.
const SHOWN: usize = 500;

pub(super) fn page(site: &Site<'_>) -> Markup {
    let log = site.organization.log.snapshot();
    layout::page(
        site,
        "Requests",
        html! {
            h1 { "Requests" }
            p.quiet { (log.calls) " calls of the Web API, " (log.parts) " operations in them, since the last reset." }
            div.scroll { table {
                thead { tr { th { "When" } th { "Method" } th { "Path" } th.number { "Status" } th.number { "ms" } th.number { "Operations" } } }
                tbody { @for entry in log.requests.iter().rev().take(SHOWN) { tr {
                    td { (display::time(entry.at)) }
                    td { (entry.method) }
                    td { code { (entry.path) } }
                    td.number { @if entry.status == 0 { "cut" } @else { (entry.status) } }
                    td.number { (entry.ms) }
                    td.number { (entry.parts) }
                } } }
            } }
        },
    )
}
