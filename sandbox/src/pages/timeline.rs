//! People with activities, the most recently active first.

use std::collections::HashMap;
use std::sync::Arc;

use maud::{Markup, html};
use uuid::Uuid;

use super::{display, layout};
use crate::metadata::System;
use crate::query::{Comparison, Condition, Query};
use crate::state::Site;
use crate::value::{Value, fold};

/// More people than these are not listed; the search box finds the others.
const LISTED: usize = 200;

/// What is known of one person's activities.
#[derive(Default)]
struct Summary {
    count: usize,
    newest: i64,
    subject: String,
}

struct Person {
    table: Arc<str>,
    id: Uuid,
    name: String,
    address: String,
    summary: Summary,
}

pub(super) fn page(site: &Site<'_>, search: &str) -> rusqlite::Result<Markup> {
    let people = people(site, search)?;
    Ok(layout::page(
        site,
        "Timeline",
        html! {
            h1 { "Timeline" }
            form method="get" action="/timeline" {
                input type="search" name="q" value=(search) placeholder="Name or address" aria-label="Name or address";
                button { "Search" }
            }
            @if people.is_empty() {
                p.quiet { @if search.is_empty() { "Nobody has an activity yet." } @else { "Nobody found." } }
            } @else {
                div.scroll { table {
                    thead { tr { th { "Person" } th { "Kind" } th { "Address" } th.number { "Activities" } th { "Newest" } th { "When" } } }
                    tbody { @for person in people.iter().take(LISTED) { tr {
                        td { a href={ "/timeline/" (person.table) "/" (person.id) } { (person.name) } }
                        td { (person.table) }
                        td { (person.address) }
                        td.number { (person.summary.count) }
                        td.wrapped { (person.summary.subject) }
                        td { (display::time(person.summary.newest)) }
                    } } }
                } }
                @if people.len() > LISTED { p.quiet { (people.len() - LISTED) " more; search for them." } }
            }
        },
    ))
}

fn people(site: &Site<'_>, search: &str) -> rusqlite::Result<Vec<Person>> {
    let data = site.organization.data();
    let mut summaries: HashMap<(Arc<str>, Uuid), Summary> = HashMap::new();
    let Some(activities) = data.schema.table("activitypointer") else { return Ok(Vec::new()) };
    let (Some(regarding), Some(subject), Some(modified)) =
        (activities.column("regardingobjectid"), activities.column("subject"), activities.system(System::ModifiedOn))
    else {
        return Ok(Vec::new());
    };
    let query = Query { select: Some(vec![regarding, subject, modified]), ..Query::all(Arc::clone(activities)) };
    for row in data.store.select(&query)? {
        let Value::Row(table, id) = &row[regarding] else { continue };
        let summary = summaries.entry((Arc::clone(table), *id)).or_default();
        summary.count += 1;
        let at = row[modified].int().unwrap_or_default();
        if at >= summary.newest {
            summary.newest = at;
            row[subject].text().unwrap_or_default().clone_into(&mut summary.subject);
        }
    }
    let wanted = fold(search.trim());
    let mut people = Vec::new();
    for logical in ["contact", "lead"] {
        let Some(table) = data.schema.table(logical) else { continue };
        let ids: Vec<Value> = summaries.keys().filter(|(t, _)| &**t == logical).map(|(_, id)| Value::Id(*id)).collect();
        for chunk in ids.chunks(10_000) {
            let filter = if let [only] = chunk {
                Condition::Compare { column: table.id, comparison: Comparison::Equal, value: only.clone() }
            } else {
                Condition::In { column: table.id, values: chunk.to_vec() }
            };
            let select = ["fullname", "emailaddress1"].iter().filter_map(|name| table.column(name)).collect();
            let query = Query { select: Some(select), filter: Some(filter), ..Query::all(Arc::clone(table)) };
            for row in data.store.select(&query)? {
                let Some(id) = row[table.id].id() else { continue };
                let name = display::named(&data, table, &row, "fullname").unwrap_or_else(|| id.to_string());
                let address = display::named(&data, table, &row, "emailaddress1").unwrap_or_default();
                if !fold(&name).contains(&wanted) && !fold(&address).contains(&wanted) {
                    continue;
                }
                let key = (Arc::from(logical), id);
                let summary = summaries.remove(&key).unwrap_or_default();
                people.push(Person { table: key.0, id, name, address, summary });
            }
        }
    }
    people.sort_by(|a, b| b.summary.newest.cmp(&a.summary.newest).then_with(|| a.name.cmp(&b.name)));
    Ok(people)
}
