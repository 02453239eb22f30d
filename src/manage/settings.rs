//! The settings document: looked at, checked, and replaced by another, over the version that was looked at only.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Ask, Ground, ManageError, Role};
use crate::{
    dataverse::{Client, Failure, definition, query},
    settings::{
        document::{self, Change, Document, DocumentError, EventSettings, Problem},
        kept::{ETag, Kept, PlaceError},
    },
    setup::check,
    sync::rows::Names,
};

/// The document that the connector uses; `None` where there is none.
#[derive(Debug, Serialize, Deserialize)]
pub struct GetSettings {}

/// The settings in force for an event; without one, for all that have none of their own.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShowSettings {
    pub event: Option<String>,
}

/// The versions that were replaced, the newest first.
#[derive(Debug, Serialize, Deserialize)]
pub struct SettingsHistory {}

/// A version that was replaced; `None` where there is none of this name.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReplacedSettings {
    pub version: String,
}

/// What is wrong with a document over the environment's tables and lists.
#[derive(Debug, Serialize, Deserialize)]
pub struct ValidateSettings {
    pub text: String,
}

/// Puts a document in place of the version `expected` (`None`: of nothing).
#[derive(Debug, Serialize, Deserialize)]
pub struct PutSettings {
    pub text: String,
    pub expected: Option<ETag>,
    /// Also where events have rows already that the change would leave behind.
    pub yes: bool,
    /// Without asking Dataverse whether the tables and columns are there, and which events have rows.
    pub offline: bool,
}

/// What came of putting a document in place.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placed {
    /// It is in place, as this version.
    Done {
        version: ETag,
        changes: Vec<Change>,
        /// Those of the changes that leave rows behind.
        left: Vec<Change>,
    },
    /// It is not in order. Nothing was changed.
    Invalid(Vec<Problem>),
    /// It is not read by this release, in words. Nothing was changed.
    Unreadable(String),
    /// It leaves rows of events behind, and nobody said that this is meant. Nothing was changed.
    Left(Vec<Change>),
    /// Another version is there than was expected. Nothing was changed.
    Changed,
}

#[async_trait]
impl Ask for GetSettings {
    const NAME: &'static str = "settings/get";
    const NEEDS: Role = Role::Reader;
    type Answer = Option<Kept>;

    async fn answer(self, ground: &Ground) -> Result<Option<Kept>, ManageError> {
        Ok(ground.place()?.read().await?)
    }
}

#[async_trait]
impl Ask for ShowSettings {
    const NAME: &'static str = "settings/show";
    const NEEDS: Role = Role::Reader;
    type Answer = EventSettings;

    async fn answer(self, ground: &Ground) -> Result<EventSettings, ManageError> {
        let document = ground.document().await?;
        Ok(self.event.map_or_else(|| document.defaults.clone(), |event| document.effective(&event)))
    }
}

#[async_trait]
impl Ask for SettingsHistory {
    const NAME: &'static str = "settings/history";
    const NEEDS: Role = Role::Reader;
    type Answer = Vec<String>;

    async fn answer(self, ground: &Ground) -> Result<Vec<String>, ManageError> {
        Ok(ground.place()?.history().await?)
    }
}

#[async_trait]
impl Ask for ReplacedSettings {
    const NAME: &'static str = "settings/replaced";
    const NEEDS: Role = Role::Reader;
    type Answer = Option<String>;

    async fn answer(self, ground: &Ground) -> Result<Option<String>, ManageError> {
        Ok(ground.place()?.replaced(&self.version).await?)
    }
}

#[async_trait]
impl Ask for ValidateSettings {
    const NAME: &'static str = "settings/validate";
    const NEEDS: Role = Role::Reader;
    type Answer = Vec<Problem>;

    async fn answer(self, ground: &Ground) -> Result<Vec<Problem>, ManageError> {
        match document::read(&self.text, &ground.prefix()?) {
            Ok(document) => problems(ground, &ground.dataverse()?, &document, true).await,
            Err(DocumentError::Invalid(problems)) => Ok(problems),
            Err(newer @ DocumentError::Newer { .. }) => Err(ManageError::Refused(newer.to_string())),
        }
    }
}

#[async_trait]
impl Ask for PutSettings {
    const NAME: &'static str = "settings/put";
    const NEEDS: Role = Role::Admin;
    type Answer = Placed;

    async fn answer(self, ground: &Ground) -> Result<Placed, ManageError> {
        let prefix = ground.prefix()?;
        let new = match document::read(&self.text, &prefix) {
            Ok(new) => new,
            Err(DocumentError::Invalid(problems)) => return Ok(Placed::Invalid(problems)),
            Err(newer @ DocumentError::Newer { .. }) => return Ok(Placed::Unreadable(newer.to_string())),
        };
        let place = ground.place()?;
        let before = place.read().await?;
        if before.as_ref().map(|kept| &kept.etag) != self.expected.as_ref() {
            return Ok(Placed::Changed);
        }
        // A document that cannot be read is no loss; whether rows are left behind cannot be told.
        let old = before.and_then(|kept| document::read(&kept.text, &prefix).ok());
        let old = old.unwrap_or_else(|| Document::under(&prefix));
        let client = if self.offline { None } else { Some(ground.dataverse()?) };
        if let Some(client) = &client {
            let problems = problems(ground, client, &new, false).await?;
            if !problems.is_empty() {
                return Ok(Placed::Invalid(problems));
            }
        }
        let changes = document::changes(&old, &new);
        let mut left = Vec::new();
        for change in changes.iter().filter(|change| change.is_grave()) {
            if has_rows(client.as_deref(), change, &old).await? {
                left.push(change.clone());
            }
        }
        if !left.is_empty() && !self.yes {
            return Ok(Placed::Left(left));
        }
        match place.write(&self.text, self.expected.as_ref()).await {
            Ok(version) => Ok(Placed::Done { version, changes, left }),
            Err(PlaceError::Changed) => Ok(Placed::Changed),
            Err(error) => Err(error.into()),
        }
    }
}

async fn problems(
    ground: &Ground,
    client: &Arc<Client>,
    document: &Document,
    doubts: bool,
) -> Result<Vec<Problem>, ManageError> {
    check::problems(client, ground.application_user(), document, doubts).await.map_err(|failure| {
        ManageError::Unavailable(match failure {
            Failure::Held(hold) => hold.remedy().to_owned(),
            _ => "Dataverse does not tell its definitions.".to_owned(),
        })
    })
}

/// Whether an event has rows where the old settings put them. Where nobody can be asked, it is taken to have some.
async fn has_rows(client: Option<&Client>, change: &Change, old: &Document) -> Result<bool, ManageError> {
    let Some(client) = client else { return Ok(true) };
    let settings = change.event.as_ref().map_or_else(|| old.defaults.clone(), |event| old.effective(event));
    let Some(table) = definition::table(client, &settings.activity_table).await? else {
        return Ok(false);
    };
    // The platform's own tables do not say which event a row is about.
    let event_id = Names::of(&old.prefix).event_id;
    if !table.columns.contains(event_id) {
        return Ok(true);
    }
    let named: Vec<&str> = old.events.keys().map(String::as_str).collect();
    let filter = match &change.event {
        Some(event) => format!("{event_id} eq {}", query::text(event)),
        None if named.is_empty() => format!("{event_id} ne null"),
        None => format!("{event_id} ne null and not {}", query::is_one_of(event_id, named)),
    };
    let query = format!("{}&$top=1", query::select(&table.set, &[&table.key], &filter));
    let found = client.read(vec![query]).await?;
    Ok(found.into_iter().flatten().next().is_some())
}
