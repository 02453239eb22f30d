//! Values of columns, and points in time as the platform writes them.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use uuid::Uuid;

/// A value in a column. What it means is said by the column's type: flags, choices, whole numbers and points in time
/// (seconds since 1970) are [`Value::Int`], dates are [`Value::Text`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Id(Uuid),
    /// A row of another table, by logical name and primary key.
    Row(Arc<str>, Uuid),
}

impl Value {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    pub(crate) fn int(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Value::Text(value) => Some(value),
            _ => None,
        }
    }

    /// The unique identifier in a key or lookup.
    pub(crate) fn id(&self) -> Option<Uuid> {
        match self {
            Value::Id(id) | Value::Row(_, id) => Some(*id),
            _ => None,
        }
    }
}

/// Case is ignored the way the platform's text comparison ignores it; accents count.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.to_lowercase() }
}

/// `2026-11-22T22:25:00Z`: whole seconds, always UTC.
pub(crate) fn format_time(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map_or_else(|_| String::new(), |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// Reads a point in time with its offset (`Edm.DateTimeOffset`), cut to whole seconds.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let time: Timestamp = text.parse().ok()?;
    let seconds = time.as_second();
    Some(if time.subsec_nanosecond() < 0 { seconds - 1 } else { seconds })
}

/// Midnight UTC of a `2026-11-22`, as filters may write a point in time.
pub(crate) fn parse_midnight(text: &str) -> Option<i64> {
    if text.len() != 10 {
        return None;
    }
    let date: Date = text.parse().ok()?;
    let zoned = DateTime::from(date).to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_second())
}

/// Reads a calendar date (`Edm.Date`).
pub(crate) fn parse_date(text: &str) -> Option<String> {
    if text.len() != 10 {
        return None;
    }
    text.parse::<Date>().ok().map(|date| date.to_string())
}
