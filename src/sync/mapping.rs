//! Which value of a participant goes to which column of contact and lead, and how it is written there.

use serde_json::Value;

use super::rows::PersonTable;
use crate::model::{Participant, ParticipantEvent};

/// A column and where its value comes from.
pub struct Mapped {
    pub column: &'static str,
    /// Characters that the column holds; longer values are cut.
    pub max_length: usize,
    source: fn(&ParticipantEvent, &Participant) -> Option<String>,
}

/// The custom question whose answer goes to [`BUDGET`].
const BUDGET_QUESTION: &str = "Budget";
const BUDGET: &str = "new_budget";

/// Columns that contact and lead share. `emailaddress1` is not among them: it is what the row was found by, so it never changes.
const PERSON: &[Mapped] = &[
    Mapped { column: "firstname", max_length: 50, source: |_, person| person.first_name.clone() },
    Mapped { column: "lastname", max_length: 50, source: |_, person| person.last_name.clone() },
    Mapped { column: "jobtitle", max_length: 100, source: |_, person| person.job_title.clone() },
    Mapped { column: "telephone1", max_length: 50, source: |_, person| person.phone.clone() },
    Mapped { column: "address1_country", max_length: 80, source: |_, person| person.country.clone() },
    Mapped { column: "new_ineventparticipantid", max_length: 100, source: |_, person| person.external_id.clone() },
    Mapped { column: BUDGET, max_length: 200, source: |event, _| answer(event, BUDGET_QUESTION) },
];

const LEAD_ONLY: &[Mapped] =
    &[Mapped { column: "companyname", max_length: 100, source: |_, person| person.company.clone() }];

/// The columns mapped for a table.
pub fn mapped(table: PersonTable) -> impl Iterator<Item = &'static Mapped> {
    let own = match table {
        PersonTable::Contact => &[],
        PersonTable::Lead => LEAD_ONLY,
    };
    PERSON.iter().chain(own)
}

impl Mapped {
    /// What the event states of this column: trimmed and cut to fit. `None` when it states nothing; blank is nothing.
    pub fn value(&self, event: &ParticipantEvent) -> Option<String> {
        let written = (self.source)(event, event.participant.as_ref()?)?;
        cut(&written, self.max_length)
    }
}

/// Trims and cuts at a character; `None` when nothing is left.
pub fn cut(text: &str, max_length: usize) -> Option<String> {
    let cut: String = text.trim().chars().take(max_length).collect();
    let cut = cut.trim_end();
    (!cut.is_empty()).then(|| cut.to_owned())
}

/// The answer to a question as text; questions are compared without case.
fn answer(event: &ParticipantEvent, question: &str) -> Option<String> {
    let (_, answer) = event.answers.iter().find(|(asked, _)| asked.trim().eq_ignore_ascii_case(question))?;
    as_text(answer)
}

/// Several choices are joined by `; `.
fn as_text(answer: &Value) -> Option<String> {
    match answer {
        Value::Null | Value::Object(_) => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(choices) => Some(choices.iter().filter_map(as_text).collect::<Vec<_>>().join("; ")),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_trimmed_cut_and_never_blank() {
        assert_eq!(cut("  Ana ", 50).as_deref(), Some("Ana"));
        assert_eq!(cut("äöü xyz", 4).as_deref(), Some("äöü"));
        assert_eq!(cut(" \t", 50), None);
        assert_eq!(as_text(&serde_json::json!(["a", 1, null])).as_deref(), Some("a; 1"));
    }
}
