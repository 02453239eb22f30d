//! `event.applicant`: those who wait to be let in, and those who were not. None of it is told by webhook, but that
//! somebody becomes an attendee.

use super::register::admitted;
use super::{Access, Action};
use crate::inevent::envelope::{Page, Problem};
use crate::inevent::model::Admission;
use crate::inevent::rows;
use crate::inevent::turn::Turn;

const PERSON: &[&str] = &["eventID", "personID"];

pub(super) const ACTIONS: &[Action] = &[
    Action::new("event.applicant.find", Access::Admin, &["eventID", "query", "order"], &[], find),
    Action::new("event.applicant.get", Access::Admin, PERSON, &[], get),
    Action::new("event.applicant.approve", Access::Admin, PERSON, &[], approve),
    Action::new("event.applicant.reject", Access::Admin, PERSON, &[], reject),
    Action::new("event.applicant.undoReject", Access::Admin, PERSON, &[], undo_reject),
];

fn find(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (call, event, variants) = (turn.call, turn.event()?, &turn.world.variants);
    if let Some(order) = call.attribute("order").filter(|order| *order != "date") {
        return Err(Problem::not_here(&format!("order {order} of event.applicant.find")));
    }
    let query = call.attribute("query").map(str::to_lowercase);
    let mut chosen: Vec<_> = event
        .people
        .values()
        .filter(|person| person.admission != Admission::Approved)
        .filter(|person| {
            let found = |text: &str| query.as_ref().is_none_or(|query| text.to_lowercase().contains(query));
            found(&person.profile.name()) || found(person.profile.get("email"))
        })
        .collect();
    chosen.sort_by_key(|person| (person.enrolled, person.number));
    call.page(chosen, |person| rows::applicant(event, person, variants))
}

fn get(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let event = turn.event()?;
    let person = event.person(turn.call.id("personID")?)?;
    Ok(Page::one(rows::applicant(event, person, &turn.world.variants)))
}

fn approve(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (event, person, was) = decide(turn, Admission::Approved)?;
    if was != Admission::Approved {
        admitted(turn, event, person)?;
    }
    get(turn)
}

/// Attendees can be rejected too; they are none from then on.
fn reject(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    decide(turn, Admission::Rejected)?;
    get(turn)
}

/// "Revert decision": the person waits again.
fn undo_reject(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let person = turn.event()?.person(turn.call.id("personID")?)?;
    if person.admission != Admission::Rejected {
        return Err(Problem::new(406, "applicant is not rejected"));
    }
    decide(turn, Admission::Pending)?;
    get(turn)
}

/// Event, person, and what had been decided before.
fn decide(turn: &mut Turn<'_>, admission: Admission) -> Result<(u64, u64, Admission), Problem> {
    let (now, event, person) = (turn.now, turn.event()?.id, turn.call.id("personID")?);
    let found = turn.person_mut(event, person)?;
    let was = std::mem::replace(&mut found.admission, admission);
    found.updated = now;
    Ok((event, person, was))
}
