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

/// One answer of one person, as it is listed apart from the person.
#[derive(Clone)]
pub struct Submission {
    pub person: String,
    pub time: Option<SourceTime>,
    pub raw: Row,
}

impl Submission {
    pub fn read(raw: Row) -> Option<Self> {
        let time = raw.time(&["dateUpdated", "date", "dateCreated"]);
        Some(Self { person: raw.id(&["personID"])?, time, raw })
    }
}

/// Personal: only the id is printed.
impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission").field("person", &self.person).finish_non_exhaustive()
    }
}

impl Client {
    /// The questions of an event's registration form.
    pub async fn questions(&self, event: &str) -> Result<Listing<Question>, Error> {
        let query = [("eventID", event), ("selection", "all")];
        Ok(Pages::of(self, "feedback.find", &query, ID).all().await?.filter_map(Question::read))
    }

    /// What everybody answered, the newest answers first.
    pub async fn submissions(&self, event: &str) -> Result<Listing<Submission>, Error> {
        let query = [("eventID", event), ("selection", "all"), ("paginated", "1")];
        let ids = &["feedbackSubmissionID", "submissionID", "id"];
        let rows = Pages::of(self, "feedback.submission.find", &query, ids).all().await?;
        let mut submissions = rows.filter_map(Submission::read);
        submissions.items.sort_by_key(|submission| std::cmp::Reverse(submission.time));
        Ok(submissions)
    }
}
