//! The table browser.

use std::sync::Arc;

use maud::{Markup, html};

use super::{display, layout};
use crate::query::Query;
use crate::state::Site;

/// Rows on one page.
const ROWS: usize = 100;

pub(super) fn index(site: &Site<'_>) -> rusqlite::Result<Markup> {
    let data = site.organization.data();
    let mut counted = Vec::new();
    for table in &data.schema.tables {
        counted.push((Arc::clone(table), data.store.count(&Query::all(Arc::clone(table)))?));
    }
    Ok(layout::page(
        site,
        "Tables",
        html! {
            h1 { "Tables" }
            div.scroll { table {
                thead { tr { th { "Table" } th { "Logical name" } th { "Entity set" } th.number { "Columns" } th.number { "Rows" } } }
                tbody { @for (table, count) in &counted { tr {
                    td { a href={ "/tables/" (table.set) } { (table.label) } }
                    td { code { (table.logical) } }
                    td { code { (table.set) } }
                    td.number { (table.columns.len()) }
                    td.number { (count) }
                } } }
            } }
        },
    ))
}

pub(super) fn rows(site: &Site<'_>, set: &str, page: usize) -> rusqlite::Result<Option<Markup>> {
    let data = site.organization.data();
    let Some(table) = data.schema.set(set) else { return Ok(None) };
    let page = page.max(1);
    let limit = page.saturating_mul(ROWS).saturating_add(1).min(1_000_000);
    let query = Query { limit: Some(limit), ..Query::all(Arc::clone(table)) };
    let found = data.store.select(&query)?;
    let more = found.len() == limit;
    let shown: Vec<_> = found.iter().skip((page - 1).saturating_mul(ROWS)).take(ROWS).collect();
    // Columns without any value on this page are left out: most tables have many.
    let columns: Vec<usize> =
        (0..table.columns.len()).filter(|column| shown.iter().any(|row| !row[*column].is_null())).collect();
    Ok(Some(layout::page(
        site,
        &table.label,
        html! {
            p { a href="/tables" { "← Tables" } }
            h1 { (table.label) " " span.quiet { code { (table.set) } } }
            @if shown.is_empty() { p.quiet { "No rows." } }
            div.scroll { table {
                thead { tr { @for column in &columns { th { (table.columns[*column].logical) } } } }
                tbody { @for row in &shown { tr { @for column in &columns {
                    td { (display::text(&data, &table.columns[*column], &row[*column]).unwrap_or_default()) }
                } } } }
            } }
            p {
                @if page > 1 { a href={ "?page=" (page - 1) } { "Previous" } " " }
                @if more { a href={ "?page=" (page + 1) } { "Next" } }
            }
        },
    )))
}
