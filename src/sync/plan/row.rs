//! The attendance rows of one participant of one event.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Context, EventParticipant, Plan,
    people::{self, People},
};
use crate::{
    dataverse::Columns,
    model::{
        Address, Occasion, ParticipantEvent,
        attendance::State,
        ids,
        stamp::{Cell, Fingerprint, Offer},
    },
    settings::document::Template,
    sync::{
        closings::Closings,
        crm::{Action, Rows, Write},
        rows::{self, ADDRESS, ATTENDANCE, AttendanceRow, Details, Owner, PersonRef, PersonTable},
    },
};

/// A row while the batch's statements are joined into it.
struct Draft<'a> {
    session: Option<String>,
    stored: Option<&'a AttendanceRow>,
    state: State,
    details: Details,
    /// Columns that take a new value because the source's changed.
    changed: Columns,
    /// The statements about this very row.
    statements: BTreeSet<usize>,
}

/// Whom the rows are to regard.
struct Regarded {
    address: Fingerprint,
    person: PersonRef,
    owner: Option<Owner>,
    new: bool,
}

#[expect(clippy::too_many_arguments, reason = "the inputs of one pure decision")]
pub fn plan(
    participant: &EventParticipant,
    statements: &[usize],
    events: &[ParticipantEvent],
    rows: &Rows,
    people: &People,
    closings: &Closings,
    context: &Context,
    plan: &mut Plan,
) {
    let mut drafts = stored(participant, rows);
    let mut addresses = BTreeMap::new();
    for index in statements {
        let event = &events[*index];
        let session = event.session.as_ref().map(|session| session.id.clone());
        let draft = drafts.entry(session.clone()).or_insert_with(|| Draft::new(session, None));
        if let Some(address) = people::address(event) {
            draft.details.ledger.offer(ADDRESS, event.time, address.as_str());
            addresses.insert(Fingerprint::of(address.as_str()), address);
        }
        draft.join(event, *index);
    }
    let regarded = regarded(drafts.values(), &addresses, people);
    for draft in drafts.values_mut() {
        draft.state.conclude(closings.over(&participant.event, draft.session.as_deref()));
        plan.extend(draft, participant, statements, regarded.as_ref(), context);
    }
}

/// The rows that exist, by session.
fn stored<'a>(participant: &EventParticipant, rows: &'a Rows) -> BTreeMap<Option<String>, Draft<'a>> {
    rows.attendance
        .iter()
        .filter(|row| row.key.event == participant.event && row.key.participant == participant.participant)
        .map(|row| (row.key.session.clone(), Draft::new(row.key.session.clone(), Some(row))))
        .collect()
}

/// The person of the latest address that was stated about any of the rows.
///
/// Where nobody in this batch stated it, the row that holds it says who that is, unless somebody cleared that row: then it is the
/// latest address of this batch.
fn regarded<'a>(
    drafts: impl Iterator<Item = &'a Draft<'a>>,
    addresses: &BTreeMap<Fingerprint, Address>,
    people: &People,
) -> Option<Regarded> {
    let mut stated: Vec<(Cell<Fingerprint>, &Draft<'_>)> =
        drafts.filter_map(|draft| Some((draft.details.ledger.get(ADDRESS)?, draft))).collect();
    stated.sort_by_key(|(cell, _)| std::cmp::Reverse(*cell));
    let latest = stated.first()?.0.value;
    stated.into_iter().find_map(|(cell, draft)| {
        if let Some(person) = addresses.get(&cell.value).and_then(|address| people.get(address)) {
            let (owner, new) = (person.owner.clone(), person.new);
            return Some(Regarded { address: cell.value, person: person.person, owner, new });
        }
        let row = draft.stored.filter(|row| cell.value == latest && row.details.regards == Some(latest))?;
        Some(Regarded { address: latest, person: row.regarding?, owner: row.owner.clone(), new: false })
    })
}

impl<'a> Draft<'a> {
    fn new(session: Option<String>, stored: Option<&'a AttendanceRow>) -> Self {
        Self {
            session,
            stored,
            state: stored.map(|row| row.state.clone()).unwrap_or_default(),
            details: stored.map(|row| row.details.clone()).unwrap_or_default(),
            changed: Columns::new(),
            statements: BTreeSet::new(),
        }
    }

    fn join(&mut self, event: &ParticipantEvent, index: usize) {
        self.statements.insert(index);
        self.state.join(event);
        self.offer(event, "new_eventname", event.event.name.clone());
        let occasion: &Occasion = event.session.as_ref().unwrap_or(&event.event);
        if event.session.is_some() {
            self.offer(event, "new_sessionname", occasion.name.clone());
        }
        self.offer(event, "scheduledstart", occasion.begin.map(rows::instant));
        self.offer(event, "scheduledend", occasion.end.map(rows::instant));
    }

    fn offer(&mut self, event: &ParticipantEvent, column: &str, value: Option<String>) {
        let Some(value) = value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()) else { return };
        if self.details.ledger.offer(column, event.time, &value) == Offer::Changed {
            self.changed.insert(column.to_owned(), value.into());
        }
    }

    /// The name that the subject speaks of: the session's, else the event's; its id where no name was ever stated.
    fn name(&self, changed: &Columns, participant: &EventParticipant) -> String {
        let column = if self.session.is_some() { "new_sessionname" } else { "new_eventname" };
        let stored = || self.stored.and_then(|row| rows::text(&row.columns, column));
        let id = self.session.as_ref().unwrap_or(&participant.event);
        changed.get(column).and_then(Value::as_str).or_else(stored).unwrap_or(id).to_owned()
    }

    /// The columns that people read and the stamps, as they were and as they become: what differs is written.
    fn columns(&self, participant: &EventParticipant, subject: &Template) -> Columns {
        let mut columns = self.changed.clone();
        let after = rows::outcome(&self.state.outcome(), &self.name(&self.changed, participant), subject);
        let stamps = rows::stamps(&self.state, &self.details);
        match self.stored {
            None => columns.extend(after.into_iter().chain(stamps).map(owned).filter(|(_, value)| !value.is_null())),
            Some(row) => {
                let before = rows::outcome(&row.state.outcome(), &self.name(&Columns::new(), participant), subject);
                let stamped = rows::stamps(&row.state, &row.details);
                let differing = |(before, after): ((&str, Value), (&'static str, Value))| {
                    (before.1 != after.1).then(|| owned(after))
                };
                columns.extend(before.into_iter().zip(after).filter_map(differing));
                columns.extend(stamped.into_iter().zip(stamps).filter_map(differing));
                columns.retain(|column, value| !rows::same(row.columns.get(column), value));
            }
        }
        columns
    }
}

impl Plan {
    fn extend(
        &mut self,
        draft: &mut Draft<'_>,
        participant: &EventParticipant,
        statements: &[usize],
        regarded: Option<&Regarded>,
        context: &Context,
    ) {
        let moved = regarded.filter(|regarded| draft.details.regards != Some(regarded.address));
        if let Some(regarded) = moved {
            draft.details.regards = Some(regarded.address);
        }
        let mut columns = draft.columns(participant, &context.rules.of_event(&participant.event).subject);
        if let Some(regarded) = moved {
            bind(&mut columns, regarded);
        }
        if columns.is_empty() {
            return;
        }
        let (id, action) = match draft.stored {
            Some(row) => (row.id, Action::Update { etag: row.etag.clone() }),
            None => {
                let id = ids::attendance(
                    &context.tenant,
                    &participant.event,
                    &participant.participant,
                    draft.session.as_deref(),
                );
                columns.insert(ATTENDANCE.key.to_owned(), id.to_string().into());
                columns.insert("new_eventid".to_owned(), participant.event.clone().into());
                columns.insert("new_participantid".to_owned(), participant.participant.clone().into());
                if let Some(session) = &draft.session {
                    columns.insert("new_sessionid".to_owned(), session.clone().into());
                }
                (id, Action::Create)
            }
        };
        // A row that nobody in the batch spoke of moves along with its participant: all who spoke of them wait for it.
        let settles = match draft.statements.is_empty() {
            true => statements.iter().copied().collect(),
            false => draft.statements.clone(),
        };
        let after = moved.filter(|regarded| regarded.new).map(|regarded| regarded.person.id);
        self.confirm |= moved.is_some() || action == Action::Create;
        self.writes.push(Write { table: ATTENDANCE, id, action, columns, after, events: settles });
    }
}

fn bind(columns: &mut Columns, regarded: &Regarded) {
    let table = regarded.person.table.table();
    let navigation = match regarded.person.table {
        PersonTable::Contact => "regardingobjectid_contact_new_eventattendance@odata.bind",
        PersonTable::Lead => "regardingobjectid_lead_new_eventattendance@odata.bind",
    };
    columns.insert(navigation.to_owned(), format!("/{}({})", table.set, regarded.person.id).into());
    if let Some(owner) = &regarded.owner {
        columns.insert("ownerid@odata.bind".to_owned(), owner.bind());
    }
}

fn owned((column, value): (&str, Value)) -> (String, Value) {
    (column.to_owned(), value)
}
