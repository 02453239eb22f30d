//! The connection test.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Ask, Ground, ManageError, Role};
use crate::{
    functions::{connect, http_client},
    settings::{
        DataverseSettings,
        document::{self, Document},
        kept,
    },
    setup::check::{self, Line, State},
};

/// Whether everything that the connector needs is there.
#[derive(Debug, Serialize, Deserialize)]
pub struct Check {}

/// Waits for the registration that `check --send` sent, and says where a person sees its row; `None` where it did not arrive so far.
#[derive(Debug, Serialize, Deserialize)]
pub struct TestArrival {
    pub sent: Timestamp,
    /// How long it is waited for, as far as one answer may take so long; 0 only looks.
    pub patience_ms: u64,
}

#[async_trait]
impl Ask for Check {
    const NAME: &'static str = "check";
    const NEEDS: Role = Role::Reader;
    type Answer = Vec<Line>;

    async fn answer(self, ground: &Ground) -> Result<Vec<Line>, ManageError> {
        let http = http_client().map_err(|error| ManageError::Unavailable(error.to_string()))?;
        let mut lines = Vec::new();
        let (document, read) = settings(ground).await;
        lines.push(read);
        dataverse(ground, &http, &document, &mut lines).await;
        match ground.storage() {
            Ok(storage) => lines.extend(check::storage(storage).await),
            Err(why) => lines.push(Line::wrong("storage", why.to_string())),
        }
        let store = ground.storage().ok().map(|storage| storage.store.clone());
        lines.push(check::inevent(ground.lookup(), store).await);
        Ok(lines)
    }
}

#[async_trait]
impl Ask for TestArrival {
    const NAME: &'static str = "check/arrival";
    const NEEDS: Role = Role::Reader;
    type Answer = Option<String>;

    async fn answer(self, ground: &Ground) -> Result<Option<String>, ManageError> {
        let patience = Duration::from_millis(self.patience_ms).min(ground.patience());
        let (client, document) = (ground.dataverse()?, ground.document().await?);
        check::arrival(&client, &document, self.sent, patience).await.map_err(ManageError::Unavailable)
    }
}

async fn dataverse(ground: &Ground, http: &reqwest::Client, document: &Document, lines: &mut Vec<Line>) {
    let settings = match DataverseSettings::read(&ground.lookup()) {
        Ok(settings) => settings,
        Err(problems) => {
            lines.extend(problems.into_iter().map(|problem| Line::wrong("app settings", problem.0)));
            return;
        }
    };
    lines.extend(check::address(http, &settings, Timestamp::now()).await);
    if lines.iter().any(|line| line.name == "address" && line.state == State::Wrong) {
        return;
    }
    let signed = match connect(&settings) {
        Ok(signed) => signed,
        Err(held) => {
            lines.push(Line::wrong("app settings", held.remedy));
            return;
        }
    };
    let (found, me) = check::credentials(&signed.client, signed.credential.as_deref()).await;
    lines.extend(found);
    if let Some(me) = me {
        lines.extend(check::environment(&signed.client, &me, document).await);
    }
}

/// The settings in force; the defaults where they cannot be read.
async fn settings(ground: &Ground) -> (Document, Line) {
    const NAME: &str = "settings document";
    // One that cannot be used is told of among the app settings.
    let prefix = ground.prefix().unwrap_or_default();
    let defaults = || Document::under(&prefix);
    let remedy = "Mend it; `settings validate FILE` says what is wrong with one.";
    if ground.storage().is_err() && ground.setting(kept::SETTINGS_FILE).is_none() {
        return (defaults(), Line::not_checked(NAME, "It is kept in the storage account."));
    }
    let place = match ground.place_in_force() {
        Ok(Some(place)) => place,
        Ok(None) => return (defaults(), Line::ok(NAME, "none: the defaults hold")),
        Err(why) => return (defaults(), Line::wrong(NAME, why.to_string())),
    };
    match place.read().await {
        Ok(None) => (defaults(), Line::ok(NAME, "none: the defaults hold")),
        Ok(Some(kept)) => match document::read(&kept.text, &prefix) {
            Ok(document) => (document, Line::ok(NAME, "can be read")),
            Err(error) => (defaults(), Line::wrong(NAME, format!("{error} {remedy}"))),
        },
        Err(error) => (defaults(), Line::wrong(NAME, format!("{error}. {remedy}"))),
    }
}
