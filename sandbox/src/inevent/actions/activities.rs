//! `activity`: sessions.

use super::{Access, Action, number, only_all};
use crate::inevent::envelope::{Page, Problem};
use crate::inevent::hooks::Trigger;
use crate::inevent::model::Activity;
use crate::inevent::rows;
use crate::inevent::turn::Turn;

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        "activity.find",
        Access::Anyone,
        &["eventID", "selection", "personID", "dateBegin", "dateEnd"],
        &[],
        find,
    ),
    Action::new("activity.get", Access::Anyone, &["activityID", "personID"], &[], get),
    Action::new(
        "activity.create",
        Access::Admin,
        &["eventID"],
        &["name", "description", "location", "dateBegin", "dateEnd", "capacity"],
        create,
    ),
    Action::new("activity.edit", Access::Admin, &["activityID", "key", "push"], &["value"], edit),
    Action::new("activity.remove", Access::Admin, &["activityID"], &[], remove),
];

/// By begin; with `personID` only those that the person is in.
fn find(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    only_all(turn)?;
    let (call, event) = (turn.call, turn.event()?);
    let person: Option<u64> = call.number("personID")?;
    let (begin, end): (Option<i64>, Option<i64>) = (call.number("dateBegin")?, call.number("dateEnd")?);
    let chosen = event.activities.iter().filter(|(_, activity)| {
        person.is_none_or(|person| activity.people.contains_key(&person))
            && begin.is_none_or(|begin| activity.end >= begin)
            && end.is_none_or(|end| activity.begin <= end)
    });
    let mut chosen: Vec<_> = chosen.collect();
    chosen.sort_by_key(|(id, activity)| (activity.begin, **id));
    call.page(chosen, |(id, activity)| rows::activity(event.id, *id, activity))
}

fn get(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (event, activity) = turn.activity_ids()?;
    Ok(Page::one(rows::activity(event, activity, turn.found(event)?.activity(activity)?)))
}

fn create(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (call, event) = (turn.call, turn.event()?.id);
    let name = call.required_field("name")?;
    // Without dates, as long as the event.
    let mut activity = Activity::new(name, turn.event()?.begin, turn.event()?.end);
    for (key, value) in call.fields() {
        set(&mut activity, key, value)?;
    }
    let id = turn.world.model.new_id();
    let row = rows::activity(event, id, &activity);
    turn.event_by(event)?.activities.insert(id, activity);
    turn.tell(Trigger::ActivityCreated, event, None, Some(id));
    Ok(Page::one(row))
}

fn edit(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (event, activity) = turn.activity_ids()?;
    let (key, value) = (turn.call.required("key")?, turn.call.required_field("value")?);
    set(turn.activity_mut(event, activity)?, key, value)?;
    turn.tell(Trigger::ActivityEdited, event, None, Some(activity));
    get(turn)
}

fn remove(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let page = get(turn)?;
    let (event, activity) = turn.activity_ids()?;
    turn.tell(Trigger::ActivityRemoved, event, None, Some(activity));
    turn.event_by(event)?.activities.remove(&activity);
    Ok(page)
}

fn set(activity: &mut Activity, key: &str, value: &str) -> Result<(), Problem> {
    match key {
        "name" => activity.name = value.to_owned(),
        "description" => activity.description = value.to_owned(),
        "location" => activity.location = value.to_owned(),
        "capacity" => activity.capacity = value.to_owned(),
        "dateBegin" => activity.begin = number(key, value)?,
        "dateEnd" => activity.end = number(key, value)?,
        other => return Err(Problem::not_here(&format!("key {other} of activity.edit"))),
    }
    Ok(())
}
