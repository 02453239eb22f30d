//! `activity.person`: who is in which session.

use super::{Access, Action};
use crate::inevent::envelope::{Page, Problem};
use crate::inevent::hooks::Trigger;
use crate::inevent::model::Enrolment;
use crate::inevent::rows;
use crate::inevent::turn::Turn;

pub(super) const ACTIONS: &[Action] = &[
    Action::new("activity.person.find", Access::User, &["activityID", "selection", "order", "query"], &[], find),
    Action::new("activity.person.get", Access::User, &["activityID", "personID"], &[], get),
    Action::new("activity.person.bind", Access::Admin, &["activityID", "personID", "bypassWebhook"], &[], bind),
    Action::new("activity.person.dismiss", Access::Admin, &["activityID", "personID", "bypassWebhook"], &[], dismiss),
];

/// In the order in which they enrolled.
fn find(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (event, activity) = turn.activity_ids()?;
    let (call, event) = (turn.call, turn.found(event)?);
    let present = match call.attribute("selection") {
        None | Some("all") => None,
        Some("present") => Some(true),
        Some("not-present") => Some(false),
        Some(other) => return Err(Problem::not_here(&format!("selection {other} of activity.person.find"))),
    };
    if let Some(order) = call.attribute("order").filter(|order| *order != "enrollmentDate") {
        return Err(Problem::not_here(&format!("order {order} of activity.person.find")));
    }
    let query = call.attribute("query").map(str::to_lowercase);
    let chosen = event.activity(activity)?.people.iter().filter(|(id, enrolment)| {
        let profile = || event.people.get(id).map(|person| &person.profile);
        present.is_none_or(|present| enrolment.present == present)
            && query.as_deref().is_none_or(|query| {
                profile().is_some_and(|profile| {
                    profile.name().to_lowercase().contains(query) || profile.get("email").to_lowercase().contains(query)
                })
            })
    });
    let mut chosen: Vec<_> = chosen.collect();
    chosen.sort_by_key(|(id, enrolment)| (enrolment.at, **id));
    call.page(chosen, |(id, enrolment)| rows::enrolment(event, activity, *id, enrolment))
}

fn get(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (event, activity) = turn.activity_ids()?;
    let (person, event) = (turn.call.id("personID")?, turn.found(event)?);
    let enrolment = event.activity(activity)?.people.get(&person).ok_or_else(|| Problem::missing("personID"))?;
    Ok(Page::one(rows::enrolment(event, activity, person, enrolment)))
}

fn bind(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (event, activity) = turn.activity_ids()?;
    let (person, now) = (turn.call.id("personID")?, turn.now);
    turn.found(event)?.person(person)?;
    let people = &mut turn.activity_mut(event, activity)?.people;
    let is_new = !people.contains_key(&person);
    people.entry(person).or_insert(Enrolment { at: now, present: false });
    if is_new && !turn.call.is_set("bypassWebhook") {
        turn.tell(Trigger::ActivityEnrollment, event, Some(person), Some(activity));
    }
    get(turn)
}

fn dismiss(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let page = get(turn)?;
    let (event, activity) = turn.activity_ids()?;
    let person = turn.call.id("personID")?;
    turn.activity_mut(event, activity)?.people.remove(&person);
    if !turn.call.is_set("bypassWebhook") {
        turn.tell(Trigger::ActivityDismissal, event, Some(person), Some(activity));
    }
    Ok(page)
}
