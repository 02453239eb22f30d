//! The connection test.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Ask, Ground, ManageError, Role};
use crate::{
    dataverse::Client,
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

#[async_trait]
impl Ask for Check {
    const NAME: &'static str = "check";
    const NEEDS: Role = Role::Reader;
    type Answer = Vec<Line>;

    async fn answer(self, ground: &Ground) -> Result<Vec<Line>, ManageError> {
        Ok(checked(ground).await?.0)
    }
}

/// The lines; the environment, as far as it answers; and the settings in force, the defaults where they cannot be read.
///
/// # Errors
/// When the machine has no usable TLS.
pub async fn checked(ground: &Ground) -> Result<(Vec<Line>, Option<Arc<Client>>, Document), ManageError> {
    let http = http_client().map_err(|error| ManageError::Unavailable(error.to_string()))?;
    let mut lines = Vec::new();
    let (document, read) = settings(ground).await;
    lines.push(read);
    let client = dataverse(ground, &http, &document, &mut lines).await;
    match ground.storage() {
        Ok(storage) => lines.extend(check::storage(storage).await),
        Err(why) => lines.push(Line::wrong("storage", why.to_string())),
    }
    let store = ground.storage().ok().map(|storage| storage.store.clone());
    lines.push(check::inevent(ground.lookup(), store).await);
    Ok((lines, client, document))
}

async fn dataverse(
    ground: &Ground,
    http: &reqwest::Client,
    document: &Document,
    lines: &mut Vec<Line>,
) -> Option<Arc<Client>> {
    let settings = match DataverseSettings::read(&ground.lookup()) {
        Ok(settings) => settings,
        Err(problems) => {
            lines.extend(problems.into_iter().map(|problem| Line::wrong("app settings", problem.0)));
            return None;
        }
    };
    lines.extend(check::address(http, &settings, Timestamp::now()).await);
    if lines.iter().any(|line| line.name == "address" && line.state == State::Wrong) {
        return None;
    }
    let signed = match connect(&settings) {
        Ok(signed) => signed,
        Err(held) => {
            lines.push(Line::wrong("app settings", held.remedy));
            return None;
        }
    };
    let (found, me) = check::credentials(&signed.client, signed.credential.as_deref()).await;
    lines.extend(found);
    lines.extend(check::environment(&signed.client, &me?, document).await);
    Some(signed.client)
}

/// The settings in force; the defaults where they cannot be read.
async fn settings(ground: &Ground) -> (Document, Line) {
    const NAME: &str = "settings document";
    // One that cannot be used is told of among the app settings.
    let prefix = ground.prefix().unwrap_or_default();
    let defaults = || Document::under(&prefix);
    let remedy = "Mend it; `settings validate FILE` says what is wrong with one.";
    let has_file = ground.setting(kept::SETTINGS_FILE).is_some();
    #[cfg(feature = "local")]
    let desk = ground.setting(crate::functions::DESK_STORAGE).is_some() && !has_file;
    #[cfg(not(feature = "local"))]
    let desk = false;
    if desk {
        return (defaults(), Line::ok(NAME, "none: the defaults hold"));
    }
    if ground.storage().is_err() && !has_file {
        return (defaults(), Line::not_checked(NAME, "It is kept in the storage account."));
    }
    let place = match ground.place() {
        Ok(place) => place,
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
