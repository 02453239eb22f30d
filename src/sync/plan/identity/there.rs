//! Whom a key means that somebody has: in a row of theirs, by a weaker key, or because rows regard them for it.

use super::{Search, Target, is_taken, left_cell};
use crate::{
    model::stamp::Fingerprint,
    sync::{
        matching::{Matcher, Who},
        plan::{people, statements::Statement},
        rows::{PersonRef, PersonRow, PersonTable},
    },
};

impl Search<'_> {
    /// The person whom the participant's rows regard, if this key is known to be an earlier one of theirs: whoever else has it now.
    pub(super) fn absorbed(&self, who: &Who, statement: &Statement<'_>) -> Option<PersonRef> {
        let known = self.known.get(&statement.of).filter(|_| self.left_behind(statement))?;
        let people = known.regarded.iter().filter_map(|(_, person)| self.view.follow(*person));
        let absorbed = people.filter(|row| row.active && row.ledger.get(&left_cell(who.fingerprint())).is_some());
        absorbed.min_by_key(|row| row.precedence()).map(|row| row.person)
    }

    /// Settles the statements of a key that are about somebody who is there, and returns those that are about nobody yet.
    ///
    /// Who is found otherwise than by the key may get it, and then is whom the others mean: they wait until that is written.
    pub(super) fn know<'s>(&mut self, who: &Who, of_key: Vec<&'s Statement<'s>>) -> Vec<&'s Statement<'s>> {
        let Some(matcher) = of_key.first().map(|statement| &statement.rules.matcher) else { return of_key };
        if let Some(person) = self.matched(who, matcher) {
            self.settle(&of_key, &Target::Person(person));
            return Vec::new();
        }
        let made = self.made_for(who, matcher);
        let mut otherwise = |statement: &Statement<'_>| {
            let weaker = statement.keys.iter().skip(1).find_map(|key| self.matched(&key.who, matcher));
            weaker.or_else(|| self.known_by_row(Some(who.fingerprint()), statement)).or(made)
        };
        let found: Vec<_> = of_key.into_iter().map(|statement| (statement, otherwise(statement))).collect();
        let is_new = |(statement, _): &&(&Statement<'_>, Option<PersonRef>)| !self.settled.contains(&statement.index);
        let first = found.iter().filter(is_new).find_map(|(_, person)| *person);
        if first.is_some() {
            self.met.keys.insert(who.clone());
        }
        let mut unknown = Vec::new();
        for (statement, person) in found {
            match person {
                Some(person) if first == Some(person) || self.settled.contains(&statement.index) => {
                    self.settle(&[statement], &Target::Person(person));
                }
                None if first.is_none() => unknown.push(statement),
                _ => _ = self.found.waiting.insert(statement.index),
            }
        }
        unknown
    }

    /// Whoever has a key: somebody open, else who stands for the closed ones now.
    fn matched(&mut self, who: &Who, matcher: &Matcher) -> Option<PersonRef> {
        let by_table: Vec<Vec<&PersonRow>> = matcher.order.iter().map(|table| self.index.of(who, *table)).collect();
        for rows in &by_table {
            let open: Vec<&&PersonRow> = rows.iter().filter(|row| row.active).collect();
            if let Some(first) = open.first() {
                if open.len() > 1 {
                    self.found.ambiguous.push((first.person, open.len()));
                }
                return Some(first.person);
            }
            if let Some(row) = rows.iter().find(|row| is_taken(row, matcher)) {
                return Some(row.person);
            }
        }
        let followed = by_table.iter().flatten().filter_map(|row| self.view.follow(row.person));
        followed.filter(|row| row.active).min_by_key(|row| row.precedence()).map(|row| row.person)
    }

    /// Whom the participant's rows regard for this very key: somebody who was adopted, or whose address was changed in the CRM.
    pub(super) fn known_by_row(&self, of: Option<Fingerprint>, statement: &Statement<'_>) -> Option<PersonRef> {
        let regarded = &self.known.get(&statement.of)?.regarded;
        let for_key = regarded.iter().filter(|(key, _)| *key == of);
        let people = for_key.filter_map(|(_, person)| self.view.follow(*person));
        let people = people.filter(|row| is_taken(row, &statement.rules.matcher));
        people.min_by_key(|row| (row.person.table, row.precedence())).map(|row| row.person)
    }

    /// Whom the connector made for the key, where the row itself does not show all of it.
    fn made_for(&self, who: &Who, matcher: &Matcher) -> Option<PersonRef> {
        // An address stands in the row, and was looked for there.
        let tables = matcher.order.iter().filter(|_| matches!(who, Who::Other(_)));
        let made = |table: &PersonTable| {
            let generation = |generation| self.view.person(people::person(*table, self.tenant, who, generation));
            (0..).map_while(generation).find(|row| row.active && matcher.leaves_open(row, who))
        };
        tables.filter_map(made).next().map(|row| row.person)
    }
}
