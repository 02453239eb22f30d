//! What the environment says of the tables and rows that a settings document names.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{
    crm::Crm,
    key_column::KeyColumn,
    rows::{Names, PersonTable},
    rules,
};
use crate::{
    dataverse::{Failure, definition::TableDefinition, metadata::TableColumns},
    settings::document::{Document, EventSettings, Lookup, Related},
};

/// The tables by their logical names.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// What the connector's own are called.
    pub names: &'static Names,
    tables: BTreeMap<String, Option<TableDefinition>>,
    /// A table that is not here was not asked for.
    columns: BTreeMap<String, TableColumns>,
    /// The rows that fixed lookups name, at most two of each.
    rows: BTreeMap<RowName, Vec<Uuid>>,
}

type RowName = (String, Option<String>, BTreeMap<String, String>);

fn row_name(lookup: &Lookup) -> RowName {
    (lookup.table.clone(), lookup.id.clone(), lookup.key.clone())
}

impl Surroundings {
    /// Asks for what a document needs; nothing where it names only what the connector knows by itself. With `all` it asks for the
    /// columns of every table that is mapped to.
    ///
    /// # Errors
    /// When the environment cannot be asked.
    pub async fn look(document: &Document, all: bool, crm: &dyn Crm) -> Result<Self, Failure> {
        let mut found = Self { names: Names::of(&document.prefix), ..Self::default() };
        for settings in rules::all(document) {
            found.activities(&settings, crm).await?;
            for related in settings.related_rows().values() {
                found.related(related, &settings, crm).await?;
            }
            for lookup in settings.mappings.iter().filter_map(|mapping| mapping.lookup.as_ref()) {
                found.table(&lookup.table, crm).await?;
            }
        }
        let columns: BTreeSet<String> = if all { rules::tables(document) } else { rules::needs(document) };
        for table in columns {
            found.columns_of(&table, crm).await?;
            if rules::has_lookups(document, &table) {
                found.table(&table, crm).await?;
            }
        }
        Ok(found)
    }

    async fn activities(&mut self, settings: &EventSettings, crm: &dyn Crm) -> Result<(), Failure> {
        if settings.activity_table != self.names.table || !settings.lookups.is_empty() {
            self.table(&settings.activity_table, crm).await?;
        }
        for lookup in settings.lookups.iter().filter(|lookup| !lookup.is_own_account()) {
            let name = row_name(lookup);
            if self.rows.contains_key(&name) {
                continue;
            }
            if !lookup.key.is_empty() {
                self.columns_of(&lookup.table, crm).await?;
            }
            self.table(&lookup.table, crm).await?;
            let rows = match (self.definition(&lookup.table), self.condition(lookup)) {
                (Some(table), Some(condition)) => crm.named(&table.set, &table.key, &condition).await?,
                _ => Vec::new(),
            };
            self.rows.insert(name, rows);
        }
        Ok(())
    }

    async fn related(&mut self, related: &Related, settings: &EventSettings, crm: &dyn Crm) -> Result<(), Failure> {
        self.table(&related.table, crm).await?;
        if related.reached_by.is_some() {
            self.table("contact", crm).await?;
            self.table("lead", crm).await?;
        }
        if related.activity.is_some() {
            self.table(&settings.activity_table, crm).await?;
        }
        Ok(())
    }

    /// What is asked for the row of a fixed lookup; `None` where a column is unfit or the value is: that is told of when the rules are
    /// made.
    fn condition(&self, lookup: &Lookup) -> Option<String> {
        let key = &self.definition(&lookup.table)?.key;
        let id = lookup.id.as_ref().map(|id| Some(format!("{key} eq {id}")));
        let by_column = lookup.key.iter().map(|(column, value)| {
            KeyColumn::of(&lookup.table, column, self).ok()?.condition(&value.as_str().into()).ok()?
        });
        let conditions: Vec<String> = id.into_iter().chain(by_column).collect::<Option<_>>()?;
        Some(conditions.join(" and "))
    }

    /// Whether there is such a table is known of the person's two, which are there.
    async fn columns_of(&mut self, table: &str, crm: &dyn Crm) -> Result<(), Failure> {
        let known = self.columns.contains_key(table);
        let person = PersonTable::of(table).is_some();
        if !known && (person || self.table(table, crm).await?.is_some()) {
            self.columns.insert(table.to_owned(), crm.columns(table).await?);
        }
        Ok(())
    }

    async fn table(&mut self, name: &str, crm: &dyn Crm) -> Result<Option<&TableDefinition>, Failure> {
        if !self.tables.contains_key(name) {
            self.tables.insert(name.to_owned(), crm.table(name).await?);
        }
        Ok(self.tables.get(name).and_then(Option::as_ref))
    }

    /// A table that was asked for: its definition, if there is such a table.
    pub fn known(&self, name: &str) -> Option<Option<&TableDefinition>> {
        self.tables.get(name).map(Option::as_ref)
    }

    pub fn definition(&self, name: &str) -> Option<&TableDefinition> {
        self.known(name)?
    }

    /// The columns of a table, if they were asked for.
    pub fn columns(&self, table: &str) -> Option<&TableColumns> {
        self.columns.get(table)
    }

    /// The rows that a fixed lookup names.
    pub fn rows(&self, lookup: &Lookup) -> &[Uuid] {
        self.rows.get(&row_name(lookup)).map(Vec::as_slice).unwrap_or_default()
    }

    #[cfg(test)]
    pub fn of(tables: BTreeMap<String, Option<TableDefinition>>, rows: BTreeMap<RowName, Vec<Uuid>>) -> Self {
        Self { tables, rows, ..Self::default() }
    }
}
