//! What stands in InEvent's answers: objects whose values are all text, even numbers and flags ("All values are always sent as
//! Strings (cast)", developers.inevent.com, data types). Numbers and flags as such are read as well.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::SourceTime;

/// Beyond this a time counts milliseconds, not seconds: in seconds it would be the year 5138.
const MILLISECONDS: i64 = 100_000_000_000;

/// One object of an answer, or of a webhook's body.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Row(pub Map<String, Value>);

impl Row {
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field)
    }

    /// The first of these fields that says something, as text.
    pub fn text(&self, fields: &[&str]) -> Option<String> {
        fields.iter().find_map(|field| text(self.0.get(*field)?))
    }

    /// An id: a number in text, that is not 0.
    pub fn id(&self, fields: &[&str]) -> Option<String> {
        self.text(fields).filter(|id| id != "0")
    }

    pub fn number(&self, fields: &[&str]) -> Option<f64> {
        self.text(fields)?.parse().ok().filter(|number: &f64| number.is_finite())
    }

    pub fn flag(&self, fields: &[&str]) -> Option<bool> {
        fields.iter().find_map(|field| flag(self.0.get(*field)?))
    }

    pub fn time(&self, fields: &[&str]) -> Option<SourceTime> {
        fields.iter().find_map(|field| time(self.0.get(*field)?))
    }
}

/// Rows are about people: only the names of the fields are printed.
impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl TryFrom<Value> for Row {
    type Error = ();

    fn try_from(value: Value) -> Result<Self, ()> {
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(()),
        }
    }
}

/// Text that says something: not blank. Numbers and flags are spelled as InEvent does.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(u8::from(*flag).to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// "Boolean values are always stored as 0 or 1" (same page).
pub fn flag(value: &Value) -> Option<bool> {
    match text(value)?.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" => Some(true),
        "0" | "false" | "no" => Some(false),
        _ => None,
    }
}

/// Unix seconds ("always stored as Unix timestamps", same page) or milliseconds (FAQ on webhooks); RFC 3339 as well. 0 is no time.
pub fn time(value: &Value) -> Option<SourceTime> {
    let text = text(value)?;
    let at = match text.parse::<i64>() {
        Ok(0) => return None,
        Ok(count) if count.unsigned_abs() >= MILLISECONDS.unsigned_abs() => Timestamp::from_millisecond(count).ok()?,
        Ok(count) => Timestamp::from_second(count).ok()?,
        Err(_) => match text.parse::<f64>() {
            Ok(seconds) if seconds.is_finite() && seconds > 0.0 && seconds < MILLISECONDS as f64 => {
                Timestamp::from_millisecond((seconds * 1_000.0) as i64).ok()?
            }
            Ok(_) => return None,
            Err(_) => text.parse().ok()?,
        },
    };
    SourceTime::new(at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_are_read_however_they_are_spelled() {
        let time = |value: Value| time(&value).map(|time| time.timestamp().as_millisecond());
        for (value, expected) in [
            (json!("1632854490"), Some(1_632_854_490_000)),
            (json!(1_632_854_490), Some(1_632_854_490_000)),
            (json!(1_632_854_490_123_i64), Some(1_632_854_490_123)),
            (json!("1632854490.5"), Some(1_632_854_490_500)),
            (json!("2021-09-28T18:41:30Z"), Some(1_632_854_490_000)),
            (json!("0"), None),
            (json!(""), None),
            (json!("soon"), None),
            (json!("-5"), None),
            (json!("9e999"), None),
            (json!(null), None),
        ] {
            assert_eq!(time(value.clone()), expected, "{value}");
        }
        let row = Row::try_from(json!({ "a": "", "b": 7, "c": true, "d": "0", "e": " x ", "f": [1] })).unwrap();
        assert_eq!(row.text(&["a", "b"]).as_deref(), Some("7"));
        assert_eq!((row.flag(&["c"]), row.flag(&["d"]), row.flag(&["e"])), (Some(true), Some(false), None));
        assert_eq!((row.text(&["e"]).as_deref(), row.text(&["f"]), row.id(&["d"])), (Some("x"), None, None));
        assert_eq!(format!("{row:?}"), r#"{"a", "b", "c", "d", "e", "f"}"#);
    }
}
