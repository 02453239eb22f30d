//! One person: who they are, and what they did, newest first.

use std::sync::Arc;

use maud::{Markup, html};
use uuid::Uuid;

use super::{display, layout};
use crate::metadata::{Column, ColumnType, System, Table};
use crate::organization::Data;
use crate::query::{Comparison, Condition, Query};
use crate::state::Site;
use crate::value::Value;

/// Columns of the person card, beside the custom ones; those a table does not have are passed over.
const CARD: [&str; 9] = [
    "emailaddress1",
    "jobtitle",
    "companyname",
    "parentcustomerid",
    "subject",
    "telephone1",
    "address1_country",
    "ownerid",
    "statuscode",
];

pub(super) fn page(site: &Site<'_>, logical: &str, id: &str) -> rusqlite::Result<Option<Markup>> {
    let data = site.organization.data();
    let table = data.schema.table(logical).filter(|table| matches!(table.logical.as_str(), "contact" | "lead"));
    let (Some(table), Ok(id)) = (table, Uuid::try_parse(id)) else { return Ok(None) };
    let Some(row) = data.store.get(table, id)? else { return Ok(None) };
    let name = display::named(&data, table, &row, "fullname").unwrap_or_else(|| id.to_string());
    let activities = activities(&data, table, id)?;
    Ok(Some(layout::page(
        site,
        &name,
        html! {
            p { a href="/timeline" { "← Timeline" } }
            h1 { (name) " " span.quiet { (table.label) } }
            div.card { (card(&data, table, &row)) }
            h2 { (activities.len()) @if activities.len() == 1 { " activity" } @else { " activities" } }
            ol.timeline { @for (kind, row) in &activities { (activity(&data, kind, row)) } }
        },
    )))
}

fn card(data: &Data, table: &Table, row: &[Value]) -> Markup {
    let custom = table.columns.iter().filter(|column| column.custom && !is_bookkeeping(column));
    let custom = custom.map(|column| column.logical.as_str());
    let fields: Vec<(&str, String)> = CARD
        .into_iter()
        .chain(custom)
        .filter_map(|name| Some((name, display::named(data, table, row, name)?)))
        .collect();
    html! {
        dl { @for (name, value) in &fields {
            dt { @if let Some(column) = table.column(name) { (table.columns[column].label) } }
            dd { (value) }
        } }
    }
}

/// The activities regarding a row, each with the table it is kept in, the latest change first.
fn activities(data: &Data, table: &Table, id: Uuid) -> rusqlite::Result<Vec<(Arc<Table>, Vec<Value>)>> {
    let mut found = Vec::new();
    for kind in data.schema.activities() {
        let Some(column) = kind.column("regardingobjectid") else { continue };
        let value = Value::Row(Arc::from(table.logical.as_str()), id);
        let filter = Condition::Compare { column, comparison: Comparison::Equal, value };
        let query = Query { filter: Some(filter), ..Query::all(Arc::clone(kind)) };
        found.extend(data.store.select(&query)?.into_iter().map(|row| (Arc::clone(kind), row)));
    }
    found.sort_by_key(|(kind, row)| std::cmp::Reverse((changed(kind, row), version(kind, row))));
    Ok(found)
}

fn changed(table: &Table, row: &[Value]) -> i64 {
    table.system(System::ModifiedOn).and_then(|column| row[column].int()).unwrap_or_default()
}

fn version(table: &Table, row: &[Value]) -> i64 {
    table.system(System::Version).and_then(|column| row[column].int()).unwrap_or_default()
}

fn activity(data: &Data, table: &Table, row: &[Value]) -> Markup {
    let named = |name: &str| display::named(data, table, row, name);
    let own = table.columns.iter().zip(row).filter(|(column, value)| column.custom && !value.is_null());
    let (chips, facts): (Vec<_>, Vec<_>) = own
        .filter(|(column, _)| !is_bookkeeping(column))
        .filter_map(|(column, value)| Some((column, display::text(data, column, value)?)))
        .partition(|(column, _)| matches!(column.kind, ColumnType::Choice(_)));
    html! {
        li {
            span.icon aria-hidden="true" { @if table.custom { "★" } @else { "✓" } }
            div.card {
                div.subject { (named("subject").unwrap_or_else(|| "(no subject)".to_owned())) }
                div.quiet {
                    (table.label) " · " (display::time(changed(table, row)))
                    @if let Some(owner) = named("ownerid") { " · " (owner) }
                    @if let Some(status) = named("statuscode") { " · " (status) }
                }
                @if let Some(description) = named("description") { p { (description) } }
                @for (column, label) in &chips {
                    span.chip .good[is_good(label)] .bad[is_bad(label)] title=(column.label) { (label) }
                }
                @if !facts.is_empty() {
                    dl { @for (column, value) in &facts { dt { (column.label) } dd { (value) } } }
                }
            }
        }
    }
}

/// Long texts in custom columns are the connector's bookkeeping, not for readers.
fn is_bookkeeping(column: &Column) -> bool {
    matches!(column.kind, ColumnType::Memo { .. })
}

/// Colours are a courtesy for the labels this project is about; any other label stays plain.
fn is_good(label: &str) -> bool {
    matches!(label, "Attended" | "Registered")
}

fn is_bad(label: &str) -> bool {
    matches!(label, "No show" | "Cancelled")
}
