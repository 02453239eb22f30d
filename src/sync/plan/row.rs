//! The attendance rows of one participant of one event.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde_json::Value;

use super::{
    Context, EventParticipant, Plan, life,
    people::People,
    regarded::{self, Regarded},
    statements::Statement,
    values,
    view::View,
};
use crate::{
    dataverse::Columns,
    model::{
        Occasion, ParticipantEvent, SourceTime,
        attendance::{Sessions, State},
        event::{Attendance, Registration},
        stamp::{Ledger, Offer},
    },
    settings::document::{Level, Template},
    sync::{
        activity::ActivityRules,
        closings::Closings,
        convert::cut,
        crm::{Action, Rows, Write},
        rows::{self, AttendanceRow, Details, Form, Life, Names, RowKey, Shown},
        rules::EventRules,
    },
};

/// A row that is made from something older than this says when that was (`overriddencreatedon`).
const BACKFILLED: SignedDuration = SignedDuration::from_hours(24);

/// A row while the batch's statements are joined into it.
pub struct Draft<'a> {
    key: RowKey,
    pub stored: Option<&'a AttendanceRow>,
    state: State,
    pub details: Details,
    /// Columns that take a new value because the source's changed.
    changed: Columns,
    /// When the source said what is written into a new row only.
    once: Ledger,
    /// The statements about this very row.
    statements: BTreeSet<usize>,
    /// When the earliest of them was made.
    earliest: Option<SourceTime>,
}

/// The participant of one event, and what is known where their rows are decided.
pub struct Case<'a> {
    pub participant: &'a EventParticipant,
    /// What is said of them; nothing where a closing is why their rows are looked at.
    pub statements: &'a [&'a Statement<'a>],
    pub view: &'a View<'a>,
    pub people: &'a People,
    pub closings: &'a Closings,
    pub context: &'a Context,
}

impl Case<'_> {
    pub fn rules(&self) -> &EventRules {
        self.context.rules.of_event(&self.participant.event)
    }
}

/// Decides.
pub fn plan(case: &Case<'_>, plan: &mut Plan) {
    let rules = &case.rules().activity;
    let mut drafts = stored(case.participant, rules, case.view.rows);
    for statement in case.statements {
        let key = statement.row();
        let draft = drafts.entry(key.session.clone()).or_insert_with(|| Draft::new(key, None));
        draft.join(statement, rules);
        draft.map(statement, case.view, plan);
    }
    conclude(&mut drafts, case.closings, rules);
    let regarded = |session: &Option<String>| (session.clone(), case.regarded(session, drafts.values()));
    let mut regarded: BTreeMap<Option<String>, Option<Regarded>> = drafts.keys().map(regarded).collect();
    // The event's row follows from those of its sessions once it is over: somebody else may be writing another of these.
    let follows = drafts.get(&None).is_some_and(|draft| draft.state.presence.over());
    for draft in drafts.values_mut() {
        let regarded = regarded.remove(&draft.key.session).flatten();
        let written = plan.extend(draft, case, regarded.as_ref());
        plan.confirm |= written && follows && draft.key.session.is_some();
    }
}

/// The rows that exist, by session.
fn stored<'a>(
    participant: &EventParticipant,
    rules: &ActivityRules,
    rows: &'a Rows,
) -> BTreeMap<Option<String>, Draft<'a>> {
    rows.attendance
        .iter()
        .filter(|row| row.key.event == participant.event && row.key.participant == participant.participant)
        .filter(|row| row.table == rules.table)
        .map(|row| (row.key.session.clone(), Draft::new(row.key.clone(), Some(row))))
        .collect()
}

/// Concludes what follows from closings: first for the sessions, then, from them, for the event.
fn conclude(drafts: &mut BTreeMap<Option<String>, Draft<'_>>, closings: &Closings, rules: &ActivityRules) {
    let mut sessions = Sessions::default();
    // The event's own row stands first.
    for draft in drafts.values_mut().rev() {
        // Not every row of the platform's own tables can be found, so nothing is concluded for those that happen to be.
        let over = rules.table.form == Form::Stamped && closings.over(&draft.key.event, draft.key.session.as_deref());
        if rules.level == Level::Registrations {
            draft.state.end(over);
            continue;
        }
        let known = if draft.key.session.is_none() { sessions } else { Sessions::default() };
        draft.state.conclude(over, draft.details.ends, known, rules.threshold);
        let outcome = draft.state.outcome();
        let seen = matches!(outcome.attendance, Some(Attendance::Attended | Attendance::Partial));
        sessions.seen += usize::from(seen);
        sessions.of += usize::from(seen || outcome.registration == Registration::Registered);
    }
}

impl<'a> Draft<'a> {
    fn new(key: RowKey, stored: Option<&'a AttendanceRow>) -> Self {
        Self {
            key,
            stored,
            state: stored.map(|row| row.state.clone()).unwrap_or_default(),
            details: stored.map(|row| row.details.clone()).unwrap_or_default(),
            changed: Columns::new(),
            once: Ledger::default(),
            statements: BTreeSet::new(),
            earliest: None,
        }
    }

    fn join(&mut self, statement: &Statement<'_>, rules: &ActivityRules) {
        let event = statement.event;
        if let Some(key) = statement.keys.first() {
            self.details.ledger.offer(key.name, event.told(), key.who.as_str());
        }
        self.statements.insert(statement.index);
        self.earliest = Some(self.earliest.map_or(event.time, |earliest| earliest.min(event.time)));
        self.state.join_registration(event);
        if rules.level > Level::Registrations {
            self.state.join_presence(event);
            if let Some(score) = rules.score(event) {
                self.state.join_score(event.told(), score);
            }
        }
        let name = |name: &Option<String>| match rules.table.form {
            Form::Stamped => name.clone(),
            Form::Plain => name.as_deref().and_then(|name| cut(name, rows::MAX_PLAIN_NAME)),
        };
        let names = rules.table.names;
        self.offer(event, names.event_name, name(&event.event.name));
        let occasion: &Occasion = event.session.as_ref().unwrap_or(&event.event);
        if event.session.is_some() {
            self.offer(event, names.session_name, name(&occasion.name));
            self.offer(event, names.session_tracks, occasion.tracks());
        }
        self.offer(event, "scheduledstart", occasion.begin.map(rows::instant));
        if self.offer(event, "scheduledend", occasion.end.map(rows::instant)) {
            let whole = occasion.end.and_then(|end| jiff::Timestamp::from_second(end.as_second()).ok());
            self.details.ends = whole.and_then(SourceTime::new);
        }
    }

    /// Offers the values of mapped columns. An event that lacks what is required was refused before.
    fn map(&mut self, statement: &Statement<'_>, view: &View<'_>, plan: &mut Plan) {
        let mapped = statement.rules.mapped(statement.rules.activity.table.table);
        let Ok(stated) = values::stated(statement, mapped, view, plan) else { return };
        let row = self.stored.map(|row| &row.columns);
        for (mapped, value) in &stated.values {
            let ledgers = (&mut self.details.ledger, &mut self.once);
            values::offer(row, ledgers, statement.event.told(), (mapped, value), &mut self.changed);
        }
    }

    /// Says whether this is what the source now says of the column.
    fn offer(&mut self, event: &ParticipantEvent, column: &str, value: Option<String>) -> bool {
        let value = value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let Some(value) = value else { return false };
        let offer = self.details.ledger.offer(column, event.told(), &value);
        if offer == Offer::Changed {
            self.changed.insert(column.to_owned(), value.into());
        }
        offer != Offer::Stale
    }

    fn shown<'s>(
        &'s self,
        names: &Names,
        state: &'s State,
        details: &'s Details,
        changed: &'s Columns,
        subject: &'s Template,
    ) -> Shown<'s> {
        let stored = |column| self.stored.and_then(|row| rows::text(&row.columns, column));
        let name = |column| changed.get(column).and_then(Value::as_str).or_else(|| stored(column));
        let description = stored("description").unwrap_or_default();
        let (event_name, session_name) = (name(names.event_name), name(names.session_name));
        Shown { key: &self.key, state, details, event_name, session_name, subject, description }
    }

    /// What a new row shows.
    fn made(&self, rules: &ActivityRules, subject: &Template) -> Columns {
        let shown = self.shown(rules.table.names, &self.state, &self.details, &self.changed, subject);
        let mut columns = self.changed.clone();
        columns.extend(rules.table.shows(&shown).into_iter().map(owned).filter(|(_, value)| !value.is_null()));
        in_form(columns, rules)
    }

    /// The columns that people read and those that keep the state, as they were and as they become: what differs is written.
    fn differing(&self, row: &AttendanceRow, rules: &ActivityRules, subject: &Template) -> Columns {
        let (before, after) = (Columns::new(), &self.changed);
        let shown = |state, details, changed| self.shown(rules.table.names, state, details, changed, subject);
        let before = rules.table.shows(&shown(&row.state, &row.details, &before));
        let after = rules.table.shows(&shown(&self.state, &self.details, after));
        let differing = before.into_iter().zip(after).filter(|(before, after)| before.1 != after.1);
        let mut columns = self.changed.clone();
        columns.extend(differing.map(|(_, after)| owned(after)));
        columns.retain(|column, value| !rows::same(row.columns.get(column), value));
        in_form(columns, rules)
    }
}

/// Without the columns that the platform's own tables don't have; their description says it.
fn in_form(mut columns: Columns, rules: &ActivityRules) -> Columns {
    if rules.table.form == Form::Plain {
        let own = rules.table.names.of_rows();
        columns.retain(|column, _| !own.contains(&column.as_str()));
    }
    columns
}

impl Plan {
    /// Plans what a row needs; says whether that is anything.
    fn extend(&mut self, draft: &mut Draft<'_>, case: &Case<'_>, regarded: Option<&Regarded>) -> bool {
        let (context, rules) = (case.context, &case.rules().activity);
        let stored = draft.stored.and_then(|row| row.regarding);
        // Whoever else has the key by now, a row follows the person whom it regards for it.
        let same = |regarded: &&Regarded| draft.details.regards == Some(regarded.key);
        let followed = regarded.filter(same).zip(stored.and_then(|person| case.successor(person)));
        let followed = followed.map(|(regarded, now)| Regarded::now(regarded.key, now));
        let moved = followed.as_ref().or(regarded.filter(|regarded| !same(regarded)));
        let mut binds = Columns::new();
        match (moved, regarded) {
            (Some(regarded), _) => regarded.bind(draft, rules, context, &mut binds),
            (None, Some(regarded)) => {
                let other = stored.filter(|person| *person != regarded.person).and_then(|person| case.person(person));
                let other = other.map(|now| Regarded::now(regarded.key, now));
                other.as_ref().unwrap_or(regarded).follow(draft, rules, context, &mut binds);
            }
            (None, None) => {}
        }
        regarded::bind_lookups(draft, rules, &mut binds);
        let subject = &case.rules().subject;
        let (id, action, columns) = match draft.stored {
            Some(row) => {
                let Some((columns, again)) = update(row, draft, binds, rules, subject) else { return false };
                self.confirm |= again;
                (row.id, Action::Update { etag: row.etag.clone() }, columns)
            }
            None => {
                let id = rules.table.row_id(&context.tenant, &draft.key);
                let mut columns = draft.made(rules, subject);
                columns.extend(binds);
                columns.insert(rules.table.table.key.to_owned(), id.to_string().into());
                if rules.table.form == Form::Stamped {
                    columns.extend(rows::naming(rules.table.names, &draft.key));
                }
                let earliest = draft.earliest.map(SourceTime::timestamp);
                if let Some(earliest) = earliest.filter(|earliest| context.now - BACKFILLED > *earliest) {
                    columns.insert("overriddencreatedon".to_owned(), rows::instant(earliest).into());
                }
                (id, Action::Create, columns)
            }
        };
        // A row that nobody in the batch spoke of moves along with its participant: all who spoke of them wait for it.
        let settles = match draft.statements.is_empty() {
            true => case.statements.iter().map(|statement| statement.index).collect(),
            false => draft.statements.clone(),
        };
        let after = moved.filter(|regarded| regarded.awaited).map(|regarded| regarded.person.id);
        self.confirm |= moved.is_some() || action == Action::Create;
        if regarded.is_none() && stored.is_none() && !draft.statements.is_empty() {
            self.unmatched.insert(id);
        }
        let table = rules.table.table;
        self.writes.push(Write { table, id, action, columns, after, events: settles, detect: None });
        true
    }
}

/// The next step of an update, and whether another one follows; `None` when there is nothing to write.
///
/// A row that is closed is opened first, by a write of its own that says what it is to become again; then it is written and closed,
/// in one. Each step is decided from the row as it is, so that whoever comes next goes on where one broke off.
fn update(
    row: &AttendanceRow,
    draft: &mut Draft<'_>,
    binds: Columns,
    rules: &ActivityRules,
    subject: &Template,
) -> Option<(Columns, bool)> {
    let target = life::target(&draft.state, &draft.details, rules).unwrap_or(row.details.life);
    let becomes = life::becomes(target, row.details.life, row.details.reopened, row.life);
    let unchanged = binds.is_empty() && draft.differing(row, rules, subject).is_empty();
    if unchanged && becomes == row.life && row.details.reopened.is_none() {
        return None;
    }
    if row.life != Life::Open {
        let mut opened = Draft::new(row.key.clone(), Some(row));
        opened.details.reopened = Some(row.details.reopened.unwrap_or(row.life));
        let mut columns = opened.differing(row, rules, subject);
        columns.extend(Life::Open.columns(rules.table.form));
        return Some((columns, true));
    }
    (draft.details.life, draft.details.reopened) = (target, None);
    let mut columns = draft.differing(row, rules, subject);
    columns.extend(binds);
    if becomes != Life::Open {
        columns.extend(becomes.columns(rules.table.form));
    }
    Some((columns, false))
}

fn owned((column, value): (&str, Value)) -> (String, Value) {
    (column.to_owned(), value)
}
