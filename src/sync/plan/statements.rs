//! Who each statement of a batch says it is about.

use std::collections::{BTreeMap, BTreeSet};

use super::Context;
use crate::{
    model::{
        Address, ParticipantEvent, SourceTime,
        stamp::{Cell, Fingerprint, Ledger},
    },
    settings::document::WithoutKey,
    sync::{
        crm::Rows,
        matching::{Matcher, StatedKey, Who},
        rows::{PersonRef, RowKey},
        rules::EventRules,
        source::Said,
    },
};

/// The participant of one event: whose rows are decided together, because they regard one person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventParticipant {
    pub event: String,
    pub participant: String,
}

/// One event of the batch that is about a participant.
pub struct Statement<'a> {
    /// Its place in the batch.
    pub index: usize,
    pub event: &'a ParticipantEvent,
    pub rules: &'a EventRules,
    pub said: Said<'a>,
    /// The strongest first; empty where the participant states none of the keys.
    pub keys: Vec<StatedKey<'a>>,
    pub of: EventParticipant,
}

/// The rows that a batch is about and that there will be: those that exist, and those that a statement makes.
pub fn present<'a>(statements: &'a [Statement<'a>], rows: &'a Rows) -> BTreeSet<RowKey> {
    let there = rows.attendance.iter().map(|row| row.key.clone());
    let made = statements.iter().filter(|statement| !(statement.event.read && statement.event.is_departure()));
    there.chain(made.map(Statement::row)).collect()
}

/// The name under which rows remember a participant who has no key.
const KEYLESS: &str = "participant";

impl Statement<'_> {
    /// The strongest key.
    pub fn who(&self) -> Option<&Who> {
        self.keys.first().map(|key| &key.who)
    }

    pub fn time(&self) -> SourceTime {
        self.event.time
    }

    /// The address that the participant states, whether it is a key or not.
    pub fn address(&self) -> Option<Address> {
        Address::parse(self.event.participant.as_ref()?.email.as_deref()?).ok()
    }

    /// The attendance row that it is about.
    pub fn row(&self) -> RowKey {
        let EventParticipant { event, participant } = self.of.clone();
        RowKey { event, participant, session: self.event.session.as_ref().map(|session| session.id.clone()) }
    }
}

/// The statements of a batch, in its order.
pub fn statements<'a>(events: &'a [ParticipantEvent], context: &'a Context) -> Vec<Statement<'a>> {
    let statement = |(index, event): (usize, &'a ParticipantEvent)| {
        let participant = event.participant.as_ref()?;
        let (rules, said) = (context.rules.of(event), Said::new(event));
        let mut keys = rules.matcher.stated(&said);
        if keys.is_empty() && rules.matcher.without_key == WithoutKey::Create {
            let who = Who::participant(&event.event.id, &participant.id);
            keys.push(StatedKey { who, name: KEYLESS, lookups: Vec::new() });
        }
        let of = EventParticipant { event: event.event.id.clone(), participant: participant.id.clone() };
        Some(Statement { index, event, rules, said, keys, of })
    };
    events.iter().enumerate().filter_map(statement).collect()
}

/// Who a participant is according to the latest statement of the strongest key that was ever stated, as far as rows remember it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Latest {
    /// 0 is the weakest.
    strength: usize,
    pub key: Cell<Fingerprint>,
}

impl Latest {
    /// What a row's ledger remembers.
    pub fn remembered(ledger: &Ledger, matcher: &Matcher) -> Option<Self> {
        let names = std::iter::once(KEYLESS).chain(matcher.names().collect::<Vec<_>>().into_iter().rev());
        names.enumerate().filter_map(|(strength, name)| Some(Self { strength, key: ledger.get(name)? })).max()
    }

    /// What a statement says.
    pub fn stated(statement: &Statement<'_>) -> Option<Self> {
        let key = statement.keys.first()?;
        let mut ledger = Ledger::default();
        ledger.offer(key.name, statement.time(), key.who.as_str());
        Self::remembered(&ledger, &statement.rules.matcher)
    }
}

/// What is known of a participant of an event beside what one statement says.
pub struct Known<'a> {
    matcher: &'a Matcher,
    pub latest: Option<Latest>,
    /// Whom the rows regard, and for which key.
    pub regarded: Vec<(Option<Fingerprint>, PersonRef)>,
}

/// What rows and statements together know of the participants of a batch.
pub fn known<'a>(statements: &[&'a Statement<'a>], rows: &Rows) -> BTreeMap<EventParticipant, Known<'a>> {
    let mut all: BTreeMap<EventParticipant, Known<'a>> = BTreeMap::new();
    for statement in statements {
        let blank = Known { matcher: &statement.rules.matcher, latest: None, regarded: Vec::new() };
        let known = all.entry(statement.of.clone()).or_insert(blank);
        known.latest = known.latest.max(Latest::stated(statement));
    }
    for row in &rows.attendance {
        let of = EventParticipant { event: row.key.event.clone(), participant: row.key.participant.clone() };
        let Some(known) = all.get_mut(&of) else { continue };
        known.latest = known.latest.max(Latest::remembered(&row.details.ledger, known.matcher));
        known.regarded.extend(row.regarding.map(|person| (row.details.regards, person)));
    }
    all
}
