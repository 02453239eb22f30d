//! NCRONTAB: cron with a field for seconds first, read in UTC.
//!
//! `{second} {minute} {hour} {day} {month} {day of week}`; without the first field the second is 0. A field is `*`, a value,
//! a range `a-b`, any of them with a step `/n`, or several of those with commas. Months and days of the week may be named.
//! A day must fit both the day and the day-of-week field, which is where NCRONTAB differs from most crons.

use jiff::{Span, Timestamp, ToSpan, civil::DateTime, tz::TimeZone};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/// How far ahead an occurrence is looked for; covers 29 February on every day of the week.
const HORIZON_YEARS: i16 = 30;

/// A parsed expression. Each field is a set of allowed values, as bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NCrontab {
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
}

impl NCrontab {
    /// `None` if the text is not an expression.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut fields: Vec<&str> = text.split_whitespace().collect();
        if fields.len() == 5 {
            fields.insert(0, "0");
        }
        let [seconds, minutes, hours, days, months, weekdays] = fields[..] else { return None };
        Some(Self {
            seconds: field(seconds, 0, 59, 0, &[])?,
            minutes: field(minutes, 0, 59, 0, &[])?,
            hours: field(hours, 0, 23, 0, &[])?,
            days: field(days, 1, 31, 0, &[])?,
            months: field(months, 1, 12, 1, &MONTHS)?,
            weekdays: field(weekdays, 0, 6, 0, &DAYS)?,
        })
    }

    /// The first occurrence later than `after`; `None` if there is none in the next thirty years.
    pub(super) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let start = TimeZone::UTC.to_datetime(after);
        let whole = start.with().subsec_nanosecond(0).build().ok()?;
        let mut at = whole.checked_add(1.second()).ok()?;
        let horizon = start.year().saturating_add(HORIZON_YEARS);
        while at.year() <= horizon {
            // The largest field that does not fit moves on, and everything below it starts again.
            at = if !has(self.months, at.month()) {
                at.first_of_month().start_of_day_after(1.month())?
            } else if !has(self.days, at.day()) || !has(self.weekdays, at.weekday().to_sunday_zero_offset()) {
                at.start_of_day_after(1.day())?
            } else if !has(self.hours, at.hour()) {
                at.with().minute(0).second(0).build().ok()?.checked_add(1.hour()).ok()?
            } else if !has(self.minutes, at.minute()) {
                at.with().second(0).build().ok()?.checked_add(1.minute()).ok()?
            } else if !has(self.seconds, at.second()) {
                at.checked_add(1.second()).ok()?
            } else {
                return TimeZone::UTC.to_timestamp(at).ok();
            };
        }
        None
    }
}

trait StartOfDay {
    fn start_of_day_after(self, span: Span) -> Option<DateTime>;
}

impl StartOfDay for DateTime {
    fn start_of_day_after(self, span: Span) -> Option<DateTime> {
        Some(self.date().checked_add(span).ok()?.to_datetime(jiff::civil::Time::midnight()))
    }
}

fn has(set: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| set >> value & 1 == 1)
}

/// `names[0]` stands for the value `first_name`.
fn field(text: &str, min: u32, max: u32, first_name: u32, names: &[&str]) -> Option<u64> {
    let value = |text: &str| -> Option<u32> {
        let number = match text.parse() {
            Ok(number) => number,
            Err(_) => {
                let text = text.to_ascii_lowercase();
                let named = names.iter().position(|name| text.len() >= 3 && name.starts_with(&text))?;
                named as u32 + first_name
            }
        };
        (min..=max).contains(&number).then_some(number)
    };
    let mut set = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (value(from)?, value(to)?),
            None if range == "*" => (min, max),
            // A single value with a step runs to the end of the field.
            None => (value(range)?, if part.contains('/') { max } else { value(range)? }),
        };
        if from > to {
            return None;
        }
        for number in (from..=to).step_by(step) {
            set |= 1 << number;
        }
    }
    Some(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(expression: &str, after: &str) -> Option<String> {
        let Ok(after) = after.parse() else { panic!("{after}") };
        let Some(expression) = NCrontab::parse(expression) else { panic!("{expression}") };
        expression.next(after).map(|at| at.to_string())
    }

    #[test]
    fn the_next_occurrence_is_later_than_the_moment_given() {
        let cases = [
            ("0 */5 * * * *", "2026-11-22T20:47:00.5Z", "2026-11-22T20:50:00Z"),
            ("0 */5 * * * *", "2026-11-22T20:50:00Z", "2026-11-22T20:55:00Z"),
            ("0 */5 * * * *", "2026-11-22T20:49:59.999Z", "2026-11-22T20:50:00Z"),
            ("*/10 * * * * *", "2026-11-22T20:49:51Z", "2026-11-22T20:50:00Z"),
            ("0 30 9 * * Mon-Fri", "2026-11-21T10:00:00Z", "2026-11-23T09:30:00Z"),
            ("0 0 0 1 jan,July *", "2026-11-22T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("0 0 0 29 2 *", "2026-11-22T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("0 0 0 13 * 5", "2026-11-22T00:00:00Z", "2027-08-13T00:00:00Z"),
            ("15,45 59 23 31 12 *", "2026-12-31T23:59:15Z", "2026-12-31T23:59:45Z"),
            ("0 5/20 8-10/2 * * 0", "2026-11-22T08:45:00Z", "2026-11-22T10:05:00Z"),
            ("*/5 * * * *", "2026-11-22T20:47:00Z", "2026-11-22T20:50:00Z"),
        ];
        for (expression, after, expected) in cases {
            assert_eq!(next(expression, after).as_deref(), Some(expected), "{expression} after {after}");
        }
    }

    #[test]
    fn a_day_that_never_comes_has_no_occurrence() {
        assert_eq!(next("0 0 0 30 2 *", "2026-11-22T00:00:00Z"), None);
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in [
            "",
            "* * * *",
            "60 * * * * *",
            "0 0 0 0 * *",
            "0 0 0 * * 7",
            "*/0 * * * * *",
            "0 0 0 * foo *",
            "5-1 * * * * *",
        ] {
            assert_eq!(NCrontab::parse(text), None, "{text}");
        }
    }
}
