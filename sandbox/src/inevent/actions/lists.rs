//! `list`: lists of people.

use super::{Access, Action, only_all};
use crate::inevent::envelope::{Page, Problem, Row, row};
use crate::inevent::model::List;
use crate::inevent::rows;
use crate::inevent::turn::Turn;

pub(super) const ACTIONS: &[Action] = &[
    Action::new("list.find", Access::Admin, &["eventID", "companyID", "personID", "selection"], &[], find),
    Action::new("list.create", Access::Admin, &["eventID", "companyID"], &["name", "color"], create),
    Action::new("list.person.find", Access::Admin, &["listID", "query"], &[], people),
    Action::new("list.person.bind", Access::Admin, &["listID", "personID"], &[], bind),
    Action::new("list.person.dismiss", Access::Admin, &["listID", "personID"], &[], dismiss),
];

fn list_row(id: u64, list: &List) -> Row {
    row([
        ("listID", id.to_string()),
        ("eventID", list.event.map(|event| event.to_string()).unwrap_or_default()),
        ("name", list.name.clone()),
        ("color", list.color.clone()),
    ])
}

/// The event's own lists, or those of the company.
fn owner(turn: &Turn<'_>) -> Result<Option<u64>, Problem> {
    match turn.call.attribute("eventID") {
        Some(_) => turn.event().map(|event| Some(event.id)),
        None => turn.company().map(|()| None),
    }
}

fn find(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    only_all(turn)?;
    let (owner, person): (_, Option<u64>) = (owner(turn)?, turn.call.number("personID")?);
    let chosen = turn
        .world
        .model
        .lists
        .iter()
        .filter(|(_, list)| list.event == owner && person.is_none_or(|person| list.people.contains(&person)));
    turn.call.page(chosen, |(id, list)| list_row(*id, list))
}

fn create(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (event, call) = (owner(turn)?, turn.call);
    let name = call.required_field("name")?.to_owned();
    let id = turn.world.model.new_id();
    let list = List { name, color: call.field("color").unwrap_or_default().to_owned(), event, people: Vec::new() };
    let row = list_row(id, &list);
    turn.world.model.lists.insert(id, list);
    Ok(Page::one(row))
}

fn list_mut<'a>(turn: &'a mut Turn<'_>) -> Result<&'a mut List, Problem> {
    let id = turn.call.id("listID")?;
    turn.world.model.lists.get_mut(&id).ok_or_else(|| Problem::missing("listID"))
}

fn people(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let list = list_mut(turn)?.clone();
    let (variants, query) = (&turn.world.variants, turn.call.attribute("query").unwrap_or_default().to_lowercase());
    let events = || turn.world.model.events.values().filter(|event| list.event.is_none_or(|id| id == event.id));
    let found = list.people.iter().filter_map(|id| {
        let (event, person) = events().find_map(|event| event.people.get(id).map(|person| (event, person)))?;
        let text = format!("{} {}", person.profile.name(), person.profile.get("email")).to_lowercase();
        text.contains(&query).then_some((event, person))
    });
    turn.call.page(found, |(event, person)| rows::attendee(event, person, false, variants))
}

fn bind(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (id, person) = (turn.call.id("listID")?, turn.call.id("personID")?);
    if !turn.world.model.events.values().any(|event| event.people.contains_key(&person)) {
        return Err(Problem::missing("personID"));
    }
    let list = list_mut(turn)?;
    if !list.people.contains(&person) {
        list.people.push(person);
    }
    Ok(Page::one(list_row(id, list)))
}

fn dismiss(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (id, person) = (turn.call.id("listID")?, turn.call.id("personID")?);
    let list = list_mut(turn)?;
    list.people.retain(|other| *other != person);
    Ok(Page::one(list_row(id, list)))
}
