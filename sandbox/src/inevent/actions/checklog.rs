//! `checklog`: who came and went, in the event and in its sessions.

use super::{Access, Action, only_all};
use crate::inevent::envelope::{Page, Problem, Row, row};
use crate::inevent::hooks::Trigger;
use crate::inevent::model::{Admission, Check, Enrolment, Event};
use crate::inevent::turn::Turn;

const CHECK: &[&str] = &["eventID", "activityID", "code", "date"];

pub(super) const ACTIONS: &[Action] = &[
    Action::new("checklog.checkIn", Access::Admin, CHECK, &[], check_in),
    Action::new("checklog.checkOut", Access::Admin, CHECK, &[], check_out),
    Action::new(
        "checklog.find",
        Access::Admin,
        &["eventID", "selection", "key", "query", "sort", "sortDirection"],
        &[],
        find,
    ),
];

fn check_in(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    check(turn, true)
}

fn check_out(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    check(turn, false)
}

/// `code` is a QR code or a person's id. Without `activityID` it is about the event.
fn check(turn: &mut Turn<'_>, into: bool) -> Result<Page, Problem> {
    let (call, now, event) = (turn.call, turn.now, turn.event()?.id);
    let found = turn.event()?.person_by_code(call.required("code")?)?;
    if found.admission != Admission::Approved {
        return Err(Problem::missing("code"));
    }
    let (person, at) = (found.id, call.number("date")?.unwrap_or(now));
    let activity: Option<u64> = call.number("activityID")?;
    if let Some(activity) = activity {
        let people = &mut turn.activity_mut(event, activity)?.people;
        let enrolment = people.entry(person).or_insert(Enrolment { at: now, present: false });
        enrolment.present |= into;
    }
    let touches = !turn.world.variants.check_in_does_not_touch_date_updated;
    let found = turn.person_mut(event, person)?;
    found.present |= into && activity.is_none();
    if touches {
        found.updated = now;
    }
    let check = Check { id: turn.world.model.new_id(), person, activity, into, at };
    let found = turn.event_by(event)?;
    found.checks.push(check.clone());
    let row = entry(found, &check);
    let trigger = match (activity, into) {
        (None, true) => Trigger::EventCheckIn,
        (None, false) => Trigger::EventCheckOut,
        (Some(_), true) => Trigger::ActivityCheckIn,
        (Some(_), false) => Trigger::ActivityCheckOut,
    };
    turn.world.tell(trigger, event, Some(person), activity, at);
    Ok(Page::one(row))
}

/// In the order in which it was written; `sort=date` goes by the time of the check-in.
fn find(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    only_all(turn)?;
    let (call, event) = (turn.call, turn.event()?);
    let wanted: Option<u64> = call.number("query")?;
    let test: fn(&Check, Option<u64>) -> bool = match call.attribute("key") {
        None if wanted.is_none() => |_, _| true,
        Some("personID") => |check, wanted| Some(check.person) == wanted,
        Some("activityID") => |check, wanted| check.activity == wanted,
        _ => return Err(Problem::invalid("key")),
    };
    let mut chosen: Vec<_> = event.checks.iter().filter(|check| test(check, wanted)).collect();
    match call.attribute("sort") {
        None => {}
        Some("date") => chosen.sort_by_key(|check| (check.at, check.id)),
        Some(_) => return Err(Problem::invalid("sort")),
    }
    if call.attribute("sortDirection").is_some_and(|direction| direction.eq_ignore_ascii_case("desc")) {
        chosen.reverse();
    }
    call.page(chosen, |check| entry(event, check))
}

/// An entry of the log.
pub(in crate::inevent) fn entry(event: &Event, check: &Check) -> Row {
    row([
        ("checklogID", check.id.to_string()),
        ("eventID", event.id.to_string()),
        ("activityID", check.activity.map(|activity| activity.to_string()).unwrap_or_default()),
        ("personID", check.person.to_string()),
        ("name", event.people.get(&check.person).map(|person| person.profile.name()).unwrap_or_default()),
        ("type", if check.into { "checkIn" } else { "checkOut" }.to_owned()),
        ("date", check.at.to_string()),
    ])
}
