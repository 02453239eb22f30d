//! From InEvent's rows to the connector's vocabulary.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    Row,
    activities::Activity,
    events::Event,
    people::{ID, Person, SUBMISSIONS},
    questions::Question,
    row::text,
};
use crate::model::{Occasion, Participant, ParticipantEvent, SourceTime, event::TRACKS, validate::MAX_TRACKS};

/// What a name is cut to, that of a track, and an answer, in characters: longer ones are refused further on.
const NAME: usize = 300;
const TRACK: usize = 100;
const ANSWER: usize = 3_900;

/// Fields that may hold answers to custom questions, as an object or a list.
const ANSWERS: &[&str] = &["feedback", "feedbacks", "answers", "customFields", "fields", "questions", SUBMISSIONS];

/// The profile of somebody. `role` is what InEvent calls the job title.
pub fn participant(person: &Person) -> Participant {
    let row = &person.raw;
    let whole = row.text(&["name", "personName", "fullName"]);
    let (first, last) = match whole.as_deref().map(|whole| whole.split_once(' ').unwrap_or((whole, ""))) {
        Some((first, last)) => (Some(first.to_owned()), Some(last.trim().to_owned()).filter(|last| !last.is_empty())),
        None => (None, None),
    };
    let (first_name, last_name) = match (row.text(&["firstName"]), row.text(&["lastName"])) {
        (None, None) => (first, last),
        stated => stated,
    };
    Participant {
        id: person.id.clone(),
        email: person.email.clone(),
        first_name,
        last_name,
        company: row.text(&["company", "companyName"]),
        job_title: row.text(&["role", "jobTitle"]),
        phone: row.text(&["telephone", "phone"]),
        country: row.text(&["locationCountry", "country"]),
        external_id: row.text(&["externalID", "externalId"]),
    }
}

/// Somebody of whom only the id is known.
pub fn somebody(id: &str) -> Participant {
    Participant { id: id.to_owned(), ..Participant::default() }
}

/// What somebody answered, under the question's text and under its API field: a mapping may name either. Where both are not known,
/// under the one that is.
pub fn answers(row: &Row, questions: &[Question]) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    let mut state = |question: Option<&Question>, key: Option<&str>, label: Option<&str>, value: &Value| {
        let Some(value) = answer(value) else { return };
        let key = key.or_else(|| question?.key.as_deref());
        let label = label.or_else(|| question?.label.as_deref());
        for name in [key, label].into_iter().flatten().map(str::trim).filter(|name| !name.is_empty()) {
            all.entry(name.to_owned()).or_insert_with(|| value.clone());
        }
    };
    let by_key = |key: &str| {
        let id = key.rsplit('_').next().unwrap_or_default();
        questions.iter().find(|question| question.key.as_deref() == Some(key)).or_else(|| by_id(questions, id))
    };
    for (key, value) in row.0.iter().filter(|(key, _)| key.starts_with("f_")) {
        state(by_key(key), Some(key), None, value);
    }
    for held in ANSWERS.iter().filter_map(|field| row.get(field)) {
        match held {
            Value::Object(answers) => {
                for (key, value) in answers {
                    state(by_key(key), Some(key), None, value);
                }
            }
            Value::Array(answers) => {
                for one in answers.iter().filter_map(|one| Row::try_from(one.clone()).ok()) {
                    let question = one.id(&["feedbackID", "questionID"]).and_then(|id| by_id(questions, &id));
                    let (key, label) =
                        (one.text(&["apiField", "key", "field"]), one.text(&["question", "text", "label", "name"]));
                    let value = ["value", "answer", "response"].into_iter().find_map(|field| one.get(field));
                    state(question, key.as_deref(), label.as_deref(), value.unwrap_or(&Value::Null));
                }
            }
            _ => {}
        }
    }
    all
}

fn by_id<'a>(questions: &'a [Question], id: &str) -> Option<&'a Question> {
    questions.iter().find(|question| question.id == id)
}

/// What is stated: not blank, a list without blanks, or text of what has parts.
fn answer(value: &Value) -> Option<Value> {
    match value {
        Value::Array(items) => {
            let items: Vec<Value> = items.iter().filter_map(text).map(|text| cut(&text, NAME).into()).collect();
            let long =
                items.iter().filter_map(Value::as_str).map(str::len).sum::<usize>() > ANSWER - 4 * items.len().min(500);
            (!items.is_empty())
                .then(|| if long { cut(&Value::Array(items).to_string(), ANSWER).into() } else { items.into() })
        }
        Value::Object(parts) if !parts.is_empty() => Some(cut(&value.to_string(), ANSWER / 2).into()),
        Value::Bool(_) | Value::Number(_) => Some(value.clone()),
        other => text(other).map(|text| cut(&text, ANSWER).into()),
    }
}

/// At most so many characters.
fn cut(text: &str, longest: usize) -> String {
    text.chars().take(longest).collect()
}

pub fn event_occasion(event: &Event) -> Occasion {
    occasion(&event.id, event.name.as_deref(), event.begin, event.end)
}

pub fn activity_occasion(activity: &Activity) -> Occasion {
    let occasion = occasion(&activity.id, activity.name.as_deref(), activity.begin, activity.end);
    Occasion { tracks: tracks(&activity.tracks), ..occasion }
}

/// The tracks of a session as events may state them: as many as there is room for.
fn tracks(names: &[String]) -> BTreeSet<String> {
    let separators = |c: char| if c == ';' || c.is_control() { ',' } else { c };
    let clean = |name: &String| cut(name.trim(), TRACK).chars().map(separators).collect::<String>();
    let mut room = MAX_TRACKS;
    let names = names.iter().map(clean).filter(|name| !name.is_empty()).collect::<BTreeSet<_>>().into_iter();
    names
        .take_while(|name| {
            let length = name.chars().count() + TRACKS.len();
            let fits = length <= room;
            room = room.saturating_sub(length);
            fits
        })
        .collect()
}

/// An event or session, with an end only where it is not before the begin.
pub fn occasion(id: &str, name: Option<&str>, begin: Option<SourceTime>, end: Option<SourceTime>) -> Occasion {
    let end = end.filter(|end| begin.is_none_or(|begin| begin <= *end));
    let (begin, end) = (begin.map(SourceTime::timestamp), end.map(SourceTime::timestamp));
    Occasion { id: id.to_owned(), name: name.map(|name| cut(name.trim(), NAME)), begin, end, tracks: BTreeSet::new() }
}

/// Gives an event its id, which follows from all else that it says: the same statement has the same id, however often it is made.
pub fn identified(event: ParticipantEvent) -> ParticipantEvent {
    let unnamed = ParticipantEvent { id: String::new(), ..event };
    // Maps with text keys and finite numbers always print.
    let text = serde_json::to_string(&unnamed).unwrap_or_default();
    let digest: String = Sha256::digest(text.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    ParticipantEvent { id: format!("inevent-{digest}"), ..unnamed }
}

/// Whether a row tells who somebody is, not only their id.
pub fn tells_who(row: &Row) -> bool {
    row.id(ID).is_some() && Person::read(row.clone()).is_some_and(|person| person.email.is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(value: Value) -> Row {
        Row::try_from(value).unwrap()
    }

    #[test]
    fn profiles_are_read() {
        let person = Person::read(row(json!({
            "personID": "7", "firstName": "Ana", "lastName": "Silva", "email": "ana@x.example", "role": "CTO",
            "telephone": "+351 1", "locationCountry": "PT", "company": "", "dateUpdated": "1780000000",
        })));
        let profile = participant(&person.unwrap());
        assert_eq!((profile.first_name.as_deref(), profile.job_title.as_deref()), (Some("Ana"), Some("CTO")));
        assert_eq!((profile.company, profile.country.as_deref()), (None, Some("PT")));
        let whole = participant(
            &Person::read(row(json!({ "personID": 8, "name": "Bo van Dyk", "username": "bo@x.example" }))).unwrap(),
        );
        assert_eq!((whole.first_name.as_deref(), whole.last_name.as_deref()), (Some("Bo"), Some("van Dyk")));
        assert_eq!(whole.email.as_deref(), Some("bo@x.example"));
        let named = participant(&Person::read(row(json!({ "personID": 9, "name": "bo", "username": "bo" }))).unwrap());
        assert_eq!((named.email, named.last_name), (None, None));
    }

    #[test]
    fn answers_stand_under_the_question_and_its_api_field_however_they_come() {
        let question = |id: &str, key: Option<&str>, label: &str| {
            Question::read(row(json!({ "feedbackID": id, "apiField": key, "text": label }))).unwrap()
        };
        let questions = [question("12", Some("f_budget_12"), "Budget"), question("13", None, "Size")];
        for shape in [
            json!({ "personID": "1", "f_budget_12": "10k", "f_size_13": "" }),
            json!({ "personID": "1", "feedback": { "f_budget_12": "10k" } }),
            json!({ "personID": "1", "feedback": [{ "feedbackID": "12", "value": "10k" }, { "feedbackID": "13", "value": "" }] }),
            json!({ "personID": "1", "answers": [{ "key": "f_budget_12", "question": "Budget", "answer": "10k" }] }),
        ] {
            let told = answers(&row(shape.clone()), &questions);
            assert_eq!(json!(told), json!({ "Budget": "10k", "f_budget_12": "10k" }), "{shape}");
        }
        let told = answers(&row(json!({ "f_topics_9": ["a", "", "b"], "f_vip_8": "1", "f_x_7": { "a": 1 } })), &[]);
        assert_eq!(json!(told), json!({ "f_topics_9": ["a", "b"], "f_vip_8": "1", "f_x_7": "{\"a\":1}" }));
    }

    #[test]
    fn ids_follow_from_what_is_said() {
        let event = |company: &str| {
            let participant = Participant { company: Some(company.to_owned()), ..somebody("1") };
            let json = json!({ "id": "", "time": "2026-05-12T09:00:00Z", "kind": "registered", "event": { "id": "1" },
                "participant": participant });
            identified(serde_json::from_value(json).unwrap()).id
        };
        assert_eq!(event("a"), event("a"));
        assert_ne!(event("a"), event("b"));
        assert_eq!(event("a").len(), "inevent-".len() + 32);
    }
}
