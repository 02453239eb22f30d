//! `ReconcileEvents` (timer, every five minutes): works on backfills that wait, then looks at the events that are due.

use std::time::Instant;

use jiff::Timestamp;

use super::{
    DEADLINE,
    answer::Ran,
    services::{App, Services},
};
use crate::{
    inevent,
    reconcile::{
        outlet::QueueOutlet,
        pass::Broken,
        round::{NotLooked, Reconciler, Round},
    },
    sync::outcome::Held,
    synclog::{Entry, Step, Verdict},
};

pub async fn run(app: &App) -> Ran {
    let services = app.services().await?;
    // Without a company there is no list of events: webhooks alone tell of them.
    let Some(reconciler) = reconciler(services) else { return Ok(()) };
    match round(services, &reconciler).await {
        Ok(round) => {
            services.held_webhooks.observe(None).await;
            services.sync_log.note(round.looks.iter().map(|(event, sent)| looked(event, *sent)));
            if round.looked + round.failed > 0 || round.broken_off {
                tracing::info!(
                    target: "outcome",
                    events = round.events,
                    looked = round.looked,
                    sent = round.sent,
                    failed = round.failed,
                    broken_off = round.broken_off,
                    "events reconciled"
                );
            }
            Ok(())
        }
        Err(why) => {
            tracing::warn!(why, "events were not reconciled; the next run tries again");
            Err("events were not reconciled".to_owned())
        }
    }
}

fn looked(event: &str, sent: Option<u64>) -> Entry {
    let result = match sent {
        Some(0) => Verdict::Unchanged,
        Some(_) => Verdict::Written,
        None => Verdict::Postponed,
    };
    Entry { count: sent, ..Entry::new(Timestamp::now(), Step::Look, result, event) }
}

/// What looks at events, where both ways are set up.
pub(super) fn reconciler(services: &Services) -> Option<Reconciler> {
    let (Ok(dataverse), Ok(inevent)) = (&services.dataverse, &services.inevent) else { return None };
    inevent.client().company().ok()?;
    let outlet =
        QueueOutlet { queue: services.events.clone(), bodies: services.bodies.clone(), store: services.store.clone() };
    Some(Reconciler {
        inevent: inevent.client().clone(),
        dataverse: dataverse.client.clone(),
        store: services.store.clone(),
        outlet: std::sync::Arc::new(outlet),
    })
}

async fn round(services: &Services, reconciler: &Reconciler) -> Result<Round, String> {
    let Ok(access) = &services.dataverse else { return Ok(Round::default()) };
    let document = services.settings.document().await.map_err(|why| why.name().to_owned())?;
    // While settings are held, nothing that is queued would be written.
    let rules =
        access.writer.rules().await.map_err(|_| "the settings are not in order, or Dataverse does not answer")?;
    let table = |event: &str| rules.of_event(event).activity.table;
    let until = Instant::now() + DEADLINE / 2;
    let looked = async {
        reconciler.jobs(&document, table, until).await?;
        reconciler.round(&document, table, Timestamp::now, until).await
    };
    match looked.await {
        Ok(round) => Ok(round),
        Err(error) => {
            if let NotLooked::Broken(Broken::InEvent(error)) = &error {
                hold(services, error).await;
            }
            Err(error.to_string())
        }
    }
}

/// What an administrator must mend is shown in Health.
async fn hold(services: &Services, error: &inevent::Error) {
    if let Some(remedy) = error.remedy() {
        services.held_webhooks.observe(Some(&Held { name: "inevent", remedy })).await;
    }
}
