//! Tags (module `tag`). The tracks of sessions are tags on activities: neither SDK has a module of tracks, and the changelog
//! (2022-04-25) says that the old tags became tracks.

use super::{Client, Error, Pages};

const ID: &[&str] = &["tagID", "id"];

impl Client {
    /// The names of the tracks of a session; none where InEvent does not tell.
    pub async fn tracks(&self, activity: &str) -> Result<Vec<String>, Error> {
        match Pages::of(self, "activity.tag.find", &[("activityID", activity)], ID).all().await {
            Ok(tags) => Ok(tags.items.iter().filter_map(|tag| tag.text(&["name"])).collect()),
            Err(Error::Refused { .. } | Error::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}
