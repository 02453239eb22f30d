//! What a batch learns while it is written.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::{
    dataverse::{Columns, Failure},
    sync::{
        crm::{Action, Crm, Duplicates, Rows, Write},
        matching::{ADDRESS_COLUMN, Who},
        rows::{PersonRef, PersonTable},
    },
};

/// What a batch learnt: from writes that were refused, and of which of its events everything is written.
#[derive(Default)]
pub(super) struct Learnt {
    /// By their place in the batch. Others were told on top of them: what these write does not make the others wait again.
    pub(super) settled: BTreeSet<usize>,
    pub(super) duplicates: BTreeMap<Who, Duplicates>,
    /// The columns of people that were refused together because of duplicates.
    pub(super) refused: BTreeMap<PersonRef, BTreeSet<BTreeSet<String>>>,
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
                if write.action == Action::Create {
                    self.duplicates.insert(who.clone(), crm.duplicates(write).await?);
                    return Ok(failure);
                }
                let mut columns = write.columns.clone();
                columns.remove(crm.names().profile_stamp);
                // Whoever is to get an address may be somebody who has it; about what comes along nobody is asked.
                if let Some(address) = columns.get(ADDRESS_COLUMN) {
                    let address = Columns::from_iter([(ADDRESS_COLUMN.to_owned(), address.clone())]);
                    let found = crm.duplicates(&Write { columns: address, ..write.clone() }).await?;
                    if columns.len() == 1 || !found.people.is_empty() {
                        self.duplicates.insert(who.clone(), found);
                    }
                }
                let refused = columns.into_iter().map(|(column, _)| column).collect();
                if let Some(person) = person {
                    self.refused.entry(person).or_default().insert(refused);
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
