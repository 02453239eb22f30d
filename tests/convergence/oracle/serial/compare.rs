//! Whether the CRM is in a state.

use std::collections::BTreeSet;

use inevent_d365::{dataverse, model::ParticipantEvent};

use super::{Row, Serial, State, filled::Cells, folded, text};
use crate::{
    Table,
    oracle::{
        attendance,
        columns::{Mapping, holds},
        compare_row, found,
    },
};

impl Serial<'_> {
    /// Holds the CRM against a state.
    pub fn compare(&self, state: &State, after: &Table) -> Result<(), String> {
        for (person, row) in after.iter().filter(|((table, _), _)| matches!(*table, "contact" | "lead")) {
            match state.people.get(person) {
                None if self.before.get(person) == Some(row) => {}
                None => return Err(format!("nothing was said of {person:?}: {row:?}")),
                Some(someone) => {
                    let address = text(row, "emailaddress1").map(folded);
                    if address != someone.address {
                        return Err(format!("{person:?} has the address {address:?}, not {:?}", someone.address));
                    }
                    self.compare_cells(person.0, row, &someone.cells).map_err(|why| format!("{person:?} {why}"))?;
                }
            }
        }
        if let Some(person) = state.people.keys().find(|person| !after.contains_key(*person)) {
            return Err(format!("{person:?} is not there: {:?}", state.people[person]));
        }
        let found = found(after);
        if found.keys().ne(state.participants.keys()) {
            return Err(format!("there are rows of {:?}, not {:?}", found.keys(), state.participants.keys()));
        }
        for (participant, told) in &state.participants {
            let rows = &found[participant];
            let said: Vec<&ParticipantEvent> = told.said.iter().map(|at| self.statements[at].event).collect();
            let expected = attendance::rows(&said, self.closings, self.settings.of(&participant.0));
            if rows.keys().ne(expected.keys()) {
                return Err(format!("there are rows of {:?}, not {:?}", rows.keys(), expected.keys()));
            }
            for (session, shown) in &expected {
                let Row { regards, cells } = &told.rows[session];
                let regarded = BTreeSet::from([regards.as_ref().map(|(person, _)| *person)]).into();
                compare_row(rows[session], shown, &regarded, &said, (self.settings, after))
                    .and_then(|()| self.compare_cells("activity", rows[session].2, cells))
                    .map_err(|why| format!("{participant:?} {session:?}: {why}"))?;
            }
        }
        self.compare_beside(state, after)
    }

    /// Whether a state is that of the CRM, or may become it with more statements: what never changes is as it is there.
    pub fn may_become(&self, state: &State, after: &Table) -> bool {
        let people = state.people.iter().map(|(person, someone)| (person.0, *person, &someone.cells));
        let told = state.participants.values();
        let said = told.flat_map(|told| told.said.iter().map(move |at| (told, &self.statements[at])));
        let rows = said.map(|(told, said)| ("activity", said.row, &told.rows[&said.session].cells));
        let named = |table| self.settings.related.iter().find(|related| related.table == table);
        let beside = state.beside.iter().filter_map(|(row, beside)| Some((named(row.0)?.name, *row, &beside.cells)));
        let is_there = |(name, row, cells)| after.get(&row).is_some_and(|row| self.may_hold(name, row, cells));
        people.chain(rows).chain(beside).all(is_there)
            && state.beside.iter().all(|(row, beside)| beside.may_become(&after[row]))
    }

    /// Whether mapped columns are like this, or may become so.
    fn may_hold(&self, table: &'static str, row: &dataverse::Columns, cells: &Cells) -> bool {
        self.mapped(table).all(|mapping| !cells.stands_fast(mapping) || shows(mapping, row, cells))
    }

    /// Holds the mapped columns of a row.
    pub(super) fn compare_cells(
        &self,
        table: &'static str,
        row: &dataverse::Columns,
        cells: &Cells,
    ) -> Result<(), String> {
        for mapping in self.mapped(table) {
            if !shows(mapping, row, cells) {
                let (found, expected) = (mapping.found(row), &cells.columns[mapping.column].value.0);
                return Err(format!("has {found:?} in {}, not {expected:?}", mapping.column));
            }
        }
        Ok(())
    }
}

fn shows(mapping: &Mapping, row: &dataverse::Columns, cells: &Cells) -> bool {
    holds(mapping.found(row), std::slice::from_ref(&cells.columns[mapping.column].value.0))
}
