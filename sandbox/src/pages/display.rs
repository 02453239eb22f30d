//! Values as people read them.

use crate::metadata::{Column, ColumnType, Table};
use crate::organization::Data;
use crate::value::{Value, format_time};

/// A value as text; `None` if there is none.
pub(super) fn text(data: &Data, column: &Column, value: &Value) -> Option<String> {
    Some(match (value, &column.kind) {
        (Value::Null, _) => return None,
        (Value::Int(seconds), ColumnType::DateTime) => time(*seconds),
        (Value::Int(number), kind) => kind.label(*number).map_or_else(|| number.to_string(), str::to_owned),
        (Value::Real(number), ColumnType::Decimal { precision, .. }) => format!("{number:.precision$}"),
        (Value::Real(number), _) => number.to_string(),
        (Value::Text(text), _) => text.clone(),
        (Value::Id(id), _) => id.to_string(),
        (Value::Row(table, id), _) => {
            // A row that has gone meanwhile is shown by its id.
            data.store.name_of(&data.schema, table, *id).ok().flatten().unwrap_or_else(|| id.to_string())
        }
    })
}

/// The text of a column by its logical name.
pub(super) fn named(data: &Data, table: &Table, row: &[Value], logical: &str) -> Option<String> {
    let column = table.column(logical)?;
    text(data, &table.columns[column], &row[column])
}

/// `2026-11-22 22:25 UTC`
pub(super) fn time(seconds: i64) -> String {
    let full = format_time(seconds);
    match (full.get(..10), full.get(11..16)) {
        (Some(date), Some(time)) => format!("{date} {time} UTC"),
        _ => full,
    }
}
