//! Whom the statements of a batch are about: somebody who is there, somebody to be created, or nobody.

mod nobody;
mod there;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Refused,
    statements::{EventParticipant, Known, Statement},
    view::View,
};
use crate::{
    model::{SourceTime, stamp::Fingerprint},
    settings::document::{Unmatched, WithoutKey},
    sync::{
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
    pub left: BTreeMap<PersonRef, Vec<(Fingerprint, SourceTime)>>,
    /// Events of which nothing is written because nobody has the key that they state.
    pub ignored: BTreeSet<usize>,
    /// Events of which nothing is written because nobody is known who could be meant.
    pub unknown: BTreeSet<usize>,
    /// Events of which nothing is written before somebody is made who may be whom they are about.
    pub waiting: BTreeSet<usize>,
    /// Of these the keys of those who are alike somebody who is to be created.
    pub alike: BTreeSet<Who>,
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
    let latest = |statement: &&&Statement<'_>| {
        let latest = known.get(&statement.of).and_then(|known| known.latest);
        latest.map(|latest| latest.key.value) == statement.who().map(Who::fingerprint)
    };
    let of_rows = statements.iter().filter(latest);
    let participants = of_rows.map(|statement| (statement.index, &*statement.of.participant)).collect();
    let index = Index::new(statements, view);
    let (met, found) = (Met::default(), Identities::default());
    let mut search = Search { index, stated, participants, known, view, tenant, settled, met, found };
    let mut by_who: BTreeMap<&Who, Vec<&Statement<'_>>> = BTreeMap::new();
    let mut keyless = Vec::new();
    for statement in statements {
        match statement.who() {
            Some(who) if !search.knows_better(statement) => match search.absorbed(who, statement) {
                Some(_) if search.moves(statement) => _ = search.found.waiting.insert(statement.index),
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
        let (old, mut current): (Vec<_>, Vec<_>) = unknown.into_iter().partition(|one| search.left_behind(one));
        if search.adopt(who, &current) {
            current.clear();
        }
        left.push((who, current, old));
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
    /// Whose rows go to whom a statement is about, by its place in the batch: it states the participant's key of now.
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
    /// Closed people whom the duplicate detection rules named, who are passed over.
    closed: BTreeSet<PersonRef>,
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

    /// Whether what states the key that the participant has now waits.
    fn latest_waits(&self, statement: &Statement<'_>) -> bool {
        let of_key = self.stated.get(&(&statement.of, self.latest(statement)));
        of_key.is_some_and(|of_key| of_key.iter().any(|index| self.found.waiting.contains(index)))
    }

    /// Whether rows of the participant regard somebody for the key of now, be they closed: there they stay.
    fn stays(&self, statement: &Statement<'_>) -> bool {
        let latest = self.latest(statement);
        let regarded = self.known.get(&statement.of).map(|known| &known.regarded[..]).unwrap_or_default();
        latest.is_some() && regarded.iter().any(|(key, _)| *key == latest)
    }

    /// Whether the rows of the participant may go to somebody else first, whom what is said under the key of now means.
    fn moves(&self, statement: &Statement<'_>) -> bool {
        let of_key = self.stated.get(&(&statement.of, self.latest(statement)));
        !self.stays(statement) && of_key.is_some_and(|of_key| of_key.iter().any(|index| !self.settled.contains(index)))
    }

    /// Whether the participant has another key since.
    fn left_behind(&self, statement: &Statement<'_>) -> bool {
        let latest = self.latest(statement);
        statement.rules.matcher.correct_addresses && latest.is_some() && latest != statement.who().map(Who::fingerprint)
    }

    fn latest(&self, statement: &Statement<'_>) -> Option<Fingerprint> {
        Some(self.known.get(&statement.of)?.latest?.key.value)
    }

    /// A statement without a key of its own is about whomever the participant's rows regard.
    fn keep(&mut self, statement: &Statement<'_>) {
        let by_row = self.known_by_row(self.latest(statement), statement).map(Target::Person);
        let by_key = || self.meant_by_latest(statement).filter(|_| !self.stays(statement)).cloned();
        match by_row.or_else(by_key) {
            Some(target) => _ = self.found.targets.insert(statement.index, target),
            // Whom the participant's key means is known in the next look.
            None if self.latest_waits(statement) => _ = self.found.waiting.insert(statement.index),
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
    row.active || matcher.inactive_contacts && row.person.table == PersonTable::Contact && !row.merged
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
