//! `tag`: tags of people, and the tracks of activities.

use super::{Access, Action, only_all};
use crate::inevent::envelope::{Page, Problem};
use crate::inevent::hooks::Trigger;
use crate::inevent::model::Tag;
use crate::inevent::rows;
use crate::inevent::turn::Turn;

pub(super) const ACTIONS: &[Action] = &[
    Action::new("tag.find", Access::User, &["eventID", "companyID", "selection"], &[], find),
    Action::new("tag.create", Access::Admin, &["eventID", "companyID"], &["name", "color"], create),
    Action::new("activity.tag.find", Access::Anyone, &["activityID"], &[], of_activity),
    Action::new("activity.tag.bind", Access::Admin, &["activityID", "tagID"], &[], bind),
    Action::new("activity.tag.dismiss", Access::Admin, &["activityID", "tagID"], &[], dismiss),
];

/// The event's own tags, or those of the company.
fn owner(turn: &Turn<'_>) -> Result<Option<u64>, Problem> {
    match turn.call.attribute("eventID") {
        Some(_) => turn.event().map(|event| Some(event.id)),
        None => turn.company().map(|()| None),
    }
}

fn find(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    only_all(turn)?;
    let owner = owner(turn)?;
    let chosen = turn.world.model.tags.iter().filter(|(_, tag)| tag.event == owner);
    turn.call.page(chosen, |(id, tag)| rows::tag(*id, tag))
}

fn create(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (event, call) = (owner(turn)?, turn.call);
    let name = call.required_field("name")?.to_owned();
    let id = turn.world.model.new_id();
    let tag = Tag { name, color: call.field("color").unwrap_or_default().to_owned(), event };
    let row = rows::tag(id, &tag);
    turn.world.model.tags.insert(id, tag);
    Ok(Page::one(row))
}

fn of_activity(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (event, activity) = turn.activity_ids()?;
    let tags = &turn.found(event)?.activity(activity)?.tags;
    let all = &turn.world.model.tags;
    turn.call.page(tags.iter().filter_map(|id| all.get_key_value(id)), |(id, tag)| rows::tag(*id, tag))
}

fn bind(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let tag = turn.call.id("tagID")?;
    if !turn.world.model.tags.contains_key(&tag) {
        return Err(Problem::missing("tagID"));
    }
    change(turn, |tags| {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    })
}

fn dismiss(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let tag = turn.call.id("tagID")?;
    change(turn, |tags| tags.retain(|other| *other != tag))
}

fn change(turn: &mut Turn<'_>, change: impl FnOnce(&mut Vec<u64>)) -> Result<Page, Problem> {
    let (event, activity) = turn.activity_ids()?;
    change(&mut turn.activity_mut(event, activity)?.tags);
    turn.tell(Trigger::ActivityEdited, event, None, Some(activity));
    of_activity(turn)
}
