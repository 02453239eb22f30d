//! How far the members of a list were looked at, and when they are looked at again.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{Counts, List};
use crate::{
    model::stamp::Fingerprint,
    settings::document::EventSettings,
    store::{Key, Store, StoreError},
};

const KIND: &str = "invitationpass";

/// A list that seems unchanged is looked at in full all the same after so long: what changed about its members leaves no trace at it.
const IN_FULL: SignedDuration = SignedDuration::from_hours(24);
/// The same where the list itself never tells.
const LIVE: SignedDuration = SignedDuration::from_hours(1);

/// What is kept of one list of one event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pass {
    pub event: String,
    pub list: Uuid,
    /// The settings that were in force.
    settings: String,
    /// What the list told of itself before its members were read to the end.
    version: Option<String>,
    pub completed: Option<Timestamp>,
    pub under_way: Option<UnderWay>,
    /// What came of the members when they were last read to the end.
    pub counts: Counts,
    /// Why nobody is invited, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}

/// Members are being looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnderWay {
    version: String,
    pub began: Timestamp,
    /// Where to go on.
    pub next: Option<String>,
    pub counts: Counts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    pub problem: String,
    pub remedy: String,
    pub since: Timestamp,
}

impl Pass {
    pub async fn of(store: &dyn Store, event: &str, list: Uuid) -> Result<Self, StoreError> {
        let record = store.get(&Key::new(KIND, event, list.to_string())).await?;
        let known: Option<Self> = record.and_then(|record| serde_json::from_value(record.value).ok());
        Ok(known.unwrap_or_else(|| Self { event: event.to_owned(), list, ..Self::default() }))
    }

    pub async fn keep(&self, store: &dyn Store) -> Result<(), StoreError> {
        store.put(&Key::new(KIND, &*self.event, self.list.to_string()), &json!(self)).await.map(drop)
    }

    /// Whether members are to be looked at: the pass that is under way, or a new one.
    pub fn due(&self, list: &List, settings: &str, now: Timestamp) -> Option<UnderWay> {
        let anew = || UnderWay { version: list.version.clone(), began: now, next: None, counts: Counts::default() };
        if self.settings == settings
            && let Some(under_way) = &self.under_way
        {
            return Some(under_way.clone());
        }
        let lasts = if list.kind.is_live() { LIVE } else { IN_FULL };
        let unchanged = self.settings == settings && self.version.as_ref() == Some(&list.version);
        let fresh = self.completed.is_some_and(|at| now.duration_since(at) < lasts);
        (!unchanged || !fresh).then(anew)
    }

    /// Notes how far it came.
    pub fn stopped(&mut self, under_way: UnderWay, settings: &str) {
        self.settings = settings.to_owned();
        self.under_way = Some(under_way);
    }

    /// Notes that the members were read to the end. While something is left, nothing of it counts as known.
    pub fn ended(&mut self, under_way: UnderWay, settings: &str, now: Timestamp) {
        self.settings = settings.to_owned();
        self.version = (under_way.counts.left == 0).then_some(under_way.version);
        self.counts = under_way.counts;
        (self.completed, self.under_way) = (Some(now), None);
    }

    /// Notes why nobody is invited, once.
    pub fn note(&mut self, problem: String, remedy: &str, now: Timestamp) {
        if self.trouble.as_ref().is_none_or(|known| known.problem != problem) {
            tracing::warn!(event = self.event, list = %self.list, problem, remedy, "nobody is invited from a list");
            self.trouble = Some(Trouble { problem, remedy: remedy.to_owned(), since: now });
        }
    }

    /// Looks at everything again in the next run.
    pub fn anew(&mut self) {
        (self.version, self.under_way) = (None, None);
    }

    /// Whether the list was known as it is now, with nothing left to do.
    pub fn is_complete(&self) -> bool {
        self.under_way.is_none() && self.version.is_some()
    }
}

/// The passes of an event, or of all.
pub async fn all(store: &dyn Store, event: Option<&str>) -> Result<Vec<Pass>, StoreError> {
    let (mut passes, mut next) = (Vec::new(), None::<String>);
    loop {
        let page = store.list(KIND, event, 1_000, next.as_deref()).await?;
        passes.extend(page.records.into_iter().filter_map(|record| serde_json::from_value::<Pass>(record.value).ok()));
        match page.next {
            None => return Ok(passes),
            more => next = more,
        }
    }
}

/// What of the settings decides who is invited, and how.
pub fn settings_version(settings: &EventSettings) -> String {
    Fingerprint::of(&json!([settings.invitations, settings.bare_excluded_domains()]).to_string()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{invite::lists::ListKind, settings::document::Target};

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minutes).unwrap()
    }

    #[test]
    fn an_unchanged_list_is_left_alone_for_a_day_and_a_live_one_for_an_hour() {
        let list = |kind, version: &str| List { id: Uuid::nil(), table: Target::Lead, kind, version: version.into() };
        let fixed = list(ListKind::Static, "1");
        let mut pass = Pass::default();
        let under_way = pass.due(&fixed, "s", at(0)).unwrap();
        pass.stopped(UnderWay { next: Some("page 2".into()), ..under_way }, "s");
        assert_eq!(pass.due(&list(ListKind::Static, "2"), "s", at(1)).unwrap().next.as_deref(), Some("page 2"));
        assert_eq!(pass.due(&fixed, "other", at(1)).unwrap().next, None);

        let under_way = pass.due(&fixed, "s", at(1)).unwrap();
        pass.ended(under_way, "s", at(2));
        let is_due = |list: &List, settings, minutes| pass.due(list, settings, at(minutes)).is_some();
        assert!(!is_due(&fixed, "s", 3) && !is_due(&fixed, "s", 23 * 60) && is_due(&fixed, "s", 24 * 60 + 2));
        assert!(is_due(&list(ListKind::Static, "2"), "s", 3) && is_due(&fixed, "other", 3));
        let live = list(ListKind::Segment, "1");
        assert!(!is_due(&live, "s", 61) && is_due(&live, "s", 62));

        let mut left = pass.due(&list(ListKind::Static, "2"), "s", at(3)).unwrap();
        left.counts.left = 1;
        pass.ended(left, "s", at(4));
        assert!(pass.due(&list(ListKind::Static, "2"), "s", at(5)).is_some());
    }
}
