//! How the real host writes times and scalars. Its runtime is .NET, and a handler that parses strictly sees the difference.

use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

/// Seconds since 1970 of a moment that is later than .NET's smallest time and earlier than anything the host records.
pub(super) const NEVER_BEFORE: i64 = -60_000_000_000;

/// `2026-11-22T20:47:00.0071218+00:00`: up to seven digits of fraction, without trailing zeros; `None` is .NET's smallest time.
pub(super) fn local_time(at: Option<Timestamp>) -> String {
    match at {
        Some(at) => format!("{}+00:00", civil(at)),
        None => "0001-01-01T00:00:00+00:00".to_owned(),
    }
}

/// `2026-11-22T20:49:57.7831107Z`.
pub(super) fn utc_time(at: Timestamp) -> String {
    format!("{}Z", civil(at))
}

/// `2026-11-29T20:49:56+00:00`: the times of a queue message have no fraction.
pub(super) fn whole_seconds(at: Timestamp) -> String {
    format!("{}+00:00", at.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// `Sun, 22 Nov 2026 20:47:12 GMT`.
pub(super) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn civil(at: Timestamp) -> String {
    let ticks = TimeZone::UTC.to_datetime(at).subsec_nanosecond() / 100;
    let fraction = match ticks {
        0 => String::new(),
        ticks => format!(".{ticks:07}").trim_end_matches('0').to_owned(),
    };
    format!("{}{fraction}", at.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// A JSON value as text, as `JToken.ToString()` gives it: strings bare, objects and arrays indented, booleans capitalised,
/// null empty.
pub(super) fn token(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => format!("{value:#}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_written_as_dotnet_writes_them() {
        let at = |nanos| Timestamp::new(1_795_380_597, nanos).unwrap_or_default();
        assert_eq!(utc_time(at(783_110_700)), "2026-11-22T20:49:57.7831107Z");
        assert_eq!(utc_time(at(821_691_000)), "2026-11-22T20:49:57.821691Z");
        assert_eq!(utc_time(at(0)), "2026-11-22T20:49:57Z");
        assert_eq!(local_time(Some(at(7_121_800))), "2026-11-22T20:49:57.0071218+00:00");
        assert_eq!(whole_seconds(at(783_110_700)), "2026-11-22T20:49:57+00:00");
        assert_eq!(http_date(at(0)), "Sun, 22 Nov 2026 20:49:57 GMT");
    }

    #[test]
    fn values_are_written_as_newtonsoft_writes_them() {
        assert_eq!(token(&json!({"a": 1, "b": ["x"]})), "{\n  \"a\": 1,\n  \"b\": [\n    \"x\"\n  ]\n}");
        assert_eq!(token(&json!(true)), "True");
        assert_eq!(token(&json!(42)), "42");
        assert_eq!(token(&json!({})), "{}");
        assert_eq!(token(&Value::Null), "");
    }
}
