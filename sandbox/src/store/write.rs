//! Inserting, changing and deleting rows.

use rusqlite::{ErrorCode, params_from_iter};
use uuid::Uuid;

use super::{Store, polymorphic, sql_name, target_name, to_sql};
use crate::metadata::Table;
use crate::value::Value;

/// Why a row was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Conflict {
    #[error("the primary key is taken")]
    PrimaryKey,
    /// The name of the alternate key that is violated.
    #[error("the alternate key {0} is taken")]
    AlternateKey(String),
    #[error(transparent)]
    Store(#[from] rusqlite::Error),
}

/// The statement that adds rows with values in the same columns. Rows of one kind mostly come one after the other.
#[derive(Debug, Default)]
pub(super) struct Insertion {
    table: String,
    columns: Vec<usize>,
    sql: String,
}

impl Insertion {
    /// Most columns of most rows are null, which is what those have that are not named.
    fn new(table: &Table, values: &[Value]) -> Self {
        let columns: Vec<usize> = (0..values.len()).filter(|index| !values[*index].is_null()).collect();
        let mut names = Vec::with_capacity(columns.len() + 4);
        for column in columns.iter().map(|index| &table.columns[*index]) {
            names.push(sql_name(column));
            if polymorphic(column) {
                names.push(target_name(column));
            }
        }
        let places = vec!["?"; names.len()].join(",");
        let sql = format!("INSERT INTO \"{}\" ({}) VALUES ({places})", table.logical, names.join(","));
        Self { table: table.logical.clone(), columns, sql }
    }

    fn fits(&self, table: &Table, values: &[Value]) -> bool {
        let set = values.iter().filter(|value| !value.is_null()).count();
        self.table == table.logical
            && set == self.columns.len()
            && self.columns.iter().all(|index| values.get(*index).is_some_and(|value| !value.is_null()))
    }
}

impl Store {
    /// Adds a row; `values` has one entry for each column of the table.
    pub(crate) fn insert(&self, table: &Table, values: &[Value]) -> Result<(), Conflict> {
        let mut insertion = self.insertion.borrow_mut();
        if !insertion.fits(table, values) {
            *insertion = Insertion::new(table, values);
        }
        let mut statement = self.connection.prepare_cached(&insertion.sql)?;
        let mut place = 0;
        for index in &insertion.columns {
            let value = &values[*index];
            place += 1;
            statement.raw_bind_parameter(place, value)?;
            if let Value::Row(target, _) = value
                && polymorphic(&table.columns[*index])
            {
                place += 1;
                statement.raw_bind_parameter(place, &**target)?;
            }
        }
        statement.raw_execute().map_err(|error| conflict(table, error))?;
        if self.depth.get() > 0 {
            self.inserted.borrow_mut().extend(values[table.id].id());
        }
        Ok(())
    }

    /// Sets the given columns of a row.
    pub(crate) fn update(&self, table: &Table, id: Uuid, changes: &[(usize, Value)]) -> Result<(), Conflict> {
        let mut sets = Vec::with_capacity(changes.len());
        let mut parameters = Vec::with_capacity(changes.len() + 1);
        for (index, value) in changes {
            let column = &table.columns[*index];
            sets.push(format!("{}=?", sql_name(column)));
            parameters.push(to_sql(value));
            if polymorphic(column) {
                sets.push(format!("{}=?", target_name(column)));
                parameters.push(target_of(value));
            }
        }
        parameters.push(rusqlite::types::Value::Text(id.to_string()));
        let key = sql_name(&table.columns[table.id]);
        let sql = format!("UPDATE \"{}\" SET {} WHERE {key}=?", table.logical, sets.join(","));
        let mut statement = self.connection.prepare_cached(&sql)?;
        statement.execute(params_from_iter(parameters)).map(drop).map_err(|error| conflict(table, error))
    }

    /// Removes a row; says whether it was there.
    pub(crate) fn delete(&self, table: &Table, id: Uuid) -> rusqlite::Result<bool> {
        let key = sql_name(&table.columns[table.id]);
        let mut statement =
            self.connection.prepare_cached(&format!("DELETE FROM \"{}\" WHERE {key}=?", table.logical))?;
        Ok(statement.execute([id.to_string()])? > 0)
    }
}

fn target_of(value: &Value) -> rusqlite::types::Value {
    match value {
        Value::Row(table, _) => rusqlite::types::Value::Text(table.to_string()),
        _ => rusqlite::types::Value::Null,
    }
}

/// Tells a violated key from any other failure. SQLite names the columns: `UNIQUE constraint failed: t.a, t.b`.
fn conflict(table: &Table, error: rusqlite::Error) -> Conflict {
    let rusqlite::Error::SqliteFailure(failure, Some(message)) = &error else { return error.into() };
    if failure.code != ErrorCode::ConstraintViolation {
        return error.into();
    }
    let prefix = format!("{}.", table.logical);
    let named: Vec<&str> = message
        .rsplit(": ")
        .next()
        .unwrap_or_default()
        .split(", ")
        .map(|column| column.strip_prefix(&prefix).unwrap_or(column))
        .collect();
    let key = table
        .keys
        .iter()
        .find(|key| key.columns.iter().map(|index| table.columns[*index].logical.as_str()).eq(named.iter().copied()));
    match key {
        Some(key) => Conflict::AlternateKey(key.name.clone()),
        None if named == [table.columns[table.id].logical.as_str()] => Conflict::PrimaryKey,
        None => error.into(),
    }
}
