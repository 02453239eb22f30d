//! The way to Dataverse: the client, what writes through it, and the word to other processes that it does.

use std::{
    collections::BTreeSet,
    fmt::Display,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;

use super::{
    connections::{Signed, connect},
    held::{HeldRecord, Way},
};
use crate::{
    dataverse::{Client, Credential},
    settings::DataverseSettings,
    store::Store,
    sync::{
        DataverseCrm,
        closings::Conclusion,
        coalesce::Coalescer,
        current::CurrentSettings,
        engine::{Engine, Scope},
        lists::{DataverseLists, Lists},
        outcome::{Held, Outcome, Postponement, Report},
        writers::Writers,
    },
    telemetry::metrics::metrics,
};

/// The way to Dataverse.
pub struct DataverseAccess {
    pub client: Arc<Client>,
    /// None where a managed identity signs in.
    pub credential: Option<Arc<Credential>>,
    pub writer: Coalescer,
    writers: Writers,
    is_beating: Arc<AtomicBool>,
}

/// How often it is looked whether it is time to say again that this process writes.
const BETWEEN_BEATS: Duration = Duration::from_secs(1);
/// Who made no call for so many looks writes no more.
const STILL: u32 = 10;
/// The most ids that a record lists of one kind.
const LISTED: usize = 16;

impl DataverseAccess {
    /// Says that this process writes, when it is time to, and learns with whom it shares what Dataverse bears. It goes on saying so
    /// while calls are made: a batch may take long.
    pub async fn join_writers(&self) {
        beat(&self.writers, &self.client).await;
        if self.is_beating.swap(true, Ordering::Relaxed) {
            return;
        }
        let (writers, client, is_beating) = (self.writers.clone(), self.client.clone(), self.is_beating.clone());
        tokio::spawn(async move {
            let (mut calls, mut still) = (client.calls(), 0);
            while still < STILL {
                tokio::time::sleep(BETWEEN_BEATS).await;
                beat(&writers, &client).await;
                still = if client.calls() == calls { still + 1 } else { 0 };
                calls = client.calls();
            }
            is_beating.store(false, Ordering::Relaxed);
        });
    }
}

async fn beat(writers: &Writers, client: &Client) {
    match writers.beat(Timestamp::now()).await {
        Ok(share) => share.into_iter().for_each(|share| client.share(share)),
        Err(error) => tracing::warn!(%error, "the writing processes could not be counted"),
    }
}

/// Makes it. No call is made.
///
/// # Errors
/// What must be mended first.
pub(super) fn open(
    settings: &DataverseSettings,
    store: &Arc<dyn Store>,
    current: CurrentSettings,
) -> Result<DataverseAccess, Held> {
    let Signed { client, credential, .. } = connect(settings)?;
    let crm = Arc::new(DataverseCrm::new(client.clone(), &settings.prefix));
    let lists = Lists::new(Arc::new(DataverseLists::new(client.clone())), store.clone());
    let engine = Engine::new(crm, store.clone(), settings.tenant.clone())
        .with_settings(current)
        .with_conclusion(Conclusion::WhenTold)
        .with_lists(lists);
    let (held, writers) = (HeldRecord::new(store.clone(), Way::Dataverse), Writers::new(store.clone()));
    let writer = Coalescer::start(engine, Arc::new(observer(client.clone(), held)));
    Ok(DataverseAccess { client, credential, writer, writers, is_beating: Arc::default() })
}

/// Every batch leaves one record in the log, and what it says of holds is kept where Health finds it.
fn observer(client: Arc<Client>, held: HeldRecord) -> impl Fn(Scope, &Report, Duration) + Send + Sync {
    let told = AtomicU64::new(0);
    move |scope, report, took| {
        let calls = client.calls();
        // Of batches beside each other, each counts what was made since the record before.
        let calls = calls.saturating_sub(told.fetch_max(calls, Ordering::Relaxed));
        let count = |of: fn(&Outcome) -> bool| report.outcomes.iter().filter(|outcome| of(outcome)).count();
        let unchanged = count(|outcome| matches!(outcome, Outcome::Settled { changed: false }));
        let refused = count(|outcome| matches!(outcome, Outcome::Refused(_)));
        let postponed = count(|outcome| matches!(outcome, Outcome::Postponed(_)));
        let hold = report.outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Postponed(Postponement::Held(held)) => Some(held),
            _ => None,
        });
        let decided = |name| report.decisions.iter().filter(|decision| decision.name() == name).count();
        tracing::info!(
            target: "outcome",
            scope = scope.name(),
            about = listed(&report.about),
            events = report.outcomes.len(),
            created = report.tally.created,
            updated = report.tally.updated,
            unchanged,
            refused,
            postponed,
            hold = hold.map(|held| held.name),
            ambiguous = decided("ambiguous"),
            adopted = decided("adopted"),
            left_out = decided("left_out"),
            unfit_owner = decided("unfit_owner"),
            unmatched = decided("unmatched"),
            ignored = decided("ignored"),
            decisions = listed(&report.decisions),
            calls,
            duration_ms = took.as_millis() as u64,
            "batch written"
        );
        for (outcome, rows) in [
            ("created", report.tally.created),
            ("updated", report.tally.updated),
            ("unchanged", unchanged as u64),
            ("refused", refused as u64),
            ("postponed", postponed as u64),
        ] {
            metrics().rows(outcome, rows);
        }
        let wrote = report.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Settled { .. }));
        if hold.is_some() || wrote {
            let (held, hold) = (held.clone(), hold.cloned());
            tokio::spawn(async move { held.observe(hold.as_ref()).await });
        }
    }
}

/// The first of some, as text; `None` of none. A line is cut off anyway.
fn listed<T: Display>(some: &BTreeSet<T>) -> Option<String> {
    let first: Vec<String> = some.iter().take(LISTED).map(ToString::to_string).collect();
    (!first.is_empty()).then(|| first.join(", "))
}
