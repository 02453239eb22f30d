//! Which values the mapped columns of a row take, one statement after the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use inevent_d365::dataverse;
use serde_json::Value;

use super::{Serial, State, Statement, second};
use crate::oracle::{
    columns::{Mapping, Mode},
    people::Person,
};

/// The mapped columns of a row, by their names.
pub type Columns = BTreeMap<&'static str, Filled>;

/// What a row has in its mapped columns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Cells {
    pub columns: Rc<Columns>,
    /// What a look wrote that may write more together with it.
    pub together: Option<Together>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Together {
    /// The statements that the row is made of.
    Made(BTreeSet<usize>),
    /// Statements that fill columns, and the columns that were empty before.
    Filled(BTreeSet<usize>, Columns),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Filled {
    pub value: Said,
    /// What was stated last, and when: it need not stand there.
    pub stated: Option<(i64, Said)>,
}

/// A value, or `null` for none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Said(pub Value);

impl Cells {
    /// Whether a column never changes any more, but by hand.
    pub fn stands_fast(&self, mapping: &Mapping) -> bool {
        match mapping.mode {
            Mode::OnCreate => !matches!(self.together, Some(Together::Made(_))),
            Mode::FillIfEmpty => self.together.is_none() && !self.columns[mapping.column].is_empty(),
            Mode::Overwrite => false,
        }
    }
}

impl Filled {
    fn is_empty(&self) -> bool {
        self.value.0.is_null() || self.text().is_some_and(|text| text.trim().is_empty())
    }

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
        if news && (mode == Mode::Overwrite || self.is_empty()) {
            self.value = value;
        }
    }
}

impl<'a> Serial<'a> {
    pub(super) fn mapped(&self, table: &'static str) -> impl Iterator<Item = &'a Mapping> + use<'a> {
        self.settings.mappings.iter().filter(move |mapping| mapping.tables.contains(&table))
    }

    /// What a row has that was there before.
    pub(super) fn before(&self, table: &'static str, row: &dataverse::Columns) -> Columns {
        let value = |mapping: &Mapping| Said(mapping.found(row).cloned().unwrap_or_default());
        let filled = |mapping| Filled { value: value(mapping), stated: None };
        self.mapped(table).map(|mapping| (mapping.column, filled(mapping))).collect()
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
        let stays = |mapping: &&Mapping| !self.settings.minimal || self.people.stays(table, mapping.column);
        let mut columns = self.made(self.mapped(table).filter(stays), said);
        for mapping in self.mapped(table) {
            let column = columns.entry(mapping.column).or_default();
            if mapping.column == "lastname" && column.value.0.is_null() {
                let person = maker.event.participant.as_ref().unwrap();
                let before_at = |address: String| address.split('@').next().unwrap().to_owned();
                let name = self.address(maker).map_or_else(|| person.id.clone(), before_at);
                column.value = Said(name.into());
            }
        }
        columns
    }

    /// What a row has that is made of these statements.
    fn made(&self, mapped: impl Iterator<Item = &'a Mapping>, said: &[usize]) -> Columns {
        let mut columns = Columns::new();
        for mapping in mapped {
            let column = columns.entry(mapping.column).or_default();
            let mut stated = self.by_time(said).into_iter().filter_map(|statement| Self::stated(mapping, statement));
            match mapping.mode {
                Mode::OnCreate => column.value = stated.next_back().map(|(_, value)| value).unwrap_or_default(),
                mode => stated.for_each(|stated| column.take(mode, stated)),
            }
        }
        columns
    }

    /// Writes what is said of somebody who is there. A column of a key for which the rule names others stays as it was.
    pub(super) fn write(&self, state: &mut State, person: Person, said: &[usize]) {
        let someone = &state.people[&person];
        let minimal = self.settings.minimal && someone.made;
        let stays = |mapping: &&Mapping| !minimal || self.people.stays(person.0, mapping.column);
        let mapped: Vec<&Mapping> = self.mapped(person.0).filter(stays).collect();
        let keys: BTreeSet<&str> = self.settings.matching.keys.columns(person.0).into_iter().collect();
        let mut cells = self.filled(&mapped, &someone.cells, said);
        for (column, filled) in Rc::make_mut(&mut cells.columns) {
            let before = &someone.cells.columns[column].value;
            let is_news = filled.value != *before && keys.contains(column);
            if is_news && !self.named(state, person.0, Some(person), (*column, filled.text())).is_empty() {
                filled.value = before.clone();
            }
        }
        state.people.get_mut(&person).unwrap().cells = cells;
    }

    /// A row's columns after these statements, written together with what the same look told before.
    pub(super) fn filled(&self, mapped: &[&'a Mapping], before: &Cells, said: &[usize]) -> Cells {
        let (mut all, start) = match before.together.clone() {
            Some(Together::Made(mut makers)) => {
                makers.extend(said);
                let columns = self.made(mapped.iter().copied(), &makers.iter().copied().collect::<Vec<_>>());
                return Cells { columns: columns.into(), together: Some(Together::Made(makers)) };
            }
            Some(Together::Filled(all, start)) => (all, start),
            None => {
                let fills = mapped.iter().filter(|mapping| mapping.mode == Mode::FillIfEmpty);
                let now = fills.map(|mapping| (mapping.column, before.columns[mapping.column].clone()));
                (BTreeSet::new(), now.filter(|(_, column)| column.is_empty()).collect())
            }
        };
        let fills = |mapping: &&&Mapping| mapping.mode == Mode::FillIfEmpty && start.contains_key(mapping.column);
        let states =
            |at: &&usize| mapped.iter().filter(fills).any(|one| one.value(self.statements[at].event).is_some());
        all.extend(said.iter().filter(states));
        let said: BTreeSet<usize> = all.iter().chain(said).copied().collect();
        let said = self.by_time(&said.into_iter().collect::<Vec<_>>());
        let mut columns = Columns::clone(&before.columns);
        columns.extend(start.clone());
        for mapping in mapped {
            let column = columns.get_mut(mapping.column).unwrap();
            let stated = said.iter().filter_map(|statement| Self::stated(mapping, statement));
            stated.for_each(|stated| column.take(mapping.mode, stated));
        }
        Cells { columns: columns.into(), together: (!all.is_empty()).then_some(Together::Filled(all, start)) }
    }

    /// The columns of a row that is no person's after a statement about it; of a new one, which it makes.
    pub(super) fn of_row(&self, table: &'static str, before: Option<&Cells>, at: usize) -> Cells {
        let mapped: Vec<&Mapping> = self.mapped(table).collect();
        match before {
            Some(before) => self.filled(&mapped, before, &[at]),
            None => {
                let joins = mapped.iter().any(|mapping| mapping.mode != Mode::Overwrite);
                let together = joins.then(|| Together::Made(BTreeSet::from([at])));
                Cells { columns: self.made(mapped.into_iter(), &[at]).into(), together }
            }
        }
    }
}
