//! `backfill`: everything that InEvent knows of an event, written into the CRM.

use std::{
    process::ExitCode,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use async_trait::async_trait;
use clap::Args;
use inevent_d365::{
    functions::{Storage, connect, connect_inevent},
    manage::{Backfills, Ground, StartBackfill},
    model::{ParticipantEvent, SourceTime},
    reconcile::{
        jobs::{self, Job, State},
        outlet::{NotPut, Outlet, QueueOutlet},
        round::Reconciler,
    },
    settings::{DataverseSettings, InEventSettings, SettingProblem, document::Document},
    sync::{
        DataverseCrm,
        crm::{Action, Write},
        current::CurrentSettings,
        engine::Engine,
        outcome::Held,
    },
};
use jiff::Timestamp;
use serde_json::json;

use super::{
    app::{Target, Who},
    since::since,
};

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
    /// Print which rows and columns would be written, and write nothing. It reads personal data and prints it
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
        let ground = target.ground().await?;
        let job = Job::new(event, since, accept_missing, Timestamp::now());
        match dry_run {
            true => preview(&ground, &job, json).await,
            false => work(&ground, job, json).await,
        }
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
    let (reconciler, document, engine) = ways(ground, storage, Arc::new(outlet)).await?;
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
async fn preview(ground: &Ground, job: &Job, json: bool) -> Result<()> {
    let collected = Arc::new(Collected::default());
    let (reconciler, document, engine) = ways(ground, ground.storage()?, collected.clone()).await?;
    let rules = engine
        .rules()
        .await
        .map_err(|_| anyhow!("the settings are not in order; `settings validate --live` says why"))?;
    let table = rules.of_event(&job.event).activity.table;
    let until = Instant::now() + Duration::from_secs(24 * 3_600);
    let passed = reconciler.backfill(job, &document.effective(&job.event), table, &*collected, until).await?;
    if passed.gone {
        bail!("InEvent does not know event {}, or does not show it to this token", job.event);
    }
    let events = std::mem::take(&mut *collected.0.lock().unwrap_or_else(PoisonError::into_inner));
    let (mut creates, mut updates) = (0, 0);
    for batch in events.chunks(500) {
        let plan = engine.preview(batch).await.map_err(|why| anyhow!(why))?;
        for write in &plan.writes {
            let is_new = write.action == Action::Create;
            (creates, updates) = (creates + usize::from(is_new), updates + usize::from(!is_new));
            print(write, json);
        }
        for refused in &plan.refused {
            eprintln!("{}: would be parked: {}", batch[refused.event].id, refused.reason);
        }
    }
    if !json {
        println!("{creates} rows would be created and {updates} changed. Nothing was written.");
    }
    Ok(())
}

fn print(write: &Write, json: bool) {
    let what = if write.action == Action::Create { "new" } else { "changed" };
    if json {
        let id = write.id.to_string();
        println!("{}", json!({ "table": write.table.name, "id": id, "action": what, "columns": write.columns }));
        return;
    }
    println!("{} {} ({what})", write.table.name, write.id);
    // What keeps the state of the row is for machines.
    for (column, value) in write.columns.iter().filter(|(column, _)| !column.ends_with("stamp")) {
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

/// Events that go nowhere.
#[derive(Default)]
struct Collected(Mutex<Vec<ParticipantEvent>>);

#[async_trait]
impl Outlet for Collected {
    async fn put(&self, events: Vec<ParticipantEvent>) -> Result<(), NotPut> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(events);
        Ok(())
    }
}

/// The ways to InEvent and Dataverse, as the connector's settings name them.
async fn ways(ground: &Ground, storage: &Storage, outlet: Arc<dyn Outlet>) -> Result<(Reconciler, Document, Engine)> {
    let lookup = |name: &str| ground.setting(name);
    let missing = |problems: Vec<SettingProblem>| {
        anyhow!(problems.iter().map(|problem| problem.0.as_str()).collect::<Vec<_>>().join(" "))
    };
    let held = |held: Held| anyhow!(held.remedy);
    let settings = DataverseSettings::read(&lookup).map_err(missing)?;
    let dataverse = connect(&settings).map_err(held)?.client;
    let of_inevent = InEventSettings::read(&lookup).map_err(missing)?;
    let inevent = connect_inevent(&of_inevent, Some(storage.store.clone())).map_err(held)?;
    let (place, document) = (ground.place()?, ground.document().await?);
    let crm = Arc::new(DataverseCrm::new(dataverse.clone(), &settings.prefix));
    let engine = Engine::new(crm, storage.store.clone(), settings.tenant).with_settings(CurrentSettings::kept(place));
    let reconciler = Reconciler { inevent, dataverse, store: storage.store.clone(), outlet };
    Ok((reconciler, document, engine))
}
