//! Sessions, which InEvent calls activities, and who is on their lists (module `activity`).

use super::{
    Client, Error, Listing, Pages, Row,
    people::{Found, ID as PERSON, Person},
};
use crate::model::SourceTime;

const ID: &[&str] = &["activityID", "id"];

/// A session.
#[derive(Debug, Clone)]
pub struct Activity {
    pub id: String,
    pub event: Option<String>,
    pub name: Option<String>,
    pub begin: Option<SourceTime>,
    pub end: Option<SourceTime>,
    /// The names of its tracks, once they were asked for.
    pub tracks: Vec<String>,
    pub raw: Row,
}

impl Activity {
    pub fn read(raw: Row) -> Option<Self> {
        let (event, name) = (raw.id(&["eventID"]), raw.text(&["name", "activityName", "title"]));
        let (begin, end) = (raw.time(&["dateBegin", "begin"]), raw.time(&["dateEnd", "end"]));
        Some(Self { id: raw.id(ID)?, event, name, begin, end, tracks: Vec::new(), raw })
    }
}

impl Client {
    /// The sessions of an event.
    pub async fn activities(&self, event: &str) -> Result<Listing<Activity>, Error> {
        let query = [("eventID", event), ("selection", "all"), ("paginated", "1")];
        Ok(Pages::of(self, "activity.find", &query, ID).all().await?.filter_map(Activity::read))
    }

    pub async fn activity(&self, activity: &str) -> Result<Found<Activity>, Error> {
        Found::first(self.read("activity.get", &[("activityID", activity)], &[]).await, Activity::read)
    }

    /// Who is on the list of a session.
    pub async fn activity_people(&self, activity: &str) -> Result<Listing<Person>, Error> {
        let query = [("activityID", activity), ("selection", "all")];
        Ok(Pages::of(self, "activity.person.find", &query, PERSON).all().await?.filter_map(Person::read))
    }

    /// Somebody on the list of a session.
    pub async fn activity_person(&self, activity: &str, person: &str) -> Result<Found<Person>, Error> {
        let query = [("activityID", activity), ("personID", person)];
        Found::first(self.read("activity.person.get", &query, &[]).await, Person::read)
    }
}
