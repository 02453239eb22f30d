//! Backfills: the jobs that the connector works on, and what one would write.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Ask, Ground, ManageError, Role,
    inevent::{resting, told},
};
use crate::{
    dataverse::Columns,
    model::{ParticipantEvent, SourceTime},
    reconcile::{
        jobs::{self, Job},
        outlet::{NotPut, Outlet},
        pass::Broken,
        round::{NotLooked, Reconciler},
    },
    sync::{
        crm::{self, Write},
        plan::Plan,
    },
};

/// The statements that are planned together.
const BATCH: usize = 500;

/// The jobs, the oldest first.
#[derive(Debug, Serialize, Deserialize)]
pub struct Backfills {}

/// Leaves a job to the connector.
#[derive(Debug, Serialize, Deserialize)]
pub struct StartBackfill {
    pub event: String,
    pub since: Option<SourceTime>,
    pub accept_missing: bool,
}

/// Reads from InEvent what a backfill would state, and states it to nobody else.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReadBackfill {
    pub event: String,
    pub since: Option<SourceTime>,
    pub accept_missing: bool,
    /// Where the answer before said that there is more; 0 at first.
    pub offset: usize,
}

/// Statements about people, and so personal data.
#[derive(Debug, Serialize, Deserialize)]
pub struct Stated {
    pub events: Vec<ParticipantEvent>,
    /// What somebody should look at.
    pub note: Option<String>,
    /// The time was up: ask again, from here.
    pub more: Option<usize>,
}

/// Plans what statements would write, over the rows as they are. Nothing is written.
#[derive(Debug, Serialize, Deserialize)]
pub struct PreviewBackfill {
    pub events: Vec<ParticipantEvent>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Previewed {
    pub writes: Vec<Planned>,
    pub refused: Vec<WouldBeParked>,
}

/// A row that would be written.
#[derive(Debug, Serialize, Deserialize)]
pub struct Planned {
    pub table: String,
    pub id: String,
    pub action: Action,
    pub columns: Columns,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    New,
    Changed,
}

/// A statement of which nothing would be written.
#[derive(Debug, Serialize, Deserialize)]
pub struct WouldBeParked {
    /// The statement's id.
    pub id: String,
    pub reason: String,
}

impl From<NotLooked> for ManageError {
    fn from(error: NotLooked) -> Self {
        Self::Unavailable(match &error {
            NotLooked::Broken(Broken::InEvent(error)) => told(error),
            _ => error.to_string(),
        })
    }
}

impl From<Write> for Planned {
    fn from(write: Write) -> Self {
        let action = if write.action == crm::Action::Create { Action::New } else { Action::Changed };
        Self { table: write.table.name.to_owned(), id: write.id.to_string(), action, columns: write.columns }
    }
}

impl Previewed {
    /// `batch` is what was planned.
    fn add(&mut self, plan: Plan, batch: &[ParticipantEvent]) {
        self.writes.extend(plan.writes.into_iter().map(Planned::from));
        let refused = plan.refused.into_iter().filter_map(|refused| Some((batch.get(refused.event)?, refused.reason)));
        self.refused.extend(refused.map(|(event, reason)| WouldBeParked { id: event.id.clone(), reason }));
    }
}

/// Keeps events for whoever asked.
#[derive(Default)]
struct Collected(Mutex<Vec<ParticipantEvent>>);

#[async_trait]
impl Outlet for Collected {
    async fn put(&self, events: Vec<ParticipantEvent>) -> Result<(), NotPut> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(events);
        Ok(())
    }
}

#[async_trait]
impl Ask for Backfills {
    const NAME: &'static str = "backfill/list";
    const NEEDS: Role = Role::Reader;
    type Answer = Vec<Job>;

    async fn answer(self, ground: &Ground) -> Result<Vec<Job>, ManageError> {
        Ok(jobs::all(ground.store()?).await?)
    }
}

#[async_trait]
impl Ask for StartBackfill {
    const NAME: &'static str = "backfill/start";
    const NEEDS: Role = Role::Admin;
    type Answer = Job;

    async fn answer(self, ground: &Ground) -> Result<Job, ManageError> {
        let job = Job::new(self.event, self.since, self.accept_missing, Timestamp::now());
        jobs::save(ground.store()?, &job).await?;
        Ok(job)
    }
}

#[async_trait]
impl Ask for ReadBackfill {
    const NAME: &'static str = "backfill/read";
    const NEEDS: Role = Role::Admin;
    type Answer = Stated;

    async fn answer(self, ground: &Ground) -> Result<Stated, ManageError> {
        let until = Instant::now() + ground.patience();
        let (dataverse, inevent, document) = (ground.dataverse()?, ground.inevent()?, ground.document().await?);
        let not_in_order = "the settings are not in order; `settings validate --live` says why";
        let rules = ground.engine(dataverse.clone())?.rules().await;
        let rules = rules.map_err(|_| ManageError::Refused(not_in_order.to_owned()))?;
        let job = Job::new(self.event, self.since, self.accept_missing, Timestamp::now());
        let job = Job { offset: self.offset, ..job };
        let (settings, table) = (document.effective(&job.event), rules.of_event(&job.event).activity.table);
        let collected = Arc::new(Collected::default());
        let (store, outlet) = (ground.storage()?.store.clone(), collected.clone());
        let reconciler = Reconciler { inevent: inevent.clone(), dataverse, store, outlet };
        let reading = reconciler.backfill(&job, &settings, table, &*collected, until);
        let passed = resting(&inevent, reading).await?;
        if passed.gone {
            let why = format!("InEvent does not know event {}, or does not show it to this token", job.event);
            return Err(ManageError::Refused(why));
        }
        let events = std::mem::take(&mut *collected.0.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Stated { events, note: passed.alarm, more: passed.offset })
    }
}

#[async_trait]
impl Ask for PreviewBackfill {
    const NAME: &'static str = "backfill/preview";
    const NEEDS: Role = Role::Admin;
    type Answer = Previewed;

    async fn answer(self, ground: &Ground) -> Result<Previewed, ManageError> {
        let (engine, mut previewed) = (ground.engine(ground.dataverse()?)?, Previewed::default());
        for batch in self.events.chunks(BATCH) {
            let plan = engine.preview(batch).await.map_err(ManageError::Unavailable)?;
            previewed.add(plan, batch);
        }
        Ok(previewed)
    }
}
