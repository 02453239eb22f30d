//! The people of an event (module `event.person`).

use std::fmt;

use serde_json::Value;

use super::{Client, Error, Listing, Pages, Row, client::Answer};
use crate::model::SourceTime;

pub(super) const ID: &[&str] = &["personID", "id"];
/// Where answers stand that are listed apart.
pub(super) const SUBMISSIONS: &str = "submissions";

/// Somebody as `event.person.find` and `.get` give them. Only the names of a few fields are known: `personID`, `firstName`, `lastName`,
/// `email`, `username`, `personName`, `telephone`, `locationCity`, `locationCountry`, `enrollmentDate` (third-party clients),
/// `dateUpdated` (changelog, 2021-09-30); the others are those that `event.person.operate` takes.
#[derive(Clone, PartialEq)]
pub struct Person {
    pub id: String,
    pub email: Option<String>,
    /// When they were put on the list.
    pub enrolled: Option<SourceTime>,
    /// When InEvent last changed them. Whether a check-in or an answer counts as a change is not known.
    pub updated: Option<SourceTime>,
    /// Whether they are at the event in person.
    pub present: Option<bool>,
    /// Whether they were let in, where that is told; who was not is not registered.
    pub approved: Option<bool>,
    pub raw: Row,
}

impl Person {
    pub fn read(raw: Row) -> Option<Self> {
        let address = |text: &String| text.contains('@');
        let email = raw.text(&["email"]).or_else(|| raw.text(&["username"]).filter(address));
        Some(Self {
            id: raw.id(ID)?,
            email,
            enrolled: raw.time(&["enrollmentDate", "dateEnrolled", "enrollDate"]),
            updated: raw.time(&["dateUpdated", "updateDate"]),
            present: raw.flag(&["present"]),
            approved: raw.flag(&["approved"]),
            raw,
        })
    }

    /// The same with answers that are listed apart.
    pub fn answering(mut self, submissions: Vec<Row>) -> Self {
        let answers = submissions.into_iter().map(|row| Value::Object(row.0)).collect();
        self.raw.0.insert(SUBMISSIONS.to_owned(), Value::Array(answers));
        self
    }
}

/// Personal: only the id is printed.
impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Something that was looked up, or that it is not there, and when InEvent said so, by its own clock.
#[derive(Debug, Clone)]
pub struct Found<T> {
    pub item: Option<T>,
    pub date: Option<SourceTime>,
}

impl<T> Found<T> {
    pub(super) fn first(answer: Result<Answer, Error>, read: impl FnMut(Row) -> Option<T>) -> Result<Self, Error> {
        match answer {
            Ok(Answer { data, date, .. }) => Ok(Self { item: data.into_iter().find_map(read), date }),
            Err(Error::NotFound { date, .. }) => Ok(Self { item: None, date }),
            Err(error) => Err(error),
        }
    }
}

/// Which people of an event are listed.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// `all`, `present`, `not-present`, `denied`, `tags:1,2`, …, joined by `|` (developers.inevent.com, listing attendees).
    pub selection: &'a str,
    /// Only who was changed after this (changelog, 2021-10-18: `updatedAfterDate`). That it is an attribute of the query, in Unix
    /// seconds, is assumed; if InEvent does not heed it, everybody is listed.
    pub since: Option<SourceTime>,
    /// With custom fields; without it ids and a short profile.
    pub full: bool,
}

impl Selection<'_> {
    pub const ALL: Self = Self { selection: "all", since: None, full: true };
}

impl Client {
    /// The people of an event, page by page. The rows are for [`Person::read`].
    pub fn people_pages(&self, event: &str, selection: &Selection<'_>) -> Pages {
        let since = selection.since.map(|time| time.timestamp().as_second().to_string());
        let mut query = vec![("eventID", event), ("selection", selection.selection)];
        if selection.full {
            query.push(("fullProfile", "1"));
        }
        query.extend(since.as_deref().map(|since| ("updatedAfterDate", since)));
        Pages::of(self, "event.person.find", &query, ID)
    }

    /// All people of an event whom the selection means.
    pub async fn people(&self, event: &str, selection: Selection<'_>) -> Result<Listing<Person>, Error> {
        Ok(self.people_pages(event, &selection).all().await?.filter_map(Person::read))
    }

    /// Somebody on the list of an event, with custom fields where InEvent gives them without being asked. That somebody who was taken off it is not found any more is assumed.
    pub async fn person(&self, event: &str, person: &str) -> Result<Found<Person>, Error> {
        let query = [("eventID", event), ("personID", person)];
        let other = |found: &Person| found.id == person;
        Found::first(self.read("event.person.get", &query, &[]).await, |row| Person::read(row).filter(other))
    }

    /// Registers somebody. InEvent confirms it by mail unless the event says otherwise, and it costs a credit (FAQ, attendees list).
    /// `more` are further attributes of the body. It is never made twice by itself.
    pub async fn register(&self, event: &str, email: &str, more: &[(&str, &str)]) -> Result<Answer, Error> {
        let body: Vec<(&str, &str)> =
            [("username", email), ("email", email)].into_iter().chain(more.iter().copied()).collect();
        self.write("event.person.bind", &[("eventID", event)], &body).await
    }

    /// Somebody on the list of an event, by address. It goes in the body: that InEvent takes it there is assumed.
    pub async fn person_by_email(&self, event: &str, email: &str) -> Result<Found<Person>, Error> {
        Found::first(self.read("event.person.get", &[("eventID", event)], &[("email", email)]).await, Person::read)
    }
}
