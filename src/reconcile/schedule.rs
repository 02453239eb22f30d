//! When an event is looked at, and how thoroughly.

use jiff::{SignedDuration, Timestamp};

use super::cursor::Cursor;
use crate::{
    model::{Occasion, SourceTime},
    settings::document::Reconcile,
};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// A pass takes at most one part in so many of the time.
const SHARE: i32 = 4;

/// One look at an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Look {
    /// Only who was changed since; `None`: everybody, and who is missing is noticed.
    pub since: Option<SourceTime>,
    /// Everything is stated as it is now, for rows to be as changed settings say. Otherwise only what is news.
    pub restate: bool,
}

impl Look {
    /// Everybody; only what is news is told.
    pub const WHOLE: Self = Self { since: None, restate: false };
}

/// The look that is due now, if any.
pub fn due(event: &Occasion, cursor: &Cursor, settings: &Reconcile, now: Timestamp) -> Option<Look> {
    if !settings.enabled || is_past(event, cursor, settings, now) || is_far(event, settings, now) {
        return None;
    }
    let since =
        |before: SignedDuration, then: Option<Timestamp>| then.is_none_or(|then| now.duration_since(then) >= before);
    let ended = cursor.ended || event.end.is_some_and(|end| end <= now);
    // The first look, one every day, and until it is closed one after the other once it is over.
    let daily = since(DAY, cursor.whole);
    let closes = ended && !cursor.closed && since(MINUTE * 10, cursor.whole);
    if daily || closes {
        // What failed just now is not tried at once again.
        return since(MINUTE, cursor.tried).then_some(Look::WHOLE);
    }
    let interval = interval(event, now).max(SignedDuration::from_secs(i64::from(cursor.took)) * SHARE);
    if !since(interval, cursor.passed) || !since(MINUTE, cursor.tried) {
        return None;
    }
    let overlap = HOUR * i32::from(settings.overlap_hours);
    let from = cursor.seen.and_then(|seen| SourceTime::new(seen.timestamp() - overlap));
    Some(Look { since: from, restate: false })
}

/// Whether nothing more is expected of the event.
fn is_past(event: &Occasion, cursor: &Cursor, settings: &Reconcile, now: Timestamp) -> bool {
    let Some(end) = event.end else { return false };
    // An event that was over before anybody looked is for a backfill to bring in.
    now > end + HOUR * i32::from(settings.grace_hours) && (cursor.closed || cursor.whole.is_none() && !cursor.ended)
}

fn is_far(event: &Occasion, settings: &Reconcile, now: Timestamp) -> bool {
    event.begin.is_some_and(|begin| now < begin - DAY * i32::from(settings.days_before))
}

/// How often is looked for what changed: the closer the event, the more often.
fn interval(event: &Occasion, now: Timestamp) -> SignedDuration {
    let Some(begin) = event.begin else { return HOUR * 6 };
    let ahead = begin.duration_since(now);
    let over = event.end.is_some_and(|end| now > end + HOUR);
    match ahead {
        _ if over => HOUR,
        ahead if ahead > DAY * 30 => HOUR * 12,
        ahead if ahead > DAY * 7 => HOUR * 4,
        ahead if ahead > DAY => HOUR,
        ahead if ahead > HOUR * 2 => MINUTE * 20,
        _ => MINUTE * 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: i64 = 1_800_000_000;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(BEGIN + hours * 3_600).unwrap()
    }

    fn event() -> Occasion {
        Occasion { id: "1".into(), name: None, begin: Some(at(0)), end: Some(at(8)), tracks: Default::default() }
    }

    /// A cursor that made a pass, and a whole one, so many hours after the event began.
    fn looked(passed: i64, whole: i64) -> Cursor {
        Cursor {
            passed: Some(at(passed)),
            whole: Some(at(whole)),
            seen: SourceTime::new(at(passed)),
            ..Cursor::default()
        }
    }

    #[test]
    fn looks_come_closer_with_the_event() {
        let settings = Reconcile::default();
        let whole = Some(Look::WHOLE);
        let changed = |hour: i64| Some(Look { since: SourceTime::new(at(hour - 48)), restate: false });
        for (what, cursor, now, expected) in [
            ("never seen", Cursor::default(), at(-24 * 100), whole),
            ("too far ahead", Cursor::default(), at(-24 * 200), None),
            ("three months ahead", looked(-24 * 90, -24 * 90), at(-24 * 90 + 11), None),
            ("three months ahead, half a day later", looked(-24 * 90, -24 * 90), at(-24 * 90 + 13), changed(-24 * 90)),
            ("a day later everybody", looked(-24 * 90 + 20, -24 * 90), at(-24 * 90 + 24), whole),
            ("while it is on", looked(1, 0), at(2), changed(1)),
            ("over and not closed", looked(7, 0), at(8), whole),
            ("closed", Cursor { closed: true, ..looked(8, 8) }, at(10), changed(8)),
            ("grace is over", Cursor { closed: true, ..looked(70, 70) }, at(81), None),
            ("grace is over and it was never closed", looked(70, 70), at(81), whole),
            ("over before anybody looked", Cursor::default(), at(81), None),
            ("tried just now", Cursor { tried: Some(at(8)), ..looked(7, 0) }, at(8), None),
            ("said to be over early", Cursor { ended: true, ..looked(4, 4) }, at(5), whole),
        ] {
            assert_eq!(due(&event(), &cursor, &settings, now), expected, "{what}");
        }
        assert_eq!(due(&event(), &Cursor::default(), &Reconcile { enabled: false, ..settings.clone() }, at(0)), None);
        // A pass of two hours is not made every five minutes.
        let long = Cursor { took: 7_200, ..looked(1, 0) };
        assert_eq!(due(&event(), &long, &settings, at(6)), None);
        assert_eq!(due(&event(), &long, &settings, at(9)), whole);
    }
}
