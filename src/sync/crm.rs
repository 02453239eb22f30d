//! The CRM as the engine sees it: rows to read, writes to make. Dynamics stands behind it, or a test's memory.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use uuid::Uuid;

use super::rows::{AttendanceRow, PersonRef, PersonRow, PersonTable, Table};
use crate::{
    dataverse::{Columns, Failure, metadata::TableColumns},
    model::Address,
    settings::document::Pace,
};

/// What a batch needs to see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Contacts and leads with these addresses.
    pub addresses: BTreeSet<Address>,
    /// Contacts and leads with these ids, open or not.
    pub people: BTreeSet<PersonRef>,
    /// The columns of people to read beside those that every person has.
    pub columns: BTreeMap<PersonTable, BTreeSet<String>>,
    /// All rows of these participants, by event.
    pub participants: BTreeMap<String, BTreeSet<String>>,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    pub people: Vec<PersonRow>,
    pub attendance: Vec<AttendanceRow>,
}

/// One write of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    pub table: Table,
    pub id: Uuid,
    pub action: Action,
    pub columns: Columns,
    /// The contact or lead that must exist first.
    pub after: Option<Uuid>,
    /// The events, by their place in the batch, that this write settles; none where a closing is what moves the row.
    pub events: BTreeSet<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Create,
    /// Only if the row is still at this version.
    Update {
        etag: String,
    },
}

/// Reads and writes rows.
#[async_trait]
pub trait Crm: Send + Sync {
    /// The application user's id.
    async fn me(&self) -> Result<Uuid, Failure>;

    /// The definitions of a table's columns.
    async fn columns(&self, table: PersonTable) -> Result<TableColumns, Failure>;

    /// How fast the settings allow to call.
    fn keep_pace(&self, _pace: &Pace) {}

    async fn load(&self, wanted: &Wanted) -> Result<Rows, Failure>;

    /// The ids of all participants who have a row of the event, or of one session of it.
    async fn participants(&self, event: &str, session: Option<&str>) -> Result<BTreeSet<String>, Failure>;

    /// Creates rows of one table, an outcome for each in order.
    ///
    /// # Errors
    /// When the call as a whole failed; it may have taken effect.
    async fn create(&self, writes: &[&Write]) -> Result<Vec<Result<(), Failure>>, Failure>;

    /// Updates rows, an outcome for each in order.
    ///
    /// # Errors
    /// When the call as a whole failed; it may have taken effect.
    async fn update(&self, writes: &[&Write]) -> Result<Vec<Result<(), Failure>>, Failure>;
}

impl Rows {
    /// Active contacts (then leads) with this address: the most recently modified first, then by id.
    pub fn matching(&self, table: PersonTable, address: &Address) -> Option<&PersonRow> {
        self.people
            .iter()
            .filter(|row| row.person.table == table && row.active && row.address.as_ref() == Some(address))
            .min_by_key(|row| (std::cmp::Reverse(row.modified), row.person.id))
    }

    pub fn person(&self, person: PersonRef) -> Option<&PersonRow> {
        self.people.iter().find(|row| row.person == person)
    }
}
