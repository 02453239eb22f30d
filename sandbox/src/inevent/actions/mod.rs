//! The actions of the API, one file a module of InEvent's. Attributes are those of InEvent's SDKs; one that an action
//! does not take is refused, never passed over.

mod activities;
mod applicants;
mod checklog;
mod enrolments;
mod events;
mod feedback;
mod invites;
mod lists;
mod people;
mod person;
mod register;
mod scores;
mod search;
mod tags;
mod webhooks;

pub(super) use checklog::entry as check_entry;

use super::envelope::{Page, Problem};
use super::tokens::Scope;
use super::turn::Turn;

/// Who may call an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Without a token too.
    Anyone,
    /// With a token for the event or the whole company.
    User,
    /// With a token for the whole company.
    Admin,
}

/// An action of the API.
struct Action {
    name: &'static str,
    access: Access,
    /// Query attributes it takes.
    query: &'static [&'static str],
    /// Body attributes it takes; `f_` stands for every API field.
    body: &'static [&'static str],
    run: fn(&mut Turn<'_>) -> Result<Page, Problem>,
}

impl Action {
    const fn new(
        name: &'static str,
        access: Access,
        query: &'static [&'static str],
        body: &'static [&'static str],
        run: fn(&mut Turn<'_>) -> Result<Page, Problem>,
    ) -> Self {
        Self { name, access, query, body, run }
    }

    /// Whether it leaves everything as it is.
    fn reads(&self) -> bool {
        let method = self.name.rsplit('.').next().unwrap_or_default();
        method.starts_with("find") || method.starts_with("get") || method.ends_with("Example")
    }
}

/// Every module's actions.
const ROOMS: [&[Action]; 15] = [
    person::ACTIONS,
    events::ACTIONS,
    people::ACTIONS,
    search::ACTIONS,
    register::ACTIONS,
    applicants::ACTIONS,
    activities::ACTIONS,
    enrolments::ACTIONS,
    checklog::ACTIONS,
    feedback::ACTIONS,
    scores::ACTIONS,
    invites::ACTIONS,
    lists::ACTIONS,
    tags::ACTIONS,
    webhooks::ACTIONS,
];

/// Carries out a call.
pub(super) fn answer(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let call = turn.call;
    let mut actions = ROOMS.iter().flat_map(|room| room.iter());
    let Some(action) = actions.find(|action| action.name == call.action) else {
        return Err(Problem::not_here(&format!("action {}", call.action)));
    };
    admit(turn, action.access)?;
    let quiet = turn.world.variants.invite_mail_attribute.as_str();
    let foreign =
        call.foreign(action.query, action.body).filter(|name| name != &quiet || action.name != invites::CREATE);
    if let Some(foreign) = foreign {
        return Err(Problem::not_here(&format!("attribute {foreign} of {}", action.name)));
    }
    if !action.reads() {
        turn.world.lists.clear();
    }
    (action.run)(turn)
}

/// Lets in who may call.
fn admit(turn: &Turn<'_>, access: Access) -> Result<(), Problem> {
    if turn.call.token.is_some() && turn.scope.is_none() {
        return Err(Problem::new(401, "tokenID is invalid"));
    }
    match (access, turn.scope) {
        (Access::Anyone, _) | (_, Some(Scope::System)) => Ok(()),
        (_, None) => Err(Problem::required("tokenID")),
        (Access::User, Some(Scope::Event(event))) if turn.call.number("eventID")?.is_none_or(|id: u64| id == event) => {
            Ok(())
        }
        (Access::User, Some(Scope::Event(_))) => Err(Problem::new(401, "personID doesn't work at event")),
        (Access::Admin, Some(Scope::Event(_))) => Err(Problem::new(401, "permission denied")),
    }
}

/// Refuses addresses as InEvent does: without an `@`, or with an apostrophe.
fn check_email(name: &str, email: &str) -> Result<(), Problem> {
    let parts = email.split_once('@');
    let whole = parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if whole && !email.contains('\'') && !email.contains(char::is_whitespace) {
        Ok(())
    } else {
        Err(Problem::invalid(name))
    }
}

/// A boolean in the body or in `value`.
fn boolean(name: &str, text: &str) -> Result<bool, Problem> {
    match text {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => Err(Problem::invalid(name)),
    }
}

/// A number in the body or in `value`.
fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::invalid(name))
}

/// Ids separated by commas.
fn ids(name: &str, text: &str) -> Result<Vec<u64>, Problem> {
    text.split(',').filter(|id| !id.is_empty()).map(|id| number(name, id.trim())).collect()
}

/// Refuses a `selection` other than the one that is there.
fn only_all(turn: &Turn<'_>) -> Result<(), Problem> {
    match turn.call.attribute("selection") {
        None | Some("all") => Ok(()),
        Some(other) => Err(Problem::not_here(&format!("selection {other} of {}", turn.call.action))),
    }
}
