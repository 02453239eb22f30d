//! Who is put on which marketing list.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{EventSettings, Expression, Overrides, Problem};

/// Participants for whom a condition holds are put on a marketing list. A list holds contacts or leads, so there is one for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRule {
    /// What the connector remembers the rule by. Whoever was put on a list under another name was put there by another rule.
    pub name: String,
    /// A minijinja expression over the participant's merged attendance: `registered`, `cancelled`, `attended`, `partial`, `no_show`,
    /// `checked_in`, `checked_out`, `score`, `check_in`, `check_out`, `participant.id`, `event.id`, `event.name`; and `sessions`, each
    /// with `id`, `name` and the same. It holds where it gives true; one that needs what is not known does not hold.
    pub when: String,
    /// The id of a static marketing list of contacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub contact_list: Option<Uuid>,
    /// The id of a static marketing list of leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub lead_list: Option<Uuid>,
    /// Whether those whom rules have put on the list, and nobody else, are taken off it when no condition holds for them any more.
    #[serde(default)]
    pub remove: bool,
}

pub(super) fn check(place: &str, settings: &EventSettings, own: &Overrides, problems: &mut Vec<Problem>) {
    if !own.contains_key("list_rules") {
        return;
    }
    let mut names = BTreeSet::new();
    for (index, rule) in settings.list_rules.iter().enumerate() {
        let mut wrong = |field: &str, problem: &str, remedy: &str| {
            problems.push(Problem::new(format!("{place}.list_rules[{index}]{field}"), problem, remedy));
        };
        if rule.name.trim().is_empty() || rule.name.chars().count() > 100 {
            wrong(".name", "blank, or longer than 100 characters", "Give the rule a short name.");
        } else if !names.insert(&rule.name) {
            wrong(".name", "another rule has this name", "Give each rule a name of its own.");
        }
        if let Err(problem) = Expression::condition(&rule.when) {
            wrong(".when", &problem, "Correct it; a minijinja expression stands there without {{ }}.");
        }
        if rule.contact_list.is_none() && rule.lead_list.is_none() {
            wrong("", "the rule names no list", "Set contact_list, lead_list or both.");
        }
    }
}
