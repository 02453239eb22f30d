//! What is to be written: a pure function of the events, of what the CRM holds and of what is known to be over.
//!
//! The same events in any order and number, planned over whatever the earlier ones left behind, end in the same rows.

mod identity;
mod people;
mod row;
mod statements;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use people::People;
use statements::{EventParticipant, Statement};
use uuid::Uuid;
use view::View;

use super::{
    closings::Closings,
    crm::{Rows, Wanted, Write},
    rows::{PersonRef, PersonTable, RowKey},
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
    /// What must be read first. While this is not empty, the plan is not to be relied on.
    pub lacking: Wanted,
    /// Events of which nothing is written.
    pub refused: Vec<Refused>,
    /// Columns that were left out of what is written.
    pub left_out: Vec<ColumnProblem>,
    /// Who was taken of several open people with one key, and how many they were.
    pub ambiguous: Vec<(PersonRef, usize)>,
    /// Rows, by their id, that regard nobody.
    pub unmatched: BTreeSet<Uuid>,
}

/// Why nothing of an event is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The event's place in the batch.
    pub event: usize,
    /// For the person who mends it.
    pub reason: String,
}

/// Why a column got no value although something was stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnProblem {
    /// The event's place in the batch.
    pub event: usize,
    pub table: PersonTable,
    pub column: String,
    pub why: String,
}

impl Refused {
    fn new(event: usize, reason: String) -> Self {
        Self { event, reason }
    }

    fn required(problem: &ColumnProblem) -> Self {
        Self::new(problem.event, format!("{problem}; the mapping is required"))
    }
}

/// `lead.new_budget: the value is …`
impl std::fmt::Display for ColumnProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}: {}", self.table.table().name, self.column, self.why)
    }
}

/// What to read first, before it is known what more is needed.
pub fn wanted(events: &[ParticipantEvent], context: &Context) -> Wanted {
    let mut wanted = Wanted::default();
    for statement in statements::statements(events, context) {
        for table in [PersonTable::Contact, PersonTable::Lead] {
            let columns = wanted.columns.entry(table).or_default();
            columns.extend(statement.rules.mapped(table).map(|mapped| mapped.column.clone()));
            columns.extend(statement.rules.matcher.columns(table).into_iter().map(str::to_owned));
        }
        for (table, column, value) in statement.keys.iter().flat_map(|key| &key.lookups) {
            wanted.keyed.entry((*table, (*column).to_owned())).or_default().insert(value.clone());
        }
        // Whom the connector may have created for this key.
        let created = identity::created_in(statement.rules.unmatched).zip(statement.who());
        wanted.people.extend(created.map(|(table, who)| people::person(table, &context.tenant, who, 0)));
        let EventParticipant { event, participant } = statement.of;
        wanted.participants.entry(event).or_default().insert(participant);
    }
    for event in events.iter().filter(|event| event.participant.is_none()) {
        let session = match event.kind {
            Kind::SessionClosed => event.session.as_ref().map(|session| session.id.clone()),
            _ => None,
        };
        wanted.undecided.insert((event.event.id.clone(), session));
    }
    wanted
}

/// Decides.
pub fn plan(events: &[ParticipantEvent], rows: &Rows, closings: &Closings, context: &Context) -> Plan {
    let statements = statements::statements(events, context);
    let known = statements::known(&statements, rows);
    let view = View::new(rows);
    let mut plan = Plan::default();
    let people = people::plan(&statements, &known, &view, context, &mut plan);
    for (participant, group) in groups(&statements, events, rows, &people) {
        let (participant, group, view, people) = (&participant, &group, &view, &people);
        row::plan(&row::Case { participant, group, events, view, people, closings, context }, &mut plan);
    }
    plan.lacking = view.lacking();
    plan
}

/// What of a batch is about one participant, and the closings that touch the rows of that participant.
#[derive(Default)]
pub struct Group<'a> {
    statements: Vec<&'a Statement<'a>>,
    closings: BTreeSet<usize>,
}

fn groups<'a>(
    statements: &'a [Statement<'a>],
    events: &[ParticipantEvent],
    rows: &Rows,
    people: &People,
) -> BTreeMap<EventParticipant, Group<'a>> {
    let mut groups: BTreeMap<EventParticipant, Group<'a>> = BTreeMap::new();
    for statement in statements.iter().filter(|statement| !people.silent(statement.index)) {
        groups.entry(statement.of.clone()).or_default().statements.push(statement);
    }
    for (index, event) in events.iter().enumerate().filter(|(_, event)| event.participant.is_none()) {
        for row in rows.attendance.iter().filter(|row| closes(event, &row.key)) {
            let of = EventParticipant { event: row.key.event.clone(), participant: row.key.participant.clone() };
            groups.entry(of).or_default().closings.insert(index);
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
