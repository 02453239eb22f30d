//! The time at which the source says that something happened.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// When something happened, by InEvent's clock: nanoseconds since 1970, never before.
///
/// Its text form for the CRM ([`SourceTime::digits`]) is 19 digits, so that text order is time order and the
/// Web API, which rewrites values that look like dates, leaves it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceTime(i64);

/// Digits of the fixed-width form.
pub const DIGITS: usize = 19;

impl SourceTime {
    /// The source time at this instant, or `None` outside 1970 to 2261.
    pub fn new(at: Timestamp) -> Option<Self> {
        i64::try_from(at.as_nanosecond()).ok().filter(|nanos| *nanos >= 0).map(Self)
    }

    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The fixed-width form: 19 digits.
    pub fn digits(self) -> String {
        format!("{:0width$}", self.0, width = DIGITS)
    }

    /// Reads the fixed-width form.
    pub fn from_digits(text: &str) -> Option<Self> {
        (text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok().map(Self))?
    }
}

impl fmt::Display for SourceTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(f)
    }
}

impl Serialize for SourceTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SourceTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Timestamp::from_str(&text)
            .ok()
            .and_then(Self::new)
            .ok_or_else(|| serde::de::Error::custom("expected an RFC 3339 time with offset, from 1970 on"))
    }
}

impl schemars::JsonSchema for SourceTime {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SourceTime".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_order_is_time_order() {
        let of = |text: &str| SourceTime::new(text.parse().unwrap()).unwrap();
        let (early, late) = (of("1970-01-01T00:00:00Z"), of("2026-05-12T09:00:00.000000001Z"));
        assert!(early.digits() < late.digits());
        assert_eq!(SourceTime::from_digits(&late.digits()), Some(late));
        assert_eq!(late.digits(), "1778576400000000001");
        assert_eq!(SourceTime::from_digits("177857640000000000x"), None);
        assert_eq!(SourceTime::new("1969-12-31T23:59:59Z".parse().unwrap()), None);
    }
}
