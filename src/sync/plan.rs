//! What is to be written: a pure function of the events, of what the CRM holds and of what is known to be over.
//!
//! The same events in any order and number, planned over whatever the earlier ones left behind, end in the same rows.

mod changes;
mod identity;
mod life;
mod people;
mod regarded;
mod related;
mod row;
mod statements;
mod values;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use people::People;
pub use statements::EventParticipant;
use statements::{Latest, Statement};
use uuid::Uuid;
use view::View;

use super::{
    claims::Claim,
    closings::Closings,
    crm::{Participants, Rows, Wanted, Write},
    matching::Who,
    rows::{Form, Owner, PersonRef, PersonTable, RowKey, Table},
    rules::Rules,
};
use crate::model::ParticipantEvent;

/// How much of a batch is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Contacts and leads. Attendance rows and closings wait until the same events come again, in full.
    People,
    #[default]
    Everything,
}

impl Scope {
    /// For the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Everything => "everything",
        }
    }

    fn takes(self, table: Table) -> bool {
        self == Self::Everything || PersonTable::of(table.name).is_some()
    }
}

/// What the plan needs besides events and rows.
#[derive(Debug, Clone)]
pub struct Context {
    /// Keeps the ids of several InEvent tenants in one CRM apart.
    pub tenant: String,
    /// The application user, who owns the people that the connector creates.
    pub me: Uuid,
    pub rules: Arc<Rules>,
    pub scope: Scope,
    /// The time, for what is only said of rows that are made.
    pub now: Timestamp,
    /// Users and teams that turned out to be unable to own rows.
    pub unfit: BTreeSet<Owner>,
}

/// The writes of one batch: people to create, then rows to create, then updates.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    pub writes: Vec<Write>,
    /// Whether somebody else's simultaneous write may have been missed: rows were created, or moved to another person.
    /// Then a plan over fresh rows must confirm that nothing is left to write.
    pub confirm: bool,
    /// Events of which nothing is written because nobody has the key that they state, and nobody is to be created.
    pub ignored: BTreeSet<usize>,
    /// Events that are left for a plan over fresh rows, because they may depend on what this one writes.
    pub waiting: BTreeSet<usize>,
    /// Events of which everything was written before those that waited for them were planned.
    pub settled: BTreeSet<usize>,
    /// Keys for which the duplicate detection rules are to be asked again, because somebody alike is just being created.
    pub alike: BTreeSet<Who>,
    /// The keys whose people this changes, by the events that it settles: nobody else may read or change them meanwhile.
    pub changes: BTreeMap<usize, BTreeSet<Claim>>,
    /// What must be read first. While this is not empty, the plan is not to be relied on.
    pub lacking: Wanted,
    /// Events of which nothing is written.
    pub refused: Vec<Refused>,
    /// Columns that were left out of what is written.
    pub left_out: Vec<ColumnProblem>,
    /// Who was taken of several open people with one key, and how many they were.
    pub ambiguous: Vec<(PersonRef, usize)>,
    /// Who was taken because a duplicate detection rule named them.
    pub adopted: BTreeSet<PersonRef>,
    /// Events of which the condition of the settings is not true.
    pub excluded: BTreeSet<usize>,
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
    pub table: &'static str,
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
        write!(f, "{}.{}: {}", self.table, self.column, self.why)
    }
}

/// What to read first, before it is known what more is needed.
pub fn wanted(events: &[ParticipantEvent], swept: &BTreeSet<EventParticipant>, context: &Context) -> Wanted {
    let mut wanted = Wanted { tables: context.rules.activity_tables(), ..Wanted::default() };
    for table in [PersonTable::Contact, PersonTable::Lead].into_iter().filter(|_| !events.is_empty()) {
        // Of every event: what changes a key of one of them is held against that of others.
        let keys = context.rules.matchers().flat_map(|matcher| matcher.columns(table));
        wanted.columns.entry(table.table()).or_default().extend(keys.map(str::to_owned));
    }
    for statement in statements::statements(events, context) {
        for table in [PersonTable::Contact, PersonTable::Lead] {
            let columns = wanted.columns.entry(table.table()).or_default();
            columns.extend(statement.rules.mapped(table.table()).map(|mapped| mapped.read().to_owned()));
        }
        statement.rules.related.values().for_each(|related| related.wanted(&mut wanted));
        for (table, column, value) in statement.keys.iter().flat_map(|key| &key.lookups) {
            wanted.keyed.entry((*table, (*column).to_owned())).or_default().insert(value.clone());
        }
        // Whom the connector may have created for this key, if an event asked for it.
        let created = statement.who().into_iter().flat_map(|who| {
            let own = identity::created_in(statement.rules.unmatched);
            let asked = [PersonTable::Contact, PersonTable::Lead].into_iter();
            let asked = asked.filter(move |table| own == Some(*table) || matches!(who, Who::Other(_)));
            asked.map(move |table| people::person(table, &context.tenant, who, 0))
        });
        wanted.people.extend(created);
        let session = statement.event.session.as_ref().map(|session| session.id.clone());
        wanted_rows(&mut wanted, &statement.of, session, context);
    }
    swept.iter().for_each(|participant| wanted_rows(&mut wanted, participant, None, context));
    wanted
}

/// The rows of a participant: all of them, or where these cannot be found the event's and the one of this session.
fn wanted_rows(wanted: &mut Wanted, of: &EventParticipant, session: Option<String>, context: &Context) {
    let event_rules = context.rules.of_event(&of.event);
    let rules = &event_rules.activity;
    let EventParticipant { event, participant } = of.clone();
    match rules.table.form {
        Form::Stamped => {
            let columns = wanted.columns.entry(rules.table.table).or_default();
            columns.extend(rules.account.as_ref().map(|account| account.column.clone()));
            columns.extend(event_rules.mapped(rules.table.table).map(|mapped| mapped.read().to_owned()));
            let all = || Participants { ids: BTreeSet::new(), table: rules.table };
            wanted.participants.entry(event).or_insert_with(all).ids.insert(participant);
        }
        Form::Plain => {
            for session in BTreeSet::from([None, session]) {
                let key = RowKey { event: event.clone(), participant: participant.clone(), session };
                wanted.plain.insert(rules.table.row_id(&context.tenant, &key), (rules.table, key));
            }
        }
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
    let mut statements = statements::statements(events, context);
    let (mut refused, mut ignored, mut settled) = (Vec::new(), BTreeSet::new(), rows.settled.clone());
    loop {
        let mut plan = plan_once(&statements, swept, rows, closings, &settled, context);
        let lacks = plan.lacking != Wanted::default();
        let silent: BTreeSet<usize> =
            plan.refused.iter().map(|refused| refused.event).chain(plan.ignored.clone()).collect();
        let silent = outermost(&statements, &silent);
        statements.retain(|statement| !silent.contains(&statement.index));
        // Nobody has to wait for those of whom nothing is left to write.
        let stuck = silent.is_empty() && plan.writes.is_empty() && !plan.waiting.is_empty();
        let others = statements.iter().map(|statement| statement.index).filter(|index| !plan.waiting.contains(index));
        settled.extend(others.filter(|_| stuck));
        refused.extend(plan.refused.drain(..).filter(|refused| silent.contains(&refused.event)));
        ignored.extend(plan.ignored.intersection(&silent));
        if lacks || silent.is_empty() && !stuck {
            return Plan { refused, ignored, settled, ..plan };
        }
    }
}

/// Of those that say nothing, by participant, the ones with the latest key: what says nothing may have decided whom the others are about,
/// and they are planned without it.
fn outermost(statements: &[Statement<'_>], silent: &BTreeSet<usize>) -> BTreeSet<usize> {
    let silent = || statements.iter().filter(|statement| silent.contains(&statement.index));
    let mut latest = BTreeMap::new();
    for statement in silent() {
        let of = latest.entry(&statement.of).or_insert(None);
        *of = Latest::stated(statement).max(*of);
    }
    silent().filter(|one| Latest::stated(one) == latest[&one.of]).map(|one| one.index).collect()
}

fn plan_once(
    statements: &[Statement<'_>],
    swept: &BTreeSet<EventParticipant>,
    rows: &Rows,
    closings: &Closings,
    settled: &BTreeSet<usize>,
    context: &Context,
) -> Plan {
    let view = View::new(rows, context.rules.names);
    let mut plan = Plan::default();
    let people = people::plan(statements, &view, settled, context, &mut plan);
    for (participant, statements) in groups(statements, swept, &people) {
        let (participant, statements, view, people) = (&participant, &statements[..], &view, &people);
        row::plan(&row::Case { participant, statements, view, people, closings, context }, &mut plan);
    }
    related::plan(statements, &people, &view, context, &mut plan);
    plan.lacking = view.lacking();
    plan.writes.retain(|write| context.scope.takes(write.table));
    plan
}

/// What of a batch is about each participant.
fn groups<'a>(
    statements: &'a [Statement<'a>],
    swept: &BTreeSet<EventParticipant>,
    people: &People,
) -> BTreeMap<EventParticipant, Vec<&'a Statement<'a>>> {
    let mut groups: BTreeMap<EventParticipant, Vec<&Statement<'_>>> =
        swept.iter().map(|participant| (participant.clone(), Vec::new())).collect();
    for statement in statements.iter().filter(|statement| !people.silent(statement.index)) {
        groups.entry(statement.of.clone()).or_default().push(statement);
    }
    // A state that was read is held against what is known from before.
    groups
        .values_mut()
        .for_each(|statements| statements.sort_by_key(|statement| (statement.time(), statement.event.read)));
    groups
}
