//! `company.event` and `event`.

use super::{Access, Action, boolean, number};
use crate::inevent::envelope::{Page, Problem, flag, row};
use crate::inevent::hooks::Trigger;
use crate::inevent::model::Event;
use crate::inevent::rows;
use crate::inevent::turn::Turn;

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        "company.event.find",
        Access::Admin,
        &["companyID", "selection", "name", "city", "dateBegin", "dateEnd", "archived"],
        &[],
        find,
    ),
    Action::new(
        "company.event.bind",
        Access::Admin,
        &["companyID"],
        &["name", "nickname", "description", "city", "dateBegin", "dateEnd"],
        create,
    ),
    Action::new("event.get", Access::Anyone, &["eventID", "personID", "quickLoad", "withCss"], &[], get),
    Action::new("event.edit", Access::Admin, &["eventID", "key"], &["value"], edit),
    Action::new("event.tool.get", Access::Anyone, &["eventID"], &[], tools),
    Action::new("event.tool.edit", Access::Admin, &["eventID", "key"], &["value"], edit_tool),
];

fn find(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    turn.company()?;
    let (call, now) = (turn.call, turn.now);
    let selection = call.attribute("selection").unwrap_or("all");
    let archived = call.attribute("archived").map(|text| boolean("archived", text)).transpose()?;
    let (begin, end): (Option<i64>, Option<i64>) = (call.number("dateBegin")?, call.number("dateEnd")?);
    let selected: fn(&Event, i64) -> bool = match selection {
        "all" => |_, _| true,
        "next-events" => |event, now| event.begin > now,
        "past-events" => |event, now| event.end <= now,
        "current-events" => |event, now| event.begin <= now && now < event.end,
        "archived" => |event, _| event.archived,
        "not-archived" => |event, _| !event.archived,
        other => return Err(Problem::not_here(&format!("selection {other} of company.event.find"))),
    };
    let contains = |name: &str, text: &str| {
        call.attribute(name).is_none_or(|part| text.to_lowercase().contains(&part.to_lowercase()))
    };
    let chosen = turn.world.model.events.values().filter(|event| {
        selected(event, now)
            && contains("name", &event.name)
            && contains("city", &event.city)
            && archived.is_none_or(|archived| event.archived == archived)
            && begin.is_none_or(|begin| event.end >= begin)
            && end.is_none_or(|end| event.begin <= end)
    });
    call.page(chosen, rows::event)
}

fn create(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    turn.company()?;
    let name = turn.call.required_field("name")?;
    let id = turn.world.model.new_id();
    // Without dates, the whole of tomorrow.
    let begin = turn.now + 86_400;
    let mut event = Event::new(id, name, begin, begin + 86_400, turn.now);
    for (key, value) in turn.call.fields() {
        set(&mut event, key, value)?;
    }
    event.end_announced = event.end <= turn.now;
    let row = rows::event(&event);
    turn.world.model.events.insert(id, event);
    turn.tell(Trigger::EventCreated, id, None, None);
    Ok(Page::one(row))
}

fn get(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    Ok(Page::one(rows::event(turn.event()?)))
}

fn edit(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (call, now) = (turn.call, turn.now);
    let (key, value) = (call.required("key")?, call.field("value").ok_or_else(|| Problem::required("value"))?);
    let event = turn.event_mut()?;
    set(event, key, value)?;
    event.end_announced = event.end_announced && event.end <= now;
    let (id, row) = (event.id, rows::event(event));
    turn.tell(Trigger::EventEdited, id, None, None);
    Ok(Page::one(row))
}

fn set(event: &mut Event, key: &str, value: &str) -> Result<(), Problem> {
    match key {
        "name" => event.name = value.to_owned(),
        "nickname" => event.nickname = value.to_owned(),
        "description" => event.description = value.to_owned(),
        "city" => event.city = value.to_owned(),
        "dateBegin" => event.begin = number(key, value)?,
        "dateEnd" => event.end = number(key, value)?,
        "archived" => event.archived = boolean(key, value)?,
        other => return Err(Problem::not_here(&format!("key {other} of event.edit"))),
    }
    Ok(())
}

fn tools(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let event = turn.event()?;
    Ok(Page::one(row([
        ("eventID", event.id.to_string()),
        ("api", flag(true)),
        ("invite", flag(true)),
        ("checkIn", flag(true)),
        ("gamification", flag(!event.games.is_empty())),
        ("requiresApproval", flag(event.requires_approval)),
        ("confirmationEmail", flag(event.confirmation_email)),
    ])))
}

fn edit_tool(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (key, value) = (turn.call.required("key")?, boolean("value", turn.call.required_field("value")?)?);
    let event = turn.event_mut()?;
    match key {
        "requiresApproval" => event.requires_approval = value,
        "confirmationEmail" => event.confirmation_email = value,
        other => return Err(Problem::not_here(&format!("key {other} of event.tool.edit"))),
    }
    let id = event.id;
    turn.tell(Trigger::EventEdited, id, None, None);
    tools(turn)
}
