//! What is left of a state when people of the CRM are deleted, or changed by hand.

use std::rc::Rc;

use super::{Serial, State, filled::Said, folded, text};
use crate::Table;

impl Serial<'_> {
    /// The same CRM now, which was like this earlier: rows go along with whom they regard.
    pub fn befallen(&self, state: State, earlier: &Table) -> State {
        let State { mut people, mut participants, mut beside, parked, .. } = state;
        people.retain(|person, _| self.before.contains_key(person));
        for (person, someone) in &mut people {
            let (Some(before), now) = (earlier.get(person), &self.before[person]) else { continue };
            let address = |row| text(row, "emailaddress1").map(folded);
            if address(before) != address(now) {
                someone.address = address(now);
            }
            for mapping in self.mapped(person.0).filter(|mapping| mapping.found(before) != mapping.found(now)) {
                let value = Said(mapping.found(now).cloned().unwrap_or_default());
                Rc::make_mut(&mut someone.cells.columns).get_mut(mapping.column).unwrap().value = value;
            }
        }
        for told in participants.values_mut() {
            told.rows.retain(|_, row| row.regards.as_ref().is_none_or(|(person, _)| self.before.contains_key(person)));
            told.said.retain(|at| told.rows.contains_key(&self.statements[at].session));
        }
        participants.retain(|_, told| !told.rows.is_empty());
        beside.retain(|row, _| self.before.contains_key(row));
        beside.iter_mut().for_each(|(row, beside)| beside.befallen(&earlier[row], &self.before[row]));
        State { people, participants, beside, parked, ..State::default() }
    }
}
