//! `event.person.bind`: registering, which mails a confirmation and spends a credit.

use super::{Access, Action, boolean, check_email, feedback, ids};
use crate::inevent::envelope::{Page, Problem};
use crate::inevent::hooks::Trigger;
use crate::inevent::model::{Admission, Attendee, MailKind, PROFILE, Profile};
use crate::inevent::rows;
use crate::inevent::tokens::Scope;
use crate::inevent::turn::Turn;

/// What a registration may say.
const BODY: &[&str] = &[
    "name",
    "firstName",
    "lastName",
    "username",
    "email",
    "password",
    "salutation",
    "role",
    "company",
    "telephone",
    "city",
    "country",
    "website",
    "language",
    "assistantEmail",
    "summary",
    "origin",
    "ticketID",
    "tagIDs",
    "level",
    "createSpeaker",
    "rsvp",
    "private",
    "waitlist",
    "feedbackContent",
    "f_",
];

pub(super) const ACTIONS: &[Action] = &[
    Action::new("event.person.bind", Access::Anyone, &["eventID"], BODY, bind),
    Action::new("event.applicant.bind", Access::Anyone, &["eventID"], BODY, apply),
];

/// An admin's registrations count at once; others wait where the event requires approval.
fn bind(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let waits = turn.scope != Some(Scope::System) && turn.event()?.requires_approval;
    register(turn, if waits { Admission::Pending } else { Admission::Approved })
}

fn apply(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    register(turn, Admission::Pending)
}

/// Who is there already gets what the body says, and neither a mail nor a second credit.
fn register(turn: &mut Turn<'_>, admission: Admission) -> Result<Page, Problem> {
    let (call, now, event) = (turn.call, turn.now, turn.event()?.id);
    let answers = feedback::answers(turn.event()?, call)?;
    let id = {
        let name = ["username", "email"].into_iter().find_map(|name| call.field(name).filter(|text| !text.is_empty()));
        let username = name.ok_or_else(|| Problem::required("username"))?;
        // A user name need not be an address, an address has to be one.
        let email = call.field("email").filter(|email| !email.is_empty());
        if let Some(email) = email.or(Some(username).filter(|name| name.contains('@'))) {
            check_email("email", email)?;
        }
        let known = email.and_then(|email| turn.event().ok()?.person_with(email)).map(|person| person.id);
        known.unwrap_or_else(|| turn.world.model.person(email.unwrap_or(username)))
    };
    let there = turn.event()?.people.get(&id).cloned();
    let is_new = there.is_none();
    let mut person = there.unwrap_or_else(|| Attendee { admission, ..Attendee::new(id, Profile::default(), now) });
    fill(&mut person, call.fields())?;
    if person.profile.get("email").is_empty() && person.profile.get("username").contains('@') {
        let email = person.profile.get("username").to_owned();
        person.profile.set("email", &email);
    }
    person.updated = now;
    let approved = person.admission == Admission::Approved;
    turn.event_by(event)?.put(person);
    feedback::keep(turn, event, id, answers)?;
    match (is_new, approved) {
        (true, true) => admitted(turn, event, id)?,
        (false, true) => turn.tell(Trigger::EventEnrollmentUpdate, event, Some(id), None),
        (_, false) => {}
    }
    let (variants, event) = (&turn.world.variants, turn.event()?);
    Ok(Page::one(rows::attendee(event, event.person(id)?, true, variants)))
}

/// What follows when somebody becomes an attendee: a credit, a mail, and a webhook.
pub(super) fn admitted(turn: &mut Turn<'_>, event: u64, person: u64) -> Result<(), Problem> {
    turn.world.model.credits += 1;
    let found = turn.event_by(event)?;
    let (email, mails) = (found.person(person)?.profile.get("email").to_owned(), found.confirmation_email);
    let speaker = found.person(person)?.speaker;
    if mails && !email.is_empty() {
        turn.world.model.mail(&email, MailKind::Confirmation, event, turn.now);
    }
    turn.tell(Trigger::EventEnrollment, event, Some(person), None);
    if speaker {
        turn.tell(Trigger::SpeakerCreated, event, Some(person), None);
    }
    Ok(())
}

/// Sets what a body says of a person; answers are kept elsewhere.
fn fill<'a>(person: &mut Attendee, fields: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), Problem> {
    for (name, value) in fields {
        match name {
            "password" | "feedbackContent" => {}
            "createSpeaker" => person.speaker = boolean(name, value)?,
            "private" => person.private = boolean(name, value)?,
            "waitlist" => person.waitlist = boolean(name, value)?,
            "rsvp" => person.rsvp = Some(boolean(name, value)?),
            "level" => person.level = value.to_owned(),
            "tagIDs" => person.tags = ids(name, value)?,
            "name" => _ = person.profile.set(name, value),
            _ if PROFILE.contains(&name) => _ = person.profile.set(name, value),
            _ => {}
        }
    }
    Ok(())
}
