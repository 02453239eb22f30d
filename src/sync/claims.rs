//! Which keys the batches under way read and change, in all processes: what keeps two of them from making one person twice.
//!
//! Whom a key means is read from the CRM, and decides who is made and who gets another key. Between that look and the write nobody else
//! may change it. So a batch says in the store which keys it reads before it looks, and which it changes before it writes, and each time
//! sees what the others say. Each says so before it looks (Table storage answers a listing with what was written before it), so of two
//! that do it in the same moment one at least sees the other, and lets go.

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{matching::Who, rules::Rules, source::Said};
use crate::{
    model::{ParticipantEvent, stamp::Fingerprint},
    store::{CLOCK_SKEW, Key, Store, StoreError},
};

const KIND: &str = "claim";
const PARTITION: &str = "dataverse";

/// What a batch says holds for so long, unless it says it again.
const HOLDS: Duration = Duration::from_secs(30);
/// How often it says it again.
pub const RENEWED: Duration = Duration::from_secs(8);
/// A record of a process that died is tidied away after so long.
const GONE: Duration = Duration::from_secs(60 * 60);

/// A key, as a hash: of two that happen to be equal, one waits without need. A participant counts as one, as if they had no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim(pub(super) u32);

impl Claim {
    pub fn key(who: &Who) -> Self {
        who.fingerprint().into()
    }
}

impl From<Fingerprint> for Claim {
    fn from(fingerprint: Fingerprint) -> Self {
        Self((fingerprint.bits() >> 32) as u32)
    }
}

/// What an event is about: its participant, and every key that they state. Without rules nothing is written anyway.
pub fn of(event: &ParticipantEvent, rules: Option<&Rules>) -> Vec<Claim> {
    let Some(participant) = &event.participant else { return Vec::new() };
    let participant = Who::participant(&event.event.id, &participant.id);
    let keys = rules.map(|rules| rules.of(event).matcher.stated(&Said::new(event))).unwrap_or_default();
    std::iter::once(&participant).chain(keys.iter().map(|key| &key.who)).map(Claim::key).collect()
}

/// What came of asking to change keys.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// The batch may, over what it has seen.
    Granted,
    /// It may, but some of these keys it had not said that it reads: it has to look again.
    LookAgain,
    /// It may not: others read or change these.
    Taken(BTreeSet<Claim>),
    /// What it said does not hold any more.
    Lost,
}

/// What one batch says.
pub struct Claims<'a> {
    store: &'a dyn Store,
    clock: fn() -> Timestamp,
    key: Key,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    reads: BTreeSet<Claim>,
    changes: BTreeSet<Claim>,
    /// By its own clock; `None` as long as nothing was said.
    until: Option<Timestamp>,
}

/// What stands in the store.
#[derive(Serialize, Deserialize)]
struct Record {
    until: Timestamp,
    reads: String,
    changes: String,
}

impl<'a> Claims<'a> {
    pub fn new(store: &'a dyn Store, clock: fn() -> Timestamp) -> Self {
        let key = Key::new(KIND, PARTITION, Uuid::new_v4().to_string());
        Self { store, clock, key, held: Mutex::default() }
    }

    /// Says what the batch reads, and returns what others change of it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn read(&self, reads: BTreeSet<Claim>) -> Result<BTreeSet<Claim>, StoreError> {
        let mut held = self.held.lock().await;
        held.reads.extend(reads);
        self.say(&mut held).await?;
        let others = self.others().await?;
        Ok(others.into_iter().flat_map(|other| other.changes).filter(|claim| held.reads.contains(claim)).collect())
    }

    /// Says what the batch is about to change, beside what it may already.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn change(&self, changes: &BTreeSet<Claim>) -> Result<Asked, StoreError> {
        let mut held = self.held.lock().await;
        if !held.holds((self.clock)()) {
            return Ok(Asked::Lost);
        }
        if changes.is_subset(&held.changes) {
            return Ok(Asked::Granted);
        }
        let may = std::mem::take(&mut held.changes);
        let looks_again = !changes.is_subset(&held.reads);
        held.changes = may.union(changes).copied().collect();
        held.reads.extend(changes);
        self.say(&mut held).await?;
        let others = self.others().await?;
        let theirs = others.into_iter().flat_map(|other| other.reads.into_iter().chain(other.changes));
        let taken: BTreeSet<Claim> = theirs.filter(|claim| changes.contains(claim) && !may.contains(claim)).collect();
        if taken.is_empty() {
            return Ok(if looks_again { Asked::LookAgain } else { Asked::Granted });
        }
        held.changes = may;
        self.say(&mut held).await?;
        Ok(Asked::Taken(taken))
    }

    /// Whether what was said holds, so that the batch may write.
    pub async fn hold(&self) -> bool {
        self.held.lock().await.holds((self.clock)())
    }

    /// Says it again.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn renew(&self) -> Result<(), StoreError> {
        let mut held = self.held.lock().await;
        if held.until.is_some() && held.holds((self.clock)()) { self.say(&mut held).await } else { Ok(()) }
    }

    /// Lets go of everything.
    ///
    /// # Errors
    /// When the store fails. Then it holds until its time is over.
    pub async fn end(self) -> Result<(), StoreError> {
        match self.held.into_inner().until {
            Some(_) => self.store.delete(&self.key, None).await,
            None => Ok(()),
        }
    }

    async fn say(&self, held: &mut Held) -> Result<(), StoreError> {
        let until = later((self.clock)(), HOLDS);
        let record = Record { until, reads: written(&held.reads), changes: written(&held.changes) };
        self.store.put(&self.key, &json!(record)).await?;
        held.until = Some(until);
        Ok(())
    }

    /// What the others say that is not over.
    async fn others(&self) -> Result<Vec<Held>, StoreError> {
        let (now, mut others, mut next) = ((self.clock)(), Vec::new(), None::<String>);
        loop {
            let page = self.store.list(KIND, Some(PARTITION), 1_000, next.as_deref()).await?;
            for stored in page.records.into_iter().filter(|stored| stored.key != self.key) {
                let Ok(Record { until, reads, changes }) = serde_json::from_value(stored.value) else { continue };
                if now < later(until, CLOCK_SKEW) {
                    others.push(Held { reads: read(&reads), changes: read(&changes), until: Some(until) });
                } else if now > later(until, GONE) {
                    self.store.delete(&stored.key, None).await?;
                }
            }
            next = page.next;
            if next.is_none() {
                return Ok(others);
            }
        }
    }
}

impl Held {
    fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn written(claims: &BTreeSet<Claim>) -> String {
    STANDARD.encode(claims.iter().flat_map(|claim| claim.0.to_be_bytes()).collect::<Vec<u8>>())
}

fn read(claims: &str) -> BTreeSet<Claim> {
    let bytes = STANDARD.decode(claims).unwrap_or_default();
    bytes.as_chunks().0.iter().map(|bytes| Claim(u32::from_be_bytes(*bytes))).collect()
}

#[cfg(all(test, feature = "local"))]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::store::SqliteStore;

    thread_local! {
        static NOW: Cell<i64> = const { Cell::new(1_800_000_000) };
    }

    fn now() -> Timestamp {
        Timestamp::from_second(NOW.get()).unwrap()
    }

    fn claims(of: &[u32]) -> BTreeSet<Claim> {
        of.iter().copied().map(Claim).collect()
    }

    struct Fleet(SqliteStore, #[expect(dead_code, reason = "it is removed when dropped")] tempfile::TempDir);

    impl Fleet {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            Self(SqliteStore::open(folder.path().join("db")).unwrap(), folder)
        }

        async fn reading(&self, reads: &[u32]) -> Claims<'_> {
            let batch = Claims::new(&self.0, now);
            assert_eq!(batch.read(claims(reads)).await.unwrap(), claims(&[]));
            batch
        }
    }

    #[tokio::test]
    async fn what_others_read_is_not_changed_until_they_let_go() {
        let fleet = Fleet::new();
        let (one, other) = (fleet.reading(&[1, 2]).await, fleet.reading(&[2, 3]).await);
        assert_eq!(one.change(&claims(&[1])).await.unwrap(), Asked::Granted);
        assert_eq!(one.change(&claims(&[1, 2])).await.unwrap(), Asked::Taken(claims(&[2])));
        assert_eq!(other.change(&claims(&[2, 3])).await.unwrap(), Asked::Taken(claims(&[2])));
        one.end().await.unwrap();
        assert_eq!(other.change(&claims(&[2, 3])).await.unwrap(), Asked::Granted);
        assert_eq!(other.change(&claims(&[3])).await.unwrap(), Asked::Granted);
    }

    #[tokio::test]
    async fn what_others_change_is_told_to_who_reads_it() {
        let fleet = Fleet::new();
        let one = fleet.reading(&[1, 2]).await;
        assert_eq!(one.change(&claims(&[1])).await.unwrap(), Asked::Granted);
        let other = Claims::new(&fleet.0, now);
        assert_eq!(other.read(claims(&[1, 2, 3])).await.unwrap(), claims(&[1]));
    }

    #[tokio::test]
    async fn what_was_not_looked_at_is_looked_at_before_it_changes() {
        let fleet = Fleet::new();
        let one = fleet.reading(&[1]).await;
        assert_eq!(one.change(&claims(&[1, 9])).await.unwrap(), Asked::LookAgain);
        assert_eq!(one.change(&claims(&[1, 9])).await.unwrap(), Asked::Granted);
        let other = fleet.reading(&[8]).await;
        assert_eq!(other.change(&claims(&[8, 9])).await.unwrap(), Asked::Taken(claims(&[9])));
    }

    #[tokio::test]
    async fn what_a_process_said_that_died_holds_for_a_while() {
        let fleet = Fleet::new();
        let (dead, one) = (fleet.reading(&[1]).await, fleet.reading(&[1]).await);
        NOW.set(NOW.get() + 25);
        one.renew().await.unwrap();
        assert_eq!(one.change(&claims(&[1])).await.unwrap(), Asked::Taken(claims(&[1])));
        NOW.set(NOW.get() + 16);
        assert_eq!(one.change(&claims(&[1])).await.unwrap(), Asked::Granted);
        // If it only stood still it writes nothing more.
        assert!(!dead.hold().await && one.hold().await);
        assert_eq!(dead.change(&claims(&[])).await.unwrap(), Asked::Lost);
        dead.renew().await.unwrap();
        assert!(!dead.hold().await);
        NOW.set(NOW.get() + 2 * GONE.as_secs() as i64);
        fleet.reading(&[1]).await.end().await.unwrap();
        assert_eq!(fleet.0.list(KIND, None, 10, None).await.unwrap().records.len(), 0);
    }

    #[tokio::test]
    async fn no_key_is_written_down() {
        let fleet = Fleet::new();
        let key = Who::Address(crate::model::Address::parse("ana@x.example").unwrap());
        let one = Claims::new(&fleet.0, now);
        one.read(BTreeSet::from([Claim::key(&key)])).await.unwrap();
        let said = fleet.0.list(KIND, None, 10, None).await.unwrap().records.remove(0);
        // Four bytes.
        assert_eq!(said.value["reads"].as_str().unwrap().len(), 8);
        one.end().await.unwrap();
        assert_eq!(fleet.0.list(KIND, None, 10, None).await.unwrap().records.len(), 0);
    }
}
