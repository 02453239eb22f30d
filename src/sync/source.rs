//! What a statement says of one thing: a field, an answer, or an expression over all of it.

use std::cell::OnceCell;

use serde_json::Value;

use crate::{
    model::{Occasion, ParticipantEvent},
    settings::document::{Expression, ExpressionError, Field, Source},
};

/// Where a value comes from, ready to be used.
#[derive(Debug)]
pub enum Reader {
    Field(Field),
    /// The question in lower case.
    Answer(String),
    Expression(Expression),
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

impl Reader {
    /// # Errors
    /// What is wrong with its expression.
    pub fn new(source: &Source) -> Result<Self, String> {
        Ok(match source {
            Source::Field(field) => Self::Field(*field),
            Source::Answer(question) => Self::Answer(question.trim().to_lowercase()),
            Source::Expression(text) => Self::Expression(Expression::compile(text)?),
        })
    }

    /// What the event states; `None` when it states nothing. It may be blank.
    ///
    /// # Errors
    /// When the expression fails over these values.
    pub fn value(&self, said: &Said<'_>) -> Result<Option<Value>, ExpressionError> {
        Ok(match self {
            Self::Field(path) => field(*path, said.event),
            Self::Answer(question) => answer(said.event, question),
            Self::Expression(expression) => expression.value(said.json())?,
        })
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
