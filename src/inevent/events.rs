//! Events (modules `company.event`, `event`).

use super::{Client, Error, Listing, Pages, Row, people::Found};
use crate::model::SourceTime;

const ID: &[&str] = &["eventID", "id"];

/// An event.
#[derive(Debug, Clone)]
pub struct Event {
    pub id: String,
    pub name: Option<String>,
    pub begin: Option<SourceTime>,
    pub end: Option<SourceTime>,
    pub raw: Row,
}

impl Event {
    pub fn read(raw: Row) -> Option<Self> {
        let name = raw.text(&["name", "eventName", "title"]);
        let (begin, end) = (raw.time(&["dateBegin", "begin"]), raw.time(&["dateEnd", "end"]));
        Some(Self { id: raw.id(ID)?, name, begin, end, raw })
    }
}

impl Client {
    /// The company's events. `selection` is one of `company.event.find`'s, such as `all`, `current-events`, `not-archived`.
    pub async fn events(&self, selection: &str) -> Result<Listing<Event>, Error> {
        let query = [("companyID", self.company()?), ("selection", selection)];
        Ok(Pages::of(self, "company.event.find", &query, ID).all().await?.filter_map(Event::read))
    }

    /// An event, or `None` where there is none that the token may see.
    pub async fn event(&self, event: &str) -> Result<Option<Event>, Error> {
        Ok(self.event_now(event).await?.item)
    }

    /// The same, with the time at which InEvent said so.
    pub async fn event_now(&self, event: &str) -> Result<Found<Event>, Error> {
        Found::first(self.read("event.get", &[("eventID", event)], &[]).await, Event::read)
    }
}
