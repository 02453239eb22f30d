//! The turns of the processes that share a token.

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Priority, window::COUNTS};
use crate::store::{Key, Lease, Store, StoreError};

/// Who waits for the turn is kept beside the lease.
const KIND: &str = "leases";

/// How processes take turns.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// How long the turn of a process that died still counts.
    pub ttl: Duration,
    /// How long a turn is kept without a call.
    pub idle: Duration,
    /// How long a turn lasts at most while another process waits for something as urgent.
    pub slice: Duration,
    /// How often a waiting process looks whether it is its turn.
    pub look: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(15),
            idle: Duration::from_secs(2),
            slice: Duration::from_secs(20),
            look: Duration::from_secs(1),
        }
    }
}

/// Whether this process may call.
#[derive(Debug)]
enum Turn {
    /// It was not asked for.
    None,
    /// Others have it; when to ask again.
    NotBefore(Instant),
    Ours(Ours),
}

#[derive(Debug)]
struct Ours {
    lease: Lease,
    since: Instant,
    /// Whoever had it before may have called just then.
    first_call: Instant,
    last_call: Instant,
    renew_at: Instant,
    /// Another process goes first: no new calls.
    yielding: bool,
}

impl Ours {
    fn new(lease: Lease, terms: Terms) -> Self {
        let now = Instant::now();
        let first_call = now + COUNTS;
        Self { lease, since: now, first_call, last_call: first_call, renew_at: now + terms.ttl / 3, yielding: false }
    }
}

/// The turns of the processes that share a token: a lease, and beside it who waits for it with what.
pub(super) struct Turns {
    store: Arc<dyn Store>,
    /// Of the token.
    name: String,
    process: String,
    terms: Terms,
    /// What this process said that it waits for, and when.
    wanted: Option<(Priority, Timestamp)>,
    turn: Turn,
}

impl Turns {
    pub(super) fn new(store: Arc<dyn Store>, name: String, terms: Terms) -> Self {
        Self { store, name, process: Uuid::new_v4().to_string(), terms, wanted: None, turn: Turn::None }
    }

    pub(super) fn may_call(&self, now: Instant) -> bool {
        match &self.turn {
            Turn::Ours(ours) => !ours.yielding && now >= ours.first_call && ours.lease.is_held(Timestamp::now()),
            Turn::None | Turn::NotBefore(_) => false,
        }
    }

    /// A call was answered.
    pub(super) fn called(&mut self, at: Instant) {
        if let Turn::Ours(ours) = &mut self.turn {
            ours.last_call = at;
        }
    }

    pub(super) async fn give_back(&mut self) {
        if let Turn::Ours(ours) = std::mem::replace(&mut self.turn, Turn::None) {
            self.release(ours.lease).await;
        }
    }

    /// Takes, keeps or gives back the turn, by what is wanted here and whether calls are under way; says when to look again.
    pub(super) async fn look(&mut self, wanted: Option<Priority>, under_way: bool, now: Instant) -> Option<Instant> {
        match std::mem::replace(&mut self.turn, Turn::None) {
            Turn::NotBefore(at) if at > now && wanted.is_some() => {
                self.turn = Turn::NotBefore(at);
                Some(at)
            }
            Turn::None | Turn::NotBefore(_) => self.ask(wanted?).await,
            Turn::Ours(ours) => self.hold(ours, wanted, under_way, now).await,
        }
    }

    async fn ask(&mut self, priority: Priority) -> Option<Instant> {
        let lease = self.acquire(priority).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the turn to call InEvent could not be asked for");
            None
        });
        let (turn, at) = match lease.map(|lease| Ours::new(lease, self.terms)) {
            Some(ours) => {
                let at = ours.first_call;
                (Turn::Ours(ours), at)
            }
            None => {
                let at = Instant::now() + self.terms.look;
                (Turn::NotBefore(at), at)
            }
        };
        self.turn = turn;
        Some(at)
    }

    async fn hold(
        &mut self,
        mut ours: Ours,
        wanted: Option<Priority>,
        under_way: bool,
        now: Instant,
    ) -> Option<Instant> {
        let terms = self.terms;
        if now >= ours.renew_at && !ours.yielding {
            match self.keep(&mut ours, wanted, now).await {
                Ok(true) => ours.renew_at = Instant::now() + terms.ttl / 3,
                // It ran out, as after a long sleep of the machine: others may call.
                Ok(false) => {
                    let at = Instant::now() + terms.look;
                    self.turn = Turn::NotBefore(at);
                    return Some(at);
                }
                Err(error) => {
                    tracing::warn!(%error, "the turn to call InEvent could not be kept");
                    ours.renew_at = Instant::now() + terms.look;
                }
            }
        }
        let idle_at = ours.last_call + terms.idle;
        let idle = wanted.is_none() && now >= idle_at;
        if !under_way && (idle || ours.yielding) {
            let again = if ours.yielding { 3 * terms.look } else { Duration::ZERO };
            self.release(ours.lease).await;
            let at = Instant::now() + again;
            self.turn = Turn::NotBefore(at);
            return wanted.map(|_| at);
        }
        let may_begin = Some(ours.first_call).filter(|at| *at > now);
        let may_end = Some(idle_at).filter(|_| wanted.is_none() && !under_way);
        let wake = [Some(ours.renew_at), may_begin, may_end].into_iter().flatten().min();
        self.turn = Turn::Ours(ours);
        wake
    }

    async fn acquire(&mut self, priority: Priority) -> Result<Option<Lease>, StoreError> {
        let name = format!("inevent-{}", self.name);
        match Lease::acquire(&*self.store, &name, &self.process, self.terms.ttl, Timestamp::now()).await? {
            Some(lease) => {
                if self.wanted.take().is_some() {
                    self.store.delete(&self.key(), None).await?;
                }
                Ok(Some(lease))
            }
            None => {
                self.say_that_we_wait(priority).await?;
                Ok(None)
            }
        }
    }

    /// Told again every few seconds, so that what a dead process waited for is soon forgotten.
    async fn say_that_we_wait(&mut self, priority: Priority) -> Result<(), StoreError> {
        let now = Timestamp::now();
        let told = |(known, at): (Priority, Timestamp)| {
            known <= priority && now.duration_since(at) < seconds(self.terms.ttl / 3)
        };
        if self.wanted.is_some_and(told) {
            return Ok(());
        }
        self.wanted = Some((priority, now));
        self.store.put(&self.key(), &json!({ "priority": priority as u8, "at": now })).await.map(drop)
    }

    /// Holds on to the turn; `false` when somebody else has it.
    async fn keep(&self, ours: &mut Ours, wanted: Option<Priority>, now: Instant) -> Result<bool, StoreError> {
        if !ours.lease.renew(&*self.store, self.terms.ttl, Timestamp::now()).await? {
            return Ok(false);
        }
        let others = self.others().await?;
        ours.yielding = match (others, wanted) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(other), Some(own)) => other < own || (other == own && now >= ours.since + self.terms.slice),
        };
        Ok(true)
    }

    /// The most urgent of what other processes wait for.
    async fn others(&self) -> Result<Option<Priority>, StoreError> {
        let now = Timestamp::now();
        let mut urgent = None;
        for record in self.store.list(KIND, Some(&self.waiting()), 1_000, None).await?.records {
            let at = record.value["at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
            let priority = match record.value["priority"].as_u64() {
                Some(0) => Priority::Live,
                Some(1) => Priority::Backfill,
                _ => Priority::Invitations,
            };
            match at {
                Some(at) if now.duration_since(at) < seconds(self.terms.ttl) => {
                    if record.key.row != self.process {
                        urgent = Some(urgent.map_or(priority, |known: Priority| known.min(priority)));
                    }
                }
                _ => self.store.delete(&record.key, None).await?,
            }
        }
        Ok(urgent)
    }

    async fn release(&self, lease: Lease) {
        if let Err(error) = lease.release(&*self.store).await {
            tracing::warn!(%error, "the turn to call InEvent could not be given back; it runs out");
        }
    }

    fn waiting(&self) -> String {
        format!("waiting-{}", self.name)
    }

    fn key(&self) -> Key {
        Key::new(KIND, self.waiting(), self.process.clone())
    }
}

fn seconds(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX)
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").field("name", &self.name).finish_non_exhaustive()
    }
}
