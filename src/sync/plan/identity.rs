//! Whom the statements of a batch are about: somebody who is there, somebody to be created, or nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Refused,
    people::{self, ADDRESS_CELL},
    statements::{EventParticipant, Known, Statement},
    view::View,
};
use crate::{
    model::{SourceTime, stamp::Fingerprint},
    settings::document::{ClosedDuplicates, Unmatched, WithoutKey},
    sync::{
        crm::Duplicates,
        matching::{Matcher, Who},
        rows::{PersonRef, PersonRow, PersonTable},
    },
};

/// Whom a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    Person(PersonRef),
    /// Somebody to be created, in this table, for this key.
    New(PersonTable, Who),
}

/// The people of a batch.
#[derive(Debug, Default)]
pub struct Identities {
    /// By the statement's place in the batch. A statement that is about nobody does not stand here.
    pub targets: BTreeMap<usize, Target>,
    /// The statement that each of the new ones is made by.
    pub makers: BTreeMap<Target, usize>,
    /// Leads that get a new address, and since when it is theirs.
    pub corrected: BTreeMap<PersonRef, Who>,
    /// Earlier keys of people who are known by another one now, and when they were last heard of under it.
    pub left: BTreeMap<Target, Vec<(Fingerprint, SourceTime)>>,
    /// Events of which nothing is written because nobody has the key that they state.
    pub ignored: BTreeSet<usize>,
    /// Events of which nothing is written because nobody is known who could be meant.
    pub unknown: BTreeSet<usize>,
    /// Events of which nothing is written before somebody is made who may be whom they are about.
    pub waiting: BTreeSet<usize>,
    pub refused: Vec<Refused>,
    /// Keys that several people have: how many, and whom of them was taken.
    pub ambiguous: Vec<(PersonRef, usize)>,
}

/// Decides. `settled`: statements of which everything is written already, so that nobody has to wait for them.
pub fn identify<'a>(
    statements: &[&'a Statement<'a>],
    known: &'a BTreeMap<EventParticipant, Known<'a>>,
    view: &'a View<'a>,
    tenant: &'a str,
    settled: &'a BTreeSet<usize>,
) -> Identities {
    let mut stated: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for statement in statements {
        let key = statement.who().map(Who::fingerprint);
        stated.entry((&statement.of, key)).or_default().push(statement.index);
    }
    let participants = statements.iter().map(|statement| (statement.index, &*statement.of.participant)).collect();
    let index = Index::new(statements, view);
    let (met, found) = (Met::default(), Identities::default());
    let mut search = Search { index, stated, participants, known, view, tenant, settled, met, found };
    let mut by_who: BTreeMap<&Who, Vec<&Statement<'_>>> = BTreeMap::new();
    let mut keyless = Vec::new();
    for statement in statements {
        match statement.who() {
            Some(who) if !search.knows_better(statement) => match search.absorbed(who, statement) {
                Some(person) => _ = search.found.targets.insert(statement.index, Target::Person(person)),
                None => by_who.entry(who).or_default().push(statement),
            },
            _ => keyless.push(*statement),
        }
    }
    let mut left = Vec::new();
    for (who, mut of_key) in by_who {
        of_key.sort_by_key(|statement| (statement.time(), statement.index));
        let unknown = search.know(who, of_key);
        if !unknown.is_empty() && !search.adopt(who, &unknown) {
            let (old, current): (Vec<_>, Vec<_>) = unknown.into_iter().partition(|one| search.left_behind(one));
            left.push((who, current, old));
        }
    }
    let place = |of_key: &[&Statement<'_>], who| of_key.first().map(|statement| statement.rules.matcher.place(who));
    left.sort_by_key(|(who, current, _)| (place(current, who), *who));
    for (who, current, _) in &left {
        search.meet_in_turn(who, current);
    }
    for (who, _, old) in left {
        search.look_back(who, old);
    }
    for statement in keyless {
        search.keep(statement);
    }
    search.found
}

/// The rows by what they are found by.
struct Index<'a>(BTreeMap<Who, Vec<&'a PersonRow>>);

impl<'a> Index<'a> {
    fn new(statements: &[&Statement<'_>], view: &View<'a>) -> Self {
        let mut seen = BTreeSet::new();
        let rules = statements.iter().map(|statement| statement.rules);
        let rules: Vec<_> = rules.filter(|rules| seen.insert(std::ptr::from_ref(*rules))).collect();
        let mut index: BTreeMap<Who, Vec<&PersonRow>> = BTreeMap::new();
        for row in &view.rows.people {
            let keys: BTreeSet<Who> = rules.iter().flat_map(|rules| rules.matcher.of_row(row)).collect();
            keys.into_iter().for_each(|who| index.entry(who).or_default().push(row));
        }
        Self(index)
    }

    fn of(&self, who: &Who, table: PersonTable) -> Vec<&'a PersonRow> {
        let rows = self.0.get(who).into_iter().flatten().filter(|row| row.person.table == table);
        let mut rows: Vec<&PersonRow> = rows.copied().collect();
        rows.sort_by_key(|row| row.precedence());
        rows
    }
}

struct Search<'a> {
    index: Index<'a>,
    /// The statements of a participant that state a key.
    stated: BTreeMap<(&'a EventParticipant, Option<Fingerprint>), Vec<usize>>,
    /// By the statement's place in the batch.
    participants: BTreeMap<usize, &'a str>,
    known: &'a BTreeMap<EventParticipant, Known<'a>>,
    view: &'a View<'a>,
    tenant: &'a str,
    settled: &'a BTreeSet<usize>,
    met: Met,
    found: Identities,
}

/// Those who are to be made, or to get an address.
#[derive(Default)]
struct Met {
    by_key: BTreeMap<Fingerprint, Target>,
    /// All keys that were stated of them, and those that somebody may get who was found otherwise.
    keys: BTreeSet<Who>,
}

impl Search<'_> {
    /// Whether a participant who states no real key is known by one that was stated before.
    fn knows_better(&self, statement: &Statement<'_>) -> bool {
        let latest = self.known.get(&statement.of).and_then(|known| known.latest);
        statement.keys.iter().all(|key| key.lookups.is_empty())
            && latest.is_some_and(|latest| statement.who().map(Who::fingerprint) != Some(latest.key.value))
    }

    fn settle(&mut self, of_key: &[&Statement<'_>], target: &Target) {
        self.found.targets.extend(of_key.iter().map(|statement| (statement.index, target.clone())));
    }

    /// Whom the batch means by the key that its participant has now.
    fn meant_by_latest(&self, statement: &Statement<'_>) -> Option<&Target> {
        let of_key = self.stated.get(&(&statement.of, Some(self.latest(statement)?)))?;
        of_key.iter().find_map(|index| self.found.targets.get(index))
    }

    /// The person whom the participant's rows regard, if this key is known to be an earlier one of theirs: whoever else has it now.
    fn absorbed(&self, who: &Who, statement: &Statement<'_>) -> Option<PersonRef> {
        let known = self.known.get(&statement.of).filter(|_| self.left_behind(statement))?;
        let people = known.regarded.iter().filter_map(|(_, person)| self.view.follow(*person));
        let absorbed = people.filter(|row| row.active && row.ledger.get(&left_cell(who.fingerprint())).is_some());
        absorbed.min_by_key(|row| row.precedence()).map(|row| row.person)
    }

    /// Settles the statements of a key that are about somebody who is there, and returns those that are about nobody yet.
    ///
    /// Who is found otherwise than by the key may get it, and then is whom the others mean: they wait until that is written.
    fn know<'s>(&mut self, who: &Who, of_key: Vec<&'s Statement<'s>>) -> Vec<&'s Statement<'s>> {
        let Some(matcher) = of_key.first().map(|statement| &statement.rules.matcher) else { return of_key };
        if let Some(person) = self.matched(who, matcher) {
            self.settle(&of_key, &Target::Person(person));
            return Vec::new();
        }
        let made = self.made_for(who, matcher);
        let mut otherwise = |statement: &Statement<'_>| {
            let weaker = statement.keys.iter().skip(1).find_map(|key| self.matched(&key.who, matcher));
            weaker.or_else(|| self.known_by_row(who, statement)).or(made)
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
    fn known_by_row(&self, who: &Who, statement: &Statement<'_>) -> Option<PersonRef> {
        let regarded = &self.known.get(&statement.of)?.regarded;
        let for_key = regarded.iter().filter(|(key, _)| *key == Some(who.fingerprint()));
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

    /// Takes whom a duplicate detection rule named for the key. Whether nothing is left to decide. The rule speaks to those only that
    /// ask for somebody to be created.
    fn adopt(&mut self, who: &Who, of_key: &[&Statement<'_>]) -> bool {
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

    /// Whether the participant has another key since.
    fn left_behind(&self, statement: &Statement<'_>) -> bool {
        let latest = self.latest(statement);
        statement.rules.matcher.correct_addresses && latest.is_some() && latest != statement.who().map(Who::fingerprint)
    }

    fn latest(&self, statement: &Statement<'_>) -> Option<Fingerprint> {
        Some(self.known.get(&statement.of)?.latest?.key.value)
    }

    /// Meets those whose keys nobody has. Who shares one of them, a weaker one too, with somebody who is to have it waits until that is so:
    /// they would be found by it then.
    fn meet_in_turn(&mut self, who: &Who, of_key: &[&Statement<'_>]) {
        let keys = of_key.iter().flat_map(|statement| &statement.keys).map(|key| &key.who);
        let keys: BTreeSet<Who> = keys.cloned().collect();
        if !keys.is_disjoint(&self.met.keys) {
            return self.found.waiting.extend(of_key.iter().map(|statement| statement.index));
        }
        if let Some(target) = self.meet(who, of_key) {
            self.settle(of_key, &target);
            self.met.by_key.insert(who.fingerprint(), target);
            self.met.keys.extend(keys);
        }
    }

    /// Nobody has the key: the participant's own lead gets it, or the settings of the events decide whether somebody is created, the
    /// earliest event that asks for it first.
    fn meet(&mut self, who: &Who, of_key: &[&Statement<'_>]) -> Option<Target> {
        if let Some(lead) = self.corrigible(who, of_key) {
            self.found.corrected.insert(lead, who.clone());
            let before = self.view.person(lead).and_then(|row| row.address.as_ref());
            let last = of_key.last().map(|statement| statement.time());
            if let Some((before, last)) = before.map(|address| Fingerprint::of(address.as_str())).zip(last) {
                self.found.left.entry(Target::Person(lead)).or_default().push((before, last));
            }
            return Some(Target::Person(lead));
        }
        let asks = |statement: &&&Statement<'_>| created_in(statement.rules.unmatched).is_some();
        // The earliest with an address, if there is one.
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
    /// are about that lead, as if it had got the key of now later.
    fn look_back(&mut self, who: &Who, of_key: Vec<&Statement<'_>>) {
        let mut rest = Vec::new();
        for statement in of_key {
            let latest = self.latest(statement);
            let there = self.own_lead(statement, |regards| regards == latest).map(Target::Person);
            let met = || {
                let target = self.meant_by_latest(statement)?;
                let own = match target {
                    Target::Person(person) => self.is_own(self.view.person(*person)?, statement),
                    Target::New(table, _) => *table == PersonTable::Lead && self.claimed_alone(target, statement),
                };
                own.then(|| target.clone())
            };
            match there.or_else(met) {
                Some(target) => {
                    let left = self.found.left.entry(target.clone()).or_default();
                    left.push((who.fingerprint(), statement.time()));
                    self.found.targets.insert(statement.index, target);
                }
                None => rest.push(statement),
            }
        }
        match self.met.by_key.get(&who.fingerprint()).cloned() {
            Some(target) => self.settle(&rest, &target),
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

    /// The lead of a participant who has another address now, if nobody else has anything to do with it.
    fn corrigible(&self, who: &Who, of_key: &[&Statement<'_>]) -> Option<PersonRef> {
        if !matches!(who, Who::Address(_)) {
            return None;
        }
        let of = |statement: &&Statement<'_>| {
            let latest = self.known.get(&statement.of)?.latest?;
            let is_latest = latest.key.value == who.fingerprint() && statement.rules.matcher.correct_addresses;
            let lead = is_latest.then(|| self.own_lead(statement, |regards| regards != Some(latest.key.value)))??;
            let row = self.view.person(lead)?;
            let newer = row.ledger.get(ADDRESS_CELL).is_none_or(|cell| cell < latest.key);
            newer.then_some((std::cmp::Reverse(latest.key), lead))
        };
        of_key.iter().filter_map(of).min().map(|(_, lead)| lead)
    }

    /// The open lead that the participant's rows regard for such a key, and that no other participant uses, in rows or in this batch.
    fn own_lead(&self, statement: &Statement<'_>, regards: impl Fn(Option<Fingerprint>) -> bool) -> Option<PersonRef> {
        let regarded = &self.known.get(&statement.of)?.regarded;
        let leads =
            regarded.iter().filter(|(key, _)| regards(*key)).filter_map(|(_, person)| self.view.follow(*person));
        leads.filter(|row| self.is_own(row, statement)).min_by_key(|row| row.precedence()).map(|row| row.person)
    }

    /// Whether somebody is an open lead that no other participant uses.
    fn is_own(&self, row: &PersonRow, statement: &Statement<'_>) -> bool {
        let alone = |users: &BTreeSet<String>| users.iter().all(|user| *user == statement.of.participant);
        row.person.table == PersonTable::Lead
            && row.active
            && self.claimed_alone(&Target::Person(row.person), statement)
            && self.view.users(row.person.id).is_some_and(alone)
    }

    /// Whether no other participant of this batch is found to be this person.
    fn claimed_alone(&self, target: &Target, statement: &Statement<'_>) -> bool {
        self.claims(target).all(|participant| participant == statement.of.participant)
    }

    /// The participants of this batch who are found to be this person.
    fn claims<'s>(&'s self, of: &'s Target) -> impl Iterator<Item = &'s str> {
        let found = self.found.targets.iter().filter(move |(_, target)| *target == of);
        found.filter_map(|(index, _)| self.participants.get(index).copied())
    }

    /// A statement without a key of its own is about whomever the participant's rows regard.
    fn keep(&mut self, statement: &Statement<'_>) {
        let known = self.known.get(&statement.of);
        let latest = known.and_then(|known| known.latest).map(|latest| latest.key.value);
        let by_key = self.meant_by_latest(statement).cloned();
        let by_row = || {
            let regarded = known.into_iter().flat_map(|known| &known.regarded).filter(|(key, _)| *key == latest);
            let rows = regarded.filter_map(|(_, person)| self.view.follow(*person));
            let rows = rows.filter(|row| is_taken(row, &statement.rules.matcher));
            rows.min_by_key(|row| (row.person.table, row.precedence())).map(|row| Target::Person(row.person))
        };
        match by_key.or_else(by_row) {
            Some(target) => _ = self.found.targets.insert(statement.index, target),
            None => {
                let ignores = match statement.rules.matcher.without_key {
                    WithoutKey::Ignore => true,
                    WithoutKey::Create => statement.rules.unmatched == Unmatched::Ignore,
                    WithoutKey::Report => false,
                };
                self.found.unknown.extend(ignores.then_some(statement.index));
            }
        }
    }
}

/// Whether statements may still be about somebody whom rows regard.
fn is_taken(row: &PersonRow, matcher: &Matcher) -> bool {
    row.active || matcher.inactive_contacts && row.person.table == PersonTable::Contact && row.master.is_none()
}

/// The name under which a person's stamps remember an earlier key.
pub fn left_cell(key: Fingerprint) -> String {
    format!("left.{key}")
}

/// Where a policy creates people.
pub fn created_in(policy: Unmatched) -> Option<PersonTable> {
    match policy {
        Unmatched::CreateLead => Some(PersonTable::Lead),
        Unmatched::CreateContact => Some(PersonTable::Contact),
        Unmatched::UpdateOnly | Unmatched::Ignore => None,
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
