//! Where the events of a pass go.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{
    model::{Kind, ParticipantEvent, validate},
    parked::{self, Original, Parked},
    queue::{
        Bodies, PutOptions, Queue, QueueError,
        envelope::{self, History},
    },
    store::{Store, StoreError},
};

/// Takes events.
#[async_trait]
pub trait Outlet: Send + Sync {
    /// They are durable when this returns.
    ///
    /// # Errors
    /// When they may not be; the same ones may be put again.
    async fn put(&self, events: Vec<ParticipantEvent>) -> Result<(), NotPut>;
}

/// Why events were not put.
#[derive(Debug, thiserror::Error)]
pub enum NotPut {
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Other(String),
}

/// The queue of events that are to be written.
pub struct QueueOutlet {
    pub queue: Arc<dyn Queue>,
    pub bodies: Arc<dyn Bodies>,
    pub store: Arc<dyn Store>,
}

#[async_trait]
impl Outlet for QueueOutlet {
    async fn put(&self, events: Vec<ParticipantEvent>) -> Result<(), NotPut> {
        let now = Timestamp::now();
        let mut good = Vec::with_capacity(events.len());
        for event in events {
            let event = with_an_address_or_none(event);
            match validate::check(&event, now).first() {
                None => good.push(event),
                Some(problem) => {
                    let reason =
                        format!("InEvent says what the connector does not take: {} {}", problem.path, problem.problem);
                    let original = Original::Event(Box::new(event));
                    let parked = Parked { kind: parked::Kind::Undecoded, code: None, reason, trace_id: None, original };
                    parked::park(&*self.store, &parked, now).await?;
                }
            }
        }
        if !good.is_empty() {
            let history = History::new(now, None);
            envelope::put(&*self.queue, &*self.bodies, &history, &good, PutOptions::default()).await?;
        }
        Ok(())
    }
}

/// Somebody whose address is none is a guest without one: what else is known of them counts.
fn with_an_address_or_none(mut event: ParticipantEvent) -> ParticipantEvent {
    if let Some(participant) = &mut event.participant
        && participant.email.as_deref().is_some_and(|email| crate::model::Address::parse(email).is_err())
    {
        participant.email = None;
    }
    event
}

/// Events in runs, as they come.
pub struct Run<'a> {
    outlet: &'a dyn Outlet,
    waiting: Vec<ParticipantEvent>,
    /// How many were put.
    pub sent: u64,
}

/// Events that are put at once.
const RUN: usize = 500;

impl<'a> Run<'a> {
    pub fn into(outlet: &'a dyn Outlet) -> Self {
        Self { outlet, waiting: Vec::new(), sent: 0 }
    }

    pub async fn put(&mut self, event: ParticipantEvent) -> Result<(), NotPut> {
        // What closes comes after everything that was said before.
        let closes = matches!(event.kind, Kind::EventClosed | Kind::SessionClosed);
        if closes || self.waiting.len() >= RUN {
            self.flush().await?;
        }
        self.waiting.push(event);
        Ok(())
    }

    pub async fn flush(&mut self) -> Result<(), NotPut> {
        let events = std::mem::take(&mut self.waiting);
        self.sent += events.len() as u64;
        if events.is_empty() { Ok(()) } else { self.outlet.put(events).await }
    }
}
