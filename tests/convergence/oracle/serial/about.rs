//! Whom one statement is about.

use std::{cmp::Reverse, collections::BTreeSet};

use inevent_d365::dataverse::Columns;

use super::{Part, Person, Serial, State, Statement, Told, id, is_guest, second};
use crate::oracle::keys::Key;

/// Whom a statement is about.
pub(super) enum About {
    Known(Person),
    /// Their own lead, which gets the address.
    Corrected(Person),
    /// Their own lead, of an address that they have left behind.
    LookedBack(Person),
    /// Somebody who is made where that is asked for.
    NobodyYet,
    Nobody,
}

impl Serial<'_> {
    /// The strongest key that was ever stated, by the latest statement of it.
    pub(super) fn latest(
        &self,
        state: &State,
        statement: &Statement<'_>,
        more: &[usize],
        part: Part,
    ) -> Option<String> {
        let said = state.participant(&statement.of, part).map(|told| told.said.clone()).unwrap_or_default();
        let all = said.iter().chain(more).map(|at| &self.statements[at]);
        let stated = all.filter_map(|one| Some((self.strength(one.keys.first()?), second(one.event), &one.keys[0])));
        stated.max().map(|(_, _, key)| key.clone())
    }

    fn strength(&self, key: &str) -> (bool, Reverse<Option<usize>>) {
        (!is_guest(key), Reverse(self.settings.matching.keys.place(key)))
    }

    /// The participant's key of now. `said`: what is told together, the statement among it.
    fn latest_of(&self, state: &State, statement: &Statement<'_>, said: &[usize], part: Part) -> Option<String> {
        let of_same: Vec<usize> = said.iter().filter(|at| self.statements[at].of == statement.of).copied().collect();
        self.latest(state, statement, &of_same, part)
    }

    /// Whether the participant has another key since, where that matters.
    pub(super) fn is_left_behind(&self, state: &State, statement: &Statement<'_>, said: &[usize], part: Part) -> bool {
        let latest = self.latest_of(state, statement, said, part);
        self.settings.matching.corrects && statement.keys.first() != latest.as_ref()
    }

    pub(super) fn about(&self, state: &State, statement: &Statement<'_>, said: &[usize], part: Part) -> About {
        let latest = self.latest_of(state, statement, said, part);
        let rows = state.participant(&statement.of, part).map(|told| &told.rows);
        let regarded: Vec<(Person, &String)> = rows
            .into_iter()
            .flatten()
            .filter_map(|(_, row)| row.regards.as_ref())
            .map(|(one, key)| (*one, key))
            .collect();
        let now = |person: Person| self.stands_for(state, person);
        let first = |people: Vec<Person>| people.into_iter().min_by_key(|person| (person.0, self.precedence(*person)));
        let known_for = |key: Option<&String>| {
            let of_key = regarded.iter().filter(|(_, of)| Some(*of) == key).filter_map(|(person, _)| now(*person));
            first(of_key.filter(|person| self.is_taken(*person)).collect())
        };
        let Some(key) = statement.keys.first().filter(|key| !is_guest(key) || Some(*key) == latest.as_ref()) else {
            return known_for(latest.as_ref()).map_or(About::Nobody, About::Known);
        };
        let left_behind = self.is_left_behind(state, statement, said, part);
        if left_behind {
            let people = regarded.iter().filter_map(|(person, _)| now(*person));
            let left = people.filter(|person| self.open(*person));
            let left = left.filter(|person| state.people.get(person).is_some_and(|one| one.left.contains(key)));
            if let Some(person) = left.min_by_key(|person| self.precedence(*person)) {
                return About::Known(person);
            }
        }
        let found = statement.keys.iter().find_map(|key| self.found(state, key));
        if let Some(person) = found.or_else(|| known_for(Some(key))).or_else(|| self.made_for(state, key)) {
            return About::Known(person);
        }
        let own = |of_latest: bool| {
            let of = regarded.iter().filter(|(_, of)| (Some(*of) == latest.as_ref()) == of_latest);
            let people = of.filter_map(|(person, _)| now(*person));
            let own = people.filter(|person| {
                person.0 == "lead" && self.open(*person) && self.alone(state, *person, &statement.of.1, part)
            });
            own.min_by_key(|person| self.precedence(*person))
        };
        if left_behind {
            return own(true).map_or(About::NobodyYet, About::LookedBack);
        }
        let since = |person: Person| state.people.get(&person).and_then(|one| one.since);
        let corrects = self.settings.matching.corrects && is_address(key);
        match own(false).filter(|_| corrects) {
            Some(person) if since(person).is_none_or(|since| since < second(statement.event)) => {
                About::Corrected(person)
            }
            _ => About::NobodyYet,
        }
    }

    /// Whether only this participant has rows that regard somebody.
    fn alone(&self, state: &State, person: Person, participant: &str, part: Part) -> bool {
        let regards =
            |told: &Told| told.rows.values().flat_map(|row| &row.regards).any(|(regarded, _)| *regarded == person);
        let of = state.participants.keys().chain(state.in_parts.keys());
        let mut users = of.filter(|of| state.participant(of, part).is_some_and(regards));
        users.all(|(_, user)| user == participant)
    }

    /// Who has a key: somebody open, else who stands for somebody closed.
    fn found(&self, state: &State, key: &str) -> Option<Person> {
        let mut tables = ["contact", "lead"];
        if self.settings.matching.leads_first {
            tables.reverse();
        }
        let everybody: BTreeSet<Person> = self.known.keys().chain(state.people.keys()).copied().collect();
        let mut all = Vec::new();
        for table in tables {
            let having = everybody.iter().filter(|person| person.0 == table);
            let having = having.filter(|person| self.keys_of(state, **person).iter().any(|one| one == key));
            let mut having: Vec<Person> = having.copied().collect();
            having.sort_by_key(|person| self.precedence(*person));
            let open = having.iter().find(|person| self.open(**person));
            if let Some(person) = open.or_else(|| having.iter().find(|person| self.is_taken(**person))) {
                return Some(*person);
            }
            all.extend(having);
        }
        let now = all.into_iter().filter_map(|person| self.stands_for(state, person));
        now.filter(|person| self.open(*person)).min_by_key(|person| self.precedence(*person))
    }

    /// Whom the connector made for a key of which their row does not show all.
    fn made_for(&self, state: &State, key: &str) -> Option<Person> {
        if is_address(key) {
            return None;
        }
        let mut tables = ["contact", "lead"];
        if self.settings.matching.leads_first {
            tables.reverse();
        }
        let made = |table| {
            let all = (0..).map(move |generation| id(table, key, generation));
            let made = all.take_while(|person| state.people.contains_key(person));
            let mut open = made.filter(|person| self.open(*person));
            open.find(|person| self.leaves_open(&self.row(*person, &state.people[person]), person.0, key))
        };
        tables.into_iter().find_map(made)
    }

    fn leaves_open(&self, row: &Columns, table: &str, key: &str) -> bool {
        is_guest(key) || self.settings.matching.keys.all().iter().any(|one| one.leaves_open(table, row, key))
    }
}

fn is_address(key: &str) -> bool {
    Key::Address.is(key)
}
