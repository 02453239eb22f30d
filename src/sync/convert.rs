//! From what the source states to what a column holds, by the column's definition.
//!
//! InEvent sends every value as text, and yes and no as `1` and `0`; others send JSON. Blank states nothing, whatever the column.

mod choice;
mod number;
mod time;

pub(super) use choice::option;

use jiff::tz::TimeZone;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    dataverse::metadata::ColumnKind,
    settings::document::{Choice, Mapping, TooLong},
};

/// What a mapping says about its conversion.
#[derive(Debug, Clone, PartialEq)]
pub struct How {
    pub too_long: TooLong,
    /// Source values in lower case, and the option for each.
    pub values: Vec<(String, Choice)>,
    pub otherwise: Option<Choice>,
    pub zone: TimeZone,
}

/// Why a value does not fit its column. It never quotes the value, which may be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Unconvertible {
    #[error("the value is longer than the {max} characters of the column")]
    TooLong { max: usize },
    #[error("the value is no option of the column; map it in `values`, or set `otherwise`")]
    NoOption,
    #[error("several values do not fit a column that holds one")]
    Several,
    #[error("the value is not yes or no")]
    NotYesNo,
    #[error("the value is not a whole number")]
    NotWhole,
    #[error("the value is not a number with a point for its decimals and nothing between thousands")]
    NotNumber,
    #[error("the value is outside the bounds of the column")]
    OutOfBounds,
    #[error("the value is not a date, as in 2026-05-12")]
    NotDate,
    #[error("the value is not a date and time, as in 2026-05-12T09:00:00Z")]
    NotTime,
    #[error("the value is not a unique identifier")]
    NotId,
    #[error("the connector does not write columns of this type")]
    UnknownType,
}

impl How {
    pub fn of(mapping: &Mapping) -> Self {
        let zone = mapping.time_zone.as_deref().and_then(|zone| TimeZone::get(zone).ok()).unwrap_or(TimeZone::UTC);
        let lower = |(from, to): (&String, &Choice)| (from.trim().to_lowercase(), to.clone());
        let values = mapping.values.iter().map(lower).collect();
        Self { too_long: mapping.too_long, values, otherwise: mapping.otherwise.clone(), zone }
    }
}

/// The value as the column takes it; `None` where nothing is stated.
///
/// # Errors
/// Why it does not fit.
pub fn convert(stated: &Value, kind: &ColumnKind, how: &How) -> Result<Option<Value>, Unconvertible> {
    let Some(text) = as_text(stated).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let value: Value = match kind {
        ColumnKind::Text { max } | ColumnKind::Memo { max } => return fit(&text, *max, how.too_long),
        ColumnKind::Choice(options) => choice::one(stated, options, how)?.into(),
        ColumnKind::MultiChoice(options) => match choice::several(stated, options, how)? {
            none if none.is_empty() => return Ok(None),
            some => some.into(),
        },
        ColumnKind::YesNo { yes, no } => choice::yes_no(&text, yes, no, how)?.into(),
        ColumnKind::Whole { min, max } => number::whole(&text, *min, *max)?.into(),
        ColumnKind::Decimal { min, max, precision } => number::decimal(&text, *min, *max, *precision)?,
        ColumnKind::DateOnly => time::date(&text, &how.zone)?.into(),
        ColumnKind::DateTime { independent } => time::date_time(&text, &how.zone, *independent)?.into(),
        ColumnKind::UniqueId => Uuid::parse_str(&text).map_err(|_| Unconvertible::NotId)?.to_string().into(),
        // The text that names the row; which row that is, the CRM knows.
        ColumnKind::Lookup => text.into(),
        ColumnKind::Other(_) => return Err(Unconvertible::UnknownType),
    };
    Ok(Some(value))
}

/// The whole value as the column takes it, as no mapping says otherwise: nothing is cut, and nothing stands for anything else.
///
/// # Errors
/// Why it does not fit.
pub fn exact(stated: &Value, kind: &ColumnKind) -> Result<Option<Value>, Unconvertible> {
    static EXACT: How = How { too_long: TooLong::Refuse, values: Vec::new(), otherwise: None, zone: TimeZone::UTC };
    convert(stated, kind, &EXACT)
}

fn fit(text: &str, max: usize, too_long: TooLong) -> Result<Option<Value>, Unconvertible> {
    if too_long == TooLong::Refuse && text.encode_utf16().count() > max {
        return Err(Unconvertible::TooLong { max });
    }
    Ok(cut(text, max).map(Value::from))
}

/// Trims and cuts at a character; `None` when nothing is left. The length counts as the platform counts: in UTF-16 code units.
pub fn cut(text: &str, max: usize) -> Option<String> {
    let mut room = max;
    let fits = |c: &char| {
        let left = room.checked_sub(c.len_utf16());
        room = left.unwrap_or(room);
        left.is_some()
    };
    let cut: String = text.trim().chars().take_while(fits).collect();
    let cut = cut.trim_end();
    (!cut.is_empty()).then(|| cut.to_owned())
}

/// Several values are joined by `; `.
pub fn as_text(stated: &Value) -> Option<String> {
    match stated {
        Value::Null | Value::Object(_) => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(several) => Some(several.iter().filter_map(as_text).collect::<Vec<_>>().join("; ")),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_trimmed_cut_and_never_blank() {
        assert_eq!(cut("  Ana ", 50).as_deref(), Some("Ana"));
        assert_eq!(cut("äöü xyz", 4).as_deref(), Some("äöü"));
        assert_eq!(cut("a😀b", 2).as_deref(), Some("a"));
        assert_eq!(cut(" \t", 50), None);
        assert_eq!(as_text(&json!(["a", 1, null])).as_deref(), Some("a; 1"));
    }

    #[test]
    fn text_and_unique_ids() {
        let how = tests_how();
        let refuse = How { too_long: TooLong::Refuse, ..how.clone() };
        let text = ColumnKind::Text { max: 5 };
        for (stated, how, expected) in [
            (json!("  Ana  "), &how, Ok(Some(json!("Ana")))),
            (json!("abcdefg"), &how, Ok(Some(json!("abcde")))),
            (json!("abcdefg"), &refuse, Err(Unconvertible::TooLong { max: 5 })),
            (json!("😀😀😀"), &how, Ok(Some(json!("😀😀")))),
            (json!("😀😀😀"), &refuse, Err(Unconvertible::TooLong { max: 5 })),
            (json!("abcde"), &refuse, Ok(Some(json!("abcde")))),
            (json!(true), &how, Ok(Some(json!("true")))),
            (json!(12.50), &how, Ok(Some(json!("12.5")))),
            (json!(["a", "b"]), &how, Ok(Some(json!("a; b")))),
            (json!(""), &refuse, Ok(None)),
            (json!(" \n\t"), &how, Ok(None)),
            (json!(null), &how, Ok(None)),
            (json!([]), &how, Ok(None)),
            (json!({}), &how, Ok(None)),
        ] {
            assert_eq!(convert(&stated, &text, how), expected, "{stated}");
        }
        let id = |text: &str| convert(&json!(text), &ColumnKind::UniqueId, &how);
        let expected = Ok(Some(json!("6f2f66a5-3a44-4f0e-9d6b-35c1a0be77d2")));
        assert_eq!(id("6F2F66A5-3A44-4F0E-9D6B-35C1A0BE77D2"), expected);
        assert_eq!(id(" {6f2f66a5-3a44-4f0e-9d6b-35c1a0be77d2} "), expected);
        assert_eq!(id("6f2f66a5"), Err(Unconvertible::NotId));
        assert_eq!(convert(&json!("x"), &ColumnKind::Other("Lookup".into()), &how), Err(Unconvertible::UnknownType));
    }

    /// A mapping that says nothing special.
    pub(super) fn tests_how() -> How {
        How { too_long: TooLong::Cut, values: Vec::new(), otherwise: None, zone: TimeZone::UTC }
    }
}
