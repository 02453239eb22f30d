//! `person`: signing in.

use super::{Access, Action, check_email};
use crate::inevent::envelope::{Page, Problem, row};
use crate::inevent::tokens::{PASSWORD, Scope, USERNAME};
use crate::inevent::turn::Turn;

pub(super) const ACTIONS: &[Action] =
    &[Action::new("person.signIn", Access::Anyone, &["username", "companyID", "eventID"], &["password"], sign_in)];

/// A token of the System scope, or of the Event scope if `eventID` is given.
fn sign_in(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let username = turn.call.required("username")?;
    check_email("username", username)?;
    let password = turn.call.required_field("password")?;
    if username != USERNAME || password != PASSWORD {
        return Err(Problem::new(401, "username or password is invalid"));
    }
    if turn.call.attribute("companyID").is_some() {
        turn.company()?;
    }
    let scope = match turn.call.attribute("eventID") {
        Some(_) => Scope::Event(turn.event()?.id),
        None => Scope::System,
    };
    let until = turn.world.variants.token_lifetime_s.map(|seconds| turn.now + seconds);
    let token = turn.world.tokens.issue(scope, until);
    let (scope, target) = match scope {
        Scope::System => ("system", 0),
        Scope::Event(event) => ("event", event),
    };
    Ok(Page::one(row([
        ("personID", "1".into()),
        ("firstName", "Ada".into()),
        ("lastName", "Min".into()),
        ("name", "Ada Min".into()),
        ("username", USERNAME.into()),
        ("email", USERNAME.into()),
        ("image", String::new()),
        ("timezone", String::new()),
        ("telephone", String::new()),
        ("facebookID", String::new()),
        ("linkedInID", String::new()),
        ("twitterID", String::new()),
        ("date", turn.now.to_string()),
        ("tokenID", token),
        ("scope", scope.into()),
        ("targetID", target.to_string()),
    ])))
}
