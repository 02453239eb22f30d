//! `ParkPoisonedEvents` (queue `inevent-events-poison`) and `ParkPoisonedWebhooks` (queue `inevent-hydrate-poison`): what the host gave
//! up on, parked before the host's copy expires.
//!
//! They have no poison queue of their own: after a failure their message is out of sight for ten minutes, and after `maxDequeueCount`
//! failures it is never delivered again. So they do not fail: what cannot be parked now goes back to the queue, where it stays.

use std::time::Duration;

use super::{answer::Ran, invocation::QueueInvocation, parking::park_poison, services::App};
use crate::queue::{PutOptions, Queue, QueueError};

/// How long parking may take before the message goes back.
const PATIENCE: Duration = Duration::from_secs(3 * 60);
/// When a message that could not be parked is looked at again.
const AGAIN: Duration = Duration::from_secs(60);

/// Which poison queue a message is from.
#[derive(Debug, Clone, Copy)]
pub enum Poisoned {
    Events,
    Webhooks,
}

pub async fn run(app: &App, poisoned: Poisoned, invocation: Result<QueueInvocation, &'static str>, body: &[u8]) -> Ran {
    let services = app.services().await?;
    let text = match invocation {
        Ok(invocation) => invocation.text,
        // Not what hosts are known to send. What it is can be told from the parked record.
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    let why = match tokio::time::timeout(PATIENCE, park_poison(services, &text)).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "storage does not answer".to_owned(),
    };
    let queue = match poisoned {
        Poisoned::Events => &*services.poison,
        Poisoned::Webhooks => &*services.hydrate_poison,
    };
    match put_back(queue, &text).await {
        Ok(()) => {
            tracing::warn!(why, "a poisoned message was not parked; it waits in its queue");
            Ok(())
        }
        Err(error) => {
            tracing::error!(why, %error, "a poisoned message could be neither parked nor put back; the host keeps it");
            Err("the poisoned message was neither parked nor put back".to_owned())
        }
    }
}

/// As a new message, which does not expire as the host's does and begins with a new dequeue count.
async fn put_back(queue: &dyn Queue, text: &str) -> Result<(), QueueError> {
    match queue.put(text, PutOptions::after(AGAIN)).await {
        Err(QueueError::NoSuchQueue) => {
            queue.create().await?;
            queue.put(text, PutOptions::after(AGAIN)).await
        }
        put => put,
    }
}
