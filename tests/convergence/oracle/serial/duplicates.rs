//! What a published duplicate rule makes of one statement: whom it takes somebody new for, and which column of a key it keeps as it was.

use std::collections::{BTreeMap, BTreeSet};

use super::{About, Part, Serial, State, Statement, filled::Filled, is_guest, second};
use crate::oracle::{
    duplicates::{Detection, Fate},
    people::{Person, text},
};

/// What the rule says where somebody would be made, or would get an address.
pub(super) enum Verdict {
    Free,
    Taken(Person),
    Parked(BTreeSet<Person>),
}

/// What is parked: by the place in the history whom the reason names.
pub type Parked = BTreeMap<usize, BTreeSet<Person>>;

impl State {
    /// The same for another batch.
    pub fn with_nothing_parked(self) -> Self {
        Self { parked: BTreeMap::new(), ..self }
    }

    pub fn is_parked(&self, at: usize) -> bool {
        self.parked.contains_key(&at)
    }

    /// Whether just this was parked.
    pub fn parks(&self, parked: &Parked) -> Result<(), String> {
        let expected = parked.iter().map(|(at, named)| (*at, BTreeSet::from([named.clone()]))).collect();
        if self.parked == expected { Ok(()) } else { Err(format!("{parked:?} is parked, not {:?}", self.parked)) }
    }

    /// Whether this was parked at one time, and what was settled at one time makes up for the rest. Of what never was settled nothing
    /// counts.
    pub fn tells(&self, parked: &Parked, settled: &BTreeSet<usize>) -> Result<(), String> {
        let has = |(at, named): (&usize, &BTreeSet<Person>)| self.parked.get(at).is_some_and(|all| all.contains(named));
        let counts = |at: &&usize| self.participants.values().any(|told| told.said.contains(at));
        let made_up = |at: &usize| parked.contains_key(at) || settled.contains(at);
        match parked.keys().filter(|at| !settled.contains(at)).find(counts) {
            Some(at) => Err(format!("{at} counts although it is parked")),
            None if parked.iter().all(has) && self.parked.keys().all(made_up) => Ok(()),
            None => Err(format!("{parked:?} is parked, not {:?}", self.parked)),
        }
    }
}

impl<'a> Serial<'a> {
    fn detection(&self) -> Option<Detection> {
        self.settings.detection
    }

    /// Whom the rule takes somebody for who is to have this in a column; nobody where it looks at another one.
    pub(super) fn named(
        &self,
        state: &State,
        table: &str,
        but: Option<Person>,
        (column, value): (&str, Option<&str>),
    ) -> BTreeSet<Person> {
        let Some(rule) = self.detection().map(|detection| detection.rule) else { return BTreeSet::new() };
        let value = value.and_then(|value| rule.compared(value));
        if rule.column != column || !rule.of.contains(&table) || value.is_none() {
            return BTreeSet::new();
        }
        let everybody: BTreeSet<Person> = self.known.keys().chain(state.people.keys()).copied().collect();
        let alike = |person: &Person| {
            let mut row = self.before.get(person).cloned().unwrap_or_default();
            row.entry("statecode").or_insert_with(|| 0.into());
            let now = match (state.people.get(person), column) {
                (None, _) => text(&row, column).map(str::to_owned),
                (Some(someone), "emailaddress1") => someone.address.clone(),
                (Some(someone), _) => match someone.cells.columns.get(column) {
                    Some(column) => column.text().map(str::to_owned),
                    None => text(&row, column).map(str::to_owned),
                },
            };
            Some(*person) != but && rule.sees(*person, &row) && now.and_then(|now| rule.compared(&now)) == value
        };
        everybody.into_iter().filter(alike).collect()
    }

    /// What becomes of somebody who is to be made of these statements, or of a lead that is to get the address that they state.
    pub(super) fn verdict(
        &self,
        state: &State,
        (table, lead): (&'static str, Option<Person>),
        maker: &Statement<'_>,
        said: &[usize],
    ) -> Verdict {
        let Some(detection) = self.detection() else { return Verdict::Free };
        let column = detection.rule.column;
        let value = match (column, lead) {
            ("emailaddress1", Some(_)) => maker.keys.first().cloned(),
            ("emailaddress1", None) => self.address(maker),
            (_, Some(_)) => None,
            (_, None) => self.at_first(table, maker, said).get(column).and_then(Filled::text).map(str::to_owned),
        };
        let named = self.named(state, table, lead, (column, value.as_deref()));
        match detection.fate(self.before, &named) {
            Fate::Created => Verdict::Free,
            Fate::Adopted(person) => Verdict::Taken(person),
            Fate::Parked => Verdict::Parked(named),
        }
    }

    /// The statements that a batch may take together with one that asks for somebody, as it makes one person of all that is said of them.
    pub fn companions(&self, state: &State, at: usize, all: &BTreeSet<usize>) -> Vec<Vec<usize>> {
        let mut groups = vec![Vec::new()];
        let Some(leader) = self.statements.get(&at) else { return groups };
        let Some(key) = leader.keys.first().filter(|_| self.asks(leader)) else { return groups };
        // What lacks a value of the person may be about somebody for whom the maker is taken.
        let may_join = |other: &usize| {
            let lacks = |one: &Statement<'_>| self.settings.refuses(one.event);
            let may = |one| !lacks(one) || self.settings.detection.is_some() && self.has_no_key(one);
            *other != at && self.statements.get(other).is_some_and(may)
        };
        let others: Vec<usize> = all.iter().copied().filter(may_join).collect();
        for some in 1..1 << others.len() {
            let chosen = others.iter().enumerate().filter(|(place, _)| some & (1 << place) != 0);
            let group: Vec<usize> = chosen.map(|(_, other)| *other).collect();
            let all: Vec<usize> = group.iter().copied().chain([at]).collect();
            if self.maker(state, &all, key) == Some(at)
                && group.iter().all(|other| self.joins(state, *other, key, &all))
            {
                groups.push(group);
            }
        }
        groups
    }

    /// The earliest that asks for somebody with the key: of those whose participant has no other key now, and of these with an address, if
    /// there are any.
    fn maker(&self, state: &State, said: &[usize], key: &str) -> Option<usize> {
        let asks = |at: &&usize| {
            let statement = &self.statements[at];
            self.asks(statement) && statement.keys.first().is_some_and(|stated| stated == key)
        };
        let first = |at: &&usize| {
            let statement = &self.statements[at];
            let left_behind = self.is_left_behind(state, statement, said, Part::Whole);
            (left_behind, self.address(statement).is_none(), second(statement.event))
        };
        said.iter().filter(asks).min_by_key(first).copied()
    }

    fn asks(&self, statement: &Statement<'_>) -> bool {
        self.settings.of(&statement.of.0).creates().is_some() && !self.settings.refuses(statement.event)
    }

    /// Whether a statement is about whoever these others make for a key.
    fn joins(&self, state: &State, at: usize, key: &str, all: &[usize]) -> bool {
        let statement = &self.statements[&at];
        let of_same = |other: &&usize| self.statements[other].of == statement.of;
        match statement.keys.first() {
            Some(stated) if stated == key => {
                let about = self.about(state, statement, all, Part::Whole);
                matches!(about, About::NobodyYet | About::Corrected(_))
            }
            Some(stated) if !is_guest(stated) => false,
            _ => {
                let of_key = |other: &usize| self.statements[other].keys.first().is_some_and(|stated| stated == key);
                let of_same: Vec<usize> = all.iter().filter(of_same).copied().collect();
                of_same.iter().any(of_key)
                    && self.latest(state, statement, &of_same, Part::Whole).as_deref() == Some(key)
            }
        }
    }

    fn has_no_key(&self, statement: &Statement<'_>) -> bool {
        statement.keys.first().is_none_or(|key| is_guest(key))
    }

    /// Those of the statements for which somebody of a key would be made.
    pub fn asking(&self, said: &[usize], key: &str) -> Vec<usize> {
        let of_key = |at: &&usize| self.statements[at].keys.first().is_some_and(|stated| stated == key);
        said.iter().filter(of_key).filter(|at| self.asks(&self.statements[at])).copied().collect()
    }
}
