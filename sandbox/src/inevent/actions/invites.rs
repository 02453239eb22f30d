//! `event.invite`: invitations, which register nobody. Every `create` sends a mail.

use super::{Access, Action, boolean, check_email};
use crate::inevent::envelope::{Page, Problem};
use crate::inevent::model::{Invite, MailKind};
use crate::inevent::rows;
use crate::inevent::turn::Turn;
use crate::inevent::variants::SecondInvite;

/// The one action whose body attributes may be more than is published.
pub(super) const CREATE: &str = "event.invite.create";

/// What it takes under `invite_takes_names` only.
const NAMES: [&str; 4] = ["name", "firstName", "lastName", "company"];

pub(super) const ACTIONS: &[Action] = &[
    Action::new(CREATE, Access::Admin, &["eventID"], &["email", "name", "firstName", "lastName", "company"], create),
    Action::new("event.invite.find", Access::Admin, &["eventID", "selection", "query", "order"], &[], find),
    Action::new("event.invite.get", Access::Anyone, &["eventID", "personID", "email", "tracking"], &[], get),
    Action::new("event.invite.remove", Access::Admin, &["eventID", "personID"], &[], remove),
    Action::new("event.invite.rsvp", Access::Anyone, &["eventID", "email"], &[], rsvp),
];

fn create(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (call, now, event) = (turn.call, turn.now, turn.event()?.id);
    let email = call.required_field("email")?;
    check_email("email", email)?;
    let variants = turn.world.variants.clone();
    if let Some((name, _)) = call.fields().find(|(name, _)| !variants.invite_takes_names && NAMES.contains(name)) {
        return Err(Problem::not_here(&format!("attribute {name} of {CREATE}")));
    }
    let wanted = match call.field(&variants.invite_mail_attribute) {
        Some(text) => boolean(&variants.invite_mail_attribute, text)?,
        None => true,
    };
    let id = turn.world.model.person(email);
    let known = turn.event()?.invites.contains_key(&id);
    let again = match variants.second_invite {
        SecondInvite::Refused if known => return Err(Problem::new(406, "email is already invited")),
        SecondInvite::Silent => !known,
        SecondInvite::MailsAgain | SecondInvite::Refused => true,
    };
    let text = |name: &str| call.field(name).unwrap_or_default().to_owned();
    let name = Some(text("name")).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| format!("{} {}", text("firstName"), text("lastName")).trim().to_owned());
    let found = turn.event_by(event)?;
    let invite = found.invites.entry(id).or_insert_with(|| Invite {
        email: email.to_owned(),
        name,
        company: text("company"),
        rsvp: None,
        at: now,
        mails: 0,
    });
    let mails = variants.invite_mails && wanted && again;
    invite.mails += u64::from(mails);
    if mails {
        turn.world.model.mail(email, MailKind::Invitation, event, now);
    }
    one(turn, id)
}

fn one(turn: &Turn<'_>, person: u64) -> Result<Page, Problem> {
    let event = turn.event()?;
    let invite = event.invites.get(&person).ok_or_else(|| Problem::missing("invite"))?;
    Ok(Page::one(rows::invite(event, person, invite)))
}

/// In the order in which they were invited first.
fn find(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (call, event) = (turn.call, turn.event()?);
    let test: fn(&Invite) -> bool = match call.attribute("selection").unwrap_or("all") {
        "all" => |_| true,
        "accepted-rsvp" => |invite| invite.rsvp == Some(true),
        "declined-rsvp" => |invite| invite.rsvp == Some(false),
        "waiting-rsvp" => |invite| invite.rsvp.is_none(),
        other => return Err(Problem::not_here(&format!("selection {other} of event.invite.find"))),
    };
    if let Some(order) = call.attribute("order").filter(|order| *order != "date") {
        return Err(Problem::not_here(&format!("order {order} of event.invite.find")));
    }
    let query = call.attribute("query").map(str::to_lowercase);
    let found = |text: &str| query.as_ref().is_none_or(|query| text.to_lowercase().contains(query));
    let chosen =
        event.invites.iter().filter(|(_, invite)| test(invite) && (found(&invite.email) || found(&invite.name)));
    let mut chosen: Vec<_> = chosen.collect();
    chosen.sort_by_key(|(id, invite)| (invite.at, **id));
    call.page(chosen, |(id, invite)| rows::invite(event, *id, invite))
}

/// By `personID`, or by `email` without a token too.
fn get(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    if turn.world.variants.invite_get_blind {
        return Err(Problem::new(400, "invite cannot be told"));
    }
    let id = id(turn)?;
    one(turn, id)
}

fn id(turn: &Turn<'_>) -> Result<u64, Problem> {
    match turn.call.attribute("email") {
        Some(email) => turn.world.model.known(email).ok_or_else(|| Problem::missing("invite")),
        None => turn.call.id("personID"),
    }
}

fn remove(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let person = turn.call.id("personID")?;
    let page = one(turn, person)?;
    turn.event_mut()?.invites.remove(&person);
    Ok(page)
}

/// The person accepts.
fn rsvp(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    turn.call.required("email")?;
    let person = id(turn)?;
    if let Some(invite) = turn.event_mut()?.invites.get_mut(&person) {
        invite.rsvp = Some(true);
    }
    one(turn, person)
}
