//! InEvent's side: its events, its webhooks, and what they say.

mod learn;
mod webhooks;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use self::{
    learn::{Learn, Learnt, Lesson},
    webhooks::{Became, ListWebhooks, RegisterWebhooks, Registered, RemoveWebhooks, ShownWebhook},
};
use super::{Ask, Ground, ManageError, Role};
use crate::{
    inevent::{Client, Error, events::Event},
    model::SourceTime,
};

/// The events that the token may see.
#[derive(Debug, Serialize, Deserialize)]
pub struct InEventEvents {
    /// One of InEvent's selections, such as `all` or `current-events`.
    pub selection: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ListedEvents {
    pub events: Vec<ListedEvent>,
    /// Whether nothing speaks against it being all of them.
    pub complete: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ListedEvent {
    pub id: String,
    pub name: Option<String>,
    pub begin: Option<SourceTime>,
    pub end: Option<SourceTime>,
}

impl From<Event> for ListedEvent {
    fn from(Event { id, name, begin, end, .. }: Event) -> Self {
        Self { id, name, begin, end }
    }
}

#[async_trait]
impl Ask for InEventEvents {
    const NAME: &'static str = "inevent/events";
    const NEEDS: Role = Role::Reader;
    type Answer = ListedEvents;

    async fn answer(self, ground: &Ground) -> Result<ListedEvents, ManageError> {
        let client = ground.inevent()?;
        let listing = resting(&client, client.events(&self.selection)).await?;
        let events = listing.items.into_iter().map(ListedEvent::from).collect();
        Ok(ListedEvents { events, complete: listing.complete })
    }
}

/// Does something with InEvent, and lets other processes call after it.
pub(super) async fn resting<T>(client: &Client, asked: impl Future<Output = T>) -> T {
    let answered = asked.await;
    client.rest().await;
    answered
}

/// An error with what is to be mended, without InEvent's own words.
pub(super) fn told(error: &Error) -> String {
    error.remedy().map_or_else(|| error.to_string(), |remedy| format!("{error}\n{remedy}"))
}

impl From<Error> for ManageError {
    fn from(error: Error) -> Self {
        match &error {
            Error::Refused { message, .. } if !message.0.is_empty() => Self::Refused(format!("{error}: {}", message.0)),
            Error::Refused { .. } | Error::NotFound { .. } => Self::Refused(error.to_string()),
            _ => Self::Unavailable(told(&error)),
        }
    }
}
