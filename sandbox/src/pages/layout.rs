//! What all pages share.

use maud::{DOCTYPE, Markup, html};

use crate::state::Site;

/// A whole page.
pub(super) fn page(site: &Site<'_>, title: &str, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · " (site.organization.name) }
                link rel="stylesheet" href="/style.css";
            }
            body {
                header {
                    nav {
                        a.brand href="/" { "Dataverse sandbox" }
                        a href="/timeline" { "Timeline" }
                        a href="/tables" { "Tables" }
                        a href="/requests" { "Requests" }
                        span.organization { (site.organization.name) }
                    }
                }
                main { (content) }
            }
        }
    }
}

/// A page that is not there.
pub(super) fn not_found(site: &Site<'_>) -> Markup {
    page(
        site,
        "Not found",
        html! {
            h1 { "Not found" }
            p { "There is nothing here. " a href="/" { "Back to the start" } "." }
        },
    )
}
