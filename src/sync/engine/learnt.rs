//! What a batch learns while it is written.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::{
    dataverse::Failure,
    model::ParticipantEvent,
    sync::{
        crm::{Action, Crm, Duplicates, Rows, Write},
        matching::{ADDRESS_COLUMN, Who},
        plan::Plan,
        rows::{PersonRef, PersonTable},
    },
};

/// What a batch learnt from writes that were refused, and what it told already.
#[derive(Default)]
pub(super) struct Learnt {
    pub(super) duplicates: BTreeMap<Who, Duplicates>,
    /// People of whom updates were refused because of duplicates, and how many.
    pub(super) refused: BTreeMap<PersonRef, usize>,
    /// Ids of people whose creation collided.
    taken: BTreeSet<PersonRef>,
    /// How often the creation of another row collided.
    collided: BTreeMap<Uuid, usize>,
    reported: BTreeSet<(usize, String)>,
}

/// Collisions after which a row that still is not to be seen is one that the role hides: somebody else's would have been found.
const HIDDEN_AFTER: usize = 3;

impl Learnt {
    /// What a failed write teaches, and what it amounts to.
    pub(super) async fn from(&mut self, write: &Write, failure: Failure, crm: &dyn Crm) -> Result<Failure, Failure> {
        let person = PersonTable::of(write.table.name).map(|table| PersonRef { table, id: write.id });
        match (&failure, &write.detect) {
            (Failure::Duplicate { .. }, Some(who)) => {
                let is_new = write.action == Action::Create;
                if let Some(person) = person.filter(|_| !is_new) {
                    *self.refused.entry(person).or_default() += 1;
                }
                if is_new || write.columns.contains_key(ADDRESS_COLUMN) {
                    self.duplicates.insert(who.clone(), crm.duplicates(write).await?);
                }
            }
            (Failure::Conflict, _) if write.action == Action::Create => {
                self.taken.extend(person);
                let collided = self.collided.entry(write.id).or_default();
                *collided += 1;
                if person.is_none() && *collided >= HIDDEN_AFTER {
                    let (table, id) = (write.table.name, write.id);
                    let reason = format!(
                        "{table} {id} exists, or a row that it is bound to does not, and the connector's role does not show which; give the role access to all of its rows and replay the event"
                    );
                    return Ok(Failure::Refused { code: None, reason });
                }
            }
            _ => {}
        }
        Ok(failure)
    }

    /// Of the ids that collided, those at which nobody is seen although they were asked for.
    pub(super) fn hidden(&self, rows: &Rows) -> BTreeSet<Uuid> {
        let seen: BTreeSet<PersonRef> = rows.people.iter().map(|row| row.person).collect();
        let hidden = self.taken.iter().filter(|person| rows.asked.people.contains(person) && !seen.contains(person));
        hidden.map(|person| person.id).collect()
    }

    /// Says once what a person may want to look at. Ids only.
    pub(super) fn report(&mut self, planned: &Plan, events: &[ParticipantEvent], open: &[usize]) {
        for problem in &planned.left_out {
            if self.reported.insert((open[problem.event], problem.column.clone())) {
                tracing::warn!(event = events[problem.event].id, %problem, "a column is left out");
            }
        }
        for (person, of) in &planned.ambiguous {
            if self.reported.insert((*of, person.id.to_string())) {
                let table = person.table.table().name;
                tracing::warn!(table, id = %person.id, of, "several match; the one modified last was taken");
            }
        }
        for row in &planned.unmatched {
            if self.reported.insert((0, row.to_string())) {
                tracing::warn!(row = %row, "the row regards nobody: nobody was found or created for its participant");
            }
        }
    }
}
