//! The connector's own storage.

use std::time::Duration;

use super::Line;
use crate::{
    functions::{EVENTS_QUEUE, Storage},
    queue::QueueError,
    store::Key,
};

const PATIENCE: Duration = Duration::from_secs(15);
const ROLES: &str = "Whoever runs this needs the roles Storage Queue Data Contributor, Storage Table Data Contributor and \
                     Storage Blob Data Contributor on the account, and its network must let this machine in.";

/// Whether queue and tables answer.
pub async fn storage(storage: &Storage) -> Vec<Line> {
    let queue = async {
        let length = storage.queues.queue(EVENTS_QUEUE)?.approximate_len().await;
        match length {
            // The connector makes it when it first needs it.
            Err(QueueError::NoSuchQueue) => Ok(0),
            length => length,
        }
    };
    let queue = match tokio::time::timeout(PATIENCE, queue).await {
        Ok(Ok(length)) => Line::ok("queue", format!("answers; about {length} messages wait")),
        Ok(Err(error)) => Line::wrong("queue", format!("{error}. {ROLES}")),
        Err(_) => Line::wrong("queue", format!("It does not answer. {ROLES}")),
    };
    let nothing = Key::new("check", "check", "check");
    let store = match tokio::time::timeout(PATIENCE, storage.store.get(&nothing)).await {
        Ok(Ok(_)) => Line::ok("store", "answers"),
        Ok(Err(error)) => Line::wrong("store", format!("{error}. {ROLES}")),
        Err(_) => Line::wrong("store", format!("It does not answer. {ROLES}")),
    };
    vec![queue, store]
}
