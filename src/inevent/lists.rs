//! Lists of people in InEvent (module `list`).

use super::{
    Client, Error, Listing, Pages, Row,
    people::{ID as PERSON, Person},
};

const ID: &[&str] = &["listID", "id"];

/// A list.
#[derive(Debug, Clone)]
pub struct List {
    pub id: String,
    pub name: Option<String>,
    pub raw: Row,
}

impl List {
    fn read(raw: Row) -> Option<Self> {
        Some(Self { id: raw.id(ID)?, name: raw.text(&["name"]), raw })
    }
}

impl Client {
    /// The lists of an event.
    pub async fn lists(&self, event: &str) -> Result<Listing<List>, Error> {
        let query = [("eventID", event), ("selection", "all")];
        Ok(Pages::of(self, "list.find", &query, ID).all().await?.filter_map(List::read))
    }

    /// Who is on a list.
    pub async fn list_people(&self, list: &str) -> Result<Listing<Person>, Error> {
        Ok(Pages::of(self, "list.person.find", &[("listID", list)], PERSON).all().await?.filter_map(Person::read))
    }
}
