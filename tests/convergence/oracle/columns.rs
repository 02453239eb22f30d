//! Mapped columns: what a statement states of each, by a table of examples, and what the three modes make of everything stated.

use inevent_d365::{
    dataverse::Columns,
    model::{Participant, ParticipantEvent},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    keys::badge_text,
    statements::{CODES, second},
    words,
};
use crate::tables::CODE;

/// A mapping of the settings, and what it means.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub column: &'static str,
    pub tables: &'static [&'static str],
    pub mode: Mode,
    required: bool,
    /// What the document says beside that.
    rest: Value,
    states: fn(&ParticipantEvent) -> Stated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Overwrite,
    FillIfEmpty,
    OnCreate,
}

/// What a statement says of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Stated {
    Nothing,
    Value(Value),
    /// Something that the column does not take.
    Unfit,
}

/// An answer, and what the columns of each type make of it.
pub struct Answer {
    pub said: Value,
    choice: Option<i64>,
    choices: Option<&'static str>,
    yes_no: Option<bool>,
    whole: Option<i64>,
    decimal: Option<f64>,
    date: Option<&'static str>,
    /// Five characters, cut.
    cut: &'static str,
    /// Five characters, or refused.
    short: Option<&'static str>,
}

/// The choices are 1, First, and 2, Second; `A` is mapped to 1. Days are those of São Paulo.
pub fn answers() -> Vec<Answer> {
    let answer = |said: Value, cut| Answer {
        said,
        choice: None,
        choices: None,
        yes_no: None,
        whole: None,
        decimal: None,
        date: None,
        cut,
        short: None,
    };
    let number = |said: &str, whole, decimal, cut| Answer { whole, decimal: Some(decimal), ..answer(said.into(), cut) };
    vec![
        Answer {
            choice: Some(1),
            choices: Some("1"),
            yes_no: Some(true),
            short: Some("1"),
            ..number("1", Some(1), 1.0, "1")
        },
        Answer { yes_no: Some(false), short: Some("0"), ..number("0", Some(0), 0.0, "0") },
        Answer { short: Some("12.0"), ..number("12.0", Some(12), 12.0, "12.0") },
        Answer { short: Some("-0.3"), ..number(" -0.3", None, -0.3, "-0.3") },
        Answer { ..number("0.2851", None, 0.29, "0.285") },
        Answer { yes_no: Some(true), short: Some("yes"), ..answer(json!(" yes "), "yes") },
        Answer { yes_no: Some(false), short: Some("nEver"), ..answer(json!("nEver"), "nEver") },
        Answer { yes_no: Some(true), short: Some("true"), ..answer(json!(true), "true") },
        Answer { choice: Some(2), choices: Some("2"), ..answer(json!("Second"), "Secon") },
        Answer { choices: Some("1,2"), ..answer(json!("second; First"), "secon") },
        Answer { choice: Some(1), short: Some("a"), ..answer(json!("a"), "a") },
        Answer { short: Some("1,500"), ..answer(json!("1,500"), "1,500") },
        Answer { date: Some("2026-05-12"), ..answer(json!("2026-05-12"), "2026-") },
        Answer { date: Some("2026-05-11"), ..answer(json!("2026-05-12T01:30:00Z"), "2026-") },
    ]
}

fn answered(event: &ParticipantEvent, question: &str) -> Option<Answer> {
    let said = event.answers.get(question)?;
    answers().into_iter().find(|answer| answer.said == *said)
}

fn fits<T: Into<Value>>(event: &ParticipantEvent, of: fn(Answer) -> Option<T>) -> Stated {
    match answered(event, "Q").map(of) {
        None => Stated::Nothing,
        Some(None) => Stated::Unfit,
        Some(Some(value)) => Stated::Value(value.into()),
    }
}

fn of_person(event: &ParticipantEvent, field: fn(&Participant) -> &Option<String>) -> Stated {
    let said = event.participant.as_ref().and_then(|person| words(field(person).as_deref()));
    said.map_or(Stated::Nothing, |text| Stated::Value(text.into()))
}

/// What the answer R is ranked as: `Gold` by the mapping, `First` by its label.
fn ranked(event: &ParticipantEvent, otherwise: Stated) -> Stated {
    match event.answers.get("R").and_then(Value::as_str) {
        None => Stated::Nothing,
        Some("Gold" | "First") => Stated::Value(1.into()),
        Some(_) => otherwise,
    }
}

const PERSON: &[&str] = &["contact", "lead"];

/// The campaign that the answer C names: one by its code, however it is written.
fn campaign(event: &ParticipantEvent) -> Stated {
    let said = event.answers.get("C").and_then(Value::as_str).unwrap_or_default().trim();
    let named: Vec<Uuid> = CODES.iter().filter(|(code, _)| *code == said.to_uppercase()).map(|(_, id)| *id).collect();
    match named[..] {
        _ if said.is_empty() => Stated::Nothing,
        [id] => Stated::Value(id.to_string().into()),
        _ => Stated::Unfit,
    }
}

/// A mapping of the answer C to a lookup column.
pub fn lookup(column: &'static str, tables: &'static [&'static str], mode: Mode) -> Mapping {
    let by = json!({ "table": "campaign", "column": CODE });
    Mapping {
        column,
        tables,
        mode,
        required: false,
        rest: json!({ "source": { "answer": "c" }, "lookup": by }),
        states: campaign,
    }
}

/// A mapping of the answer Q to a column of five characters.
pub fn note(column: &'static str, tables: &'static [&'static str], mode: Mode) -> Mapping {
    let states = |event: &ParticipantEvent| fits(event, |answer| Some(answer.cut));
    Mapping { column, tables, mode, required: false, rest: json!({ "source": { "answer": " q" } }), states }
}

/// The mappings of contacts, leads and attendance rows: the modes of the columns of four groups.
pub fn mappings(modes: [Mode; 4]) -> Vec<Mapping> {
    let [names, title, answers, rows] = modes;
    let mapping = |column, tables, mode, rest, states| Mapping { column, tables, mode, required: false, rest, states };
    let field = |name: &str| json!({ "source": { "field": format!("participant.{name}") } });
    let answer = |rest: Value| {
        let mut mapping = json!({ "source": { "answer": " q" } });
        mapping.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        mapping
    };
    vec![
        mapping("firstname", PERSON, names, field("first_name"), |event| of_person(event, |one| &one.first_name)),
        mapping("lastname", PERSON, names, field("last_name"), |event| of_person(event, |one| &one.last_name)),
        mapping("jobtitle", PERSON, title, field("job_title"), |event| of_person(event, |one| &one.job_title)),
        // People are found by them.
        mapping("companyname", &["lead"], Mode::Overwrite, field("company"), |event| {
            of_person(event, |one| &one.company)
        }),
        mapping("new_ineventparticipantid", PERSON, Mode::Overwrite, field("external_id"), |event| {
            of_person(event, |one| &one.external_id)
        }),
        mapping("new_grade", PERSON, answers, answer(json!({ "values": { "A": "First" } })), |event| {
            fits(event, |answer| answer.choice)
        }),
        mapping("new_badge", PERSON, Mode::Overwrite, json!({ "source": { "answer": "B" } }), |event| {
            badge_text(event).map_or(Stated::Nothing, |text| Stated::Value(text.into()))
        }),
        mapping("new_topics", PERSON, answers, answer(json!({})), |event| fits(event, |answer| answer.choices)),
        mapping("new_vip", PERSON, answers, answer(json!({})), |event| fits(event, |answer| answer.yes_no)),
        mapping("new_number", PERSON, answers, answer(json!({})), |event| fits(event, |answer| answer.whole)),
        mapping("new_amount", PERSON, answers, answer(json!({})), |event| fits(event, |answer| answer.decimal)),
        mapping("new_day", PERSON, answers, answer(json!({ "time_zone": "America/Sao_Paulo" })), |event| {
            fits(event, |answer| answer.date)
        }),
        note("new_note", PERSON, title),
        mapping("new_code", PERSON, title, answer(json!({ "too_long": "refuse" })), |event| {
            fits(event, |answer| answer.short)
        }),
        mapping(
            "new_seen",
            PERSON,
            title,
            json!({ "source": { "expression": "event.id ~ '/' ~ answers.R" } }),
            |event| {
                let said = event.answers.get("R").and_then(Value::as_str);
                said.map_or(Stated::Nothing, |said| Stated::Value(format!("{}/{said}", event.event.id).into()))
            },
        ),
        mapping(
            "new_class",
            PERSON,
            answers,
            json!({ "source": { "answer": "R" }, "values": { "Gold": 1 }, "otherwise": "Second" }),
            |event| ranked(event, Stated::Value(2.into())),
        ),
        mapping(
            "new_rank",
            PERSON,
            answers,
            json!({ "source": { "answer": "R" }, "values": { "Gold": 1 } }),
            |event| ranked(event, Stated::Unfit),
        ),
        lookup("new_sourceid", PERSON, answers),
        note("new_remark", &["activity"], rows),
        lookup("new_originid", &["activity"], rows),
    ]
}

/// What is known of a row where its columns are decided.
pub struct Row<'a> {
    /// What was said of it for certain.
    pub surely: Vec<&'a ParticipantEvent>,
    /// What may have been said of it, or of somebody else, or of nobody.
    pub perhaps: Vec<&'a ParticipantEvent>,
    /// Of a row that the connector made: those of the statements that may have made it.
    pub makers: Option<Vec<&'a ParticipantEvent>>,
}

impl Mapping {
    pub fn json(&self) -> Value {
        let mode = match self.mode {
            Mode::Overwrite => "overwrite",
            Mode::FillIfEmpty => "fill_if_empty",
            Mode::OnCreate => "on_create",
        };
        let mut mapping = self.rest.clone();
        (mapping["tables"], mapping["column"], mapping["mode"]) = (json!(self.tables), self.column.into(), mode.into());
        mapping["required"] = self.required.into();
        mapping
    }

    /// The same where a value is required in a column of a table, if it is this one.
    pub fn requiring(self, required: (&str, &str)) -> Self {
        let required = self.tables.contains(&required.0) && self.column == required.1;
        Self { required, ..self }
    }

    /// Whether it is about columns of the person themselves.
    pub fn of_person(&self) -> bool {
        self.tables.iter().all(|table| PERSON.contains(table))
    }

    /// Whether a statement lacks a value that is required.
    pub fn refuses(&self, event: &ParticipantEvent) -> bool {
        self.required && (self.states)(event) == Stated::Unfit
    }

    /// The column as rows show it.
    pub fn shown(&self) -> String {
        if self.rest.get("lookup").is_some() { format!("_{}_value", self.column) } else { self.column.to_owned() }
    }

    /// What a row has in the column.
    pub fn found<'a>(&self, row: &'a Columns) -> Option<&'a Value> {
        row.get(&self.shown())
    }

    pub fn value(&self, event: &ParticipantEvent) -> Option<Value> {
        match (self.states)(event) {
            Stated::Value(value) => Some(value),
            Stated::Nothing | Stated::Unfit => None,
        }
    }

    /// The values that the column may have in the end. `had`: what stood there before, or what a new row has for want of a value.
    pub fn allowed(&self, row: &Row<'_>, had: &[Value]) -> Vec<Value> {
        let stated = |said: &[&ParticipantEvent]| -> Vec<(i64, Value)> {
            said.iter().filter_map(|event| Some((second(event), self.value(event)?))).collect()
        };
        let (surely, perhaps) = (stated(&row.surely), stated(&row.perhaps));
        let all = || surely.iter().chain(&perhaps);
        let is_blank = |value: &Value| value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
        let had_value = row.makers.is_none() && !had.iter().all(is_blank);
        let mode = match (self.mode, &row.makers) {
            // A name that a new row needs fills the column.
            (Mode::FillIfEmpty, Some(_)) if had.iter().any(|value| !value.is_null()) => Mode::OnCreate,
            (mode, _) => mode,
        };
        let before = |may: bool| if may { had.to_vec() } else { Vec::new() };
        match (mode, &row.makers) {
            (Mode::Overwrite, _) => {
                let last = surely.iter().map(|(time, _)| *time).max();
                let late = all().filter(|(time, _)| Some(*time) >= last).map(|(_, value)| value.clone());
                late.chain(before(last.is_none())).collect()
            }
            (Mode::FillIfEmpty, _) if had_value => had.to_vec(),
            (Mode::FillIfEmpty, _) => all().map(|(_, value)| value.clone()).chain(before(surely.is_empty())).collect(),
            (Mode::OnCreate, None) => had.to_vec(),
            (Mode::OnCreate, Some(makers)) => {
                let without = makers.iter().any(|event| self.value(event).is_none());
                all().map(|(_, value)| value.clone()).chain(before(without)).collect()
            }
        }
    }
}

/// Whether a column holds one of these.
pub fn holds(found: Option<&Value>, allowed: &[Value]) -> bool {
    let found = found.unwrap_or(&Value::Null);
    allowed.iter().any(|value| match (found.as_f64(), value.as_f64()) {
        (Some(found), Some(value)) => found == value,
        _ => found == value,
    })
}
