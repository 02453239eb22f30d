//! Whether the CRM is in a state.

use std::collections::BTreeSet;

use inevent_d365::model::ParticipantEvent;

use super::{Serial, State, folded, text};
use crate::{
    Table,
    oracle::{attendance, columns::holds, compare_row, found},
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
                    for mapping in self.mapped(person.0) {
                        let (column, expected) = (mapping.column, &someone.columns[mapping.column].value.0);
                        if !holds(mapping.found(row), std::slice::from_ref(expected)) {
                            let found = mapping.found(row);
                            return Err(format!("{person:?} has {found:?} in {column}, not {expected:?}"));
                        }
                    }
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
            let expected = attendance::rows(&said, self.events, self.settings.of(&participant.0));
            if rows.keys().ne(expected.keys()) {
                return Err(format!("there are rows of {:?}, not {:?}", rows.keys(), expected.keys()));
            }
            for (session, shown) in &expected {
                let regarded = told.rows[session].as_ref().map(|(person, _)| *person);
                compare_row(rows[session], shown, &BTreeSet::from([regarded]).into(), &said, (self.settings, after))
                    .map_err(|why| format!("{participant:?} {session:?}: {why}"))?;
            }
        }
        Ok(())
    }
}
