//! Which keys a write changes: nobody else may read or change them meanwhile.

use std::collections::BTreeSet;

use super::{Context, Plan, statements::Statement};
use crate::{
    model::stamp::Fingerprint,
    sync::{
        claims::{self, Claim},
        crm::Write,
        matching::Who,
        rows::{PersonRow, PersonTable},
    },
};

impl Plan {
    /// Claims the keys that a write of a person changes, these others, and all that is stated by the events that it settles. `row`: the
    /// person as they are, of whoever is not new.
    pub fn claim(
        &mut self,
        row: Option<&PersonRow>,
        write: &Write,
        others: impl IntoIterator<Item = Fingerprint>,
        statements: &[Statement<'_>],
        context: &Context,
    ) {
        let changed = changed(row, write, context).iter().map(Claim::key).collect::<Vec<_>>();
        let changed: BTreeSet<Claim> = others.into_iter().map(Claim::from).chain(changed).collect();
        if changed.is_empty() {
            return;
        }
        let of = |index: &usize| statements.binary_search_by_key(index, |statement| statement.index).ok();
        for statement in write.events.iter().filter_map(of).map(|at| &statements[at]) {
            let stated = claims::of(statement.event, Some(&context.rules));
            self.changes.entry(statement.index).or_default().extend(changed.iter().copied().chain(stated));
        }
    }
}

/// The keys by which somebody is found before or after a write, but not both.
fn changed(row: Option<&PersonRow>, write: &Write, context: &Context) -> Vec<Who> {
    let matchers = || context.rules.matchers();
    let Some(table) = PersonTable::of(write.table.name) else { return Vec::new() };
    let mut columns = matchers().flat_map(|matcher| matcher.columns(table));
    if row.is_some() && !columns.any(|column| write.columns.contains_key(column)) {
        return Vec::new();
    }
    let mut columns = row.map(|row| row.columns.clone()).unwrap_or_default();
    columns.extend(write.columns.clone());
    columns.entry("@odata.etag").or_insert_with(|| "".into());
    let after = PersonRow::read(table, columns, context.rules.names);
    let keys = |row: Option<&PersonRow>| -> BTreeSet<Who> {
        row.map(|row| matchers().flat_map(|matcher| matcher.of_row(row)).collect()).unwrap_or_default()
    };
    keys(row).symmetric_difference(&keys(after.as_ref())).cloned().collect()
}
