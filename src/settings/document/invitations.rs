//! Whom InEvent invites.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    ByPerson, EventSettings, Overrides, Problem,
    check::{HOW_COLUMNS_ARE_WRITTEN, NO_COLUMN, is_reserved},
    is_column_name,
};
use crate::settings::Prefix;

/// `max_per_run`, where nothing is set.
const MAX_PER_RUN: u32 = 1_000;

/// The members of marketing lists are invited to the event. An event must stand under `events` for its lists to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Invitations {
    /// The ids of marketing lists of contacts or leads, static or dynamic, or of segments of Customer Insights - Journeys.
    #[schemars(with = "Vec<String>")]
    pub lists: Vec<Uuid>,
    /// Who brings the invitation to the person.
    pub send: Sending,
    /// With `link`: an attribute of InEvent's `event.invite.create` that is sent as `0` and keeps InEvent from mailing. InEvent
    /// publishes none; without it the event's invitation mails must be switched off in InEvent.
    pub quiet_attribute: Option<String>,
    /// The text columns of contact and lead that keep the link by which the person registers.
    pub link: Option<ByPerson>,
    /// Whether name and company are sent with the address. InEvent publishes the address only.
    pub names: bool,
    /// Whether people are registered outright (`event.person.bind`) instead of invited: InEvent confirms it by mail, and it costs a
    /// registration credit each.
    pub register: bool,
    /// Whether those whom the connector invited, and nobody else, are uninvited once they are on none of the lists any more.
    pub withdraw: bool,
    /// The most people whom one run of the timer invites, and the most whom it uninvites.
    #[schemars(range(min = 1))]
    pub max_per_run: u32,
}

/// Who brings the invitation to the person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sending {
    /// InEvent mails it.
    #[default]
    Inevent,
    /// Nobody: only the link is kept, in the columns of `link`.
    Link,
}

impl Default for Invitations {
    fn default() -> Self {
        Self {
            lists: Vec::new(),
            send: Sending::default(),
            quiet_attribute: None,
            link: None,
            names: false,
            register: false,
            withdraw: false,
            max_per_run: MAX_PER_RUN,
        }
    }
}

pub(super) fn check(
    place: &str,
    settings: &EventSettings,
    own: &Overrides,
    prefix: &Prefix,
    problems: &mut Vec<Problem>,
) {
    if !own.contains_key("invitations") {
        return;
    }
    let invitations = &settings.invitations;
    let mut wrong = |field: &str, problem: &str, remedy: &str| {
        problems.push(Problem::new(format!("{place}.invitations{field}"), problem, remedy));
    };
    let mut seen = BTreeSet::new();
    for (index, list) in invitations.lists.iter().enumerate().filter(|(_, list)| !seen.insert(**list)) {
        wrong(&format!(".lists[{index}]"), &format!("the list {list} is named twice"), "Keep one.");
    }
    if invitations.max_per_run == 0 {
        wrong(".max_per_run", "with none a run nobody is invited", "Write 1 or more; to invite nobody, name no list.");
    }
    let columns = invitations.link.clone().unwrap_or_default();
    for (field, column) in [(".link.contact", &columns.contact), (".link.lead", &columns.lead)] {
        match column {
            Some(column) if !is_column_name(column) => wrong(field, NO_COLUMN, HOW_COLUMNS_ARE_WRITTEN),
            Some(column) if is_reserved(column, prefix) => {
                wrong(field, "the connector finds or keeps rows by this column", "Name another column.")
            }
            _ => {}
        }
    }
    if invitations.send == Sending::Link && columns == ByPerson::default() {
        wrong(".link", "nothing says where the link is kept", "Name a column of contact, of lead or of both.");
    }
    if invitations.send == Sending::Link && invitations.register {
        wrong(".register", "who is registered needs no link", "Set register to false, or send to inevent.");
    }
    let attribute = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if invitations.quiet_attribute.as_deref().is_some_and(|name| !attribute(name) || name == "email") {
        wrong(".quiet_attribute", "not the name of an attribute", "Write it as InEvent names it.");
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::{
        Prefix,
        document::{DocumentError, read},
    };

    #[test]
    fn what_is_well_formed_and_still_wrong() {
        let text = r#"{ "defaults": { "invitations": {
            "lists": ["00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000001"], "max_per_run": 0,
            "send": "link", "register": true, "quiet_attribute": "no mail", "link": { "contact": "New Link", "lead": "emailaddress1" }
        } }, "events": { "1": { "invitations": { "send": "link" } } } }"#;
        let Err(DocumentError::Invalid(problems)) = read(text, &Prefix::default()) else { panic!() };
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "defaults.invitations.lists[1]",
                "defaults.invitations.max_per_run",
                "defaults.invitations.link.contact",
                "defaults.invitations.link.lead",
                "defaults.invitations.register",
                "defaults.invitations.quiet_attribute",
                "events.1.invitations.link",
            ]
        );
    }
}
