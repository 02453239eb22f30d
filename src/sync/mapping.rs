//! Which value of an event goes to which column of contact and lead: the mappings of the settings, ready to be used.

use std::cell::OnceCell;

use serde_json::Value;

use super::{
    convert::{How, Unconvertible, convert},
    rows::PersonTable,
};
use crate::{
    dataverse::metadata::ColumnKind,
    model::{Occasion, ParticipantEvent},
    settings::document::{Expression, ExpressionError, Field, Mapping, Mode, Source, Target},
};

/// A column of one table and where its value comes from.
#[derive(Debug)]
pub struct Mapped {
    pub table: PersonTable,
    pub column: String,
    pub mode: Mode,
    pub required: bool,
    source: Stated,
    kind: ColumnKind,
    how: How,
}

/// A source, compiled.
#[derive(Debug)]
enum Stated {
    Field(Field),
    /// In lower case.
    Answer(String),
    Expression(Expression),
}

/// Why a column gets no value although something was stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unmapped {
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    #[error(transparent)]
    Unconvertible(#[from] Unconvertible),
}

/// An event, and its JSON once an expression asks for it.
pub struct Said<'a> {
    pub event: &'a ParticipantEvent,
    json: OnceCell<Value>,
}

impl<'a> Said<'a> {
    pub fn new(event: &'a ParticipantEvent) -> Self {
        Self { event, json: OnceCell::new() }
    }

    fn json(&self) -> &Value {
        self.json.get_or_init(|| serde_json::to_value(self.event).unwrap_or_default())
    }
}

impl Mapped {
    /// # Errors
    /// What is wrong with its expression.
    pub fn new(mapping: &Mapping, table: PersonTable, kind: ColumnKind) -> Result<Self, String> {
        let source = match &mapping.source {
            Source::Field(field) => Stated::Field(*field),
            Source::Answer(question) => Stated::Answer(question.trim().to_lowercase()),
            Source::Expression(text) => Stated::Expression(Expression::compile(text)?),
        };
        let (mode, required, column) = (mapping.mode, mapping.required, mapping.column.clone());
        Ok(Self { table, column, mode, required, source, kind, how: How::of(mapping) })
    }

    /// What the event states of this column, as the column takes it; `None` when it states nothing. Blank is nothing.
    ///
    /// # Errors
    /// When there is something, and it cannot be made into what the column takes.
    pub fn value(&self, said: &Said<'_>) -> Result<Option<Value>, Unmapped> {
        let stated = match &self.source {
            Stated::Field(field_path) => field(*field_path, said.event),
            Stated::Answer(question) => answer(said.event, question),
            Stated::Expression(expression) => expression.value(said.json())?,
        };
        Ok(match stated {
            Some(stated) => convert(&stated, &self.kind, &self.how)?,
            None => None,
        })
    }
}

impl From<Target> for PersonTable {
    fn from(target: Target) -> Self {
        match target {
            Target::Contact => Self::Contact,
            Target::Lead => Self::Lead,
        }
    }
}

fn field(field: Field, event: &ParticipantEvent) -> Option<Value> {
    let person = event.participant.as_ref();
    let session = event.session.as_ref();
    let begin = |occasion: &Occasion| occasion.begin.map(|time| time.to_string());
    let end = |occasion: &Occasion| occasion.end.map(|time| time.to_string());
    let text = match field {
        Field::ParticipantId => person.map(|person| person.id.clone()),
        Field::Email => person.and_then(|person| person.email.clone()),
        Field::FirstName => person.and_then(|person| person.first_name.clone()),
        Field::LastName => person.and_then(|person| person.last_name.clone()),
        Field::Company => person.and_then(|person| person.company.clone()),
        Field::JobTitle => person.and_then(|person| person.job_title.clone()),
        Field::Phone => person.and_then(|person| person.phone.clone()),
        Field::Country => person.and_then(|person| person.country.clone()),
        Field::ExternalId => person.and_then(|person| person.external_id.clone()),
        Field::EventId => Some(event.event.id.clone()),
        Field::EventName => event.event.name.clone(),
        Field::EventBegin => begin(&event.event),
        Field::EventEnd => end(&event.event),
        Field::SessionId => session.map(|session| session.id.clone()),
        Field::SessionName => session.and_then(|session| session.name.clone()),
        Field::SessionBegin => session.and_then(begin),
        Field::SessionEnd => session.and_then(end),
    };
    text.map(Value::from)
}

/// The answer to a question, which is in lower case.
fn answer(event: &ParticipantEvent, question: &str) -> Option<Value> {
    let asked = |asked: &str| asked.trim().to_lowercase() == question;
    event.answers.iter().find(|(key, _)| asked(key)).map(|(_, answer)| answer.clone())
}
