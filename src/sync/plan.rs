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
    rows::PersonTable,
    rules::Rules,
};
use crate::model::ParticipantEvent;

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

/// Decides what the events change, and what becomes of the rows of those who are swept because their event or session is over.
pub fn plan(
    events: &[ParticipantEvent],
    swept: &BTreeSet<EventParticipant>,
    rows: &Rows,
    closings: &Closings,
    context: &Context,
) -> Plan {
    let mut people = people::resolve(events, rows, context);
    let mut plan = people.take_plan();
    for (participant, statements) in groups(events, swept, &people) {
        row::plan(&participant, &statements, events, rows, &people, closings, context, &mut plan);
    }
    plan
}

/// Decides over contacts and leads alone.
pub fn plan_people(events: &[ParticipantEvent], rows: &Rows, context: &Context) -> Plan {
    people::resolve(events, rows, context).take_plan()
}

/// The participant of one event: whose rows are decided together, because they regard one person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventParticipant {
    pub event: String,
    pub participant: String,
}

impl EventParticipant {
    /// Whom an event is about; `None` for a closing.
    pub fn of(event: &ParticipantEvent) -> Option<Self> {
        let participant = event.participant.as_ref()?.id.clone();
        Some(Self { event: event.event.id.clone(), participant })
    }
}

/// The statements about each participant, by their place in the batch.
fn groups(
    events: &[ParticipantEvent],
    swept: &BTreeSet<EventParticipant>,
    people: &People,
) -> BTreeMap<EventParticipant, Vec<usize>> {
    let mut groups: BTreeMap<EventParticipant, Vec<usize>> =
        swept.iter().map(|participant| (participant.clone(), Vec::new())).collect();
    for (index, event) in events.iter().enumerate().filter(|(index, _)| !people.silent(*index)) {
        if let Some(participant) = EventParticipant::of(event) {
            groups.entry(participant).or_default().push(index);
        }
    }
    groups
}
