//! Rows in SQLite: one SQL table per Dataverse table, with real columns made from its metadata.

mod ddl;
mod deleted;
mod file;
mod files;
mod read;
mod text;
mod write;

pub(crate) use write::Conflict;
use write::Insertion;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use rusqlite::Connection;
use rusqlite::backup::Backup;
use rusqlite::types::{ToSqlOutput, ValueRef};

use uuid::Uuid;

use crate::metadata::{Column, ColumnType, Key, Schema, Storage, Table};
use crate::value::Value;

/// The rows of one organisation.
pub(crate) struct Store {
    connection: Connection,
    /// How many calls of [`Store::atomically`] are under way.
    depth: Cell<usize>,
    /// The rows inserted since the outermost of them began.
    inserted: RefCell<HashSet<Uuid>>,
    /// The statement by which the last row was added; to be forgotten when columns come or go.
    insertion: RefCell<Insertion>,
}

impl Store {
    /// An empty in-memory store with a table for everything in `schema`.
    pub(crate) fn open(schema: &Schema) -> rusqlite::Result<Self> {
        Self::fill(Self::empty()?, schema)
    }

    fn fill(store: Self, schema: &Schema) -> rusqlite::Result<Self> {
        store.create_deleted()?;
        for table in schema.tables.iter().filter(|table| table.storage != Storage::Activities) {
            store.create_table(table)?;
        }
        store.create_activity_views(schema)?;
        store.create_files()?;
        Ok(store)
    }

    fn empty() -> rusqlite::Result<Self> {
        Self::on(Connection::open_in_memory()?)
    }

    fn on(connection: Connection) -> rusqlite::Result<Self> {
        connection.set_prepared_statement_cache_capacity(512);
        text::register(&connection)?;
        Ok(Store { connection, depth: Cell::default(), inserted: RefCell::default(), insertion: RefCell::default() })
    }

    /// The same rows in another store, in memory.
    pub(crate) fn copy(&self) -> rusqlite::Result<Self> {
        let mut copy = Self::empty()?;
        copy.become_like(self)?;
        Ok(copy)
    }

    /// Takes over the tables and rows of another store.
    pub(crate) fn become_like(&mut self, other: &Self) -> rusqlite::Result<()> {
        self.connection.flush_prepared_statement_cache();
        self.insertion.take();
        Backup::new(&other.connection, &mut self.connection)?.step(-1)?;
        Ok(())
    }

    fn create_table(&self, table: &Table) -> rusqlite::Result<()> {
        let mut columns = Vec::new();
        for (index, column) in table.columns.iter().enumerate() {
            let primary = if index == table.id { " PRIMARY KEY" } else { "" };
            columns.push(format!("{} {}{primary}", sql_name(column), sql_type(column)));
            if polymorphic(column) {
                columns.push(format!("{} TEXT", target_name(column)));
            }
        }
        let name = &table.logical;
        self.connection.execute_batch(&format!("CREATE TABLE \"{name}\" ({})", columns.join(", ")))?;
        for column in table.columns.iter().filter(|column| column.indexed) {
            self.create_index(table, column)?;
        }
        Ok(())
    }

    /// Rows without a value are not looked for by it: they would only make the index slow to write.
    fn create_index(&self, table: &Table, column: &Column) -> rusqlite::Result<()> {
        let (index, on) = (index_name(table, column), sql_name(column));
        let (name, collation) = (&table.logical, if is_text(column) { COARSE } else { "" });
        self.connection
            .execute_batch(&format!("CREATE INDEX {index} ON \"{name}\" ({on}{collation}) WHERE {on} IS NOT NULL"))
    }

    /// (Re)makes the view over all activity tables; their own tables have all its columns.
    pub(crate) fn create_activity_views(&self, schema: &Schema) -> rusqlite::Result<()> {
        for view in schema.tables.iter().filter(|table| table.storage == Storage::Activities) {
            let columns = select_list(view, &view.columns.iter().enumerate().map(|(i, _)| i).collect::<Vec<_>>());
            let parts: Vec<String> =
                schema.activities().map(|table| format!("SELECT {columns} FROM \"{}\"", table.logical)).collect();
            let name = &view.logical;
            let sql =
                format!("DROP VIEW IF EXISTS \"{name}\"; CREATE VIEW \"{name}\" AS {}", parts.join(" UNION ALL "));
            self.connection.execute_batch(&sql)?;
        }
        Ok(())
    }

    /// Makes the unique index behind an alternate key. Rows with a null in a key column are not covered.
    pub(crate) fn create_key(&self, table: &Table, key: &Key) -> rusqlite::Result<()> {
        let columns: Vec<String> = key.columns.iter().map(|index| sql_name(&table.columns[*index])).collect();
        let name = format!("\"key_{}_{}\"", table.logical, key.name);
        self.connection.execute_batch(&format!(
            "CREATE UNIQUE INDEX {name} ON \"{}\" ({})",
            table.logical,
            columns.join(", ")
        ))
    }

    /// Whether a row was inserted by the transaction that is under way.
    pub(crate) fn is_new(&self, id: Uuid) -> bool {
        self.inserted.borrow().contains(&id)
    }

    /// Runs `work`, keeping what it wrote only if it succeeds. May be nested.
    pub(crate) fn atomically<T, E: From<rusqlite::Error>>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let run = |sql: &str| self.connection.prepare_cached(sql)?.execute([]).map(drop);
        // A savepoint within a transaction makes SQLite keep the pages it changes twice.
        let outermost = self.depth.get() == 0;
        run(if outermost { "BEGIN" } else { "SAVEPOINT work" })?;
        self.depth.set(self.depth.get() + 1);
        let result = work();
        self.depth.set(self.depth.get() - 1);
        match (outermost, result.is_ok()) {
            (true, true) => run("COMMIT")?,
            (true, false) => run("ROLLBACK")?,
            (false, true) => run("RELEASE work")?,
            (false, false) => {
                run("ROLLBACK TO work")?;
                run("RELEASE work")?;
            }
        }
        if outermost {
            self.inserted.borrow_mut().clear();
        }
        result
    }
}

/// How indexes compare text: with less care than rows are compared with, but without leaving SQLite. Texts of ASCII that
/// are the same to the one are the same to the other.
pub(crate) const COARSE: &str = " COLLATE NOCASE";

/// Whether text is compared without regard to case.
pub(crate) fn is_text(column: &Column) -> bool {
    sql_type(column).ends_with("dataverse")
}

fn sql_type(column: &Column) -> &'static str {
    match column.kind {
        ColumnType::Id | ColumnType::Lookup(_) | ColumnType::DateOnly => "TEXT",
        ColumnType::Text { .. } | ColumnType::Memo { .. } | ColumnType::TableName | ColumnType::Choices(_) => {
            "TEXT COLLATE dataverse"
        }
        ColumnType::Whole { .. }
        | ColumnType::BigInt
        | ColumnType::Flag { .. }
        | ColumnType::Choice(_)
        | ColumnType::State(_)
        | ColumnType::Status(_)
        | ColumnType::DateTime => "INTEGER",
        ColumnType::Decimal { .. } => "REAL",
    }
}

/// The column's name in SQL. Logical names have no quotes in them.
pub(crate) fn sql_name(column: &Column) -> String {
    format!("\"{}\"", column.logical)
}

fn index_name(table: &Table, column: &Column) -> String {
    format!("\"ix_{}_{}\"", table.logical, column.logical)
}

fn target_name(column: &Column) -> String {
    format!("\"{}#table\"", column.logical)
}

fn polymorphic(column: &Column) -> bool {
    column.lookup().is_some_and(crate::metadata::Lookup::polymorphic)
}

/// The SQL columns that hold the given columns.
fn select_list(table: &Table, columns: &[usize]) -> String {
    let mut names = Vec::with_capacity(columns.len());
    for column in columns.iter().map(|index| &table.columns[*index]) {
        names.push(sql_name(column));
        if polymorphic(column) {
            names.push(target_name(column));
        }
    }
    names.join(", ")
}

/// The SQL columns that hold the given columns of the rows behind an alias.
fn aliased_list(alias: &str, table: &Table, columns: &[usize]) -> String {
    let mut names = Vec::with_capacity(columns.len());
    for column in columns.iter().map(|index| &table.columns[*index]) {
        names.push(format!("{alias}.{}", sql_name(column)));
        if polymorphic(column) {
            names.push(format!("{alias}.{}", target_name(column)));
        }
    }
    names.join(", ")
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Value::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            other => ToSqlOutput::Owned(to_sql(other)),
        })
    }
}

/// A value as SQLite stores it.
pub(crate) fn to_sql(value: &Value) -> rusqlite::types::Value {
    use rusqlite::types::Value as Sql;
    match value {
        Value::Null => Sql::Null,
        Value::Int(int) => Sql::Integer(*int),
        Value::Real(real) => Sql::Real(*real),
        Value::Text(text) => Sql::Text(text.clone()),
        Value::Id(id) | Value::Row(_, id) => Sql::Text(id.to_string()),
    }
}
