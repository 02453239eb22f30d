//! What a batch learns while it is written.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::{
    dataverse::Failure,
    sync::{
        crm::{Action, Crm, Duplicates, Rows, Write},
        matching::{ADDRESS_COLUMN, Who},
        rows::{PersonRef, PersonTable},
    },
};

/// What a batch learnt from writes that were refused.
#[derive(Default)]
pub(super) struct Learnt {
    pub(super) duplicates: BTreeMap<Who, Duplicates>,
    /// People of whom updates were refused because of duplicates, and how many.
    pub(super) refused: BTreeMap<PersonRef, usize>,
    /// Ids of people whose creation collided.
    taken: BTreeSet<PersonRef>,
    /// How often the creation of another row collided.
    collided: BTreeMap<Uuid, usize>,
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
}
