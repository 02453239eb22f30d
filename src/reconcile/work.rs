//! Working on backfill jobs: in the timer's rounds, and for whoever waits at a command line.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{
    cursor::{self, Cursor},
    jobs::{self, Job, LEASE, State},
    known::Known,
    outlet::Outlet,
    pass::{Pass, Passed},
    round::{NotLooked, Reconciler},
    schedule::Look,
};
use crate::{
    inevent::Priority,
    settings::document::{Document, EventSettings},
    sync::rows::ActivityTable,
};

/// How long a slice of a job is: as long as a look of the timer's, for only of a list that was read in one go is known who is missing.
const SLICE: Duration = Duration::from_secs(4 * 60);

impl Reconciler {
    /// Works on the jobs that wait, one slice after the other, until the time is up. One that fails waits, and takes no other along.
    ///
    /// # Errors
    /// For a reason that every job would meet.
    pub async fn jobs(
        &self,
        document: &Document,
        table: impl Fn(&str) -> ActivityTable,
        until: Instant,
    ) -> Result<(), NotLooked> {
        for job in jobs::all(&*self.store).await? {
            if job.state == State::Waiting && Instant::now() < until {
                let (event, settings) = (job.event.clone(), document.effective(&job.event));
                match self.work(job, &settings, table(&event), until, |_| {}).await {
                    Err(error) if error.concerns_all() => return Err(error),
                    Err(error) => tracing::warn!(event, %error, "the backfill was broken off; the next run goes on"),
                    Ok(_) => {}
                }
            }
        }
        Ok(())
    }

    /// Works on one job until it is done or the time is up; `None` where somebody else does.
    ///
    /// # Errors
    /// When it broke off; what was put until then counts.
    pub async fn work(
        &self,
        mut job: Job,
        settings: &EventSettings,
        table: ActivityTable,
        until: Instant,
        mut progress: impl FnMut(&Job),
    ) -> Result<Option<Job>, NotLooked> {
        let store = &*self.store;
        let Some(mut lease) = job.lease(store, "reconcile", Timestamp::now()).await? else { return Ok(None) };
        while job.state == State::Waiting && Instant::now() < until {
            let slice = (Instant::now() + SLICE).min(until);
            let passed = match self.backfill(&job, settings, table, &*self.outlet, slice).await {
                Ok(passed) => passed,
                Err(error) => {
                    job.note = Some(error.to_string());
                    jobs::save(store, &job).await?;
                    lease.release(store).await?;
                    return Err(error);
                }
            };
            job.people += passed.people;
            job.sent += passed.sent;
            job.offset = passed.offset.unwrap_or_default();
            job.note.clone_from(&passed.alarm);
            job.state = match (passed.gone, passed.offset) {
                (true, _) => State::Failed,
                (false, Some(_)) => State::Waiting,
                (false, None) => State::Done,
            };
            jobs::save(store, &job).await?;
            progress(&job);
            if !lease.renew(store, LEASE, Timestamp::now()).await? {
                return Ok(None);
            }
        }
        lease.release(store).await?;
        Ok(Some(job))
    }

    /// One slice: everything is stated as InEvent knows it now. What it closes, the next round closes as well.
    pub async fn backfill(
        &self,
        job: &Job,
        settings: &EventSettings,
        table: ActivityTable,
        outlet: &dyn Outlet,
        until: Instant,
    ) -> Result<Passed, NotLooked> {
        // Nothing was closed yet, for a job that brings in what was over before.
        let kept = cursor::load(&*self.store, &job.event).await?;
        let kept = Cursor { answers_apart: kept.answers_apart, tracks: kept.tracks, ..Cursor::default() };
        let known = Known::load(&self.dataverse, table, &job.event).await.map_err(|_| NotLooked::Rows)?;
        let pass = Pass {
            inevent: &self.inevent.at(Priority::Backfill),
            known: &known,
            settings,
            cursor: &kept,
            outlet,
            look: Look { since: job.since, restate: true },
            trusted: job.trusted,
            until,
        };
        Ok(pass.make(&job.event, job.offset).await?)
    }
}
