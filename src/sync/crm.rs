//! The CRM as the engine sees it: rows to read, writes to make. Dynamics stands behind it, or a test's memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    lists::ListMembers,
    matching::Who,
    rows::{ActivityTable, AttendanceRow, ForeignRow, Names, PersonRef, PersonRow, PersonTable, RowKey, Table},
};
use crate::{
    dataverse::{Columns, Failure, definition::TableDefinition, metadata::TableColumns},
    settings::document::{OwnPace, Pace},
};

/// What a batch needs to see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Contacts and leads that have one of these values (folded, see [`super::matching::folded`]) in a column.
    pub keyed: BTreeMap<(PersonTable, String), BTreeSet<String>>,
    /// Contacts and leads with these ids, open or not.
    pub people: BTreeSet<PersonRef>,
    /// Contacts that were made of these leads.
    pub origins: BTreeSet<Uuid>,
    /// Leads of which it matters whose rows regard them.
    pub used: BTreeSet<Uuid>,
    /// Rows of the tables that settings name, which have one of these values (folded) in a column.
    pub foreign: BTreeMap<(Table, String), BTreeSet<String>>,
    /// The columns to read beside those that every row of a table has.
    pub columns: BTreeMap<Table, BTreeSet<String>>,
    /// All rows of these participants, by event, of a table with the connector's columns.
    pub participants: BTreeMap<String, Participants>,
    /// Rows of the platform's own tables, by id: they don't say what they are.
    pub plain: BTreeMap<Uuid, (ActivityTable, RowKey)>,
    /// The tables in which rows may regard somebody.
    pub tables: BTreeSet<ActivityTable>,
}

/// Participants of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participants {
    pub ids: BTreeSet<String>,
    pub table: ActivityTable,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    pub people: Vec<PersonRow>,
    pub attendance: Vec<AttendanceRow>,
    pub foreign: Vec<ForeignRow>,
    /// The participants whose rows regard a lead, of the leads that this was asked of.
    pub users: BTreeMap<Uuid, BTreeSet<String>>,
    /// Whom the CRM's duplicate detection rules took somebody for. Learnt from a write that was refused.
    pub duplicates: BTreeMap<Who, Duplicates>,
    /// Columns that such a rule refused together, by the person who was to get them. Learnt from updates that were refused.
    pub refused: BTreeMap<PersonRef, BTreeSet<BTreeSet<String>>>,
    /// Ids that are taken although nobody is seen there: the role hides them. Learnt from a create that collided.
    pub hidden: BTreeSet<Uuid>,
    /// Events, by their place in the batch, of which everything was written in an earlier look: nobody has to wait for them.
    pub settled: BTreeSet<usize>,
    /// What was asked for: what is not here though it was is not to be seen.
    pub asked: Wanted,
}

/// What duplicate detection found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Duplicates {
    pub people: BTreeSet<PersonRef>,
    /// The names of the rules in force for the table, as far as they can be read.
    pub rules: Vec<String>,
}

/// One write of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    pub table: Table,
    pub id: Uuid,
    pub action: Action,
    pub columns: Columns,
    /// The contact or lead whose own write must have taken effect first.
    pub after: Option<Uuid>,
    /// The events, by their place in the batch, that this write settles; none where a closing is what moves the row.
    pub events: BTreeSet<usize>,
    /// Set where the CRM's duplicate detection rules are asked: for whom.
    pub detect: Option<Who>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Create,
    /// Only if the row is still at this version.
    Update {
        etag: String,
    },
}

/// A CRM at the pace of one event.
pub struct Paced {
    pub crm: Arc<dyn Crm>,
    pub members: Arc<dyn ListMembers>,
}

/// Reads and writes rows.
#[async_trait]
pub trait Crm: Send + Sync {
    /// What the connector's own table and columns are called.
    fn names(&self) -> &'static Names {
        <&Names>::default()
    }

    /// The application user's id.
    async fn me(&self) -> Result<Uuid, Failure>;

    /// The definitions of a table's columns.
    async fn columns(&self, table: &str) -> Result<TableColumns, Failure>;

    /// The definition of a table; `None` when there is none of this name.
    async fn table(&self, name: &str) -> Result<Option<TableDefinition>, Failure>;

    /// The ids of at most two rows of a set that meet a condition in OData.
    async fn named(&self, set: &str, key: &str, condition: &str) -> Result<Vec<Uuid>, Failure>;

    /// How fast the settings allow to call.
    fn keep_pace(&self, _pace: &Pace) {}

    /// The same for one batch of an event that has a pace of its own, within that as well; `None` where no pace is kept.
    ///
    /// # Errors
    /// How long no batch of the event may begin.
    fn at_pace(&self, _event: &str, _own: &OwnPace) -> Result<Option<Paced>, Duration> {
        Ok(None)
    }

    /// The calls of this process that it takes at the same time, as far as that is known.
    fn calls_at_once(&self) -> usize {
        1
    }

    async fn load(&self, wanted: &Wanted) -> Result<Rows, Failure>;

    /// The ids of all participants who have a row of the event, or of one session of it, in a table with the connector's columns.
    async fn participants(
        &self,
        table: ActivityTable,
        event: &str,
        session: Option<&str>,
    ) -> Result<BTreeSet<String>, Failure>;

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

    /// Whom the duplicate detection rules take the person of this write for, who was refused.
    async fn duplicates(&self, write: &Write) -> Result<Duplicates, Failure>;
}

impl Rows {
    /// Takes in what was read in addition, and that it was asked for.
    pub fn extend(&mut self, asked: Wanted, more: Self) {
        self.asked.people.extend(asked.people);
        self.asked.origins.extend(asked.origins);
        for (by, values) in asked.foreign {
            self.asked.foreign.entry(by).or_default().extend(values);
        }
        self.foreign.extend(more.foreign);
        self.foreign.sort_by_key(|row| (row.table, row.id));
        self.foreign.dedup_by_key(|row| (row.table, row.id));
        self.users.extend(asked.used.into_iter().map(|lead| (lead, BTreeSet::new())));
        self.people.extend(more.people);
        self.people.sort_by_key(|row| row.person);
        self.people.dedup_by_key(|row| row.person);
        self.attendance.extend(more.attendance);
        self.attendance.sort_by_key(|row| row.id);
        self.attendance.dedup_by_key(|row| row.id);
        self.users.extend(more.users);
    }
}
