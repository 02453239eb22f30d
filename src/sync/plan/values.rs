//! Which values a row's columns take: what the events state, joined by the times at which they state it.

use serde_json::Value;

use super::{ColumnProblem, Plan, Refused, related, statements::Statement, view::View};
use crate::{
    dataverse::Columns,
    model::stamp::{Ledger, Offer, Told},
    settings::document::Mode,
    sync::{
        mapping::{LookupRule, Mapped},
        related::RelatedRules,
        rows,
    },
};

/// What one event states of a row's columns.
pub struct Stated<'a> {
    pub of: &'a Statement<'a>,
    /// Each as the column takes it.
    pub values: Vec<(&'a Mapped, Value)>,
}

/// What an event states of the mapped columns. What cannot be made into a value is left out, and told of.
///
/// # Errors
/// When that is required.
pub fn stated<'a>(
    statement: &'a Statement<'a>,
    mapped: impl Iterator<Item = &'a Mapped>,
    view: &View<'_>,
    plan: &mut Plan,
) -> Result<Stated<'a>, Refused> {
    let mut values = Vec::new();
    for mapped in mapped {
        let value = mapped.value(&statement.said).map_err(|why| why.to_string());
        let value = value.and_then(|value| match (value, &mapped.lookup) {
            (Some(value), Some(lookup)) => looked_up(&value, lookup, view),
            (value, _) => Ok(value),
        });
        match value {
            Ok(value) => values.extend(value.map(|value| (mapped, value))),
            Err(why) => {
                let (table, column) = (mapped.table.name, mapped.column.clone());
                let problem = ColumnProblem { event: statement.index, table, column, why };
                if mapped.required {
                    return Err(Refused::required(&problem));
                }
                plan.left_out.push(problem);
            }
        }
    }
    Ok(Stated { of: statement, values })
}

/// Why nothing of an event can be written: a required column of an attendance row or of a row beside it gets no value.
pub fn missing(statement: &Statement<'_>, view: &View<'_>) -> Option<Refused> {
    let required = |mapped: &&Mapped| mapped.required;
    let of_activity = statement.rules.mapped(statement.rules.activity.table.table).filter(required);
    let of_activity = stated(statement, of_activity, view, &mut Plan::default()).err();
    let of_related = |related: &RelatedRules| {
        match stated(statement, related.mapped.iter().filter(required), view, &mut Plan::default()) {
            Err(refused) => Some(refused),
            Ok(stated) if stated.values.is_empty() => None,
            // Without a key there is no row to hold the value.
            Ok(_) => related::key(related, statement).err().map(|problem| Refused::required(&problem)),
        }
    };
    of_activity.or_else(|| statement.rules.related.values().find_map(of_related))
}

/// The path of the one row that a value names.
fn looked_up(value: &Value, lookup: &LookupRule, view: &View<'_>) -> Result<Option<Value>, String> {
    let LookupRule { target, by, .. } = lookup;
    let (table, column) = (target.name, &by.name);
    let name = by.sought(value).map_err(|why| format!("no row of {table} can have this in {column}: {why}"))?;
    let Some(name) = name else { return Ok(None) };
    match &view.foreign(*target, column, &name)[..] {
        [row] => Ok(Some(target.path(row.id).into())),
        [] => Err(format!("no row of {table} that the connector may read has this value in {column}")),
        [..] => Err(format!("several rows of {table} have this value in {column}")),
    }
}

/// The columns whose value changed in the source, of a row that is there or of a new one.
pub fn changes(row: Option<&Columns>, ledger: &mut Ledger, stated: &[Stated<'_>]) -> Columns {
    let mut columns = Columns::new();
    // What is written only once keeps no stamp: among the events that make a row, the latest wins.
    let mut once = Ledger::default();
    for stated in stated {
        for (mapped, value) in &stated.values {
            offer(row, (ledger, &mut once), stated.of.event.told(), (mapped, value), &mut columns);
        }
    }
    columns
}

/// Offers one value to a row.
pub fn offer(
    row: Option<&Columns>,
    (ledger, once): (&mut Ledger, &mut Ledger),
    told: Told,
    (mapped, value): (&Mapped, &Value),
    columns: &mut Columns,
) {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let ledger = match mapped.mode {
        Mode::OnCreate if row.is_some() => return,
        Mode::OnCreate => once,
        Mode::Overwrite | Mode::FillIfEmpty => ledger,
    };
    let changed = ledger.offer(&mapped.column, told, &text) == Offer::Changed;
    let filled = || {
        let stored = row.and_then(|row| mapped.stored(row)).unwrap_or_default();
        columns.contains_key(mapped.written()) || !is_blank(&stored)
    };
    if changed && !(mapped.mode == Mode::FillIfEmpty && filled()) {
        columns.insert(mapped.written().to_owned(), value.clone());
    }
}

/// Drops what the row holds already.
pub fn drop_unchanged(columns: &mut Columns, row: &Columns, stated: &[Stated<'_>]) {
    columns.retain(|column, value| !rows::same(row.get(column), value));
    for (mapped, _) in stated.iter().flat_map(|stated| &stated.values) {
        let bound = |value: &Value| mapped.stored(row).is_some_and(|stored| stored == *value);
        if mapped.lookup.is_some() && columns.get(mapped.written()).is_some_and(bound) {
            columns.remove(mapped.written());
        }
    }
}

fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}
