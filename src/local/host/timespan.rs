//! Durations as .NET writes them: host.json and function.json hold `TimeSpan` texts.

use std::time::Duration;

/// Reads `d`, `hh:mm`, `hh:mm:ss`, `d.hh:mm:ss`, each with an optional fraction of a second after the seconds.
/// `None` for anything else, negative spans included.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    if !text.contains(':') {
        return Some(Duration::from_secs(number(text)? * 86_400));
    }
    let (first, rest) = text.split_once(':')?;
    let (days, hours) = match first.split_once('.') {
        Some((days, hours)) => (number(days)?, number(hours)?),
        None => (0, number(first)?),
    };
    let (minutes, seconds) = match rest.split_once(':') {
        Some((minutes, seconds)) => (number(minutes)?, seconds),
        None => (number(rest)?, "0"),
    };
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let seconds = number(seconds)?;
    if hours > 23 || minutes > 59 || seconds > 59 || fraction.len() > 7 {
        return None;
    }
    let nanos = if fraction.is_empty() { 0 } else { number(fraction)? * 10u64.pow(9 - fraction.len() as u32) };
    Some(Duration::new(days * 86_400 + hours * 3_600 + minutes * 60 + seconds, nanos as u32))
}

/// Writes a span as .NET's default format does: `00:05:00`, `1.00:00:00`, `00:00:00.5000000`.
pub(super) fn show(span: Duration) -> String {
    let seconds = span.as_secs();
    let days = match seconds / 86_400 {
        0 => String::new(),
        days => format!("{days}."),
    };
    let fraction = match span.subsec_nanos() / 100 {
        0 => String::new(),
        ticks => format!(".{ticks:07}"),
    };
    format!("{days}{:02}:{:02}:{:02}{fraction}", seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60)
}

fn number(digits: &str) -> Option<u64> {
    // Ten million days is the most a TimeSpan holds; the bound also keeps the arithmetic above from overflowing.
    (1..=8).contains(&digits.len()).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_dotnet_reads_them() {
        let cases = [
            ("00:00:02", Some(Duration::from_secs(2))),
            ("00:10:00", Some(Duration::from_secs(600))),
            ("00:00:00.1", Some(Duration::from_millis(100))),
            ("1.02:03:04", Some(Duration::from_secs(93_784))),
            ("01:30", Some(Duration::from_secs(5_400))),
            ("7", Some(Duration::from_secs(7 * 86_400))),
            ("-1", None),
            ("-00:00:01", None),
            ("24:00:00", None),
            ("00:60:00", None),
            ("soon", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn a_span_is_shown_as_dotnet_shows_it() {
        for text in ["00:05:00", "1.00:00:00", "00:00:00.5000000"] {
            assert_eq!(parse(text).map(show).as_deref(), Some(text));
        }
    }
}
