//! Values as a payload brings them, checked against their column.

use serde_json::Value as Json;
use uuid::Uuid;

use crate::errors::{ApiError, ApiResult};
use crate::metadata::{Column, ColumnType, Table};
use crate::value::{Value, format_time, parse_date, parse_time};

/// 1753-01-01T00:00:00Z, the earliest point in time the platform stores.
const EARLIEST: i64 = -6_847_804_800;

/// Converts a JSON value to the type of a column and checks its bounds. Lookups are not values: they are bound.
pub(crate) fn from_json(table: &Table, column: &Column, json: &Json) -> ApiResult<Value> {
    let wrong = || ApiError::wrong_literal(table, &literal(json), column);
    if json.is_null() {
        return Ok(Value::Null);
    }
    match &column.kind {
        ColumnType::Text { max } | ColumnType::Memo { max } => {
            text(table, column, json.as_str().ok_or_else(wrong)?, *max)
        }
        ColumnType::TableName => Ok(Value::Text(json.as_str().ok_or_else(wrong)?.to_owned())),
        ColumnType::Id => json.as_str().and_then(normal_id).map(Value::Id).ok_or_else(wrong),
        ColumnType::Whole { min, max } => {
            let number = whole(json).ok_or_else(wrong)?;
            if (*min..=*max).contains(&number) {
                Ok(Value::Int(number))
            } else {
                Err(ApiError::out_of_range("0x8004432f", table, column, &number.to_string()))
            }
        }
        ColumnType::BigInt => whole(json).map(Value::Int).ok_or_else(wrong),
        ColumnType::Decimal { precision, min, max, .. } => {
            let number = json.as_f64().ok_or_else(wrong)?;
            if !(*min..=*max).contains(&number) {
                return Err(ApiError::out_of_range("0x80044330", table, column, &json.to_string()));
            }
            // Digits beyond the precision are rounded away, as when the value is stored.
            Ok(Value::Real(format!("{number:.precision$}").parse().unwrap_or(number)))
        }
        ColumnType::Flag { .. } => json.as_bool().map(|flag| Value::Int(i64::from(flag))).ok_or_else(wrong),
        ColumnType::Choice(options) => {
            option(table, column, json, &options.iter().map(|o| o.value).collect::<Vec<_>>())
        }
        ColumnType::Choices(options) => {
            let text = json.as_str().ok_or_else(wrong)?;
            let mut chosen: Vec<i64> = Vec::new();
            for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
                let value = part.parse().map_err(|_| wrong())?;
                let accepted: Vec<i64> = options.iter().map(|option| option.value).collect();
                if !accepted.contains(&value) {
                    return Err(ApiError::not_an_option(table, column, value, &accepted));
                }
                chosen.push(value);
            }
            chosen.sort_unstable();
            chosen.dedup();
            let text: Vec<String> = chosen.iter().map(i64::to_string).collect();
            Ok(if text.is_empty() { Value::Null } else { Value::Text(text.join(",")) })
        }
        ColumnType::State(options) => option(table, column, json, &options.iter().map(|o| o.value).collect::<Vec<_>>()),
        ColumnType::Status(options) => {
            option(table, column, json, &options.iter().map(|o| o.value).collect::<Vec<_>>())
        }
        ColumnType::DateTime => {
            let text = json.as_str().ok_or_else(wrong)?;
            let seconds = parse_time(text).or_else(|| parse_time(&format!("{text}Z"))).ok_or_else(wrong)?;
            if seconds < EARLIEST {
                Err(ApiError::invalid_time(&format_time(seconds)))
            } else {
                Ok(Value::Int(seconds))
            }
        }
        ColumnType::DateOnly => json.as_str().and_then(parse_date).map(Value::Text).ok_or_else(wrong),
        ColumnType::Lookup(_) => Err(wrong()),
    }
}

/// Reads a unique identifier, with or without braces.
pub(crate) fn normal_id(text: &str) -> Option<Uuid> {
    let bare = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
    (bare.len() == 36).then(|| Uuid::try_parse(bare).ok()).flatten()
}

/// The value as an error message repeats it.
fn literal(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

fn text(table: &Table, column: &Column, text: &str, max: usize) -> ApiResult<Value> {
    // Lengths are counted in UTF-16 code units, as SQL Server's nvarchar does.
    if text.len() > max && text.encode_utf16().count() > max {
        return Err(ApiError::too_long(table, column, max));
    }
    // The platform does not tell empty text from no text.
    Ok(if text.is_empty() { Value::Null } else { Value::Text(text.to_owned()) })
}

/// A whole number; `1.0` is one too.
fn whole(json: &Json) -> Option<i64> {
    json.as_i64().or_else(|| {
        let real = json.as_f64()?;
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
        (real.fract() == 0.0 && real.abs() < 9e15).then_some(real as i64)
    })
}

fn option(table: &Table, column: &Column, json: &Json, accepted: &[i64]) -> ApiResult<Value> {
    let value = whole(json).ok_or_else(|| ApiError::wrong_literal(table, &literal(json), column))?;
    if accepted.contains(&value) {
        Ok(Value::Int(value))
    } else {
        Err(ApiError::not_an_option(table, column, value, accepted))
    }
}
