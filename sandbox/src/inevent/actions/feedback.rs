//! `feedback`: custom questions and the answers to them.

use serde::Deserialize;
use serde_json::Value as Json;

use super::{Access, Action, only_all};
use crate::inevent::call::Call;
use crate::inevent::envelope::{Page, Problem, row};
use crate::inevent::hooks::Trigger;
use crate::inevent::model::{Answer, Event, Question};
use crate::inevent::rows;
use crate::inevent::turn::Turn;

pub(super) const ACTIONS: &[Action] = &[
    Action::new("feedback.find", Access::Anyone, &["eventID", "selection"], &[], find),
    Action::new("feedback.create", Access::Admin, &["eventID"], &["text", "subtitle", "type"], create),
    Action::new("feedback.option.find", Access::User, &["feedbackID"], &[], options),
    Action::new("feedback.option.create", Access::Admin, &["feedbackID"], &["text"], create_option),
    Action::new("feedback.respond", Access::Admin, &["eventID", "personID"], &["content"], respond),
    Action::new("feedback.submission.find", Access::Admin, &["eventID", "selection"], &[], submissions),
];

/// Answers by the id of the question.
type Answers = Vec<(u64, String)>;

/// One answer in the older notation.
#[derive(Deserialize)]
struct Given {
    #[serde(rename = "feedbackID")]
    question: Json,
    value: Json,
}

fn find(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    only_all(turn)?;
    let event = turn.event()?;
    turn.call.page(&event.questions, |(id, question)| question_row(event.id, *id, question))
}

fn question_row(event: u64, id: u64, question: &Question) -> crate::inevent::envelope::Row {
    row([
        ("feedbackID", id.to_string()),
        ("eventID", event.to_string()),
        ("text", question.text.clone()),
        ("subtitle", question.subtitle.clone()),
        ("type", question.kind.clone()),
        ("apiField", question.api_field.clone()),
    ])
}

fn create(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (call, event) = (turn.call, turn.event()?.id);
    let (text, kind) = (call.required_field("text")?, call.field("type").unwrap_or("text"));
    if !["text", "input", "select", "multiple"].contains(&kind) {
        return Err(Problem::not_here(&format!("type {kind} of feedback.create")));
    }
    let id = turn.world.model.new_id();
    let question = Question::new(id, text, call.field("subtitle").unwrap_or_default(), kind);
    let row = question_row(event, id, &question);
    turn.event_by(event)?.questions.insert(id, question);
    Ok(Page::one(row))
}

/// The event that has the question of `feedbackID`, and the question's id.
fn question_ids(turn: &Turn<'_>) -> Result<(u64, u64), Problem> {
    let id = turn.call.id("feedbackID")?;
    let event = turn.world.model.events.values().find(|event| event.questions.contains_key(&id));
    Ok((event.ok_or_else(|| Problem::missing("feedbackID"))?.id, id))
}

fn question_mut<'a>(turn: &'a mut Turn<'_>) -> Result<&'a mut Question, Problem> {
    let (event, id) = question_ids(turn)?;
    turn.event_by(event)?.questions.get_mut(&id).ok_or_else(|| Problem::missing("feedbackID"))
}

fn options(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (call, id) = (turn.call, turn.call.id("feedbackID")?);
    let question = question_mut(turn)?;
    call.page(&question.options, |(option, text)| {
        row([("feedbackOptionID", option.to_string()), ("feedbackID", id.to_string()), ("text", text.clone())])
    })
}

fn create_option(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let text = turn.call.required_field("text")?.to_owned();
    let id = turn.world.model.new_id();
    question_mut(turn)?.options.push((id, text));
    options(turn)
}

/// Answers of a person, in either notation.
fn respond(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    let (event, person) = (turn.event()?.id, turn.call.id("personID")?);
    turn.event()?.person(person)?;
    let answers = parsed(turn.event()?, turn.call.required_field("content")?)?;
    keep(turn, event, person, answers)?;
    turn.tell(Trigger::EventEnrollmentUpdate, event, Some(person), None);
    let (event, variants) = (turn.event()?, &turn.world.variants);
    Ok(Page::one(rows::attendee(event, event.person(person)?, true, variants)))
}

/// One row for each answer, by person.
fn submissions(turn: &mut Turn<'_>) -> Result<Page, Problem> {
    only_all(turn)?;
    let event = turn.event()?;
    let all =
        event.people.values().flat_map(|person| person.answers.iter().map(move |(id, answer)| (person, id, answer)));
    turn.call.page(all, |(person, id, answer)| {
        let question = event.questions.get(id);
        row([
            ("feedbackSubmissionID", answer.id.to_string()),
            ("feedbackID", id.to_string()),
            ("eventID", event.id.to_string()),
            ("personID", person.id.to_string()),
            ("apiField", question.map(|question| question.api_field.clone()).unwrap_or_default()),
            ("text", question.map(|question| question.text.clone()).unwrap_or_default()),
            ("value", answer.value.clone()),
            ("date", answer.at.to_string()),
        ])
    })
}

/// The answers in the body of a registration: by API field, and in `feedbackContent`.
pub(super) fn answers(event: &Event, call: &Call) -> Result<Answers, Problem> {
    let by_field = call.fields().filter(|(name, _)| name.starts_with("f_"));
    let mut answers = named(event, by_field.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())?;
    if let Some(content) = call.field("feedbackContent").filter(|content| !content.is_empty()) {
        answers.extend(parsed(event, content)?);
    }
    Ok(answers)
}

/// Answers by API field.
pub(super) fn named(event: &Event, answers: Vec<(String, String)>) -> Result<Answers, Problem> {
    let id = |name: &str| event.question(name).ok_or_else(|| Problem::invalid(name));
    answers.into_iter().map(|(name, value)| Ok((id(&name)?, value))).collect()
}

/// `{"f_budget_1": "10k"}`, or the older `[{"feedbackID": 1, "value": "10k"}]`.
fn parsed(event: &Event, content: &str) -> Result<Answers, Problem> {
    let invalid = || Problem::invalid("content");
    let answers: Vec<(String, String)> = match serde_json::from_str(content).map_err(|_| invalid())? {
        Json::Object(members) => members.into_iter().map(|(name, value)| (name, text(&value))).collect(),
        list @ Json::Array(_) => {
            let given: Vec<Given> = serde_json::from_value(list).map_err(|_| invalid())?;
            given.iter().map(|given| (text(&given.question), text(&given.value))).collect()
        }
        _ => return Err(invalid()),
    };
    named(event, answers)
}

/// A value as text, as InEvent casts it.
pub(super) fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Keeps answers; tells nobody.
pub(super) fn keep(turn: &mut Turn<'_>, event: u64, person: u64, answers: Answers) -> Result<(), Problem> {
    let (now, touches) = (turn.now, !turn.world.variants.answers_do_not_touch_date_updated);
    for (question, value) in answers {
        let fresh = turn.world.model.new_id();
        let person = turn.person_mut(event, person)?;
        let id = person.answers.get(&question).map_or(fresh, |answer| answer.id);
        person.answers.insert(question, Answer { id, value, at: now });
        if touches {
            person.updated = now;
        }
    }
    Ok(())
}
