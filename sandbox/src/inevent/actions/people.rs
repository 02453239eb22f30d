//! `event.person`: reading, changing and dismissing one person.

use serde_json::Value as Json;

use super::{Access, Action, boolean, check_email, feedback, ids};
use crate::inevent::envelope::{Page, Problem};
use crate::inevent::hooks::Trigger;
use crate::inevent::model::{Admission, Attendee, Event};
use crate::inevent::rows;
use crate::inevent::turn::Turn;
use crate::inevent::variants::MissingPerson;

/// What `event.person.operate` can set, beside API fields.
const KEYS: [&str; 26] = [
    "name",
    "firstName",
    "lastName",
    "email",
    "password",
    "role",
    "company",
    "summary",
    "image",
    "telephone",
    "city",
    "facebook",
    "linkedin",
    "twitter",
    "instagram",
    "website",
    "message",
    "language",
    "private",
    "rsvp",
    "present",
    "level",
    "nfc",
    "ticketID",
    "profileID",
    "assistantEmail",
];

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        "event.person.get",
        Access::User,
        &["eventID", "companyID", "personID", "email", "qrCode", "feedbackMode", "fullProfile"],
        &[],
        get,
    ),
    Action::new("event.person.operate", Access::Admin, &["eventID", "personID", "key"], &["value", "content"], operate),
    Action::new("event.person.dismiss", Access::Admin, &["eventID", "personID"], &[], dismiss),
];

fn get(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (call, variants) = (turn.call, &turn.world.variants);
    if call.attribute("eventID").is_none() {
        turn.company()?;
        let person = call.id("personID")?;
        let all = turn.world.model.events.values();
        let found = all.filter_map(|event| visible(event.people.get(&person)).map(|person| (event, person)));
        return call.page(found, |(event, person)| rows::attendee(event, person, true, variants));
    }
    let event = turn.event()?;
    match who(turn, event).map(|person| visible(Some(person))) {
        Ok(Some(person)) => Ok(Page::one(rows::attendee(event, person, true, variants))),
        Err(problem) if problem.status != 404 => Err(problem),
        _ => match variants.missing_person {
            MissingPerson::NotFound => Err(Problem::missing("personID")),
            MissingPerson::Unauthorized => Err(Problem::new(401, "personID doesn't work at event")),
            MissingPerson::Empty => Ok(Page { rows: Vec::new(), total: 0 }),
        },
    }
}

/// The person that the call names.
fn who<'a>(turn: &Turn<'_>, event: &'a Event) -> Result<&'a Attendee, Problem> {
    let call = turn.call;
    if let Some(email) = call.attribute("email") {
        return event.person_with(email).ok_or_else(|| Problem::missing("email"));
    }
    match call.attribute("qrCode") {
        Some(code) => event.person_by_code(code),
        None => event.person(call.id("personID")?),
    }
}

/// Applicants who still wait are not in the event.
fn visible(person: Option<&Attendee>) -> Option<&Attendee> {
    person.filter(|person| person.admission != Admission::Pending)
}

/// One `key` with its `value`, or several in `content`: `{"role": "CTO", "f_budget_1": "10k"}`.
fn operate(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (call, now, event, person) = (turn.call, turn.now, turn.event()?.id, turn.call.id("personID")?);
    turn.event()?.person(person)?;
    let changes: Vec<(String, String)> = match (call.attribute("key"), call.field("content")) {
        (Some(key), _) => {
            let value = call.field("value").ok_or_else(|| Problem::required("value"))?;
            vec![(key.to_owned(), value.to_owned())]
        }
        (None, Some(content)) => {
            let content: serde_json::Map<String, Json> =
                serde_json::from_str(content).map_err(|_| Problem::invalid("content"))?;
            content.into_iter().map(|(key, value)| (key, feedback::text(&value))).collect()
        }
        (None, None) => return Err(Problem::required("key")),
    };
    let (answers, changes): (Vec<_>, Vec<_>) = changes.into_iter().partition(|(key, _)| key.starts_with("f_"));
    let answers = feedback::named(turn.event()?, answers)?;
    let mut changed = turn.event()?.person(person)?.clone();
    for (key, value) in &changes {
        set(&mut changed, key, value)?;
    }
    let other = turn.event()?.person_with(changed.profile.get("email"));
    if other.is_some_and(|other| other.id != person) {
        return Err(Problem::new(406, "email is already in use"));
    }
    if !changes.is_empty() {
        changed.updated = now;
    }
    let found = turn.event_by(event)?;
    found.people.insert(person, changed);
    found.readdress(person);
    feedback::keep(turn, event, person, answers)?;
    turn.tell(Trigger::EventEnrollmentUpdate, event, Some(person), None);
    if turn.event()?.person(person)?.speaker {
        turn.tell(Trigger::SpeakerEdited, event, Some(person), None);
    }
    let (variants, event) = (&turn.world.variants, turn.event()?);
    Ok(Page::one(rows::attendee(event, event.person(person)?, true, variants)))
}

fn set(person: &mut Attendee, key: &str, value: &str) -> Result<(), Problem> {
    match key {
        "email" => {
            check_email(key, value)?;
            person.profile.set(key, value);
        }
        "private" => person.private = boolean(key, value)?,
        "present" => person.present = boolean(key, value)?,
        "rsvp" => person.rsvp = Some(boolean(key, value)?),
        "level" => person.level = value.to_owned(),
        "tagIDs" => person.tags = ids(key, value)?,
        "password" => {}
        _ if KEYS.contains(&key) => _ = person.profile.set(key, value),
        _ => return Err(Problem::invalid("key")),
    }
    Ok(())
}

fn dismiss(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (event, person) = (turn.event()?.id, turn.call.id("personID")?);
    let (attended, speaker) = {
        let person = turn.event()?.person(person)?;
        (person.admission == Admission::Approved, person.speaker)
    };
    let row = rows::attendee(turn.event()?, turn.event()?.person(person)?, false, &turn.world.variants);
    if attended {
        turn.tell(Trigger::EventDismissal, event, Some(person), None);
    }
    if speaker {
        turn.tell(Trigger::SpeakerRemoved, event, Some(person), None);
    }
    turn.event_by(event)?.take(person);
    Ok(Page::one(row))
}
