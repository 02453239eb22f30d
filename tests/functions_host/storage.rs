//! Queues in memory, and what was done to them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use inevent_d365::queue::{Message, Peeked, PutOptions, Queue, QueueError, Queues, Receipt};
use jiff::Timestamp;

#[derive(Debug, Clone, Default)]
pub struct MemoryQueues(Arc<Mutex<BTreeMap<String, Contents>>>);

#[derive(Debug, Default)]
struct Contents {
    entries: Vec<Entry>,
    last_id: u64,
    /// How often messages were asked for.
    looks: Vec<Instant>,
    /// For how long messages were hidden by `receive` and `renew`.
    hidden_for: Vec<Duration>,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub text: String,
    pub time_to_live: Option<Duration>,
    pub dequeue_count: u32,
    id: String,
    inserted: Timestamp,
    visible_at: Instant,
    receipt: u64,
}

impl MemoryQueues {
    pub fn create(&self, name: &str) {
        self.lock().entry(name.to_owned()).or_default();
    }

    /// Adds a message, making the queue.
    pub fn put(&self, name: &str, text: &str) {
        self.create(name);
        self.lock().get_mut(name).unwrap().add(text, PutOptions::default());
    }

    /// What the queue holds, visible or not; `None` if there is no such queue.
    pub fn entries(&self, name: &str) -> Option<Vec<Entry>> {
        self.lock().get(name).map(|contents| contents.entries.clone())
    }

    pub fn texts(&self, name: &str) -> Vec<String> {
        self.entries(name).unwrap_or_default().into_iter().map(|entry| entry.text).collect()
    }

    pub fn is_empty(&self, name: &str) -> bool {
        self.texts(name).is_empty()
    }

    pub fn hidden_for(&self, name: &str) -> Vec<Duration> {
        self.lock().get(name).map(|contents| contents.hidden_for.clone()).unwrap_or_default()
    }

    pub fn looks(&self, name: &str) -> Vec<Instant> {
        self.lock().get(name).map(|contents| contents.looks.clone()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Contents>> {
        self.0.lock().unwrap()
    }
}

impl Contents {
    fn add(&mut self, text: &str, options: PutOptions) {
        self.last_id += 1;
        self.entries.push(Entry {
            text: text.to_owned(),
            time_to_live: options.time_to_live,
            dequeue_count: 0,
            id: format!("00000000-0000-0000-0000-{:012}", self.last_id),
            inserted: Timestamp::now(),
            visible_at: Instant::now() + options.visible_after,
            receipt: 0,
        });
    }

    fn held(&mut self, receipt: &Receipt) -> Result<usize, QueueError> {
        let held = |entry: &Entry| entry.id == receipt.message_id && entry.receipt.to_string() == receipt.pop_receipt;
        self.entries.iter().position(held).ok_or(QueueError::ReceiptVoid)
    }
}

impl Queues for MemoryQueues {
    fn queue(&self, name: &str) -> Result<Arc<dyn Queue>, QueueError> {
        if name.contains(' ') {
            return Err(QueueError::BadName(name.to_owned()));
        }
        Ok(Arc::new(MemoryQueue { name: name.to_owned(), queues: self.clone() }))
    }
}

#[derive(Debug)]
struct MemoryQueue {
    name: String,
    queues: MemoryQueues,
}

impl MemoryQueue {
    fn with<T>(&self, act: impl FnOnce(&mut Contents) -> Result<T, QueueError>) -> Result<T, QueueError> {
        act(self.queues.lock().get_mut(&self.name).ok_or(QueueError::NoSuchQueue)?)
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    fn name(&self) -> &str {
        &self.name
    }

    async fn create(&self) -> Result<(), QueueError> {
        self.queues.create(&self.name);
        Ok(())
    }

    async fn put(&self, text: &str, options: PutOptions) -> Result<(), QueueError> {
        self.with(|contents| {
            contents.add(text, options);
            Ok(())
        })
    }

    async fn receive(&self, max: usize, invisible_for: Duration) -> Result<Vec<Message>, QueueError> {
        self.with(|contents| {
            let now = Instant::now();
            contents.looks.push(now);
            let visible = contents.entries.iter_mut().filter(|entry| entry.visible_at <= now);
            let messages = visible.take(max).map(|entry| {
                entry.dequeue_count += 1;
                entry.receipt += 1;
                entry.visible_at = now + invisible_for;
                Message {
                    id: entry.id.clone(),
                    text: entry.text.clone(),
                    dequeue_count: entry.dequeue_count,
                    inserted: entry.inserted,
                    expires: entry.inserted + entry.time_to_live.unwrap_or(Duration::from_secs(7 * 86_400)),
                    next_visible: Timestamp::now() + invisible_for,
                    receipt: Receipt { message_id: entry.id.clone(), pop_receipt: entry.receipt.to_string() },
                }
            });
            let messages: Vec<Message> = messages.collect();
            contents.hidden_for.extend(messages.iter().map(|_| invisible_for));
            Ok(messages)
        })
    }

    async fn renew(&self, receipt: &Receipt, invisible_for: Duration) -> Result<Receipt, QueueError> {
        self.with(|contents| {
            let at = contents.held(receipt)?;
            let entry = &mut contents.entries[at];
            entry.receipt += 1;
            entry.visible_at = Instant::now() + invisible_for;
            let renewed = Receipt { message_id: entry.id.clone(), pop_receipt: entry.receipt.to_string() };
            contents.hidden_for.push(invisible_for);
            Ok(renewed)
        })
    }

    async fn delete(&self, receipt: &Receipt) -> Result<(), QueueError> {
        self.with(|contents| {
            let at = contents.held(receipt)?;
            contents.entries.remove(at);
            Ok(())
        })
    }

    async fn approximate_len(&self) -> Result<u64, QueueError> {
        self.with(|contents| Ok(contents.entries.len() as u64))
    }

    async fn front(&self) -> Result<Vec<Peeked>, QueueError> {
        self.with(|contents| {
            let now = Instant::now();
            let visible = contents.entries.iter().filter(|entry| entry.visible_at <= now);
            Ok(visible.map(|entry| Peeked { text: entry.text.clone(), inserted: entry.inserted }).collect())
        })
    }
}
