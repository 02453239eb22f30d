//! A durable work queue with the semantics of Azure Storage Queues: at least once, no order,
//! a received message is invisible for a while and comes back unless it is deleted.
//!
//! What a message means is not known here. Two kinds stand behind the traits: Azure Storage, and SQLite for the desk.

mod azure;
pub mod backoff;
mod bodies;
pub mod envelope;
mod rules;
#[cfg(feature = "local")]
mod sqlite;
mod xml_text;

pub use azure::AzureQueues;
pub use bodies::AzureBlobBodies;
#[cfg(feature = "local")]
pub use bodies::SqliteBodies;
#[cfg(feature = "local")]
pub use sqlite::SqliteQueues;
pub use xml_text::xml_safe_json;

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;

/// The most a queue message may weigh, in bytes of UTF-8, under `messageEncoding: none`.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// Opens the queues of one storage place.
pub trait Queues: Send + Sync + Debug {
    /// The queue of this name. No call is made until the queue is used.
    ///
    /// # Errors
    /// When the name is not a valid queue name.
    fn queue(&self, name: &str) -> Result<Arc<dyn Queue>, QueueError>;
}

/// One queue.
#[async_trait]
pub trait Queue: Send + Sync + Debug {
    fn name(&self) -> &str;

    /// Creates the queue; that it exists already is success.
    async fn create(&self) -> Result<(), QueueError>;

    /// Adds a message. It is durable when this returns.
    ///
    /// The text is passed through [`xml_safe_json`], so a JSON text may come back spelled differently, but with the
    /// same meaning. Azure counts delays in whole seconds (a fraction is rounded up).
    ///
    /// A lost answer is retried, so the message may be added twice: consumers are idempotent.
    async fn put(&self, text: &str, options: PutOptions) -> Result<(), QueueError>;

    /// Takes up to `max` (1 to 32) visible messages and hides them for `invisible_for`.
    async fn receive(&self, max: usize, invisible_for: Duration) -> Result<Vec<Message>, QueueError>;

    /// Hides a received message for `invisible_for` from now on; zero makes it visible at once.
    /// The receipt given is void afterwards, the one returned replaces it.
    async fn renew(&self, receipt: &Receipt, invisible_for: Duration) -> Result<Receipt, QueueError>;

    /// Removes a received message for good.
    async fn delete(&self, receipt: &Receipt) -> Result<(), QueueError>;

    /// How many messages the queue holds, invisible ones included; an estimate that is never too low.
    async fn approximate_len(&self) -> Result<u64, QueueError>;

    /// The messages at the front that anybody could receive now; none of them is touched. What is invisible is not seen, and of a
    /// long queue only some 30 messages are.
    async fn front(&self) -> Result<Vec<Peeked>, QueueError>;
}

/// A message that was looked at and not received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peeked {
    pub text: String,
    pub inserted: Timestamp,
}

/// When an added message appears and when it dies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// How long the message stays invisible first; at most seven days.
    pub visible_after: Duration,
    /// `None`: never expires (time-to-live −1), which is what the connector always uses.
    pub time_to_live: Option<Duration>,
}

impl PutOptions {
    /// Visible after `delay`, never expiring.
    pub fn after(delay: Duration) -> Self {
        Self { visible_after: delay, time_to_live: None }
    }
}

/// A received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: String,
    pub text: String,
    /// How often this message was received, this time included.
    pub dequeue_count: u32,
    pub inserted: Timestamp,
    pub expires: Timestamp,
    pub next_visible: Timestamp,
    pub receipt: Receipt,
}

/// The right to renew or delete a message, until it becomes visible again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub message_id: String,
    pub pop_receipt: String,
}

/// Why a queue operation failed.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The receipt is void: the message was received again or deleted.
    #[error("the message is no longer held by this receipt")]
    ReceiptVoid,
    #[error("the queue does not exist")]
    NoSuchQueue,
    #[error("the message weighs {bytes} bytes, more than a queue message may ({MAX_MESSAGE_BYTES})")]
    TooLarge { bytes: usize },
    /// The text holds a character that XML 1.0 cannot carry, and is not JSON in which it could be escaped.
    #[error("the message holds a character that a queue message cannot carry, at byte {at}")]
    Unsendable { at: usize },
    #[error("not a queue or container name (3 to 63 lower-case letters, digits and single hyphens): {0}")]
    BadName(String),
    #[error("not a key of a body (letters, digits, `-`, `/` between): {0}")]
    BadKey(String),
    /// The storage refused us (credentials, role, account): retrying does not help until it is mended.
    #[error("the queue storage refuses the connector: {0}")]
    Denied(String),
    /// Anything that may pass: network, time-out, server error.
    #[error("the queue storage did not answer as expected: {0}")]
    Unavailable(String),
}

/// Large bodies beside the queue: a message that would exceed [`MAX_MESSAGE_BYTES`] carries a key into this instead.
#[async_trait]
pub trait Bodies: Send + Sync + Debug {
    /// Stores the bytes under the key (letters, digits, `-`, `/`), replacing what was there. Durable when this returns.
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), QueueError>;

    /// The bytes under the key, or `None` if there are none.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, QueueError>;

    /// Removes the bytes; that there are none is success.
    async fn delete(&self, key: &str) -> Result<(), QueueError>;
}
