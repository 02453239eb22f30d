//! A change of definitions: a copy of the schema is edited, the SQL tables follow within a transaction, and the copy
//! takes the place of the schema only if everything succeeded.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::describe::{column_id, id_of, table_id};
use super::parse;
use crate::catalogue::{self, Component, add_component, drop_component};
use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Column, ColumnType, Schema, Storage, Table, with_currency};
use crate::records::Session;

/// Work on a copy of the schema.
pub(super) struct Edit<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) schema: &'a mut Schema,
    /// Unique name of the solution that new definitions belong to.
    pub(super) solution: Option<String>,
}

impl Edit<'_> {
    /// Adds the table a payload describes, with everything that comes with it.
    pub(super) fn create_table(&mut self, body: &Map<String, Json>) -> ApiResult<Arc<Table>> {
        let table = parse::table(self.session, self.schema, body)?;
        let logical = table.logical.clone();
        self.add_table(table)?;
        self.component(Component::Table, table_id(&logical))?;
        self.table(&logical)
    }

    /// Adds a finished definition and its SQL table.
    pub(super) fn add_table(&mut self, table: Table) -> ApiResult<()> {
        let (logical, activity) = (table.logical.clone(), table.activity);
        let set_taken = self.schema.set(&table.set).is_some();
        if set_taken {
            let message = format!("An entity with the entity set name {} already exists.", table.set);
            return Err(ApiError::new(400, "0x8004700b", message));
        }
        self.schema.put(table);
        self.schema.rewire();
        let table = self.table(&logical)?;
        self.session.data.store.add_table(&table)?;
        if activity {
            self.session.data.store.create_activity_views(self.schema)?;
        }
        catalogue::announce(self.session, self.schema, &table)
    }

    /// Removes a table, its rows, and the relationships that lead to it.
    pub(super) fn delete_table(&mut self, table: &Arc<Table>) -> ApiResult<()> {
        if !table.custom {
            return Err(ApiError::new(400, "0x80047008", "The specified entity is not customizable"));
        }
        for other in self.schema.tables.clone() {
            self.forget_target(&other, table)?;
        }
        let intersects: Vec<String> = self
            .schema
            .associations
            .iter()
            .filter(|association| association.sides.iter().any(|side| side.table == table.logical))
            .map(|association| association.intersect.clone())
            .collect();
        self.schema.remove(&table.logical);
        if table.activity {
            self.session.data.store.create_activity_views(self.schema)?;
        }
        catalogue::withdraw(self.session, table)?;
        drop_component(self.session, table_id(&table.logical))?;
        self.session.data.store.drop_table(table)?;
        for intersect in intersects {
            if let Some(intersect) = self.schema.table(&intersect).filter(|table| table.intersect).cloned() {
                self.schema.remove(&intersect.logical);
                self.session.data.store.drop_table(&intersect)?;
            }
        }
        Ok(())
    }

    /// Lookups of other tables stop pointing to a table; one that points nowhere else keeps it from being deleted.
    fn forget_target(&mut self, other: &Arc<Table>, gone: &Table) -> ApiResult<()> {
        let leads_there =
            |column: &Column| column.lookup().is_some_and(|lookup| lookup.targets.contains(&gone.logical));
        if other.logical == gone.logical || !other.columns.iter().any(leads_there) {
            return Ok(());
        }
        let mut changed = (**other).clone();
        for column in changed.columns.iter_mut().filter(|column| leads_there(column)) {
            let logical = column.logical.clone();
            let ColumnType::Lookup(lookup) = &mut column.kind else { continue };
            if lookup.targets.len() == 1 {
                return Err(in_use(&gone.schema, &format!("{}.{logical}", other.logical)));
            }
            lookup.targets.retain(|target| *target != gone.logical);
            lookup.relations.retain(|relation| relation.target != gone.logical);
            for navigation in &mut lookup.navigations {
                navigation.targets.retain(|target| *target != gone.logical);
            }
            lookup.navigations.retain(|navigation| !navigation.targets.is_empty());
        }
        changed.reindex();
        self.schema.put(changed);
        Ok(())
    }

    /// Adds a column to a table; returns its id.
    pub(super) fn add_column(&mut self, table: &Table, column: Column) -> ApiResult<Uuid> {
        if table.column(&column.logical).is_some() {
            return Err(parse::taken(&column.logical));
        }
        if table.storage != Storage::Own || table.intersect {
            return Err(ApiError::new(400, "0x80047008", "The specified entity is not customizable"));
        }
        let id = column_id(&table.logical, &column.logical);
        let before = table.columns.len();
        let mut new = table.clone();
        let (name, file) = (column.file_name(), column.file.is_some());
        new.columns.extend([Some(column), name].into_iter().flatten());
        new.complete_relations();
        new.reindex();
        let new = with_currency(new);
        for column in &new.columns[before..] {
            self.session.data.store.add_column(table, column)?;
        }
        self.schema.put(new);
        if file {
            self.schema.rewire();
        }
        self.component(Component::Column, id)?;
        Ok(id)
    }

    /// Removes a column of a table.
    pub(super) fn delete_column(&mut self, table: &Table, index: usize) -> ApiResult<()> {
        let column = &table.columns[index];
        if index == table.id || index == table.name {
            return Err(ApiError::new(400, "0x80047002", "The Primary UI Attribute is not valid for deletion"));
        }
        if !column.custom || column.system.is_some() {
            return Err(ApiError::new(400, "0x80047009", "The specified attribute is not a custom attribute"));
        }
        if let Some(key) = table.keys.iter().find(|key| key.columns.contains(&index)) {
            return Err(in_use(&column.schema, &key.schema));
        }
        let name = column.file_name().and_then(|name| table.column(&name.logical));
        let mut gone: Vec<usize> = [Some(index), name].into_iter().flatten().collect();
        gone.sort_unstable_by(|one, other| other.cmp(one));
        let mut new = table.clone();
        for index in gone {
            self.session.data.store.drop_column(table, &table.columns[index])?;
            new.columns.remove(index);
            let shifted = |at: usize| if at > index { at - 1 } else { at };
            (new.id, new.name) = (shifted(new.id), shifted(new.name));
            for key in &mut new.keys {
                key.columns.iter_mut().for_each(|column| *column = shifted(*column));
            }
        }
        new.reindex();
        drop_component(self.session, column_id(&table.logical, &column.logical))?;
        self.schema.put(new);
        Ok(())
    }

    pub(super) fn component(&self, kind: Component, id: Uuid) -> ApiResult<()> {
        add_component(self.session, self.solution.as_deref(), kind, id)
    }

    pub(super) fn table(&self, logical: &str) -> ApiResult<Arc<Table>> {
        self.schema.table(logical).cloned().ok_or_else(|| no_entity(logical))
    }
}

/// A table that a definition speaks of and that is not there.
pub(super) fn no_entity(logical: &str) -> ApiError {
    let message = format!(
        "The entity with a name = '{logical}' with namemapping = 'Logical' was not found in the MetadataCache."
    );
    ApiError::new(404, "0x80060888", message)
}

/// Something that others need can't be deleted.
pub(super) fn in_use(what: &str, by: &str) -> ApiError {
    let message = format!(
        "The {what}({id}) component cannot be deleted because it is referenced by 1 other components. For a list of \
         referenced components, use the RetrieveDependenciesForDeleteRequest. Referenced by {by}.",
        id = id_of(what)
    );
    ApiError::new(400, "0x8004f01f", message)
}
