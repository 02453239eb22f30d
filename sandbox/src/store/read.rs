//! Reading rows by key and by query.

use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Row, params_from_iter};
use uuid::Uuid;

use super::{Store, aliased_list, polymorphic, select_list, sql_name, target_name, to_sql};
use crate::metadata::{Column, ColumnType, Schema, Table};
use crate::query::{Aggregation, Found, OutputKind, Query, Sql};
use crate::value::Value;

impl Store {
    /// All columns of the row with this primary key.
    pub(crate) fn get(&self, table: &Table, id: Uuid) -> rusqlite::Result<Option<Vec<Value>>> {
        self.get_where(table, &[(table.id, Value::Id(id))])
    }

    /// All columns of the one row whose columns have these values (an alternate key).
    pub(crate) fn get_where(&self, table: &Table, key: &[(usize, Value)]) -> rusqlite::Result<Option<Vec<Value>>> {
        let all: Vec<usize> = (0..table.columns.len()).collect();
        self.columns_where(table, &all, key)
    }

    /// The primary key of the one row whose columns have these values.
    pub(crate) fn id_where(&self, table: &Table, key: &[(usize, Value)]) -> rusqlite::Result<Option<Uuid>> {
        let row = self.columns_where(table, &[table.id], key)?;
        Ok(row.and_then(|row| row[table.id].id()))
    }

    fn columns_where(
        &self,
        table: &Table,
        columns: &[usize],
        key: &[(usize, Value)],
    ) -> rusqlite::Result<Option<Vec<Value>>> {
        let tests: Vec<String> = key.iter().map(|(i, _)| format!("{}=?", sql_name(&table.columns[*i]))).collect();
        let (list, name) = (select_list(table, columns), &table.logical);
        let sql = format!("SELECT {list} FROM \"{name}\" WHERE {}", tests.join(" AND "));
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(key.iter().map(|(_, value)| to_sql(value))))?;
        rows.next()?.map(|row| read_row(table, columns, row, &mut 0)).transpose()
    }

    /// One column of the row with this primary key; null if there is no such row.
    pub(crate) fn get_column(&self, table: &Table, id: Uuid, column: usize) -> rusqlite::Result<Value> {
        let row = self.columns_where(table, &[column], &[(table.id, Value::Id(id))])?;
        Ok(row.map_or(Value::Null, |mut row| row.swap_remove(column)))
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
        Ok(self.find(query)?.into_iter().map(|found| found.row).collect())
    }

    /// The rows of a query, with those joined to them and their sort values.
    pub(crate) fn find(&self, query: &Query) -> rusqlite::Result<Vec<Found>> {
        let columns = query.read_columns();
        let mut list = vec![aliased_list("t0", &query.table, &columns)];
        for (index, join) in query.joins.iter().enumerate() {
            list.push(aliased_list(&format!("t{}", index + 1), &join.table, &join.select));
        }
        list.retain(|columns| !columns.is_empty());
        if list.is_empty() {
            list.push("1".to_owned());
        }
        let shift = usize::from(list == ["1"]);
        let order = query.full_order();
        let keys: Vec<Option<&Column>> =
            order.iter().map(|order| (!order.is_text()).then(|| query.column_of(&order.field))).collect();
        self.rows(&query.to_sql(&list.join(", ")), |row| {
            let mut place = shift;
            let own = read_row(&query.table, &columns, row, &mut place)?;
            let joined = query.joins.iter().map(|join| read_row(&join.table, &join.select, row, &mut place));
            let joined = joined.collect::<rusqlite::Result<_>>()?;
            let keys = keys.iter().map(|column| read_key(*column, row, &mut place)).collect::<rusqlite::Result<_>>()?;
            Ok(Found { row: own, joined, keys })
        })
    }

    /// The outputs of an aggregation over the rows of a query.
    pub(crate) fn aggregate(&self, query: &Query, aggregation: &Aggregation) -> rusqlite::Result<Vec<Vec<Value>>> {
        let outputs = aggregation.outputs(query);
        let sql = aggregation.to_sql(query, |field| {
            let column = query.column_of(field);
            (field.path.is_empty() && polymorphic(column))
                .then(|| format!("t{}.{}", field.source.unwrap_or(0), target_name(column)))
        });
        self.rows(&sql, |row| {
            let mut values = Vec::with_capacity(outputs.len());
            for (place, output) in outputs.iter().enumerate() {
                let raw = row.get_ref(place)?;
                values.push(match &output.kind {
                    OutputKind::Column(table, column) => {
                        let column = &table.columns[*column];
                        let target = match place < aggregation.groups.len() {
                            true => row.get_ref(outputs.len() + place)?.as_str_or_null()?.map(Arc::from),
                            false => None,
                        };
                        typed(column, raw, target)
                    }
                    _ => plain(raw),
                });
            }
            Ok(values)
        })
    }

    fn rows<T>(&self, sql: &Sql, read: impl Fn(&Row<'_>) -> rusqlite::Result<T>) -> rusqlite::Result<Vec<T>> {
        let mut found = Vec::new();
        // Long lists of values make texts that will hardly be met again; they would push the others out of the cache.
        if sql.text.len() < 4000 {
            let mut statement = self.connection.prepare_cached(&sql.text)?;
            let mut rows = statement.query(params_from_iter(&sql.parameters))?;
            while let Some(row) = rows.next()? {
                found.push(read(row)?);
            }
        } else {
            let mut statement = self.connection.prepare(&sql.text)?;
            let mut rows = statement.query(params_from_iter(&sql.parameters))?;
            while let Some(row) = rows.next()? {
                found.push(read(row)?);
            }
        }
        Ok(found)
    }

    /// How many rows the filter of a query meets, whatever its page size.
    pub(crate) fn count(&self, query: &Query) -> rusqlite::Result<i64> {
        let Sql { text, parameters } = query.to_count_sql();
        let mut statement = self.connection.prepare(&text)?;
        statement.query_row(params_from_iter(parameters), |row| row.get(0))
    }
}

/// Reads columns from the given place on, which it moves behind them.
fn read_row(table: &Table, columns: &[usize], row: &Row<'_>, place: &mut usize) -> rusqlite::Result<Vec<Value>> {
    let mut values = vec![Value::Null; table.columns.len()];
    for index in columns {
        let column = &table.columns[*index];
        let raw = row.get_ref(*place)?;
        *place += 1;
        let mut target = None;
        if polymorphic(column) {
            target = row.get_ref(*place)?.as_str_or_null()?.map(Arc::from);
            *place += 1;
        }
        values[*index] = typed(column, raw, target);
    }
    Ok(values)
}

/// A sort value, of a column or else text: what a lookup points to matters, not in which table.
fn read_key(column: Option<&Column>, row: &Row<'_>, place: &mut usize) -> rusqlite::Result<Value> {
    let raw = row.get_ref(*place)?;
    *place += 1;
    Ok(match column {
        None => plain(raw),
        Some(column) if column.lookup().is_some() => parse_id(raw).map_or(Value::Null, Value::Id),
        Some(column) => typed(column, raw, None),
    })
}

fn typed(column: &Column, raw: ValueRef<'_>, target: Option<Arc<str>>) -> Value {
    match &column.kind {
        ColumnType::Lookup(lookup) => {
            let single = || lookup.targets.first().map(|target| Arc::from(target.as_str()));
            let target = if lookup.polymorphic() { target } else { single() };
            match (parse_id(raw), target) {
                (Some(id), Some(target)) => Value::Row(target, id),
                _ => Value::Null,
            }
        }
        ColumnType::Id => parse_id(raw).map_or(Value::Null, Value::Id),
        _ => plain(raw),
    }
}

fn plain(raw: ValueRef<'_>) -> Value {
    match raw {
        ValueRef::Null | ValueRef::Blob(_) => Value::Null,
        ValueRef::Integer(int) => Value::Int(int),
        ValueRef::Real(real) => Value::Real(real),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
    }
}

fn parse_id(raw: ValueRef<'_>) -> Option<Uuid> {
    match raw {
        ValueRef::Text(text) => Uuid::try_parse_ascii(text).ok(),
        _ => None,
    }
}
