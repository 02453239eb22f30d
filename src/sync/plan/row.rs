//! The attendance rows of one participant of one event.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Context, EventParticipant, Group, Plan,
    people::People,
    statements::{Latest, Statement},
    view::View,
};
use crate::{
    dataverse::Columns,
    model::{
        Occasion, ParticipantEvent,
        attendance::State,
        ids,
        stamp::{Fingerprint, Offer},
    },
    settings::document::Template,
    sync::{
        closings::Closings,
        crm::{Action, Rows, Write},
        rows::{self, ATTENDANCE, AttendanceRow, Details, Owner, PersonRef, PersonTable},
        rules::EventRules,
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
    /// For which key.
    key: Fingerprint,
    person: PersonRef,
    owner: Option<Owner>,
    /// Whether a write must make them so first.
    awaited: bool,
}

/// The participant of one event, and what is known where their rows are decided.
pub struct Case<'a> {
    pub participant: &'a EventParticipant,
    pub group: &'a Group<'a>,
    pub events: &'a [ParticipantEvent],
    pub view: &'a View<'a>,
    pub people: &'a People,
    pub closings: &'a Closings,
    pub context: &'a Context,
}

/// Decides.
pub fn plan(case: &Case<'_>, plan: &mut Plan) {
    let mut drafts = stored(case.participant, case.view.rows);
    for statement in &case.group.statements {
        let session = statement.event.session.as_ref().map(|session| session.id.clone());
        let draft = drafts.entry(session.clone()).or_insert_with(|| Draft::new(session, None));
        draft.join(statement);
    }
    let regarded = case.regarded(drafts.values());
    for draft in drafts.values_mut() {
        draft.state.conclude(case.closings.over(&case.participant.event, draft.session.as_deref()));
        plan.extend(draft, case, regarded.as_ref());
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

impl Case<'_> {
    fn rules(&self) -> &EventRules {
        self.context.rules.of_event(&self.participant.event)
    }

    /// The person of the latest key that was stated about any of the rows.
    ///
    /// Where nobody in this batch stated it, the row that holds it says who that is (or who stands for them now), unless somebody
    /// cleared that row: then it is the latest key of this batch.
    fn regarded<'a>(&self, drafts: impl Iterator<Item = &'a Draft<'a>>) -> Option<Regarded> {
        let said = self.group.statements.iter().filter_map(|statement| Some(statement.who()?.fingerprint()));
        let said: BTreeSet<Fingerprint> = said.collect();
        let latest = |draft: &Draft<'_>| Latest::remembered(&draft.details.ledger, &self.rules().matcher);
        let mut stated: Vec<(Latest, &Draft<'_>)> = drafts.filter_map(|draft| Some((latest(draft)?, draft))).collect();
        stated.sort_by_key(|(latest, _)| std::cmp::Reverse(*latest));
        let key = stated.first()?.0.key.value;
        stated.into_iter().find_map(|(latest, draft)| {
            let of = latest.key.value;
            if let Some(person) = self.people.get(of).filter(|_| said.contains(&of)) {
                let (owner, awaited) = (person.owner.clone(), person.awaited);
                return Some(Regarded { key: of, person: person.person, owner, awaited });
            }
            let row = draft.stored.filter(|row| of == key && row.details.regards == Some(key))?;
            let there = Regarded { key, person: row.regarding?, owner: row.owner.clone(), awaited: false };
            Some(match self.successor(there.person) {
                Some((person, owner)) => Regarded { person, owner, ..there },
                None => there,
            })
        })
    }

    /// Who stands for a person now, if that is somebody else. Where only a closing touches the rows nobody looks.
    fn successor(&self, person: PersonRef) -> Option<(PersonRef, Option<Owner>)> {
        if self.group.statements.is_empty() {
            return None;
        }
        let now = match self.rules().matcher.follow_converted_leads {
            true => self.view.follow(person),
            false => self.view.master(person),
        }?;
        (now.person != person).then(|| (now.person, now.owner.clone()))
    }
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

    fn join(&mut self, statement: &Statement<'_>) {
        let event = statement.event;
        if let Some(key) = statement.keys.first() {
            self.details.ledger.offer(key.name, event.time, key.who.as_str());
        }
        self.statements.insert(statement.index);
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
    fn extend(&mut self, draft: &mut Draft<'_>, case: &Case<'_>, regarded: Option<&Regarded>) {
        let Case { participant, group, events, context, .. } = case;
        let stored = draft.stored.and_then(|row| row.regarding);
        let moved = regarded.filter(|regarded| {
            draft.details.regards != Some(regarded.key)
                || stored.and_then(|person| case.successor(person)).is_some_and(|(now, _)| now == regarded.person)
        });
        if let Some(regarded) = moved {
            draft.details.regards = Some(regarded.key);
        }
        let mut columns = draft.columns(participant, &case.rules().subject);
        if let Some(regarded) = moved.filter(|regarded| stored != Some(regarded.person)) {
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
        // A row that nobody in the batch spoke of moves or closes along with its participant: all of the group wait for it.
        let touched = if draft.statements.is_empty() { group.statements.as_slice() } else { &[] };
        let closings = group.closings.iter().filter(|index| match draft.stored {
            Some(row) => super::closes(&events[**index], &row.key),
            None => false,
        });
        let touched = touched.iter().map(|statement| &statement.index);
        let settles = draft.statements.iter().chain(touched).chain(closings).copied().collect();
        let after = moved.filter(|regarded| regarded.awaited).map(|regarded| regarded.person.id);
        self.confirm |= moved.is_some() || action == Action::Create;
        if regarded.is_none() && stored.is_none() && !draft.statements.is_empty() {
            self.unmatched.insert(id);
        }
        self.writes.push(Write { table: ATTENDANCE, id, action, columns, after, events: settles, detect: None });
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
