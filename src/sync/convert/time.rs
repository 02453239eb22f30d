//! Dates, and dates with times.

use jiff::{Timestamp, civil, tz::TimeZone};

use super::Unconvertible;
use crate::sync::rows::instant;

/// What the platform keeps begins here.
const FIRST: civil::Date = civil::date(1753, 1, 1);
const LAST: civil::Date = civil::date(9999, 12, 30);

/// What was stated: an instant, or what a clock on some wall showed.
enum Stated {
    Instant(Timestamp),
    Wall(civil::DateTime),
}

fn read(text: &str) -> Option<Stated> {
    // By its form: jiff reads a date and time with an offset as one without, and forgets the offset.
    let time = text.get(10..).unwrap_or_default();
    if time.contains(['Z', 'z', '+', '-', '[']) {
        return text.parse().ok().map(Stated::Instant);
    }
    let well_formed = text.as_bytes().get(4) == Some(&b'-') && text.as_bytes().get(7) == Some(&b'-');
    well_formed.then(|| text.parse().ok().map(Stated::Wall))?
}

/// `2026-05-12`: of a date what it says, of an instant the day that it is in the zone.
pub(super) fn date(text: &str, zone: &TimeZone) -> Result<String, Unconvertible> {
    let date = match read(text).ok_or(Unconvertible::NotDate)? {
        Stated::Instant(instant) => zone.to_datetime(instant).date(),
        Stated::Wall(wall) => wall.date(),
    };
    bounded(date)?;
    Ok(date.to_string())
}

/// `2026-05-12T09:00:00Z`: what a wall clock shows is taken to be in the zone, a date alone is its midnight there. A column that is
/// independent of time zones keeps what the wall clock of the zone shows.
pub(super) fn date_time(text: &str, zone: &TimeZone, independent: bool) -> Result<String, Unconvertible> {
    let stated = read(text).ok_or(Unconvertible::NotTime)?;
    let timestamp = match stated {
        Stated::Instant(timestamp) if independent => utc(zone.to_datetime(timestamp))?,
        Stated::Instant(timestamp) => timestamp,
        Stated::Wall(wall) if independent => utc(wall)?,
        // Of an hour that a change of clocks skips or repeats: the time that follows, and the first.
        Stated::Wall(wall) => zone.to_timestamp(wall).map_err(|_| Unconvertible::NotTime)?,
    };
    bounded(TimeZone::UTC.to_datetime(timestamp).date())?;
    Ok(instant(timestamp))
}

fn utc(wall: civil::DateTime) -> Result<Timestamp, Unconvertible> {
    TimeZone::UTC.to_timestamp(wall).map_err(|_| Unconvertible::NotTime)
}

fn bounded(date: civil::Date) -> Result<(), Unconvertible> {
    if (FIRST..=LAST).contains(&date) { Ok(()) } else { Err(Unconvertible::OutOfBounds) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        dataverse::metadata::ColumnKind,
        sync::convert::{How, convert, tests::tests_how},
    };

    fn told(kind: &ColumnKind, zone: &str, stated: &Value) -> Result<String, Unconvertible> {
        let how = How { zone: TimeZone::get(zone).unwrap(), ..tests_how() };
        convert(stated, kind, &how).map(|value| value.unwrap().as_str().unwrap().to_owned())
    }

    #[test]
    fn dates() {
        for (stated, zone, expected) in [
            ("2026-05-12", "America/Sao_Paulo", Ok("2026-05-12")),
            ("2026-05-12T23:30:00", "Asia/Tokyo", Ok("2026-05-12")),
            ("2026-05-12T01:30:00Z", "America/Sao_Paulo", Ok("2026-05-11")),
            ("2026-05-12T23:30:00-03:00", "UTC", Ok("2026-05-13")),
            ("2024-02-29", "UTC", Ok("2024-02-29")),
            ("2026-02-29", "UTC", Err(Unconvertible::NotDate)),
            ("12/05/2026", "UTC", Err(Unconvertible::NotDate)),
            ("12.05.2026", "UTC", Err(Unconvertible::NotDate)),
            ("20260512", "UTC", Err(Unconvertible::NotDate)),
            ("tomorrow", "UTC", Err(Unconvertible::NotDate)),
            ("é026-05-12T09:00Z", "UTC", Err(Unconvertible::NotDate)),
            ("1752-12-31", "UTC", Err(Unconvertible::OutOfBounds)),
            ("0000-00-00", "UTC", Err(Unconvertible::NotDate)),
            ("9999-12-31", "UTC", Err(Unconvertible::OutOfBounds)),
        ] {
            let found = told(&ColumnKind::DateOnly, zone, &json!(stated));
            assert_eq!(found, expected.map(str::to_owned), "{stated} {zone}");
        }
        assert_eq!(told(&ColumnKind::DateOnly, "UTC", &json!(1_778_576_400)), Err(Unconvertible::NotDate));
    }

    #[test]
    fn dates_with_times() {
        let local = ColumnKind::DateTime { independent: false };
        let independent = ColumnKind::DateTime { independent: true };
        for (kind, stated, zone, expected) in [
            (&local, "2026-05-12T09:00:00Z", "Asia/Tokyo", Ok("2026-05-12T09:00:00Z")),
            (&local, "2026-05-12T09:00:00.999-03:00", "UTC", Ok("2026-05-12T12:00:00Z")),
            (&local, "2026-05-12 09:00:00", "America/Sao_Paulo", Ok("2026-05-12T12:00:00Z")),
            (&local, "2026-05-12", "America/Sao_Paulo", Ok("2026-05-12T03:00:00Z")),
            (&local, "2026-03-29T02:30:00", "Europe/Berlin", Ok("2026-03-29T01:30:00Z")),
            (&local, "2026-10-25T02:30:00", "Europe/Berlin", Ok("2026-10-25T00:30:00Z")),
            (&independent, "2026-05-12T09:00:00", "America/Sao_Paulo", Ok("2026-05-12T09:00:00Z")),
            (&independent, "2026-05-12T12:00:00Z", "America/Sao_Paulo", Ok("2026-05-12T09:00:00Z")),
            (&local, "2026-05-12T25:00:00Z", "UTC", Err(Unconvertible::NotTime)),
            (&local, "09:00", "UTC", Err(Unconvertible::NotTime)),
            (&local, "1600-01-01T00:00:00Z", "UTC", Err(Unconvertible::OutOfBounds)),
        ] {
            assert_eq!(told(kind, zone, &json!(stated)), expected.map(str::to_owned), "{stated} {zone}");
        }
    }
}
