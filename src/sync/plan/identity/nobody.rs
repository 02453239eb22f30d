//! Whom a key means that nobody has: whom a duplicate detection rule names, the participant's own lead, or somebody to be created.

use std::collections::BTreeSet;

use super::{Search, Target, created_in};
use crate::{
    model::stamp::Fingerprint,
    settings::document::{ClosedDuplicates, Unmatched},
    sync::{
        crm::Duplicates,
        matching::Who,
        plan::{Refused, people::ADDRESS_CELL, statements::Statement},
        rows::{PersonRef, PersonRow, PersonTable},
    },
};

impl Search<'_> {
    /// Takes whom a duplicate detection rule named for the key. Whether nothing is left to decide. The rule speaks to those only that
    /// ask for somebody to be created.
    pub(super) fn adopt(&mut self, who: &Who, of_key: &[&Statement<'_>]) -> bool {
        let Some(duplicates) = self.view.rows.duplicates.get(who) else { return false };
        let asks = |statement: &&&Statement<'_>| created_in(statement.rules.unmatched).is_some();
        let Some(first) = of_key.iter().find(asks) else { return false };
        match self.adopted(duplicates, first.rules.matcher.closed_duplicates) {
            Ok(Some(person)) => self.settle(of_key, &Target::Person(person)),
            Ok(None) => return false,
            Err(reason) => {
                let refused = of_key.iter().filter(asks);
                let refused = refused.map(|statement| Refused::new(statement.index, reason.clone()));
                self.found.refused.extend(refused);
            }
        }
        true
    }

    /// Meets those whose keys nobody has. Who shares one of them, a weaker one too, with somebody who is to have it waits until that is so:
    /// they would be found by it then. So does who would have a lead alone once others of this batch have left it, and whom the rules took for
    /// the same closed people as somebody new: they would be taken for somebody open.
    pub(super) fn meet_in_turn(&mut self, who: &Who, of_key: &[&Statement<'_>]) {
        let keys = of_key.iter().flat_map(|statement| &statement.keys).map(|key| &key.who);
        let keys: BTreeSet<Who> = keys.cloned().collect();
        let lead = self.corrigible(who, of_key, |row, statement| self.is_own(row, statement));
        let will_have_one =
            || self.corrigible(who, of_key, |row, statement| self.will_be_own(row, statement)).is_some();
        // Two events may each give the lead of their participant another address.
        let gets_another = lead.is_some_and(|lead| self.found.corrected.contains_key(&lead));
        if !keys.is_disjoint(&self.met.keys) || gets_another || lead.is_none() && will_have_one() {
            return self.found.waiting.extend(of_key.iter().map(|statement| statement.index));
        }
        let closed = self.view.rows.duplicates.get(who).map(|duplicates| &duplicates.people);
        if closed.is_some_and(|closed| !closed.is_disjoint(&self.met.closed)) {
            self.found.alike.insert(who.clone());
            return self.found.waiting.extend(of_key.iter().map(|statement| statement.index));
        }
        if let Some(target) = self.meet(who, of_key, lead) {
            self.met.closed.extend(closed.into_iter().flatten());
            self.settle(of_key, &target);
            self.met.by_key.insert(who.fingerprint(), target);
            self.met.keys.extend(keys);
        }
    }

    /// Nobody has the key: the participant's own `lead` gets it, or the settings of the events decide whether somebody is created: by the
    /// earliest statement that asks for it, of those with an address if there is one.
    fn meet(&mut self, who: &Who, of_key: &[&Statement<'_>], lead: Option<PersonRef>) -> Option<Target> {
        if let Some(lead) = lead {
            self.found.corrected.insert(lead, who.clone());
            let before = self.view.person(lead).and_then(|row| row.address.as_ref());
            let last = of_key.last().map(|statement| statement.time());
            if let Some((before, last)) = before.map(|address| Fingerprint::of(address.as_str())).zip(last) {
                self.found.left.entry(lead).or_default().push((before, last));
            }
            return Some(Target::Person(lead));
        }
        let asks = |statement: &&&Statement<'_>| created_in(statement.rules.unmatched).is_some();
        let maker = of_key.iter().filter(asks).min_by_key(|statement| statement.address().is_none());
        let Some(maker) = maker else {
            let ignored = of_key.iter().filter(|statement| statement.rules.unmatched == Unmatched::Ignore);
            self.found.ignored.extend(ignored.map(|statement| statement.index));
            return None;
        };
        let target = Target::New(created_in(maker.rules.unmatched)?, who.clone());
        self.found.makers.insert(target.clone(), maker.index);
        Some(target)
    }

    /// Statements of a key that their participant has left behind and that nobody has. If the participant has a lead of their own they
    /// are about that lead, as if it had got the key of now later; one that is to be made for the key of now is made without them.
    pub(super) fn look_back(&mut self, who: &Who, of_key: Vec<&Statement<'_>>) {
        let mut rest = Vec::new();
        for statement in of_key {
            let latest = self.latest(statement);
            let there =
                self.own_lead(statement, |key| key == latest, |row| self.is_own(row, statement)).map(Target::Person);
            let met = || {
                let target = self.meant_by_latest(statement)?;
                let own = match target {
                    Target::Person(person) => self.is_own(self.view.person(*person)?, statement),
                    Target::New(table, _) => *table == PersonTable::Lead && self.claimed_alone(target, statement),
                };
                own.then(|| target.clone())
            };
            match there.or_else(|| met().filter(|_| !self.stays(statement))) {
                Some(Target::New(..)) => _ = self.found.waiting.insert(statement.index),
                Some(Target::Person(lead)) => {
                    let left = self.found.left.entry(lead).or_default();
                    left.push((who.fingerprint(), statement.time()));
                    self.settle(&[statement], &Target::Person(lead));
                }
                None => rest.push(statement),
            }
        }
        match self.met.by_key.get(&who.fingerprint()).cloned() {
            Some(target) => self.settle(&rest, &target),
            None if self.adopt(who, &rest) => {}
            None => self.meet_in_turn(who, &rest),
        }
    }

    /// Whom to take of those whom a duplicate detection rule names: the only open one, contacts before leads.
    fn adopted(&self, duplicates: &Duplicates, closed: ClosedDuplicates) -> Result<Option<PersonRef>, String> {
        let people: BTreeSet<PersonRef> =
            duplicates.people.iter().filter_map(|person| self.view.follow(*person)).map(|row| row.person).collect();
        let rows: Vec<&PersonRow> = people.iter().filter_map(|person| self.view.person(*person)).collect();
        for table in [PersonTable::Contact, PersonTable::Lead] {
            let mut open = rows.iter().filter(|row| row.active && row.person.table == table);
            match (open.next(), open.next()) {
                (None, _) => {}
                (Some(row), None) => return Ok(Some(row.person)),
                (Some(_), Some(_)) => return Err(told(duplicates)),
            }
        }
        match closed {
            ClosedDuplicates::Adopt => Ok(rows.iter().min_by_key(|row| row.precedence()).map(|row| row.person)),
            ClosedDuplicates::Create => Ok(None),
            ClosedDuplicates::Park => Err(told(duplicates)),
        }
    }

    /// The lead of a participant who has another address now, if it is their own.
    fn corrigible(
        &self,
        who: &Who,
        of_key: &[&Statement<'_>],
        is_own: impl Fn(&PersonRow, &Statement<'_>) -> bool,
    ) -> Option<PersonRef> {
        if !matches!(who, Who::Address(_)) {
            return None;
        }
        let of = |statement: &&Statement<'_>| {
            let latest = self.known.get(&statement.of)?.latest?;
            let is_latest = latest.key.value == who.fingerprint() && statement.rules.matcher.correct_addresses;
            let regards = |key: Option<Fingerprint>| key != Some(latest.key.value);
            let lead = is_latest.then(|| self.own_lead(statement, regards, |row| is_own(row, statement)))??;
            let row = self.view.person(lead)?;
            let newer = row.ledger.get(ADDRESS_CELL).is_none_or(|cell| cell < latest.key);
            newer.then_some((std::cmp::Reverse(latest.key), lead))
        };
        of_key.iter().filter_map(of).min().map(|(_, lead)| lead)
    }

    /// The lead that the participant's rows regard for such a key, and that is their own.
    fn own_lead(
        &self,
        statement: &Statement<'_>,
        regards: impl Fn(Option<Fingerprint>) -> bool,
        is_own: impl Fn(&PersonRow) -> bool,
    ) -> Option<PersonRef> {
        let regarded = &self.known.get(&statement.of)?.regarded;
        let leads =
            regarded.iter().filter(|(key, _)| regards(*key)).filter_map(|(_, person)| self.view.follow(*person));
        leads.filter(|row| is_own(row)).min_by_key(|row| row.precedence()).map(|row| row.person)
    }

    /// Whether somebody is an open lead that no other participant uses, in rows or in this batch.
    fn is_own(&self, row: &PersonRow, statement: &Statement<'_>) -> bool {
        self.is_used_only(row, |user| user == statement.of.participant)
            && self.claimed_alone(&Target::Person(row.person), statement)
    }

    /// The same once those have left it whom this batch gives another person.
    fn will_be_own(&self, row: &PersonRow, statement: &Statement<'_>) -> bool {
        let moves = |user: &str| {
            let found = self.found.targets.keys().filter(|index| !self.settled.contains(index));
            found.filter_map(|index| self.participants.get(index)).any(|participant| *participant == user)
        };
        self.is_used_only(row, |user| user == statement.of.participant || moves(user))
            && self.claimed_alone(&Target::Person(row.person), statement)
    }

    fn is_used_only(&self, row: &PersonRow, by: impl Fn(&str) -> bool) -> bool {
        row.person.table == PersonTable::Lead
            && row.active
            && self.view.users(row.person.id).is_some_and(|users| users.iter().all(|user| by(user)))
    }

    /// Whether the rows of no other participant of this batch go to this person.
    fn claimed_alone(&self, target: &Target, statement: &Statement<'_>) -> bool {
        self.claims(target).all(|participant| participant == statement.of.participant)
    }

    /// The participants of this batch whose rows go to this person.
    fn claims<'s>(&'s self, of: &'s Target) -> impl Iterator<Item = &'s str> {
        let found = self.found.targets.iter().filter(move |(_, target)| *target == of);
        found.filter_map(|(index, _)| self.participants.get(index).copied())
    }
}

/// Why somebody was not created: which rules, and whom they name.
fn told(duplicates: &Duplicates) -> String {
    let people: Vec<String> =
        duplicates.people.iter().map(|person| format!("{} {}", person.table.table().name, person.id)).collect();
    let rules = match duplicates.rules.as_slice() {
        [] => String::new(),
        rules => format!(" ({})", rules.join(", ")),
    };
    format!(
        "A duplicate detection rule{rules} takes the participant for {}. Merge these records, or correct one, and replay the event.",
        people.join(", ")
    )
}
