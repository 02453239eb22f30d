//! What could not be written.

use std::time::Instant;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Ask, Ground, ManageError, Role};
use crate::{
    parked::{
        self, Entry, FindError, Found, Original, Pages, Selection,
        replay::{Origins, ReplayError, Replayed, replay},
    },
    store::Store,
};

/// What is parked, the newest first, without addresses.
#[derive(Debug, Serialize, Deserialize)]
pub struct ListParked(pub Selection);

/// One entry with everything that is known of it, personal data included.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShowParked {
    /// Six digits of it are enough where no other begins so.
    pub id: String,
}

/// Puts entries back into their queue.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReplayParked(pub Choice);

/// Removes entries for good.
#[derive(Debug, Serialize, Deserialize)]
pub struct DropParked {
    #[serde(flatten)]
    pub choice: Choice,
    /// Otherwise it is only told what would be dropped.
    pub yes: bool,
}

/// Entries by id, or by what they have in common; all of them only where that is said.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Choice {
    #[serde(default)]
    pub ids: Vec<String>,
    #[serde(default)]
    pub selection: Selection,
    #[serde(default)]
    pub all: bool,
    /// What is parked later is for the next time: a replay would not end.
    pub until: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Shown {
    pub entry: Entry,
    /// The event, or the text that is none.
    pub original: Value,
}

/// What a replay came to.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Put {
    pub queued: u64,
    pub unreadable: Vec<Unreadable>,
    /// The time was up: ask again.
    pub more: bool,
}

/// An entry that is neither an event nor a webhook, and stays parked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unreadable {
    pub id: String,
    pub remedy: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Dropped {
    /// Or that would be.
    pub dropped: u64,
    /// Parked anew meanwhile.
    pub kept: u64,
    /// The time was up: ask again.
    pub more: bool,
}

/// The entries chosen, some at a time.
pub struct Chosen<'a> {
    store: &'a dyn Store,
    /// Those named that are still to come; none where a selection chooses.
    ids: Option<std::vec::IntoIter<String>>,
    pages: Pages<'a>,
    selection: &'a Selection,
    until: Timestamp,
}

impl Choice {
    fn of<'a>(&'a self, store: &'a dyn Store) -> Result<Chosen<'a>, ManageError> {
        if self.ids.is_empty() && !self.all && self.selection == Selection::default() {
            return Err(ManageError::Refused("nothing is chosen: name ids, a filter, or all".to_owned()));
        }
        let ids = (!self.ids.is_empty()).then(|| self.ids.clone().into_iter());
        Ok(Chosen { store, ids, pages: Pages::all(store), selection: &self.selection, until: self.until })
    }
}

impl Chosen<'_> {
    async fn next(&mut self) -> Result<Option<Vec<Found>>, ManageError> {
        if let Some(ids) = &mut self.ids {
            return Ok(match ids.next() {
                Some(id) => Some(vec![parked::find(self.store, &id, self.until).await?]),
                None => None,
            });
        }
        let Some(mut page) = self.pages.next(self.until).await? else { return Ok(None) };
        page.found.retain(|found| self.selection.takes(&found.entry) && found.entry.at <= self.until);
        Ok(Some(page.found))
    }
}

/// An address may stand in a reason, and somebody may use addresses for ids.
pub fn without_addresses(entry: Entry) -> Entry {
    Entry {
        reason: clean(&entry.reason),
        event: entry.event.as_deref().map(clean),
        participant: entry.participant.as_deref().map(clean),
        ..entry
    }
}

fn clean(text: &str) -> String {
    let words = text.split(' ').map(|word| if word.contains('@') { "(address)" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

impl From<FindError> for ManageError {
    fn from(error: FindError) -> Self {
        match error {
            FindError::Store(error) => error.into(),
            other => Self::Refused(other.to_string()),
        }
    }
}

impl From<ReplayError> for ManageError {
    fn from(error: ReplayError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

#[async_trait]
impl Ask for ListParked {
    const NAME: &'static str = "parked/list";
    const NEEDS: Role = Role::Reader;
    type Answer = Vec<Entry>;

    async fn answer(self, ground: &Ground) -> Result<Vec<Entry>, ManageError> {
        let choice = Choice { ids: Vec::new(), selection: self.0, all: true, until: Timestamp::now() };
        let (mut entries, mut chosen) = (Vec::new(), choice.of(ground.store()?)?);
        while let Some(found) = chosen.next().await? {
            entries.extend(found.into_iter().map(|found| without_addresses(found.entry)));
        }
        entries.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.id.cmp(&b.id)));
        Ok(entries)
    }
}

#[async_trait]
impl Ask for ShowParked {
    const NAME: &'static str = "parked/show";
    const NEEDS: Role = Role::Admin;
    type Answer = Shown;

    async fn answer(self, ground: &Ground) -> Result<Shown, ManageError> {
        let store = ground.store()?;
        let found = parked::find(store, &self.id, Timestamp::now()).await?;
        let original = match found.original(store).await? {
            Some(Original::Event(event)) => json!(event),
            Some(Original::Raw(text)) => Value::from(text),
            None => return Err(ManageError::Refused("it was removed this moment".to_owned())),
        };
        Ok(Shown { entry: found.entry, original })
    }
}

#[async_trait]
impl Ask for ReplayParked {
    const NAME: &'static str = "parked/replay";
    const NEEDS: Role = Role::Admin;
    type Answer = Put;

    async fn answer(self, ground: &Ground) -> Result<Put, ManageError> {
        let storage = ground.storage()?;
        let (events, webhooks) = (storage.events().await?, storage.webhooks().await?);
        let queues = Origins { events: &*events, webhooks: &*webhooks };
        let (begun, mut put, mut chosen) = (Instant::now(), Put::default(), self.0.of(&*storage.store)?);
        while let Some(found) = chosen.next().await? {
            for found in found {
                match replay(&*storage.store, queues, &*storage.bodies, &found, Timestamp::now()).await? {
                    Replayed::Queued | Replayed::QueuedAndParkedAnew => put.queued += 1,
                    Replayed::Gone => {}
                    Replayed::NotAnEvent => {
                        let Entry { id, remedy, .. } = found.entry;
                        put.unreadable.push(Unreadable { id, remedy });
                    }
                }
            }
            if begun.elapsed() > ground.patience() && self.0.ids.is_empty() {
                put.more = true;
                break;
            }
        }
        Ok(put)
    }
}

#[async_trait]
impl Ask for DropParked {
    const NAME: &'static str = "parked/drop";
    const NEEDS: Role = Role::Admin;
    type Answer = Dropped;

    async fn answer(self, ground: &Ground) -> Result<Dropped, ManageError> {
        let store = ground.store()?;
        let (begun, mut dropped, mut chosen) = (Instant::now(), Dropped::default(), self.choice.of(store)?);
        while let Some(found) = chosen.next().await? {
            for found in found {
                match !self.yes || found.remove(store).await? {
                    true => dropped.dropped += 1,
                    false => dropped.kept += 1,
                }
            }
            if begun.elapsed() > ground.patience() && self.yes && self.choice.ids.is_empty() {
                dropped.more = true;
                break;
            }
        }
        Ok(dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_is_chosen_by_saying_nothing() {
        let ground = Ground::open(|name| (name == "AzureWebJobsStorage").then(|| "UseDevelopmentStorage=true".into()));
        let asked = json!({ "until": Timestamp::now(), "yes": true });
        let error = crate::manage::answer(&ground, "parked/drop", asked.to_string().as_bytes()).await.unwrap_err();
        assert!(matches!(error, ManageError::Refused(why) if why.contains("nothing is chosen")));
    }
}
