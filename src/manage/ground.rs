//! What administration works on: the storage, the settings document, and the ways to Dataverse and InEvent, as settings name them.

use std::sync::Arc;

use super::ManageError;
use crate::{
    dataverse::Client,
    functions::{Storage, connect},
    settings::{
        DataverseSettings, Prefix, SettingProblem,
        document::{self, Document},
        kept::{self, SettingsPlace},
    },
    store::Store,
};

type Lookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// One connector's storage and settings. Nothing is called before it is needed.
pub struct Ground {
    lookup: Lookup,
    storage: Result<Storage, String>,
}

impl Ground {
    /// `lookup` gives settings by name; blank ones count as absent.
    pub fn open(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        let lookup = move |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
        Self { storage: Storage::open(&lookup), lookup: Arc::new(lookup) }
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
        match self.place()?.read().await? {
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
        connect(&settings).map(|signed| signed.client).map_err(|held| ManageError::Unavailable(held.remedy))
    }
}

fn told(problems: Vec<SettingProblem>) -> ManageError {
    let problems: Vec<String> = problems.into_iter().map(|problem| problem.0).collect();
    ManageError::Unavailable(problems.join(" "))
}
