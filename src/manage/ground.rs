//! What administration works on: the storage, the settings document, and the ways to Dataverse and InEvent, as settings name them.

use std::{sync::Arc, time::Duration};

use super::ManageError;
use crate::{
    azure::Identity,
    dataverse::Client,
    functions::{Storage, WebhookKeys, connect, connect_inevent, keys_of_webhooks, settings_place},
    inevent,
    settings::{
        DataverseSettings, InEventSettings, Prefix, SettingProblem, SignIn,
        document::{self, Document},
        kept::{self, SettingsPlace},
    },
    setup::check::ApplicationUser,
    store::Store,
    sync::{DataverseCrm, current::CurrentSettings, engine::Engine, outcome::Held},
};

/// How long somebody waits at a terminal.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

type Lookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// One connector's storage and settings. Nothing is called before it is needed.
pub struct Ground {
    lookup: Lookup,
    storage: Result<Storage, String>,
    patience: Duration,
}

impl Ground {
    /// `lookup` gives settings by name; blank ones count as absent.
    pub fn open(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        let lookup = move |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
        Self { storage: Storage::open(&lookup), lookup: Arc::new(lookup), patience: LONGEST }
    }

    /// The same for answers that have to come within so long.
    #[must_use]
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How long one answer may go on. What takes longer says that there is more, or that it ended early.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    pub fn setting(&self, name: &str) -> Option<String> {
        (self.lookup)(name)
    }

    pub(super) fn lookup(&self) -> &(dyn Fn(&str) -> Option<String> + Send + Sync) {
        &*self.lookup
    }

    /// # Errors
    /// When the settings name no storage that can be used.
    pub fn storage(&self) -> Result<&Storage, ManageError> {
        self.storage.as_ref().map_err(|why| ManageError::Unavailable(why.clone()))
    }

    /// # Errors
    /// As [`Ground::storage`].
    pub fn store(&self) -> Result<&dyn Store, ManageError> {
        Ok(&*self.storage()?.store)
    }

    /// Where the settings document is kept.
    ///
    /// # Errors
    /// When the settings name no place that can be used.
    pub fn place(&self) -> Result<Arc<dyn SettingsPlace>, ManageError> {
        kept::place(&self.lookup()).map_err(ManageError::Unavailable)
    }

    /// The same; none on a desk where the defaults hold.
    pub(super) fn place_in_force(&self) -> Result<Option<Arc<dyn SettingsPlace>>, ManageError> {
        settings_place(self.lookup()).map_err(ManageError::Unavailable)
    }

    /// What the names of the connector's tables and columns begin with.
    ///
    /// # Errors
    /// When what is set can be no prefix.
    pub fn prefix(&self) -> Result<Prefix, ManageError> {
        Prefix::read(&self.lookup()).map_err(|problem| told(vec![problem]))
    }

    /// The settings document in force.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn document(&self) -> Result<Document, ManageError> {
        let prefix = self.prefix()?;
        let kept = match self.place_in_force()? {
            Some(place) => place.read().await?,
            None => None,
        };
        match kept {
            None => Ok(Document::under(&prefix)),
            Some(kept) => document::read(&kept.text, &prefix).map_err(|error| ManageError::Refused(error.to_string())),
        }
    }

    /// The environment that the connector writes to.
    ///
    /// # Errors
    /// What is missing in the settings.
    pub fn dataverse(&self) -> Result<Arc<Client>, ManageError> {
        let settings = DataverseSettings::read(&self.lookup()).map_err(told)?;
        connect(&settings).map(|signed| signed.client).map_err(held)
    }

    /// Who the connector is there. Where a person signs in instead, the settings tell its application.
    pub fn application_user(&self) -> ApplicationUser {
        let sign_in = DataverseSettings::read(&self.lookup()).map(|settings| settings.sign_in);
        if !matches!(sign_in, Ok(SignIn::ManagedIdentity(Identity::AzureCli))) {
            return ApplicationUser::SignedIn;
        }
        let application = self.setting("DATAVERSE_CLIENT_ID").or_else(|| self.setting("AZURE_CLIENT_ID"));
        let application = application.and_then(|id| id.trim().parse().ok());
        application.map_or(ApplicationUser::Unknown, ApplicationUser::Of)
    }

    /// What plans the connector's writes to that environment, under the settings in force.
    ///
    /// # Errors
    /// As [`Ground::storage`], or what is missing in the settings.
    pub fn engine(&self, dataverse: Arc<Client>) -> Result<Engine, ManageError> {
        let settings = DataverseSettings::read(&self.lookup()).map_err(told)?;
        let rules = self.place_in_force()?.map_or_else(CurrentSettings::defaults, CurrentSettings::kept);
        let crm = Arc::new(DataverseCrm::new(dataverse, &settings.prefix));
        Ok(Engine::new(crm, self.storage()?.store.clone(), settings.tenant).with_settings(rules))
    }

    /// InEvent's API. Where there is a store, calls take turns with those of the connector.
    ///
    /// # Errors
    /// What is missing in the settings.
    pub fn inevent(&self) -> Result<inevent::Client, ManageError> {
        let settings = InEventSettings::read(&self.lookup()).map_err(told)?;
        let store = self.storage().ok().map(|storage| storage.store.clone());
        connect_inevent(&settings, store).map_err(held)
    }

    /// The keys that InEvent's webhooks carry.
    ///
    /// # Errors
    /// What is missing in the settings.
    pub fn webhook_keys(&self) -> Result<WebhookKeys, ManageError> {
        keys_of_webhooks(&self.lookup()).map_err(held)
    }
}

fn held(held: Held) -> ManageError {
    ManageError::Unavailable(held.remedy)
}

fn told(problems: Vec<SettingProblem>) -> ManageError {
    let problems: Vec<String> = problems.into_iter().map(|problem| problem.0).collect();
    ManageError::Unavailable(problems.join(" "))
}
