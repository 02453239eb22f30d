//! Whether an activity is still to be done: open until it is settled who was there, then completed; canceled with the registration.

use crate::{
    model::attendance::State,
    settings::document::Level,
    sync::{
        activity::ActivityRules,
        rows::{Details, Form, Life},
    },
};

/// What becomes of a row; `None` where the settings leave that to people.
///
/// A row is settled when its event or session is over. That is known from a closing, or from anything that was said of the row after
/// the end; never from a clock, so that the same statements settle the same rows. A row of the platform's own tables, of which nobody
/// can tell by its event that it is there, is settled as soon as the participant was.
pub fn target(state: &State, details: &Details, rules: &ActivityRules) -> Option<Life> {
    if rules.leave_open {
        return None;
    }
    let outcome = state.outcome();
    let latest = state.latest().max(details.ledger.latest());
    let over = state.presence.over() || details.ends.is_some_and(|ends| latest >= Some(ends));
    let settled = match rules.table.form {
        Form::Stamped => over && (outcome.attendance.is_some() || rules.level == Level::Registrations),
        Form::Plain => outcome.attendance.is_some(),
    };
    Some(match settled {
        _ if outcome.is_cancelled() => Life::Canceled,
        true => Life::Completed,
        false => Life::Open,
    })
}

/// What a row is made into that is `now`, when the connector made it `last` (and found it `reopened`) and it ought to be `target`.
///
/// Only a change of what it ought to be is written: what somebody made of the row since then stays.
pub fn becomes(target: Life, last: Life, reopened: Option<Life>, now: Life) -> Life {
    if target == last { reopened.unwrap_or(now) } else { target }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        SourceTime,
        attendance::{Sessions, Threshold},
        event::Registration,
        presence::Presence,
        stamp::Cell,
    };

    fn time(second: u64) -> SourceTime {
        SourceTime::from_digits(&format!("{:019}", second * 1_000_000_000)).unwrap()
    }

    #[test]
    fn rows_are_settled_by_a_closing_or_by_what_is_said_after_the_end() {
        let seen = |second| Presence::parse(&format!("in:{}", time(second).digits()));
        let ends = |second| Details { ends: Some(time(second)), ..Details::default() };
        let (registered, cancelled) = (Some(Registration::Registered), Some(Registration::Cancelled));
        for (what, registration, presence, details, over, expected) in [
            ("registered", registered, Presence::default(), ends(9), false, Life::Open),
            ("there", registered, seen(2), ends(9), false, Life::Open),
            ("there, end unknown", registered, seen(2), Details::default(), false, Life::Open),
            ("there, and it is over", registered, seen(2), ends(9), true, Life::Completed),
            ("no show", registered, Presence::default(), ends(9), true, Life::Completed),
            ("seen after the end", registered, seen(9), ends(9), false, Life::Completed),
            ("cancelled", cancelled, Presence::default(), ends(9), false, Life::Canceled),
            ("cancelled, and there all the same", cancelled, seen(2), ends(9), false, Life::Open),
            ("cancelled, there all the same, over", cancelled, seen(2), ends(9), true, Life::Completed),
        ] {
            let registration = registration.map(|value| Cell::new(time(1), value));
            let mut state = State { registration, presence, ..State::default() };
            state.conclude(over, details.ends, Sessions::default(), Threshold::default());
            let mut rules = ActivityRules::default();
            assert_eq!(target(&state, &details, &rules), Some(expected), "{what}");
            rules.leave_open = true;
            assert_eq!(target(&state, &details, &rules), None, "{what}");
        }
    }

    #[test]
    fn what_somebody_made_of_a_row_stays_until_it_ought_to_be_something_else() {
        use Life::*;
        for (what, target, last, reopened, now, expected) in [
            ("settled now", Completed, Open, None, Open, Completed),
            ("open as before", Open, Open, None, Open, Open),
            ("somebody completed it", Open, Open, None, Completed, Completed),
            ("somebody opened it again", Completed, Completed, None, Open, Open),
            ("opened to be written", Completed, Completed, Some(Completed), Open, Completed),
            ("somebody completed it, opened to be written", Open, Open, Some(Completed), Open, Completed),
            ("opened to be written, and cancelled", Canceled, Completed, Some(Completed), Open, Canceled),
            ("check-in taken back", Open, Completed, Some(Completed), Open, Open),
        ] {
            assert_eq!(becomes(target, last, reopened, now), expected, "{what}");
        }
    }
}
