//! `backfill`: everything that InEvent knows of an event, written into the CRM.

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use async_trait::async_trait;
use clap::Args;
use inevent_d365::{
    manage::{Action, Backfills, Ground, Planned, PreviewBackfill, Previewed, ReadBackfill, StartBackfill, Stated},
    model::{ParticipantEvent, SourceTime},
    reconcile::{
        jobs::{self, Job, State},
        outlet::{NotPut, Outlet, QueueOutlet},
        round::Reconciler,
    },
};
use jiff::Timestamp;
use serde_json::json;

use super::{
    app::{Connector, Target, Who, by_environment},
    since::since,
};

/// The statements that are asked about at once, and the bytes that they may weigh: a request has a limit.
const ASKED: usize = 2_000;
const WEIGHT: usize = 2 * 1024 * 1024;

/// Reads an event from InEvent, everybody on its lists, its check-in log and its scores, and puts all of it into the queue of events, as
/// if it had just been told: for an event that began before the connector was there, or after settings changed. What the CRM holds
/// already is not written again.
///
/// It is polite to InEvent's limit of calls, and shares it with the connector that runs. The job is kept in the connector's storage: what
/// is broken off here, the connector goes on with.
#[derive(Debug, Args)]
pub struct BackfillArgs {
    /// InEvent's id of the event
    #[arg(long, value_name = "ID", required_unless_present = "list")]
    event: Option<String>,
    /// Only who was changed since: a time (2026-11-22T09:00:00Z), a day (2026-11-22, UTC) or how long ago (2d, 12h)
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// Print which rows and columns would be written, and write nothing. It reads personal data and prints it (with --app, through
    /// /api/manage: role Connector.Admin)
    #[arg(long)]
    dry_run: bool,
    /// Cancel whoever is missing in InEvent, however many they are
    #[arg(long)]
    accept_missing: bool,
    /// Only leave the job to the connector that runs
    #[arg(long, conflicts_with = "dry_run")]
    detach: bool,
    /// List the jobs
    #[arg(long, conflicts_with = "event")]
    list: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

pub fn run(args: BackfillArgs) -> ExitCode {
    super::block_on(async move {
        let BackfillArgs { event, since, dry_run, accept_missing, detach, list, json, target } = args;
        let (event, since) = (event.unwrap_or_default(), since.and_then(SourceTime::new));
        if list {
            return told(&target.connector(Who::Anybody).await?.ask(Backfills {}).await?, json);
        }
        if !dry_run && (detach || target.is_deployed()) {
            let connector = target.connector(Who::Anybody).await?;
            let job = connector.ask(StartBackfill { event, since, accept_missing }).await?;
            println!("Backfill {} of event {} waits for the connector.", job.id, job.event);
            return Ok(());
        }
        if dry_run {
            let asked = ReadBackfill { event, since, accept_missing, offset: 0 };
            return preview(&target.connector(Who::Anybody).await?, asked, json).await;
        }
        work(&by_environment(), Job::new(event, since, accept_missing, Timestamp::now()), json).await
    })
}

fn told(jobs: &[Job], json: bool) -> Result<()> {
    for job in jobs {
        match json {
            true => println!("{}", json!(job)),
            false => println!(
                "{}  event {}  {:?}  {} people read, {} statements queued  {}",
                job.asked.strftime("%Y-%m-%d %H:%M"),
                job.event,
                job.state,
                job.people,
                job.sent,
                job.note.as_deref().unwrap_or_default()
            ),
        }
    }
    if jobs.is_empty() && !json {
        println!("There are no backfills.");
    }
    Ok(())
}

/// Does the job here, and says how far it is.
async fn work(ground: &Ground, job: Job, json: bool) -> Result<()> {
    let storage = ground.storage()?;
    let queue = storage.events().await?;
    let outlet = QueueOutlet { queue, bodies: storage.bodies.clone(), store: storage.store.clone() };
    let outlet = Counting { outlet, queued: AtomicUsize::new(0) };
    let (dataverse, document) = (ground.dataverse()?, ground.document().await?);
    let engine = ground.engine(dataverse.clone())?;
    let store = storage.store.clone();
    let reconciler = Reconciler { inevent: ground.inevent()?, dataverse, store, outlet: Arc::new(outlet) };
    let rules = engine
        .rules()
        .await
        .map_err(|_| anyhow!("the settings are not in order; `settings validate --live` says why"))?;
    jobs::save(&*storage.store, &job).await?;
    let table = rules.of_event(&job.event).activity.table;
    let progress = |job: &Job| match json {
        true => println!("{}", json!(job)),
        false => eprintln!("event {}: {} people read, {} statements queued", job.event, job.people, job.sent),
    };
    let until = Instant::now() + Duration::from_secs(24 * 3_600);
    let done = reconciler.work(job.clone(), &document.effective(&job.event), table, until, progress).await;
    let done = done.with_context(|| format!("backfill {} was broken off; the connector goes on with it", job.id))?;
    match done.map(|job| (job.state, job.note)) {
        Some((State::Failed, _)) => {
            bail!("InEvent does not know event {}, or does not show it to this token", job.event)
        }
        Some((_, Some(note))) => bail!("done, but: {note}"),
        Some((_, None)) if !json => println!("Done: what is new is on its way to the CRM."),
        None if !json => println!("The connector works on it already."),
        _ => {}
    }
    Ok(())
}

/// Prints what would be written.
async fn preview(connector: &Connector, asked: ReadBackfill, json: bool) -> Result<()> {
    let (mut creates, mut updates) = (0, 0);
    for batch in batches(read(connector, asked).await?) {
        let Previewed { writes, refused } = connector.ask(PreviewBackfill { events: batch }).await?;
        for planned in &writes {
            let is_new = planned.action == Action::New;
            (creates, updates) = (creates + usize::from(is_new), updates + usize::from(!is_new));
            print(planned, json);
        }
        for statement in &refused {
            eprintln!("{}: would be parked: {}", statement.id, statement.reason);
        }
    }
    if !json {
        println!("{creates} rows would be created and {updates} changed. Nothing was written.");
    }
    Ok(())
}

/// What the backfill would state.
async fn read(connector: &Connector, asked: ReadBackfill) -> Result<Vec<ParticipantEvent>> {
    let ReadBackfill { event, since, accept_missing, mut offset } = asked;
    let mut all = Vec::new();
    loop {
        let asked = ReadBackfill { event: event.clone(), since, accept_missing, offset };
        let Stated { events, note, more } = connector.ask(asked).await?;
        all.extend(events);
        note.into_iter().for_each(|note| eprintln!("{note}"));
        match more {
            Some(next) => offset = next,
            None => return Ok(all),
        }
    }
}

/// Statements in parts that can be asked about.
fn batches(events: Vec<ParticipantEvent>) -> Vec<Vec<ParticipantEvent>> {
    let (mut batches, mut weight) = (vec![Vec::new()], 0);
    for event in events {
        let weighs = serde_json::to_string(&event).map_or(0, |text| text.len());
        weight += weighs;
        match batches.last_mut() {
            Some(batch) if batch.is_empty() || (batch.len() < ASKED && weight <= WEIGHT) => batch.push(event),
            _ => {
                weight = weighs;
                batches.push(vec![event]);
            }
        }
    }
    batches
}

fn print(planned: &Planned, json: bool) {
    if json {
        println!("{}", json!(planned));
        return;
    }
    let Planned { table, id, action, columns } = planned;
    let action = if *action == Action::New { "new" } else { "changed" };
    println!("{table} {id} ({action})");
    // What keeps the state of the row is for machines.
    for (column, value) in columns.iter().filter(|(column, _)| !column.ends_with("stamp")) {
        println!("    {column}: {value}");
    }
}

/// Says how many statements were queued, as they are.
struct Counting {
    outlet: QueueOutlet,
    queued: AtomicUsize,
}

#[async_trait]
impl Outlet for Counting {
    async fn put(&self, events: Vec<ParticipantEvent>) -> Result<(), NotPut> {
        let count = events.len();
        self.outlet.put(events).await?;
        let queued = self.queued.fetch_add(count, Ordering::Relaxed) + count;
        eprintln!("{queued} statements queued");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_asked_about_in_parts_that_a_request_may_weigh() {
        let weighing = |bytes: usize| -> ParticipantEvent {
            let said = json!({
                "id": "1", "time": "2026-05-01T09:00:00Z", "kind": "registered", "event": { "id": "4711" },
                "participant": { "id": "1" }, "answers": { "Budget": "x".repeat(bytes) },
            });
            serde_json::from_value(said).unwrap()
        };
        let parts = |events: Vec<ParticipantEvent>| batches(events).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(parts(vec![weighing(1); ASKED + 1]), [ASKED, 1]);
        assert_eq!(parts(vec![weighing(WEIGHT / 3); 5]), [2, 2, 1]);
        assert_eq!(parts(vec![weighing(WEIGHT), weighing(1), weighing(1)]), [1, 2]);
        assert_eq!(parts(Vec::new()), [0]);
    }
}
