//! What an organisation's tables look like: the data every other room is driven by.

mod build;
mod choices;
mod column;
mod edit;
mod kept;
mod relation;
mod relations;
mod tables;
mod wiring;

pub(crate) use build::{TableBuilder, table, with_currency};
pub(crate) use choices::GlobalChoice;
pub(crate) use column::{
    Choice, Column, ColumnType, Lookup, Navigation, Number, Requirement, StateOption, StatusOption, System,
};
pub(crate) use edit::Deleted;
pub(crate) use relation::{Cascade, Cascades, Relation};
pub(crate) use relations::{Association, Collection, Side};
pub(crate) use tables::activities::inherited as activity_columns;
pub(crate) use tables::shipped;
pub(crate) use wiring::wire;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

/// Who rows of a table belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ownership {
    /// Every row has an owner: a user or a team.
    User,
    /// Rows belong to the organisation as a whole.
    Organization,
}

/// Where the rows of a table are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Storage {
    /// In a SQL table of its own.
    Own,
    /// In a SQL table of its own that callers can't write, only messages can (`principalobjectaccess`).
    Platform,
    /// Nowhere: it shows the rows of every activity table (`activitypointer`).
    Activities,
}

/// An alternate key: columns whose values together name one row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Key {
    /// Logical name.
    pub(crate) name: String,
    pub(crate) schema: String,
    pub(crate) label: String,
    /// Indexes into [`Table::columns`].
    pub(crate) columns: Vec<usize>,
    pub(crate) index: KeyIndex,
}

/// How far the index behind an alternate key is; only an active key names rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum KeyIndex {
    /// It will be made at this time, in seconds since 1970.
    Pending(i64),
    Active,
    /// It could not be made: rows have the same values.
    Failed,
}

impl Key {
    pub(crate) fn active(&self) -> bool {
        self.index == KeyIndex::Active
    }
}

/// A table definition ("entity" on the wire).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) logical: String,
    pub(crate) schema: String,
    /// The segment under which the Web API offers the rows.
    pub(crate) set: String,
    pub(crate) label: String,
    pub(crate) type_code: i64,
    pub(crate) ownership: Ownership,
    pub(crate) storage: Storage,
    pub(crate) activity: bool,
    /// Whether activities can be about its rows.
    pub(crate) has_activities: bool,
    /// Whether its rows are the links of a many-to-many relationship.
    pub(crate) intersect: bool,
    pub(crate) custom: bool,
    /// Index of the primary key column.
    pub(crate) id: usize,
    /// Index of the column that names a row for people.
    pub(crate) name: usize,
    pub(crate) columns: Vec<Column>,
    pub(crate) keys: Vec<Key>,
    /// Whether a single row can be read and updated (marketing list members can only be listed).
    pub(crate) addressable: bool,
    /// Whether changes of its rows can be followed by delta links.
    pub(crate) change_tracking: bool,
    /// Properties of the definition that change nothing here; they are kept to be given back.
    pub(crate) told: Map<String, Json>,
    #[serde(skip)]
    by_name: FxHashMap<String, usize>,
    #[serde(skip)]
    by_navigation: FxHashMap<String, usize>,
    #[serde(skip)]
    by_role: [Option<usize>; System::COUNT],
    /// Columns that show a whole address, each with those of its parts.
    #[serde(skip)]
    pub(crate) composites: Vec<Composite>,
    /// What a new row has before anything is said about it.
    #[serde(skip)]
    pub(crate) defaults: Vec<(usize, i64)>,
    /// Columns that may never be null.
    #[serde(skip)]
    pub(crate) mandatory: Vec<usize>,
    /// Amounts in the organisation's own currency, each with the amount that it follows.
    #[serde(skip)]
    pub(crate) bases: Vec<(usize, usize)>,
}

/// A column that shows a whole address, and the columns of its parts in the order of [`Composite::PARTS`].
#[derive(Debug, Clone)]
pub(crate) struct Composite {
    pub(crate) column: usize,
    pub(crate) parts: [Option<usize>; Composite::PARTS.len()],
}

impl Composite {
    const PARTS: [&'static str; 7] = ["line1", "line2", "line3", "city", "stateorprovince", "postalcode", "country"];
}

impl Table {
    /// The column with this logical name.
    pub(crate) fn column(&self, logical: &str) -> Option<usize> {
        self.by_name.get(logical).copied()
    }

    /// The lookup column behind a single-valued navigation property (names are case sensitive).
    pub(crate) fn navigation(&self, name: &str) -> Option<(usize, &Navigation)> {
        let index = *self.by_navigation.get(name)?;
        let navigation = self.columns[index].lookup()?.navigations.iter().find(|n| n.name == name)?;
        Some((index, navigation))
    }

    /// The column a property name of the Web API stands for: `_x_value` for lookups, else the logical name.
    pub(crate) fn property(&self, name: &str) -> Option<usize> {
        if let Some(inner) = name.strip_prefix('_').and_then(|n| n.strip_suffix("_value")) {
            return self.column(inner).filter(|index| self.columns[*index].lookup().is_some());
        }
        self.column(name).filter(|index| self.columns[*index].lookup().is_none())
    }

    /// The column the platform fills by itself in this role, if the table has one.
    pub(crate) fn system(&self, role: System) -> Option<usize> {
        self.by_role[role as usize]
    }

    /// Gives every lookup target without a relationship the one the platform would make.
    /// Whether notes can be attached to rows.
    pub(crate) fn has_notes(&self) -> bool {
        let told = self.told.get("HasNotes").and_then(Json::as_bool);
        told.unwrap_or(self.activity || self.has_activities || self.logical == "list")
    }

    pub(crate) fn complete_relations(&mut self) {
        for column in &mut self.columns {
            let ColumnType::Lookup(lookup) = &mut column.kind else { continue };
            for target in &lookup.targets {
                if lookup.relations.iter().any(|relation| relation.target == *target) {
                    continue;
                }
                let schema = relations::collection_name(&self.logical, &self.set, &column.logical, target);
                lookup.relations.push(Relation {
                    target: target.clone(),
                    collection: schema.clone(),
                    schema,
                    cascades: Cascades::REFERENTIAL,
                    custom: self.custom,
                });
            }
        }
    }

    /// Builds the name indexes; call after the columns have changed.
    pub(crate) fn reindex(&mut self) {
        self.by_role = [None; System::COUNT];
        for (index, role) in self.columns.iter().enumerate().filter_map(|(i, c)| Some((i, c.system?))) {
            self.by_role[role as usize].get_or_insert(index);
        }
        let named = |name: &str| self.columns.iter().position(|column| column.logical == name);
        let composites = self.columns.iter().enumerate().filter_map(|(column, definition)| {
            let prefix = definition.logical.strip_suffix("composite").filter(|prefix| prefix.starts_with("address"))?;
            Some(Composite { column, parts: Composite::PARTS.map(|part| named(&format!("{prefix}{part}"))) })
        });
        self.composites = composites.collect();
        self.defaults = self.columns.iter().enumerate().filter_map(|(i, c)| Some((i, c.default?))).collect();
        let mandatory = |column: &usize| self.columns[*column].required == Requirement::System;
        self.mandatory = (0..self.columns.len()).filter(mandatory).collect();
        let bases = self.columns.iter().enumerate().filter_map(|(base, column)| {
            let amount = column.logical.strip_suffix("_base").filter(|_| column.system == Some(System::BaseAmount))?;
            Some((base, named(amount)?))
        });
        self.bases = bases.collect();
        self.by_name = self.columns.iter().enumerate().map(|(i, c)| (c.logical.clone(), i)).collect();
        self.by_navigation = self
            .columns
            .iter()
            .enumerate()
            .flat_map(|(i, c)| c.lookup().into_iter().flat_map(|l| &l.navigations).map(move |n| (n.name.clone(), i)))
            .collect();
    }
}

/// Every table of an organisation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schema {
    pub(crate) tables: Vec<Arc<Table>>,
    /// Many-to-many relationships.
    pub(crate) associations: Vec<Association>,
    /// Choices that several columns share.
    pub(crate) choices: Vec<GlobalChoice>,
    /// Grows with every change of definitions.
    pub(crate) stamp: i64,
    /// The stamp of the last change of each table that changed.
    pub(crate) changed: HashMap<String, i64>,
    pub(crate) deleted: Vec<Deleted>,
    /// Whether the index of a key is still to be made.
    pub(crate) keys_pending: bool,
    by_logical: FxHashMap<String, usize>,
    by_set: FxHashMap<String, usize>,
}

impl Schema {
    pub(crate) fn new(tables: Vec<Table>) -> Self {
        let mut schema = Schema { associations: relations::shipped_associations(), ..Schema::default() };
        for table in tables {
            schema.put(table);
        }
        schema
    }

    /// Adds a table or replaces the one with the same logical name.
    pub(crate) fn put(&mut self, mut table: Table) {
        table.reindex();
        let index = self.by_logical.get(&table.logical).copied().unwrap_or(self.tables.len());
        self.by_logical.insert(table.logical.clone(), index);
        self.by_set.insert(table.set.clone(), index);
        if index == self.tables.len() {
            self.tables.push(Arc::new(table));
        } else {
            self.tables[index] = Arc::new(table);
        }
        let pending = |key: &Key| matches!(key.index, KeyIndex::Pending(_));
        self.keys_pending = self.tables.iter().flat_map(|table| &table.keys).any(pending);
    }

    fn reindex(&mut self) {
        let named = |name: fn(&Table) -> &String| {
            self.tables.iter().enumerate().map(|(index, table)| (name(table).clone(), index)).collect()
        };
        (self.by_logical, self.by_set) = (named(|table| &table.logical), named(|table| &table.set));
    }

    pub(crate) fn table(&self, logical: &str) -> Option<&Arc<Table>> {
        self.by_logical.get(logical).map(|index| &self.tables[*index])
    }

    /// The table offered under a Web API segment such as `contacts`.
    pub(crate) fn set(&self, set: &str) -> Option<&Arc<Table>> {
        self.by_set.get(set).map(|index| &self.tables[*index])
    }

    /// The tables whose rows are activities, in the order of their definition.
    pub(crate) fn activities(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.iter().filter(|table| table.activity && table.storage == Storage::Own)
    }
}
