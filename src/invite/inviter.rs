//! One run over the lists of an event.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    AskError, Counts, Kept, List, ListTrouble, Pass, State, Trouble,
    lists::{self, ReadError},
    pass::{self, UnderWay},
    slice::Slice,
};
use crate::{
    dataverse, inevent,
    settings::document::EventSettings,
    store::{Store, StoreError},
};

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// How long an invitation is waited for, its turn included.
    pub longest_call: Duration,
    /// After how long an invitation of which nobody said what came of it is looked into: longer than any call, clocks apart.
    pub abandoned: SignedDuration,
    /// Invitations under way at the same time. How many are made in a second the client sees to.
    pub at_once: usize,
}

impl Default for Terms {
    fn default() -> Self {
        Self { longest_call: Duration::from_secs(150), abandoned: SignedDuration::from_mins(5), at_once: 8 }
    }
}

/// What a run does.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// When nothing more is begun.
    pub ends: Instant,
    /// Says what would be done, and does and keeps nothing.
    pub dry: bool,
}

/// Invites the members of lists. Several processes may run it for the same event at once.
#[derive(Debug, Clone)]
pub struct Inviter {
    pub(super) dataverse: Arc<dataverse::Client>,
    pub(super) inevent: inevent::Client,
    pub(super) store: Arc<dyn Store>,
    pub(super) terms: Terms,
}

/// What a run came to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    pub lists: Vec<ListReport>,
    /// Invitations that this run sent.
    pub sent: u64,
    /// Those that it took back.
    pub withdrawn: u64,
    /// Those of which a person has to decide.
    pub undecided: u64,
    /// Why it ended before everything was done.
    pub stopped: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ListReport {
    pub list: Uuid,
    /// Whether its members were looked at in this run.
    pub looked: bool,
    /// What came of its members, in this pass over them or in the last one.
    pub counts: Counts,
    pub trouble: Option<Trouble>,
}

/// Why a run could not go on. Whatever it did is remembered.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    #[error(transparent)]
    Dataverse(#[from] dataverse::Error),
    #[error(transparent)]
    InEvent(#[from] inevent::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<AskError> for InviteError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::InEvent(error) => error.into(),
            AskError::Store(error) => error.into(),
        }
    }
}

/// A list of which members are to be looked at.
pub(super) struct Due {
    pub list: List,
    pub pass: Pass,
    pub under_way: UnderWay,
}

impl Inviter {
    pub fn new(
        dataverse: Arc<dataverse::Client>,
        inevent: &inevent::Client,
        store: Arc<dyn Store>,
        terms: Terms,
    ) -> Self {
        Self { dataverse, inevent: inevent.at(inevent::Priority::Invitations), store, terms }
    }

    /// Invites to an event, as far as the time goes. Where nothing changed it costs one call to Dataverse and none to InEvent.
    pub async fn run(&self, event: &str, settings: &EventSettings, run: Run) -> Result<Report, InviteError> {
        let (mut report, store) = (Report::default(), &*self.store);
        let named = &settings.invitations.lists;
        if named.is_empty() || !settings.sync {
            return Ok(report);
        }
        let found = lists::look(&self.dataverse, named).await?;
        let (version, now) = (pass::settings_version(settings), Timestamp::now());
        let (mut due, mut whole) = (Vec::new(), true);
        for (list, found) in named.iter().zip(&found) {
            let mut pass = Pass::of(store, event, *list).await?;
            match found {
                Err(trouble) => {
                    whole = false;
                    note(&mut pass, trouble, now);
                    if !run.dry {
                        pass.keep(store).await?;
                    }
                    report.lists.push(ListReport::of(&pass, false));
                }
                Ok(list) => {
                    let mut under_way = pass.due(list, &version, now);
                    if run.dry {
                        under_way = Pass::default().due(list, &version, now);
                    }
                    match under_way {
                        Some(under_way) => due.push(Due { list: list.clone(), pass, under_way }),
                        None => report.lists.push(ListReport::of(&pass, false)),
                    }
                }
            }
        }
        if due.is_empty() {
            return Ok(report);
        }
        let mut slice = Slice::new(self, event, settings, version, run).await?;
        slice.look_into_abandoned().await?;
        for due in due {
            if slice.stopped().is_some() {
                whole = false;
                report.lists.push(ListReport::of(&due.pass, false));
                continue;
            }
            let pass = slice.list(due).await?;
            whole &= pass.is_complete() && pass.trouble.is_none();
            report.lists.push(ListReport::of(&pass, true));
        }
        if whole && settings.invitations.withdraw && !run.dry {
            let lists: Vec<List> = found.into_iter().flatten().collect();
            report.withdrawn = slice.withdraw(&lists, &report.lists).await?;
        }
        (report.sent, report.undecided) = (slice.sent(), slice.undecided);
        report.stopped = slice.stopped();
        Ok(report)
    }
}

impl ListReport {
    fn of(pass: &Pass, looked: bool) -> Self {
        let counts = match &pass.under_way {
            Some(under_way) => under_way.counts.clone(),
            None => pass.counts.clone(),
        };
        Self { list: pass.list, looked, counts, trouble: pass.trouble.clone() }
    }
}

fn note(pass: &mut Pass, trouble: &ListTrouble, now: Timestamp) {
    let (problem, remedy) = trouble.told();
    pass.note(problem, remedy, now);
}

/// A person decides about an invitation: whether it went out. Otherwise it is forgotten, and the next run invites anew.
///
/// # Errors
/// When it is not to be decided, or was changed meanwhile.
pub async fn resolve(store: &dyn Store, mut kept: Kept, sent: bool, now: Timestamp) -> anyhow::Result<()> {
    let changed = "it was changed this moment: look at it again";
    if sent {
        let open = matches!(kept.invitation.state, State::Undecided | State::Intended);
        anyhow::ensure!(open, "nothing is open about it");
        let confirmed = super::Invitation { state: State::Confirmed, at: now, ..kept.invitation.clone() };
        anyhow::ensure!(kept.replace(store, confirmed).await?, changed);
        return Ok(());
    }
    let may_be_under_way =
        kept.invitation.state == State::Intended && now.duration_since(kept.invitation.at) < Terms::default().abandoned;
    anyhow::ensure!(!may_be_under_way, "it may be under way: wait some minutes");
    let known = matches!(kept.invitation.state, State::Invited | State::Found | State::Confirmed);
    anyhow::ensure!(!known, "it went out: it is not sent again");
    anyhow::ensure!(kept.remove(store).await?, changed);
    // Whatever the lists look like, the next run looks for the person.
    for mut pass in pass::all(store, Some(&kept.invitation.event)).await? {
        pass.anew();
        pass.keep(store).await?;
    }
    Ok(())
}

impl From<ReadError> for Result<ListTrouble, InviteError> {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::List(trouble) => Ok(trouble),
            ReadError::Dataverse(error) => Err(error.into()),
        }
    }
}
