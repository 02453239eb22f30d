//! What is to be written: a pure function of the events, of what the CRM holds and of what is known to be over.
//!
//! The same events in any order and number, planned over whatever the earlier ones left behind, end in the same rows.

pub mod people;
mod row;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use people::People;
use uuid::Uuid;

use super::{
    closings::Closings,
    crm::{Rows, Write},
    mapping::Unmapped,
    rows::{PersonTable, RowKey},
    rules::Rules,
};
use crate::model::{Kind, ParticipantEvent};

/// What the plan needs besides events and rows.
#[derive(Debug, Clone)]
pub struct Context {
    /// Keeps the ids of several InEvent tenants in one CRM apart.
    pub tenant: String,
    /// The application user, who owns the people that the connector creates.
    pub me: Uuid,
    pub rules: Arc<Rules>,
}

/// The writes of one batch: people to create, then rows to create, then updates.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    pub writes: Vec<Write>,
    /// Whether somebody else's simultaneous write may have been missed: rows were created, or moved to another person.
    /// Then a plan over fresh rows must confirm that nothing is left to write.
    pub confirm: bool,
    /// Events, by their place in the batch, that lack what a required mapping needs. Nothing of them is written.
    pub refused: Vec<ColumnProblem>,
    /// Columns that were left out of what is written.
    pub left_out: Vec<ColumnProblem>,
}

/// Why a column got no value although something was stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnProblem {
    /// The event's place in the batch.
    pub event: usize,
    pub table: PersonTable,
    pub column: String,
    pub why: Unmapped,
}

/// `lead.new_budget: the value is …`
impl std::fmt::Display for ColumnProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}: {}", self.table.table().name, self.column, self.why)
    }
}

/// Decides.
pub fn plan(events: &[ParticipantEvent], rows: &Rows, closings: &Closings, context: &Context) -> Plan {
    let mut people = people::resolve(events, rows, context);
    let mut plan = people.take_plan();
    for (participant, group) in groups(events, rows, &people) {
        row::plan(&participant, &group, events, rows, &people, closings, context, &mut plan);
    }
    plan
}

/// Decides over contacts and leads alone.
pub fn plan_people(events: &[ParticipantEvent], rows: &Rows, context: &Context) -> Plan {
    people::resolve(events, rows, context).take_plan()
}

/// The participant of one event: whose rows are decided together, because they regard one person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct EventParticipant {
    event: String,
    participant: String,
}

/// The events of a batch about one participant, and the closings that touch the rows of that participant.
#[derive(Debug, Default)]
struct Group {
    statements: Vec<usize>,
    closings: BTreeSet<usize>,
}

fn groups(events: &[ParticipantEvent], rows: &Rows, people: &People) -> BTreeMap<EventParticipant, Group> {
    let mut groups: BTreeMap<EventParticipant, Group> = BTreeMap::new();
    for (index, event) in events.iter().enumerate() {
        match &event.participant {
            Some(_) if people.silent(index) => {}
            Some(participant) => {
                let key = EventParticipant { event: event.event.id.clone(), participant: participant.id.clone() };
                groups.entry(key).or_default().statements.push(index);
            }
            None => {
                for row in rows.attendance.iter().filter(|row| closes(event, &row.key)) {
                    let key =
                        EventParticipant { event: row.key.event.clone(), participant: row.key.participant.clone() };
                    groups.entry(key).or_default().closings.insert(index);
                }
            }
        }
    }
    groups
}

/// Whether this closing is about this row: an event's closing is about its sessions too.
fn closes(closing: &ParticipantEvent, key: &RowKey) -> bool {
    closing.event.id == key.event
        && match closing.kind {
            Kind::EventClosed => true,
            Kind::SessionClosed => closing.session.as_ref().map(|session| &session.id) == key.session.as_ref(),
            _ => false,
        }
}
