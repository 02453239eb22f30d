//! Which values the mapped columns of a person take, one statement after the other.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::Value;

use super::{Serial, State, Statement, second};
use crate::oracle::{
    columns::{Mapping, Mode},
    people::Person,
};

/// The mapped columns of somebody, by their names.
pub type Columns = BTreeMap<&'static str, Filled>;

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Filled {
    pub value: Said,
    /// What was stated last, and when: it need not stand there.
    stated: Option<(i64, Said)>,
}

/// A value, or `null` for none. Values have an order so that states can be told apart, and no other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said(pub Value);

impl Ord for Said {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.to_string().cmp(&other.0.to_string())
    }
}

impl PartialOrd for Said {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Filled {
    pub fn text(&self) -> Option<&str> {
        self.value.0.as_str()
    }

    /// Takes a value in a row that is there; of several, the earliest first.
    fn take(&mut self, mode: Mode, (time, value): (i64, Said)) {
        if mode == Mode::OnCreate || self.stated.as_ref().is_some_and(|(last, _)| *last >= time) {
            return;
        }
        let news = self.stated.as_ref().is_none_or(|(_, last)| *last != value);
        self.stated = Some((time, value.clone()));
        if news && (mode == Mode::Overwrite || self.value.0.is_null()) {
            self.value = value;
        }
    }
}

impl<'a> Serial<'a> {
    pub(super) fn mapped(&self, table: &'static str) -> impl Iterator<Item = &'a Mapping> + use<'a> {
        self.settings.mappings.iter().filter(move |mapping| mapping.tables.contains(&table))
    }

    /// What somebody has who was there before.
    pub(super) fn before(&self, person: Person) -> Columns {
        let value = |mapping: &Mapping| self.before.get(&person).and_then(|row| mapping.found(row)).cloned();
        let filled = |mapping: &Mapping| Filled { value: Said(value(mapping).unwrap_or_default()), stated: None };
        self.mapped(person.0).map(|mapping| (mapping.column, filled(mapping))).collect()
    }

    /// Statements by time.
    fn by_time(&self, said: &[usize]) -> Vec<&Statement<'a>> {
        let mut said: Vec<&Statement<'_>> = said.iter().map(|at| &self.statements[at]).collect();
        said.sort_by_key(|statement| second(statement.event));
        said
    }

    fn stated(mapping: &Mapping, statement: &Statement<'_>) -> Option<(i64, Said)> {
        Some((second(statement.event), Said(mapping.value(statement.event)?)))
    }

    /// What somebody has who is made of these statements.
    pub(super) fn at_first(&self, table: &'static str, maker: &Statement<'_>, said: &[usize]) -> Columns {
        let mut columns = Columns::new();
        for mapping in self.mapped(table) {
            let column = columns.entry(mapping.column).or_default();
            if !self.settings.minimal || self.people.stays(table, mapping.column) {
                let mut stated =
                    self.by_time(said).into_iter().filter_map(|statement| Self::stated(mapping, statement));
                match mapping.mode {
                    Mode::OnCreate => column.value = stated.next_back().map(|(_, value)| value).unwrap_or_default(),
                    mode => stated.for_each(|stated| column.take(mode, stated)),
                }
            }
            if mapping.column == "lastname" && column.value.0.is_null() {
                let person = maker.event.participant.as_ref().unwrap();
                let before_at = |address: String| address.split('@').next().unwrap().to_owned();
                let name = self.address(maker).map_or_else(|| person.id.clone(), before_at);
                column.value = Said(name.into());
            }
        }
        columns
    }

    /// Writes what is said of somebody who is there, by itself or together with what was told before. A column of a key for which the
    /// rule names others stays as it was.
    pub(super) fn write(&self, state: &mut State, person: Person, said: &[usize], together: bool) {
        let someone = &state.people[&person];
        let minimal = self.settings.minimal && someone.made;
        let keys: BTreeSet<&str> = self.settings.matching.keys.columns(person.0).into_iter().collect();
        let empty = |(_, column): &(&'static str, Filled)| column.value.0.is_null();
        let fills = || self.mapped(person.0).filter(|mapping| mapping.mode == Mode::FillIfEmpty);
        let now = || fills().map(|mapping| (mapping.column, someone.columns[mapping.column].clone())).filter(empty);
        let (mut all, start) = match &someone.together {
            Some((all, start)) if together => (all.clone(), start.clone()),
            _ => (BTreeSet::new(), now().collect()),
        };
        let states = |at: &&usize| {
            fills().any(|one| start.contains_key(one.column) && one.value(self.statements[at].event).is_some())
        };
        all.extend(said.iter().filter(states));
        let said: Vec<usize> = all.iter().chain(said).copied().collect::<BTreeSet<usize>>().into_iter().collect();
        let mut columns = someone.columns.clone();
        columns.extend(start.clone());
        for mapping in self.mapped(person.0) {
            if minimal && !self.people.stays(person.0, mapping.column) {
                continue;
            }
            let column = columns.get_mut(mapping.column).unwrap();
            let before = column.value.clone();
            let stated = self.by_time(&said).into_iter().filter_map(|statement| Self::stated(mapping, statement));
            stated.for_each(|stated| column.take(mapping.mode, stated));
            let is_news = column.value != before && keys.contains(mapping.column);
            if is_news && !self.named(state, person.0, Some(person), (mapping.column, column.text())).is_empty() {
                column.value = before;
            }
        }
        let someone = state.people.get_mut(&person).unwrap();
        (someone.columns, someone.together) = (columns, (!all.is_empty()).then_some((all, start)));
    }
}
