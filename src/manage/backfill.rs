//! Backfills that the connector works on.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Ask, Ground, ManageError, Role};
use crate::{
    model::SourceTime,
    reconcile::jobs::{self, Job},
};

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
