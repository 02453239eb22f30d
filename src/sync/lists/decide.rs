//! Who is to be put on a list and who taken off: a pure function of the rules, of the rows and of what is remembered.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::condition;
use crate::{
    settings::document::{Expression, ExpressionError},
    sync::{
        plan::EventParticipant,
        rows::{AttendanceRow, PersonRef, PersonTable},
    },
};

/// A list rule, compiled.
#[derive(Debug)]
pub struct CompiledRule {
    pub name: String,
    pub when: Expression,
    pub contact_list: Option<Uuid>,
    pub lead_list: Option<Uuid>,
    pub remove: bool,
}

/// Why somebody is on a list: a rule holds for a participant of an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Claim {
    pub event: String,
    pub rule: String,
    pub participant: String,
}

/// What a rule says about a person and a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub list: Uuid,
    pub person: PersonRef,
    pub claim: Claim,
    pub holds: bool,
    pub remove: bool,
}

/// What is remembered of a person and a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    pub state: State,
    pub claims: BTreeSet<Claim>,
    /// The calls under way that put the person on the list or take them off, and when they were about to begin. As long as there is
    /// one, nobody can tell which takes effect last: the state is `Adding` or `Removing`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub calls: BTreeMap<Uuid, Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A rule that also takes off is about to put the person on the list, who was not on it.
    Adding,
    /// A rule put the person on the list. Whoever is not on it any more was taken off by somebody, and stays off.
    Added,
    /// The person was on the list already: not a rule's to take off.
    Found,
    /// A rule is about to take the person off, who was on it.
    Removing,
    /// A rule took the person off.
    Removed,
    /// Somebody had taken the person off before a rule would have.
    Left,
}

impl State {
    /// What is left to be done once it is doubtful which call took effect last.
    pub fn unsettled(self) -> Self {
        match self {
            Self::Adding | Self::Added | Self::Found => Self::Adding,
            Self::Removing | Self::Removed | Self::Left => Self::Removing,
        }
    }
}

/// What is to be done with a person and a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Add,
    Remove,
}

/// What the rules say about one participant, given all of the participant's rows of the event.
///
/// # Errors
/// Beside what they say: the rules whose condition fails over these rows. Such a rule says nothing.
pub fn asks(
    participant: &EventParticipant,
    rows: &[&AttendanceRow],
    rules: &[CompiledRule],
) -> (Vec<Ask>, Vec<(String, ExpressionError)>) {
    let (mut asks, mut failed) = (Vec::new(), Vec::new());
    let Some(person) = condition::person(rows) else { return (asks, failed) };
    let standing = condition::standing(rows);
    for rule in rules {
        let list = match person.table {
            PersonTable::Contact => rule.contact_list,
            PersonTable::Lead => rule.lead_list,
        };
        let Some(list) = list else { continue };
        let holds = match rule.when.value(&standing) {
            Ok(value) => value.is_some_and(|value| value == true),
            Err(why) => {
                failed.push((rule.name.clone(), why));
                continue;
            }
        };
        let EventParticipant { event, participant } = participant.clone();
        let claim = Claim { event, rule: rule.name.clone(), participant };
        asks.push(Ask { list, person, claim, holds, remove: rule.remove });
    }
    (asks, failed)
}

/// What follows for one person and one list: what is remembered from now on, if that changes, and what is to be done first.
/// All asks are about the same person and list.
pub fn decide(memory: Option<&Membership>, asks: &[Ask]) -> Option<(Membership, Option<Operation>)> {
    let (before, calls) = memory.map(|memory| (memory.claims.clone(), memory.calls.clone())).unwrap_or_default();
    let mut claims = before.clone();
    for ask in asks {
        if ask.holds {
            claims.insert(ask.claim.clone());
        } else if ask.remove {
            claims.remove(&ask.claim);
        }
    }
    let (state, operation) = match (memory.map(|memory| memory.state), !claims.is_empty()) {
        (None, false) => return None,
        (None | Some(State::Removed | State::Adding | State::Removing), true) => (State::Added, Some(Operation::Add)),
        (Some(State::Added | State::Adding | State::Removing), false) => (State::Removed, Some(Operation::Remove)),
        (Some(state), _) => (state, None),
    };
    (operation.is_some() || claims != before).then_some((Membership { state, claims, calls }, operation))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(rule: &str, holds: bool, remove: bool) -> Ask {
        let claim = Claim { event: "e".into(), rule: rule.into(), participant: "p".into() };
        let person = PersonRef { table: PersonTable::Lead, id: Uuid::nil() };
        Ask { list: Uuid::nil(), person, claim, holds, remove }
    }

    /// `state: rule rule` as it becomes, and what is done.
    fn told(memory: Option<(State, &[&str])>, asks: &[Ask]) -> String {
        let memory = memory.map(|(state, rules)| {
            let claims = rules.iter().map(|rule| ask(rule, true, false).claim).collect();
            Membership { state, claims, calls: BTreeMap::new() }
        });
        match decide(memory.as_ref(), asks) {
            None => "nothing".to_owned(),
            Some((membership, operation)) => {
                let rules: Vec<&str> = membership.claims.iter().map(|claim| claim.rule.as_str()).collect();
                format!("{operation:?} {:?} {}", membership.state, rules.join(" "))
            }
        }
    }

    #[test]
    fn who_is_put_on_a_list_and_who_is_taken_off() {
        use State::*;
        for (what, memory, asks, expected) in [
            ("holds for the first time", None, vec![ask("a", true, false)], "Some(Add) Added a"),
            ("never held", None, vec![ask("a", false, true)], "nothing"),
            (
                "holds again: whoever was taken off stays off",
                Some((Added, &["a"][..])),
                vec![ask("a", true, false)],
                "nothing",
            ),
            ("another rule says so, too", Some((Added, &["a"])), vec![ask("b", true, false)], "None Added a b"),
            ("no longer holds, and the rule keeps", Some((Added, &["a"])), vec![ask("a", false, false)], "nothing"),
            (
                "no longer holds, and the rule takes off",
                Some((Added, &["a"])),
                vec![ask("a", false, true)],
                "Some(Remove) Removed ",
            ),
            (
                "another rule keeps the person on",
                Some((Added, &["a", "b"])),
                vec![ask("a", false, true)],
                "None Added b",
            ),
            (
                "one rule gives up as another begins",
                Some((Added, &["a"])),
                vec![ask("a", false, true), ask("b", true, true)],
                "None Added b",
            ),
            (
                "holds again after it was taken off",
                Some((Removed, &[])),
                vec![ask("a", true, true)],
                "Some(Add) Added a",
            ),
            ("was on the list before", Some((Found, &["a"])), vec![ask("a", false, true)], "None Found "),
            ("was taken off by somebody", Some((Left, &[])), vec![ask("a", true, true)], "None Left a"),
            ("was being put on", Some((Adding, &["a"])), vec![ask("a", true, true)], "Some(Add) Added a"),
            (
                "was being put on and no longer is to be",
                Some((Adding, &["a"])),
                vec![ask("a", false, true)],
                "Some(Remove) Removed ",
            ),
            ("was being taken off", Some((Removing, &[])), vec![ask("a", false, true)], "Some(Remove) Removed "),
            (
                "was being taken off and is to stay",
                Some((Removing, &[])),
                vec![ask("a", true, true)],
                "Some(Add) Added a",
            ),
            ("two rules at once", None, vec![ask("a", true, false), ask("b", true, true)], "Some(Add) Added a b"),
        ] {
            assert_eq!(told(memory, &asks), expected, "{what}");
        }
    }

    #[test]
    fn conditions_over_the_merged_rows() {
        use serde_json::json;

        use crate::sync::rows::ActivityTable;

        let row = |session: Option<&str>, attendance: &str, score: &str| {
            let row = json!({
                "activityid": Uuid::new_v4().to_string(), "@odata.etag": "W/\"1\"", "new_eventid": "e", "new_participantid": "p",
                "new_sessionid": session, "new_eventname": "Day", "new_sessionname": session.map(str::to_uppercase),
                "new_sessiontracks": session.map(|session| if session == "s1" { "Cloud; Data" } else { "Security" }),
                "new_attendancestamp": attendance, "new_scorestamp": score,
                "_regardingobjectid_value": Uuid::nil().to_string(),
                "_regardingobjectid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "lead",
            });
            let serde_json::Value::Object(row) = row else { panic!() };
            AttendanceRow::read(ActivityTable::default(), row).unwrap()
        };
        let at = crate::model::SourceTime::new("2026-05-12T09:00:00Z".parse().unwrap()).unwrap().digits();
        let (seen, score) = (format!("in:{at}"), format!("{at}:7050"));
        let attended = [row(None, &seen, &score), row(Some("s1"), &seen, ""), row(Some("s2"), "", "")];
        let only_session = [row(Some("s1"), &seen, "")];
        let missed = [row(None, "noshow", "")];
        let holds = |rows: &[AttendanceRow], when: &str| {
            let rule = CompiledRule {
                name: "r".into(),
                when: Expression::condition(when).unwrap(),
                contact_list: None,
                lead_list: Some(Uuid::nil()),
                remove: false,
            };
            let participant = EventParticipant { event: "e".into(), participant: "p".into() };
            let (asks, failed) = asks(&participant, &rows.iter().collect::<Vec<_>>(), &[rule]);
            failed.is_empty() && asks.iter().all(|ask| ask.holds)
        };
        for (when, expected) in [
            ("attended and score >= 70", [true, false, false]),
            ("score >= 70", [true, false, false]),
            ("no_show", [false, false, true]),
            ("registered and not attended", [false, false, true]),
            ("sessions | selectattr('attended') | list | length > 0", [true, true, false]),
            (
                "sessions | selectattr('id', 'in', ['s1', 's9']) | selectattr('attended') | list | length > 0",
                [true, true, false],
            ),
            ("'Cloud' in tracks_attended", [true, true, false]),
            ("'Security' in tracks_attended", [false, false, false]),
            ("event.name == 'Day' and participant.id == 'p'", [true, true, true]),
            ("check_in < '2026-05-12T10:00:00Z'", [true, false, false]),
            ("checked_in and not checked_out", [true, false, false]),
            ("score", [false, false, false]),
        ] {
            let found = [&attended[..], &only_session, &missed].map(|rows| holds(rows, when));
            assert_eq!(found, expected, "{when}");
        }
    }
}
