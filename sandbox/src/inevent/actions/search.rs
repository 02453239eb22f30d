//! `event.person.find`: the list of people, whose rows shift while somebody pages through it.

use super::{Access, Action, ids};
use crate::inevent::call::Call;
use crate::inevent::envelope::{Page, Problem};
use crate::inevent::model::{Admission, Attendee, Event};
use crate::inevent::rows;
use crate::inevent::turn::Turn;
use crate::inevent::variants::{DefaultOrder, Variants};

pub(super) const ACTIONS: &[Action] = &[Action::new(
    "event.person.find",
    Access::User,
    &[
        "eventID",
        "selection",
        "order",
        "orderDirection",
        "query",
        "queryKey",
        "fullProfile",
        "updatedAfterDate",
        "updatedBeforeDate",
    ],
    &[],
    find,
)];

/// What a person has to meet.
type Test<'a> = Box<dyn Fn(&Attendee) -> bool + 'a>;

fn find(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let call = turn.call;
    let (offset, limit) = call.span(turn.world.variants.unlimited_pages)?;
    let full = call.is_set("fullProfile");
    let key = list_key(call);
    if !turn.world.lists.contains_key(&key) {
        let list = list(call, turn.event()?, &turn.world.variants)?;
        turn.world.lists.insert(key.clone(), list);
    }
    let (event, variants) = (turn.event()?, &turn.world.variants);
    let list = turn.world.lists.get(&key).map(Vec::as_slice).unwrap_or_default();
    let page = list.iter().skip(offset).take(limit).filter_map(|id| event.people.get(id));
    let rows = page.map(|person| rows::attendee(event, person, full, variants)).collect();
    Ok(Page { rows, total: list.len() })
}

/// Tells lists apart.
fn list_key(call: &Call) -> String {
    let names = [
        "eventID",
        "selection",
        "order",
        "orderDirection",
        "query",
        "queryKey",
        "updatedAfterDate",
        "updatedBeforeDate",
    ];
    names.map(|name| call.attribute(name).unwrap_or_default()).join("\n")
}

/// Ids of the people asked for, in order.
fn list(call: &Call, event: &Event, variants: &Variants) -> Result<Vec<u64>, Problem> {
    let mut tests = Vec::new();
    for part in call.attribute("selection").unwrap_or("all").split('|') {
        tests.push(selected(part, variants)?);
    }
    tests.extend(searched(call, variants)?);
    let chosen = event.people.values().filter(|person| tests.iter().all(|test| test(person)));
    let mut chosen: Vec<&Attendee> = chosen.collect();
    let order = call.attribute("order");
    let default = match variants.default_order {
        DefaultOrder::Enrolled | DefaultOrder::Newest => "enrollmentDate",
        DefaultOrder::Name => "name",
    };
    match order.unwrap_or(default) {
        "enrollmentDate" => chosen.sort_by_key(|person| (person.enrolled, person.number)),
        "dateUpdated" => chosen.sort_by_key(|person| (person.updated, person.number)),
        "personID" => chosen.sort_by_key(|person| person.id),
        "name" => chosen.sort_by_cached_key(|person| (person.profile.name().to_lowercase(), person.id)),
        "email" => chosen.sort_by_cached_key(|person| (person.profile.get("email").to_lowercase(), person.id)),
        _ => return Err(Problem::invalid("order")),
    }
    let descends = match call.attribute("orderDirection").map(str::to_lowercase).as_deref() {
        Some("desc") => true,
        Some("asc") => false,
        Some(_) => return Err(Problem::invalid("orderDirection")),
        None => order.is_none() && variants.default_order == DefaultOrder::Newest,
    };
    if descends {
        chosen.reverse();
    }
    Ok(chosen.into_iter().map(|person| person.id).collect())
}

/// One of the selections, which are joined by `|`.
fn selected<'a>(name: &str, variants: &'a Variants) -> Result<Test<'a>, Problem> {
    if let Some(tags) = name.strip_prefix("tags:") {
        let tags = ids("selection", tags)?;
        return Ok(Box::new(move |person| person.tags.iter().any(|tag| tags.contains(tag))));
    }
    // The other selections are about attendees, not about applicants.
    let among = |test: fn(&Attendee) -> bool| -> Result<Test<'a>, Problem> {
        Ok(Box::new(move |person| person.admission == Admission::Approved && test(person)))
    };
    match name {
        "all" if variants.all_lists_everyone => Ok(Box::new(|_| true)),
        "all" | "approved" => among(|_| true),
        "denied" => Ok(Box::new(|person| person.admission == Admission::Rejected)),
        "present" => among(|person| person.present),
        "not-present" => among(|person| !person.present),
        "admin" => among(|person| person.level == "4"),
        "not-admin" => among(|person| person.level != "4"),
        "standard-users" => among(|person| person.level == "1"),
        "speakers" => among(|person| person.speaker),
        "with-email" => among(|person| !person.profile.get("email").is_empty()),
        "without-email" => among(|person| person.profile.get("email").is_empty()),
        "accepted-rsvp" => among(|person| person.rsvp == Some(true)),
        "declined-rsvp" => among(|person| person.rsvp == Some(false)),
        "waiting-rsvp" => among(|person| person.rsvp.is_none()),
        "public" => among(|person| !person.private),
        "private" => among(|person| person.private),
        other => Err(Problem::not_here(&format!("selection {other} of event.person.find"))),
    }
}

/// What `query`, `queryKey` and the two dates ask for. `queryKey` may name a date, too.
fn searched<'a>(call: &'a Call, variants: &Variants) -> Result<Vec<Test<'a>>, Problem> {
    let query = call.attribute("query");
    let mut tests: Vec<Test<'a>> = Vec::new();
    let date = |name: &str| -> Result<Option<i64>, Problem> {
        let date = match query {
            Some(query) if call.attribute("queryKey") == Some(name) => {
                Some(query.parse().map_err(|_| Problem::invalid("query"))?)
            }
            _ => call.number(name)?,
        };
        Ok(date.filter(|_| !variants.since_ignored))
    };
    if let Some(after) = date("updatedAfterDate")? {
        tests.push(Box::new(move |person| person.updated > after));
    }
    if let Some(before) = date("updatedBeforeDate")? {
        tests.push(Box::new(move |person| person.updated < before));
    }
    let Some(query) = query else { return Ok(tests) };
    let wanted = query.to_lowercase();
    match call.attribute("queryKey") {
        Some("updatedAfterDate" | "updatedBeforeDate") => {}
        Some("personID") => tests.push(Box::new(move |person| person.id.to_string() == wanted)),
        Some("name") => tests.push(Box::new(move |person| person.profile.name().to_lowercase().contains(&wanted))),
        Some(key @ ("email" | "username" | "firstName" | "lastName" | "company" | "role" | "origin")) => {
            tests.push(Box::new(move |person| person.profile.get(key).to_lowercase().contains(&wanted)));
        }
        Some(_) => return Err(Problem::invalid("queryKey")),
        None => tests.push(Box::new(move |person| {
            let found = |text: &str| text.to_lowercase().contains(&wanted);
            found(&person.profile.name())
                || ["email", "username", "company"].iter().any(|key| found(person.profile.get(key)))
        })),
    }
    Ok(tests)
}
