//! Values as JSON text. Written by hand, because decimals keep their scale (`85.5000000000`).

use crate::metadata::{Column, ColumnType, Number, Table};
use crate::value::{Value, format_time};

/// Appends a value to JSON text.
pub(super) fn write_value(out: &mut String, column: &Column, value: &Value) {
    match (value, &column.kind) {
        (Value::Null, _) => out.push_str("null"),
        (Value::Int(flag), ColumnType::Flag { .. }) => out.push_str(if *flag == 0 { "false" } else { "true" }),
        (Value::Int(time), ColumnType::DateTime) => write_text(out, &format_time(*time)),
        (Value::Int(number), ColumnType::Decimal { precision, scale, .. }) => {
            #[expect(clippy::cast_precision_loss, reason = "decimals are stored as such")]
            out.push_str(&decimal(*number as f64, *precision, *scale));
        }
        (Value::Int(number), _) => out.push_str(&number.to_string()),
        (Value::Real(number), ColumnType::Decimal { number: Number::Double, .. }) => out.push_str(&number.to_string()),
        (Value::Real(number), ColumnType::Decimal { precision, scale, .. }) => {
            out.push_str(&decimal(*number, *precision, *scale));
        }
        (Value::Real(number), _) => out.push_str(&number.to_string()),
        (Value::Text(text), _) => write_text(out, text),
        (Value::Id(id) | Value::Row(_, id), _) => {
            out.push('"');
            out.push_str(&id.to_string());
            out.push('"');
        }
    }
}

/// Rounded to the precision, then padded to the scale: binary fractions must not show.
fn decimal(number: f64, precision: usize, scale: usize) -> String {
    format!("{number:.precision$}{}", "0".repeat(scale.saturating_sub(precision)))
}

/// Appends a JSON string.
pub(super) fn write_text(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// Appends `,"name":`, without the comma at the start of an object.
pub(super) fn write_name(out: &mut String, name: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    write_text(out, name);
    out.push(':');
}

/// A row as one JSON object with every column and nothing else.
pub(crate) fn plain_row(table: &Table, row: &[Value]) -> String {
    let mut out = String::from("{");
    for (column, value) in table.columns.iter().zip(row) {
        write_name(&mut out, &column.property());
        write_value(&mut out, column, value);
    }
    out.push('}');
    out
}
