//! Times as people give them on a command line.

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp, civil::Date, tz::TimeZone};

/// A time, a day in UTC, or how long ago it was.
///
/// # Errors
/// What it may be.
pub(super) fn since(text: &str) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Some(day) = text.parse::<Date>().ok().and_then(|day| day.to_zoned(TimeZone::UTC).ok()) {
        return Ok(day.timestamp());
    }
    let ago = text.parse::<Span>().ok().and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    ago.map(SignedDuration::abs)
        .and_then(|ago| Timestamp::now().checked_sub(ago).ok())
        .ok_or_else(|| "not a time (2026-11-22T09:00:00Z), a day (2026-11-22) or how long ago (2d, 12h)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_their_forms() {
        let day = since("2026-11-22").unwrap();
        assert_eq!(day, since("2026-11-22T00:00:00Z").unwrap());
        let ago = Timestamp::now().duration_since(since("2d").unwrap());
        assert!((ago.as_secs() - 2 * 86_400).abs() < 5);
        assert!(since("yesterday").is_err());
    }
}
