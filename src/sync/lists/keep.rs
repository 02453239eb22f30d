//! Brings about what the rules say.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{
    calls::{Calls, Change},
    decide::{Ask, Operation, asks, decide},
    members::{ListError, ListMembers, ListProblem},
    memory,
};
use crate::{
    store::{Store, StoreError},
    sync::{
        plan::EventParticipant,
        rows::{AttendanceRow, PersonRef},
        rules::Rules,
    },
};

/// Participants in one note.
const NOTED: usize = 500;
/// How long a list that took nobody is left alone, but for the timer.
const LEFT_ALONE: SignedDuration = SignedDuration::from_mins(5);
/// How many claims are known to be done for good. Beyond it they are looked up again.
const KNOWN: usize = 200_000;

/// Keeps the lists as the rules say.
#[derive(Clone)]
pub struct Lists {
    members: Arc<dyn ListMembers>,
    store: Arc<dyn Store>,
    /// Claims of rules that never take anybody off: once done, nothing is left to do about them.
    done: Arc<Mutex<HashSet<(Uuid, Uuid, u64)>>>,
    refused: Arc<Mutex<HashMap<Uuid, Timestamp>>>,
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Kept {
    pub added: usize,
    pub removed: usize,
    /// Participants who wait for a list; they are noted.
    pub waiting: BTreeSet<EventParticipant>,
    /// Lists that took nobody.
    pub refused: BTreeSet<Uuid>,
    /// Something was done for a rule that also takes off: if the rows have changed meanwhile, it may have been too much.
    pub look_again: bool,
}

impl Lists {
    pub fn new(members: Arc<dyn ListMembers>, store: Arc<dyn Store>) -> Self {
        Self { members, store, done: Arc::default(), refused: Arc::default() }
    }

    /// The same lists, reached in another way.
    pub fn through(&self, members: Arc<dyn ListMembers>) -> Self {
        Self { members, ..self.clone() }
    }

    /// Keeps the lists for participants of whom all rows of the event are given. `anew`: lists that took nobody are tried again.
    ///
    /// # Errors
    /// When the store fails: then nothing that was to be done is forgotten only if the caller comes again.
    pub async fn keep(
        &self,
        rows: &[AttendanceRow],
        rules: &Rules,
        anew: bool,
        now: Timestamp,
    ) -> Result<Kept, StoreError> {
        let mut kept = Kept::default();
        let changes = self.changes(rows, rules, now).await?;
        if changes.is_empty() {
            return Ok(kept);
        }
        let concerned: BTreeSet<EventParticipant> = changes.values().flatten().flat_map(Change::participants).collect();
        let concerned: Vec<EventParticipant> = concerned.into_iter().collect();
        let mut notes = Vec::new();
        for page in concerned.chunks(NOTED) {
            notes.push(memory::note_under_way(&*self.store, page.to_vec(), now).await?);
        }
        for (list, changes) in changes {
            self.change(list, changes, anew, now, &mut kept).await?;
        }
        for note in notes {
            memory::strike(&*self.store, &note).await?;
        }
        Ok(kept)
    }

    /// What differs from what is remembered, by list.
    async fn changes(
        &self,
        rows: &[AttendanceRow],
        rules: &Rules,
        now: Timestamp,
    ) -> Result<BTreeMap<Uuid, Vec<Change>>, StoreError> {
        let mut of_participant: BTreeMap<EventParticipant, Vec<&AttendanceRow>> = BTreeMap::new();
        for row in rows {
            let (event, participant) = (row.key.event.clone(), row.key.participant.clone());
            of_participant.entry(EventParticipant { event, participant }).or_default().push(row);
        }
        let mut asked: BTreeMap<(Uuid, PersonRef), Vec<Ask>> = BTreeMap::new();
        for (participant, rows) in &of_participant {
            let of_event = rules.of_event(&participant.event);
            if !of_event.sync {
                continue;
            }
            let (asks, failed) = asks(participant, rows, &of_event.list_rules);
            for (rule, why) in failed {
                tracing::warn!(event = participant.event, rule, %why, "a list rule's condition failed");
            }
            let open = |ask: &Ask| ask.remove || ask.holds && !self.is_done(ask);
            for ask in asks.into_iter().filter(open) {
                asked.entry((ask.list, ask.person)).or_default().push(ask);
            }
        }
        let changes: Vec<_> = asked.into_iter().map(|(key, asks)| self.decided(key, asks, now)).collect();
        let mut of_list: BTreeMap<Uuid, Vec<Change>> = BTreeMap::new();
        for (list, change) in memory::together(changes).await?.into_iter().flatten() {
            of_list.entry(list).or_default().push(change);
        }
        Ok(of_list)
    }

    async fn decided(
        &self,
        (list, person): (Uuid, PersonRef),
        asks: Vec<Ask>,
        now: Timestamp,
    ) -> Result<Option<(Uuid, Change)>, StoreError> {
        let memory = memory::recall(&*self.store, list, person, now).await?;
        let Some((membership, operation)) = decide(memory.as_ref().map(|(membership, _)| membership), &asks) else {
            asks.iter().filter(|ask| ask.holds).for_each(|ask| self.is_done_now(ask));
            return Ok(None);
        };
        let (was, before) = memory.map(|(membership, etag)| (membership.state, etag)).unzip();
        Ok(Some((list, Change { person, asks, membership, operation, was, before, call: None })))
    }

    async fn change(
        &self,
        list: Uuid,
        mut changes: Vec<Change>,
        anew: bool,
        now: Timestamp,
        kept: &mut Kept,
    ) -> Result<(), StoreError> {
        changes.sort_by_key(|change| change.person);
        if !anew && self.left_alone(list, now) {
            return self.wait(list, &changes, now, kept).await;
        }
        let calls = Calls { list, members: &*self.members, store: &*self.store, now };
        let (ready, mut waiting, failed) = calls.intend(changes).await?;
        let (done, mut error) = calls.operate(ready).await;
        error = error.or(failed.map(|failed| (std::mem::take(&mut waiting), failed)));
        let concluded: Vec<_> = done.into_iter().map(|change| calls.concluded(change)).collect();
        for (change, settled) in memory::together(concluded).await? {
            if !settled {
                waiting.push(change);
                continue;
            }
            match change.operation {
                Some(Operation::Add) => kept.added += 1,
                Some(Operation::Remove) => kept.removed += 1,
                None => {}
            }
            kept.look_again |= change.asks.iter().any(|ask| ask.remove);
            change.asks.iter().filter(|ask| ask.holds).for_each(|ask| self.is_done_now(ask));
        }
        match error {
            None => {
                if self.lock_refused().remove(&list).is_some() || anew {
                    memory::mended(&*self.store, list).await?;
                }
            }
            Some((open, error)) => {
                if let ListError::List(problem) = error {
                    memory::report(&*self.store, list, problem, now).await?;
                    self.lock_refused().insert(list, now);
                    kept.refused.insert(list);
                }
                tracing::info!(%list, people = open.len(), ?error, "people wait for a marketing list");
                if error.is_final() {
                    let over: Vec<_> = open.iter().map(|change| calls.over(change)).collect();
                    memory::together(over).await?;
                }
                waiting.extend(open);
            }
        }
        self.wait(list, &waiting, now, kept).await
    }

    async fn wait(&self, list: Uuid, changes: &[Change], now: Timestamp, kept: &mut Kept) -> Result<(), StoreError> {
        let waiting: BTreeSet<EventParticipant> = changes.iter().flat_map(Change::participants).collect();
        let notes: Vec<_> =
            waiting.iter().map(|participant| memory::note_waiting(&*self.store, participant, list, now)).collect();
        memory::together(notes).await?;
        kept.waiting.extend(waiting);
        Ok(())
    }

    fn left_alone(&self, list: Uuid, now: Timestamp) -> bool {
        self.lock_refused().get(&list).is_some_and(|at| now.duration_since(*at) < LEFT_ALONE)
    }

    fn lock_refused(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Timestamp>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_done(&self, ask: &Ask) -> bool {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).contains(&known(ask))
    }

    fn is_done_now(&self, ask: &Ask) {
        if ask.remove {
            return;
        }
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if done.len() >= KNOWN {
            done.clear();
        }
        done.insert(known(ask));
    }
}

/// The claim as a number: two that meet in it would have to be of one person and one list.
fn known(ask: &Ask) -> (Uuid, Uuid, u64) {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (&ask.claim.event, &ask.claim.rule, &ask.claim.participant).hash(&mut hasher);
    (ask.list, ask.person.id, hasher.finish())
}

impl From<ListProblem> for ListError {
    fn from(problem: ListProblem) -> Self {
        Self::List(problem)
    }
}
