//! Calls that change a list: remembered before they begin and after they are over, so that two processes that mean different things
//! by one person do not leave the one and remember the other.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    decide::{Ask, Membership, Operation, State},
    members::{ListError, ListMembers},
    memory,
};
use crate::{
    store::{ETag, Store, StoreError},
    sync::{plan::EventParticipant, rows::PersonRef},
};

/// People put on a list by one call.
const BULK: usize = 500;

/// What was done, and what was not with the reason.
pub(super) type Operated = (Vec<Change>, Option<(Vec<Change>, ListError)>);

/// What is to be done about one person and one list.
pub(super) struct Change {
    pub(super) person: PersonRef,
    pub(super) asks: Vec<Ask>,
    pub(super) membership: Membership,
    pub(super) operation: Option<Operation>,
    /// What was remembered until now, and its version.
    pub(super) was: Option<State>,
    pub(super) before: Option<ETag>,
    /// Under which the call is remembered while it is under way.
    pub(super) call: Option<Uuid>,
}

impl Change {
    /// Whether the call must be known to others while it is under way, and after a crash: where nobody is ever taken off, the order of
    /// calls does not matter.
    fn wants_intent(&self) -> bool {
        self.operation.is_some() && (self.asks.iter().any(|ask| ask.remove) || !self.membership.calls.is_empty())
    }

    /// Whether somebody else may have put the person on the list, or taken them off: no rule has, and none is about to.
    fn may_be_by_hand(&self) -> bool {
        match self.operation {
            Some(Operation::Add) => matches!(self.was, None | Some(State::Removed)),
            Some(Operation::Remove) => self.was == Some(State::Added),
            None => false,
        }
    }

    pub(super) fn participants(&self) -> impl Iterator<Item = EventParticipant> {
        let of = |ask: &Ask| {
            let (event, participant) = (ask.claim.event.clone(), ask.claim.participant.clone());
            EventParticipant { event, participant }
        };
        self.asks.iter().map(of)
    }
}

/// The calls that change one list.
pub(super) struct Calls<'a> {
    pub(super) list: Uuid,
    pub(super) members: &'a dyn ListMembers,
    pub(super) store: &'a dyn Store,
    pub(super) now: Timestamp,
}

impl Calls<'_> {
    /// Remembers a change, and whether nobody was quicker.
    async fn remembered(&self, mut change: Change) -> Result<(Change, bool), StoreError> {
        let Change { person, membership, before, .. } = &change;
        let etag = memory::remember(self.store, self.list, *person, membership, before.as_ref()).await?;
        let remembered = etag.is_some();
        change.before = etag.or(change.before);
        Ok((change, remembered))
    }

    /// For rules that also take off: tells whom somebody put on the list or took off it, and remembers of the others what is about to
    /// be done. The second are those of whom somebody else was quicker to remember something.
    pub(super) async fn intend(
        &self,
        changes: Vec<Change>,
    ) -> Result<(Vec<Change>, Vec<Change>, Option<ListError>), StoreError> {
        let (intended, mut ready): (Vec<_>, Vec<_>) = changes.into_iter().partition(Change::wants_intent);
        let in_doubt: Vec<Uuid> =
            intended.iter().filter(|change| change.may_be_by_hand()).map(|change| change.person.id).collect();
        let on = if in_doubt.is_empty() { Ok(BTreeSet::new()) } else { self.members.among(self.list, &in_doubt).await };
        let on = match on {
            Ok(on) => on,
            Err(error) => {
                ready.extend(intended);
                return Ok((Vec::new(), ready, Some(error)));
            }
        };
        let mut writes = Vec::new();
        for mut change in intended {
            let by_hand = match (change.may_be_by_hand(), on.contains(&change.person.id), change.operation) {
                (true, true, Some(Operation::Add)) => Some(State::Found),
                (true, false, Some(Operation::Remove)) => Some(State::Left),
                _ => None,
            };
            match by_hand {
                Some(state) => {
                    (change.membership.state, change.operation) = (state, None);
                    ready.push(change);
                }
                None => {
                    let call = Uuid::new_v4();
                    change.membership.state = change.membership.state.unsettled();
                    change.membership.calls.insert(call, self.now);
                    change.call = Some(call);
                    writes.push(self.remembered(change));
                }
            }
        }
        let mut late = Vec::new();
        for (mut change, remembered) in memory::together(writes).await? {
            if remembered {
                ready.push(change);
            } else {
                change.call = None;
                late.push(change);
            }
        }
        Ok((ready, late, None))
    }

    /// Remembers what was done. `false`: it is to be looked at again, since others meant to change the same meanwhile, and nobody can
    /// tell whose call took effect last.
    pub(super) async fn concluded(&self, mut change: Change) -> Result<(Change, bool), StoreError> {
        let Some(call) = change.call else { return self.remembered(change).await };
        change.membership.calls.remove(&call);
        let settled = change.membership.calls.is_empty();
        if settled {
            change.membership.state = match change.operation {
                Some(Operation::Add) => State::Added,
                _ => State::Removed,
            };
        }
        let (change, remembered) = self.remembered(change).await?;
        if !remembered {
            self.over(&change).await?;
        }
        Ok((change, settled && remembered))
    }

    /// Remembers that a call is over, whatever came of it.
    pub(super) async fn over(&self, change: &Change) -> Result<(), StoreError> {
        let Some(call) = change.call else { return Ok(()) };
        while let Some((mut membership, etag)) = memory::recall(self.store, self.list, change.person, self.now).await? {
            membership.calls.remove(&call);
            membership.state = membership.state.unsettled();
            if memory::remember(self.store, self.list, change.person, &membership, Some(&etag)).await?.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Makes the calls. Returns what was done, and what was not with the reason.
    pub(super) async fn operate(&self, changes: Vec<Change>) -> Operated {
        let (mut adds, rest): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|change| change.operation == Some(Operation::Add));
        let (mut removes, mut done): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|change| change.operation == Some(Operation::Remove));
        while !removes.is_empty() {
            let mut bulk: Vec<Change> = removes.drain(..removes.len().min(BULK)).collect();
            match self.members.remove(self.list, &ids(&bulk)).await {
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
            match self.add(bulk).await {
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
    fn add(&self, mut bulk: Vec<Change>) -> BoxFuture<'_, Operated> {
        Box::pin(async move {
            let Some(table) = bulk.first().map(|change| change.person.table) else { return (bulk, None) };
            match self.members.add(self.list, table, &ids(&bulk)).await {
                Ok(()) => (bulk, None),
                Err(ListError::NoSuchPerson) if bulk.len() == 1 => (Vec::new(), None),
                Err(ListError::NoSuchPerson) => {
                    let rest = bulk.split_off(bulk.len() / 2);
                    let (mut done, error) = self.add(bulk).await;
                    if let Some((mut open, error)) = error {
                        open.extend(rest);
                        return (done, Some((open, error)));
                    }
                    let (more, error) = self.add(rest).await;
                    done.extend(more);
                    (done, error)
                }
                Err(error) => (Vec::new(), Some((bulk, error))),
            }
        })
    }
}

fn ids(changes: &[Change]) -> Vec<Uuid> {
    changes.iter().map(|change| change.person.id).collect()
}
