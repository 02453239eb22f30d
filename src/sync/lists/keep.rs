//! Brings about what the rules say.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{StreamExt, TryStreamExt, future::BoxFuture, stream};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{
    decide::{Ask, Membership, Operation, State, asks, decide},
    members::{ListError, ListMembers, ListProblem},
    memory,
};
use crate::{
    store::{ETag, Store, StoreError},
    sync::{
        plan::EventParticipant,
        rows::{AttendanceRow, PersonRef},
        rules::Rules,
    },
};

/// People put on a list by one call.
const BULK: usize = 500;
/// Calls to the store at the same time.
const AT_ONCE: usize = 32;
/// How long a list that took nobody is left alone, but for the timer.
const LEFT_ALONE: SignedDuration = SignedDuration::from_mins(5);
/// How many claims are known to be done for good. Beyond it they are looked up again.
const KNOWN: usize = 200_000;

/// Keeps the lists as the rules say.
pub struct Lists {
    members: Arc<dyn ListMembers>,
    store: Arc<dyn Store>,
    /// Claims of rules that never take anybody off: once done, nothing is left to do about them.
    done: Mutex<HashSet<(Uuid, Uuid, u64)>>,
    refused: Mutex<HashMap<Uuid, Timestamp>>,
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

/// What was done, and what was not with the reason.
type Operated = (Vec<Change>, Option<(Vec<Change>, ListError)>);

/// What is to be done about one person and one list.
struct Change {
    person: PersonRef,
    asks: Vec<Ask>,
    membership: Membership,
    operation: Option<Operation>,
    /// What was remembered until now, and its version.
    was: Option<State>,
    before: Option<ETag>,
}

impl Change {
    /// Whether it must be known afterwards, even after a crash, who else may have put the person on the list or taken them off.
    fn wants_intent(&self) -> bool {
        match self.operation {
            Some(Operation::Add) => {
                self.asks.iter().any(|ask| ask.remove) && matches!(self.was, None | Some(State::Removed))
            }
            Some(Operation::Remove) => self.was == Some(State::Added),
            None => false,
        }
    }

    fn participants(&self) -> impl Iterator<Item = EventParticipant> {
        let of = |ask: &Ask| {
            let (event, participant) = (ask.claim.event.clone(), ask.claim.participant.clone());
            EventParticipant { event, participant }
        };
        self.asks.iter().map(of)
    }
}

impl Lists {
    pub fn new(members: Arc<dyn ListMembers>, store: Arc<dyn Store>) -> Self {
        Self { members, store, done: Mutex::default(), refused: Mutex::default() }
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
        let changes = self.changes(rows, rules).await?;
        if changes.is_empty() {
            return Ok(kept);
        }
        let concerned: BTreeSet<EventParticipant> = changes.values().flatten().flat_map(Change::participants).collect();
        let concerned: Vec<EventParticipant> = concerned.into_iter().collect();
        let mut notes = Vec::new();
        for page in concerned.chunks(BULK) {
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
    async fn changes(&self, rows: &[AttendanceRow], rules: &Rules) -> Result<BTreeMap<Uuid, Vec<Change>>, StoreError> {
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
        let changes: Vec<_> = asked.into_iter().map(|(key, asks)| self.decided(key, asks)).collect();
        let changes: Vec<Option<(Uuid, Change)>> =
            stream::iter(changes).buffer_unordered(AT_ONCE).try_collect().await?;
        let mut of_list: BTreeMap<Uuid, Vec<Change>> = BTreeMap::new();
        for (list, change) in changes.into_iter().flatten() {
            of_list.entry(list).or_default().push(change);
        }
        Ok(of_list)
    }

    async fn decided(
        &self,
        (list, person): (Uuid, PersonRef),
        asks: Vec<Ask>,
    ) -> Result<Option<(Uuid, Change)>, StoreError> {
        let memory = memory::recall(&*self.store, list, person).await?;
        let Some((membership, operation)) = decide(memory.as_ref().map(|(membership, _)| membership), &asks) else {
            asks.iter().filter(|ask| ask.holds).for_each(|ask| self.is_done_now(ask));
            return Ok(None);
        };
        let (was, before) = memory.map(|(membership, etag)| (membership.state, etag)).unzip();
        Ok(Some((list, Change { person, asks, membership, operation, was, before })))
    }

    /// Remembers a change, and whether nobody was quicker.
    async fn remembered(&self, list: Uuid, mut change: Change) -> Result<(Change, bool), StoreError> {
        let Change { person, membership, before, .. } = &change;
        let etag = memory::remember(&*self.store, list, *person, membership, before.as_ref()).await?;
        let remembered = etag.is_some();
        change.before = etag.or(change.before);
        Ok((change, remembered))
    }

    /// For rules that also take off: tells whom somebody put on the list or took off it, and remembers of the others what is about to
    /// be done. The second are those of whom somebody else was quicker to remember something.
    async fn intend(
        &self,
        list: Uuid,
        changes: Vec<Change>,
    ) -> Result<(Vec<Change>, Vec<Change>, Option<ListError>), StoreError> {
        let (intended, mut ready): (Vec<_>, Vec<_>) = changes.into_iter().partition(Change::wants_intent);
        if intended.is_empty() {
            return Ok((ready, Vec::new(), None));
        }
        let on = match self.members.among(list, &ids(&intended)).await {
            Ok(on) => on,
            Err(error) => {
                ready.extend(intended);
                return Ok((Vec::new(), ready, Some(error)));
            }
        };
        let mut writes = Vec::new();
        for mut change in intended {
            let on = on.contains(&change.person.id);
            let (by_hand, intent) = match change.operation {
                Some(Operation::Add) => (on.then_some(State::Found), State::Adding),
                _ => ((!on).then_some(State::Left), State::Removing),
            };
            match by_hand {
                Some(state) => {
                    (change.membership.state, change.operation) = (state, None);
                    ready.push(change);
                }
                None => {
                    change.membership.state = intent;
                    writes.push(self.remembered(list, change));
                }
            }
        }
        let written: Vec<(Change, bool)> = stream::iter(writes).buffer_unordered(AT_ONCE).try_collect().await?;
        let mut late = Vec::new();
        for (mut change, remembered) in written {
            change.membership.state = match change.operation {
                Some(Operation::Add) => State::Added,
                _ => State::Removed,
            };
            if remembered { ready.push(change) } else { late.push(change) }
        }
        Ok((ready, late, None))
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
        let (ready, mut waiting, failed) = self.intend(list, changes).await?;
        let (done, mut error) = self.operate(list, ready).await;
        error = error.or(failed.map(|failed| (std::mem::take(&mut waiting), failed)));
        kept.look_again |= done.iter().any(|change| change.asks.iter().any(|ask| ask.remove));
        let remembered: Vec<_> = done.into_iter().map(|change| self.remembered(list, change)).collect();
        let remembered: Vec<(Change, bool)> = stream::iter(remembered).buffer_unordered(AT_ONCE).try_collect().await?;
        // Whoever was quicker may have meant something else: look again.
        for (change, remembered) in remembered {
            if !remembered {
                self.unsettle(list, &change).await?;
                waiting.push(change);
                continue;
            }
            match change.operation {
                Some(Operation::Add) => kept.added += 1,
                Some(Operation::Remove) => kept.removed += 1,
                None => {}
            }
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
                waiting.extend(open);
            }
        }
        self.wait(list, &waiting, now, kept).await
    }

    /// A call came late: what somebody else did meanwhile, and remembers as done, may be undone by it. So it is about to be done again.
    async fn unsettle(&self, list: Uuid, late: &Change) -> Result<(), StoreError> {
        if late.operation.is_none() {
            return Ok(());
        }
        while let Some((mut membership, etag)) = memory::recall(&*self.store, list, late.person).await? {
            membership.state = match membership.state {
                State::Added => State::Adding,
                State::Removed => State::Removing,
                State::Adding | State::Found | State::Removing | State::Left => break,
            };
            if memory::remember(&*self.store, list, late.person, &membership, Some(&etag)).await?.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Makes the calls. Returns what was done, and what was not with the reason.
    async fn operate(&self, list: Uuid, changes: Vec<Change>) -> Operated {
        let (mut adds, rest): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|change| change.operation == Some(Operation::Add));
        let (mut removes, mut done): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|change| change.operation == Some(Operation::Remove));
        while !removes.is_empty() {
            let mut bulk: Vec<Change> = removes.drain(..removes.len().min(BULK)).collect();
            match self.members.remove(list, &ids(&bulk)).await {
                Ok(()) => done.append(&mut bulk),
                Err(error) => {
                    bulk.append(&mut removes);
                    bulk.append(&mut adds);
                    return (done, Some((bulk, error)));
                }
            }
        }
        while !adds.is_empty() {
            let bulk: Vec<Change> = adds.drain(..adds.len().min(BULK)).collect();
            match self.add(list, bulk).await {
                (mut added, None) => done.append(&mut added),
                (mut added, Some((mut open, error))) => {
                    done.append(&mut added);
                    open.append(&mut adds);
                    return (done, Some((open, error)));
                }
            }
        }
        (done, None)
    }

    /// Adds people; where one of them is gone, by halves until that one stands alone. Nothing is remembered of who is gone.
    fn add(&self, list: Uuid, mut bulk: Vec<Change>) -> BoxFuture<'_, Operated> {
        Box::pin(async move {
            let Some(table) = bulk.first().map(|change| change.person.table) else { return (bulk, None) };
            match self.members.add(list, table, &ids(&bulk)).await {
                Ok(()) => (bulk, None),
                Err(ListError::NoSuchPerson) if bulk.len() == 1 => (Vec::new(), None),
                Err(ListError::NoSuchPerson) => {
                    let rest = bulk.split_off(bulk.len() / 2);
                    let (mut done, error) = self.add(list, bulk).await;
                    if let Some((mut open, error)) = error {
                        open.extend(rest);
                        return (done, Some((open, error)));
                    }
                    let (more, error) = self.add(list, rest).await;
                    done.extend(more);
                    (done, error)
                }
                Err(error) => (Vec::new(), Some((bulk, error))),
            }
        })
    }

    async fn wait(&self, list: Uuid, changes: &[Change], now: Timestamp, kept: &mut Kept) -> Result<(), StoreError> {
        let waiting: BTreeSet<EventParticipant> = changes.iter().flat_map(Change::participants).collect();
        let notes: Vec<_> =
            waiting.iter().map(|participant| memory::note_waiting(&*self.store, participant, list, now)).collect();
        stream::iter(notes).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
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

fn ids(changes: &[Change]) -> Vec<Uuid> {
    changes.iter().map(|change| change.person.id).collect()
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
