//! Custom questions (module `feedback`) and what people answered (`feedback.submission`).

use std::fmt;

use super::{Client, Error, Listing, Pages, Row};
use crate::model::SourceTime;

const ID: &[&str] = &["feedbackID", "id"];

/// A custom question.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    pub id: String,
    /// The API field, `f_…_<id>` (changelog, 2021-10-01), where InEvent tells it.
    pub key: Option<String>,
    /// What is asked.
    pub label: Option<String>,
    pub raw: Row,
}

impl Question {
    pub fn read(raw: Row) -> Option<Self> {
        let key = raw.text(&["apiField", "apiKey", "fieldKey", "key"]);
        let label = raw.text(&["text", "question", "name", "label"]);
        Some(Self { id: raw.id(ID)?, key, label, raw })
    }
}

/// One answer of one person.
#[derive(Clone)]
pub struct Submission {
    pub id: Option<String>,
    pub person: String,
    pub question: String,
    pub value: String,
    pub time: Option<SourceTime>,
    pub raw: Row,
}

impl Submission {
    pub fn read(raw: Row) -> Option<Self> {
        Some(Self {
            id: raw.id(&["feedbackSubmissionID", "submissionID", "id"]),
            person: raw.id(&["personID"])?,
            question: raw.id(&["feedbackID"])?,
            value: raw.text(&["value", "answer", "text"])?,
            time: raw.time(&["dateUpdated", "date", "dateCreated"]),
            raw,
        })
    }
}

/// Personal: only ids are printed.
impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission")
            .field("person", &self.person)
            .field("question", &self.question)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// The questions of an event's registration form.
    pub async fn questions(&self, event: &str) -> Result<Listing<Question>, Error> {
        let query = [("eventID", event), ("selection", "all")];
        Ok(Pages::of(self, "feedback.find", &query, ID).all().await?.filter_map(Question::read))
    }

    /// What people answered, page by page. The rows are for [`Submission::read`].
    pub fn submission_pages(&self, event: &str) -> Pages {
        let query = [("eventID", event), ("selection", "all"), ("paginated", "1")];
        Pages::of(self, "feedback.submission.find", &query, &["feedbackSubmissionID", "submissionID", "id"])
    }
}
