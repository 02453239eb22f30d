//! Spans of time that query operators name (`last-x-days`, `this-month`, `on`…). Days are those of UTC, weeks begin on
//! Sunday, fiscal years are calendar years and fiscal periods are quarters.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};

/// Seconds since 1970 from the first inclusive to the second exclusive; `None` is open.
pub(super) type Range = (Option<i64>, Option<i64>);

/// Midnight.
fn start(date: Date) -> Option<i64> {
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

/// The day in which a point in time lies.
pub(super) fn day_of(time: i64) -> Option<Date> {
    Some(Timestamp::from_second(time).ok()?.to_zoned(TimeZone::UTC).date())
}

fn from_to(from: Date, length: Span) -> Option<Range> {
    Some((Some(start(from)?), Some(start(from.checked_add(length).ok()?)?)))
}

fn first_of_quarter(year: i16, quarter: i8) -> Option<Date> {
    (1..=4).contains(&quarter).then_some(())?;
    Date::new(year, (quarter - 1) * 3 + 1, 1).ok()
}

/// A length of time: `x` of a unit.
fn span(unit: &str, x: i64) -> Option<Span> {
    let span = Span::new();
    match unit {
        "minutes" => span.try_minutes(x),
        "hours" => span.try_hours(x),
        "days" => span.try_days(x),
        "weeks" => span.try_weeks(x),
        "months" => span.try_months(x),
        "years" | "fiscal-years" => span.try_years(x),
        "fiscal-periods" => span.try_months(x.checked_mul(3)?),
        _ => return None,
    }
    .ok()
}

/// The range that an operator without a date means; `x` is its number, if it has one.
pub(super) fn range(operator: &str, x: i64, now: i64) -> Option<Range> {
    let today = day_of(now)?;
    let week = today.checked_sub(i64::from(today.weekday().to_sunday_zero_offset()).days()).ok()?;
    let month = today.first_of_month();
    let year = today.first_of_year();
    let quarter = first_of_quarter(today.year(), (today.month() - 1) / 3 + 1)?;
    let moved = |date: Date, span: Span| date.checked_add(span).ok();
    match operator {
        "today" => from_to(today, 1.day()),
        "yesterday" => from_to(today.yesterday().ok()?, 1.day()),
        "tomorrow" => from_to(today.tomorrow().ok()?, 1.day()),
        "last-seven-days" => Some((Some(start(moved(today, -7.days())?)?), Some(now + 1))),
        "next-seven-days" => Some((Some(now + 1), Some(start(moved(today, 8.days())?)?))),
        "last-week" => from_to(moved(week, -1.weeks())?, 1.week()),
        "this-week" => from_to(week, 1.week()),
        "next-week" => from_to(moved(week, 1.week())?, 1.week()),
        "last-month" => from_to(moved(month, -1.months())?, 1.month()),
        "this-month" => from_to(month, 1.month()),
        "next-month" => from_to(moved(month, 1.month())?, 1.month()),
        "last-year" | "last-fiscal-year" => from_to(moved(year, -1.years())?, 1.year()),
        "this-year" | "this-fiscal-year" => from_to(year, 1.year()),
        "next-year" | "next-fiscal-year" => from_to(moved(year, 1.year())?, 1.year()),
        "last-fiscal-period" => from_to(moved(quarter, -3.months())?, 3.months()),
        "this-fiscal-period" => from_to(quarter, 3.months()),
        "next-fiscal-period" => from_to(moved(quarter, 3.months())?, 3.months()),
        "in-fiscal-year" => from_to(Date::new(i16::try_from(x).ok()?, 1, 1).ok()?, 1.year()),
        _ => {
            if let Some(unit) = operator.strip_prefix("last-x-") {
                let from = match unit {
                    "hours" => now.checked_sub(x.checked_mul(3600)?)?,
                    _ => start(moved(today, span(unit, x.checked_neg()?)?)?)?,
                };
                return Some((Some(from), Some(now + 1)));
            }
            if let Some(unit) = operator.strip_prefix("next-x-") {
                let to = match unit {
                    "hours" => now.checked_add(x.checked_mul(3600)?)?.checked_add(1)?,
                    _ => start(moved(today, span(unit, x)?)?.tomorrow().ok()?)?,
                };
                return Some((Some(now + 1), Some(to)));
            }
            let unit = operator.strip_prefix("olderthan-x-")?;
            let now = Timestamp::from_second(now).ok()?.to_zoned(TimeZone::UTC);
            let limit = now.checked_sub(span(unit, x)?).ok()?;
            Some((None, Some(limit.timestamp().as_second())))
        }
    }
}

/// The range that an operator means with a day.
pub(super) fn around(operator: &str, day: Date) -> Option<Range> {
    let (from, to) = from_to(day, 1.day())?;
    match operator {
        "on" => Some((from, to)),
        "on-or-after" => Some((from, None)),
        "on-or-before" => Some((None, to)),
        _ => None,
    }
}

/// The range of a fiscal period of a year, or what lies before or after its end or beginning.
pub(super) fn fiscal(operator: &str, period: i64, year: i64) -> Option<Range> {
    let first = first_of_quarter(i16::try_from(year).ok()?, i8::try_from(period).ok()?)?;
    let (from, to) = from_to(first, 3.months())?;
    match operator {
        "in-fiscal-period-and-year" => Some((from, to)),
        "in-or-after-fiscal-period-and-year" => Some((from, None)),
        "in-or-before-fiscal-period-and-year" => Some((None, to)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{around, day_of, fiscal, range};
    use crate::value::{format_time, parse_time};

    fn shown(range: super::Range) -> (String, String) {
        let show = |bound: Option<i64>| bound.map_or_else(String::new, format_time);
        (show(range.0), show(range.1))
    }

    /// A Wednesday in the fourth quarter.
    const NOW: &str = "2026-11-25T10:30:00Z";

    #[test]
    fn spans_of_time_begin_and_end_where_people_expect() {
        for (operator, x, from, to) in [
            ("today", 0, "2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z"),
            ("yesterday", 0, "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"),
            ("this-week", 0, "2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z"),
            ("last-month", 0, "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"),
            ("next-month", 0, "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("last-x-days", 3, "2026-11-22T00:00:00Z", "2026-11-25T10:30:01Z"),
            ("last-x-hours", 2, "2026-11-25T08:30:00Z", "2026-11-25T10:30:01Z"),
            ("next-x-months", 1, "2026-11-25T10:30:01Z", "2026-12-26T00:00:00Z"),
            ("olderthan-x-weeks", 1, "", "2026-11-18T10:30:00Z"),
            ("this-fiscal-period", 0, "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("in-fiscal-year", 2024, "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        ] {
            let found = range(operator, x, parse_time(NOW).unwrap()).unwrap();
            assert_eq!(shown(found), (from.to_owned(), to.to_owned()), "{operator} {x}");
        }
        let day = day_of(parse_time(NOW).unwrap()).unwrap();
        assert_eq!(shown(around("on-or-before", day).unwrap()), (String::new(), "2026-11-26T00:00:00Z".to_owned()));
        assert_eq!(shown(fiscal("in-fiscal-period-and-year", 2, 2025).unwrap()).0, "2025-04-01T00:00:00Z");
    }

    #[test]
    fn absurd_numbers_are_refused() {
        for unit in ["hours", "days", "weeks", "months", "years", "fiscal-periods"] {
            for direction in ["last-x-", "next-x-", "olderthan-x-"] {
                assert!(range(&format!("{direction}{unit}"), i64::MAX, 0).is_none());
                assert!(range(&format!("{direction}{unit}"), i64::MIN, 0).is_none());
            }
        }
    }
}
