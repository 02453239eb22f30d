//! Many people at once, for measurements.

use serde::Deserialize;

use super::{Attendee, Model, Profile};
use crate::inevent::envelope::Problem;

/// `{"eventID": 4711, "count": 100000}`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::inevent) struct Generate {
    #[serde(rename = "eventID")]
    pub(in crate::inevent) event: u64,
    pub(in crate::inevent) count: u64,
    /// What their addresses begin with.
    #[serde(default = "prefix")]
    pub(in crate::inevent) prefix: String,
    /// Whether it is told by webhook.
    #[serde(default)]
    pub(in crate::inevent) webhooks: bool,
}

fn prefix() -> String {
    "person".to_owned()
}

impl Model {
    /// Enrols `count` people, without mails and credits, and gives their ids.
    pub(in crate::inevent) fn generate(&mut self, wanted: &Generate, now: i64) -> Result<Vec<u64>, Problem> {
        let mut ids = Vec::new();
        for number in 1..=wanted.count {
            let email = format!("{}{number}@bulk.example", wanted.prefix);
            let id = self.person(&email);
            let mut profile = Profile::default();
            let last = number.to_string();
            for (name, value) in [("firstName", "Person"), ("lastName", &last), ("username", &email), ("email", &email)]
            {
                profile.set(name, value);
            }
            let event = self.events.get_mut(&wanted.event).ok_or_else(|| Problem::missing("eventID"))?;
            event.put(Attendee::new(id, profile, now));
            ids.push(id);
        }
        Ok(ids)
    }
}
