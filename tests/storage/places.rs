//! The kinds of storage that are held to the contracts.

use std::{path::PathBuf, sync::Arc};

use inevent_d365::{
    azure::Account,
    queue::{AzureBlobBodies, AzureQueues, Bodies, Queue, Queues, SqliteBodies, SqliteQueues},
    store::{AzureTableStore, SqliteStore, Store},
};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::azurite::Azurite;

/// One for all tests: it takes two seconds to start. It goes when the test process does.
static AZURITE: OnceCell<Azurite> = OnceCell::const_new();

pub struct Place {
    pub queues: Arc<dyn Queues>,
    pub bodies: Arc<dyn Bodies>,
    pub store: Arc<dyn Store>,
    /// Whatever the place has is here, to be used up by the test alone.
    _folder: Option<TempDir>,
}

impl Place {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file: PathBuf = folder.path().join("desk.db");
        Self {
            queues: Arc::new(SqliteQueues::open(&file).unwrap()),
            bodies: Arc::new(SqliteBodies::open(&file).unwrap()),
            store: Arc::new(SqliteStore::open(&file).unwrap()),
            _folder: Some(folder),
        }
    }

    pub async fn azure() -> Self {
        let account = azurite_account().await;
        let container = unique("bodies");
        let tables = format!("t{}", &Uuid::new_v4().simple().to_string()[..16]);
        Self {
            queues: Arc::new(AzureQueues::new(&account).unwrap()),
            bodies: Arc::new(AzureBlobBodies::new(&account, &container).unwrap()),
            store: Arc::new(AzureTableStore::new(&account, &tables).unwrap()),
            _folder: None,
        }
    }

    /// A new, empty queue.
    pub async fn queue(&self) -> Arc<dyn Queue> {
        let queue = self.queues.queue(&unique("queue")).unwrap();
        queue.create().await.unwrap();
        queue
    }
}

pub async fn azurite_account() -> Account {
    Account::from_connection_string(&azurite_connection_string().await).unwrap()
}

pub async fn azurite_connection_string() -> String {
    AZURITE.get_or_init(Azurite::start).await.connection_string()
}

pub fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", Uuid::new_v4())
}
