//! Tags (module `tag`). The tracks of sessions are tags on activities: neither SDK has a module of tracks, and the changelog
//! (2022-04-25) says that the old tags became tracks.

use super::{Client, Error, Listing, Pages, Row};

const ID: &[&str] = &["tagID", "id"];

/// A tag, or track.
#[derive(Debug, Clone)]
pub struct Tag {
    pub id: String,
    pub name: Option<String>,
    pub raw: Row,
}

impl Tag {
    fn read(raw: Row) -> Option<Self> {
        Some(Self { id: raw.id(ID)?, name: raw.text(&["name"]), raw })
    }
}

impl Client {
    /// The tags of an event.
    pub async fn tags(&self, event: &str) -> Result<Listing<Tag>, Error> {
        let query = [("eventID", event), ("selection", "all")];
        Ok(Pages::of(self, "tag.find", &query, ID).all().await?.filter_map(Tag::read))
    }

    /// The tracks of a session.
    pub async fn tracks(&self, activity: &str) -> Result<Listing<Tag>, Error> {
        Ok(Pages::of(self, "activity.tag.find", &[("activityID", activity)], ID).all().await?.filter_map(Tag::read))
    }
}
