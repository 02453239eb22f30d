//! The storage that the functions and the commands share.

use std::sync::Arc;

use super::{EVENTS_QUEUE, HYDRATE_QUEUE};
use crate::{
    azure::Account,
    queue::{AzureBlobBodies, AzureQueues, Bodies, Queue, QueueError, Queues},
    store::{AzureTableStore, Store},
};

/// Names a SQLite file that stands in for the storage account (feature `local` only).
#[cfg(feature = "local")]
pub const DESK_STORAGE: &str = "INEVENT_D365_DESK_STORAGE";

/// One storage place: the account, or the desk's file.
pub struct Storage {
    pub queues: Arc<dyn Queues>,
    pub bodies: Arc<dyn Bodies>,
    pub store: Arc<dyn Store>,
}

impl Storage {
    /// The place that the settings name. No call is made to an account.
    ///
    /// # Errors
    /// In words for the person who mends it.
    pub fn open(lookup: &(dyn Fn(&str) -> Option<String> + Send + Sync)) -> Result<Self, String> {
        #[cfg(feature = "local")]
        if let Some(path) = lookup(DESK_STORAGE) {
            use crate::{
                queue::{SqliteBodies, SqliteQueues},
                store::SqliteStore,
            };
            return Ok(Self {
                queues: Arc::new(SqliteQueues::open(&path).map_err(|error| error.to_string())?),
                bodies: Arc::new(SqliteBodies::open(&path).map_err(|error| error.to_string())?),
                store: Arc::new(SqliteStore::open(&path).map_err(|error| error.to_string())?),
            });
        }
        let account = Account::from_settings("AzureWebJobsStorage", &lookup).map_err(|error| error.to_string())?;
        Ok(Self {
            queues: Arc::new(AzureQueues::new(&account).map_err(|error| error.to_string())?),
            bodies: Arc::new(AzureBlobBodies::new(&account, "inevent-bodies").map_err(|error| error.to_string())?),
            store: Arc::new(AzureTableStore::new(&account, "inevent").map_err(|error| error.to_string())?),
        })
    }

    /// Where participant events wait to be written.
    ///
    /// # Errors
    /// When the storage does not answer.
    pub async fn events(&self) -> Result<Arc<dyn Queue>, QueueError> {
        self.created(EVENTS_QUEUE).await
    }

    /// Where webhooks wait to be completed.
    ///
    /// # Errors
    /// When the storage does not answer.
    pub async fn webhooks(&self) -> Result<Arc<dyn Queue>, QueueError> {
        self.created(HYDRATE_QUEUE).await
    }

    async fn created(&self, name: &str) -> Result<Arc<dyn Queue>, QueueError> {
        let queue = self.queues.queue(name)?;
        queue.create().await?;
        Ok(queue)
    }
}
