//! Reading rows by key and by query.

use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Row, params_from_iter};
use uuid::Uuid;

use super::{Store, polymorphic, select_list, sql_name, to_sql};
use crate::metadata::{ColumnType, Schema, Table};
use crate::query::{Query, Sql};
use crate::value::Value;

impl Store {
    /// All columns of the row with this primary key.
    pub(crate) fn get(&self, table: &Table, id: Uuid) -> rusqlite::Result<Option<Vec<Value>>> {
        self.get_where(table, &[(table.id, Value::Id(id))])
    }

    /// All columns of the one row whose columns have these values (an alternate key).
    pub(crate) fn get_where(&self, table: &Table, key: &[(usize, Value)]) -> rusqlite::Result<Option<Vec<Value>>> {
        let all: Vec<usize> = (0..table.columns.len()).collect();
        let tests: Vec<String> = key.iter().map(|(i, _)| format!("{}=?", sql_name(&table.columns[*i]))).collect();
        let sql =
            format!("SELECT {} FROM \"{}\" WHERE {}", select_list(table, &all), table.logical, tests.join(" AND "));
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(key.iter().map(|(_, value)| to_sql(value))))?;
        rows.next()?.map(|row| read_row(table, &all, row)).transpose()
    }

    /// Whether a row with this primary key is there.
    pub(crate) fn exists(&self, table: &Table, id: Uuid) -> rusqlite::Result<bool> {
        let key = sql_name(&table.columns[table.id]);
        self.connection
            .prepare_cached(&format!("SELECT 1 FROM \"{}\" WHERE {key}=?", table.logical))?
            .exists([id.to_string()])
    }

    /// The text a row is shown under, for the formatted value of a lookup.
    pub(crate) fn name_of(&self, schema: &Schema, logical: &str, id: Uuid) -> rusqlite::Result<Option<String>> {
        let Some(table) = schema.table(logical) else { return Ok(None) };
        let (key, name) = (sql_name(&table.columns[table.id]), sql_name(&table.columns[table.name]));
        let mut statement =
            self.connection.prepare_cached(&format!("SELECT {name} FROM \"{}\" WHERE {key}=?", table.logical))?;
        let mut rows = statement.query([id.to_string()])?;
        match rows.next()? {
            Some(row) => row.get(0),
            None => Ok(None),
        }
    }

    /// The rows of a query. Columns that were not asked for are null.
    pub(crate) fn select(&self, query: &Query) -> rusqlite::Result<Vec<Vec<Value>>> {
        let columns = query.read_columns();
        let Sql { text, parameters } = query.to_sql(&select_list(&query.table, &columns));
        // Long lists of values make texts that will hardly be met again; they would push the others out of the cache.
        let mut rows = Vec::new();
        if text.len() < 4000 {
            let mut statement = self.connection.prepare_cached(&text)?;
            let mut found = statement.query(params_from_iter(parameters))?;
            while let Some(row) = found.next()? {
                rows.push(read_row(&query.table, &columns, row)?);
            }
        } else {
            let mut statement = self.connection.prepare(&text)?;
            let mut found = statement.query(params_from_iter(parameters))?;
            while let Some(row) = found.next()? {
                rows.push(read_row(&query.table, &columns, row)?);
            }
        }
        Ok(rows)
    }

    /// How many rows the filter of a query meets, whatever its page size.
    pub(crate) fn count(&self, query: &Query) -> rusqlite::Result<i64> {
        let Sql { text, parameters } = query.to_count_sql();
        let mut statement = self.connection.prepare(&text)?;
        statement.query_row(params_from_iter(parameters), |row| row.get(0))
    }
}

fn read_row(table: &Table, columns: &[usize], row: &Row<'_>) -> rusqlite::Result<Vec<Value>> {
    let mut values = vec![Value::Null; table.columns.len()];
    let mut place = 0;
    for index in columns {
        let column = &table.columns[*index];
        let raw = row.get_ref(place)?;
        place += 1;
        values[*index] = match &column.kind {
            ColumnType::Lookup(lookup) => {
                let target = if polymorphic(column) {
                    place += 1;
                    row.get_ref(place - 1)?.as_str_or_null()?.map(Arc::from)
                } else {
                    lookup.targets.first().map(|target| Arc::from(target.as_str()))
                };
                match (parse_id(raw), target) {
                    (Some(id), Some(target)) => Value::Row(target, id),
                    _ => Value::Null,
                }
            }
            ColumnType::Id => parse_id(raw).map_or(Value::Null, Value::Id),
            _ => match raw {
                ValueRef::Null | ValueRef::Blob(_) => Value::Null,
                ValueRef::Integer(int) => Value::Int(int),
                ValueRef::Real(real) => Value::Real(real),
                ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
            },
        };
    }
    Ok(values)
}

fn parse_id(raw: ValueRef<'_>) -> Option<Uuid> {
    match raw {
        ValueRef::Text(text) => Uuid::try_parse_ascii(text).ok(),
        _ => None,
    }
}
