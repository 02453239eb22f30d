//! Backfills: everything that InEvent knows of an event, brought in on demand. A job is stored, so that whoever works on it may die.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::{
    model::SourceTime,
    store::{Key, Lease, Store, StoreError},
};

const KIND: &str = "backfill";
/// How long nobody else works on a job after a sign of life: longer than a slice, and what is read after the people.
pub const LEASE: Duration = Duration::from_secs(10 * 60);

/// One backfill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub id: String,
    pub event: String,
    /// Only who was changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<SourceTime>,
    /// Who is missing in InEvent is cancelled, however many they are.
    #[serde(default)]
    pub trusted: bool,
    pub asked: Timestamp,
    pub state: State,
    /// Where the next slice of people begins.
    #[serde(default)]
    pub offset: usize,
    #[serde(default)]
    pub people: usize,
    #[serde(default)]
    pub sent: u64,
    /// What somebody should look at, or why it failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Waiting,
    Done,
    /// InEvent does not know the event.
    Failed,
}

impl Job {
    pub fn new(event: String, since: Option<SourceTime>, trusted: bool, now: Timestamp) -> Self {
        Self {
            id: Uuid::now_v7().simple().to_string(),
            event,
            since,
            trusted,
            asked: now,
            state: State::Waiting,
            offset: 0,
            people: 0,
            sent: 0,
            note: None,
        }
    }

    fn key(&self) -> Key {
        Key::new(KIND, "job", &*self.id)
    }

    /// The right to work on it.
    pub async fn lease(&self, store: &dyn Store, holder: &str, now: Timestamp) -> Result<Option<Lease>, StoreError> {
        Lease::acquire(store, &format!("backfill-{}", self.id), holder, LEASE, now).await
    }
}

pub async fn save(store: &dyn Store, job: &Job) -> Result<(), StoreError> {
    store.put(&job.key(), &json!(job)).await.map(drop)
}

/// All jobs, the oldest first.
pub async fn all(store: &dyn Store) -> Result<Vec<Job>, StoreError> {
    let (mut jobs, mut next) = (Vec::new(), None);
    loop {
        let page = store.list(KIND, Some("job"), 1_000, next.as_deref()).await?;
        jobs.extend(page.records.into_iter().filter_map(|record| serde_json::from_value::<Job>(record.value).ok()));
        next = page.next;
        if next.is_none() {
            jobs.sort_by(|a, b| a.id.cmp(&b.id));
            return Ok(jobs);
        }
    }
}
