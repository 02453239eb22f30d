//! `HydrateEvents` (queue `inevent-hydrate`): what webhooks said, completed and passed on as events. Each delivery is settled by itself:
//! done is dropped, what says nothing is parked, what InEvent cannot tell now goes back as a smaller message.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::Ran,
    delivery::{Opened, Undelivered, jitter, open, out_of_sight, put_back},
    invocation::{Message, QueueInvocation},
    parking::{park_hint, settle_body},
    reconcile_events::reconciler,
    services::{App, Services},
};
use crate::{
    hydrate::{Unsettled, without_api},
    inevent::decode::{Delivery, Hint, decode},
    model::{Kind, ParticipantEvent, validate},
    queue::{PutOptions, backoff, envelope},
    reconcile::cursor,
    settings::document::Document,
    sync::outcome::{Held, Postponement},
    synclog::{Entry, Step, Verdict},
};

/// When InEvent is asked once more for what it does not show yet.
const AGAIN: Duration = Duration::from_secs(30);
/// Why a message waits that is looked at once more.
const LOOKED: &str = "look-again";

pub async fn run(app: &App, invocation: Result<QueueInvocation, &'static str>) -> Ran {
    let invocation = invocation?;
    let services = app.services().await?;
    let hydrated = match hydrate(services, invocation.message).await {
        Err(why) => put_back(services, &*services.hydrate, &invocation.text, why).await,
        hydrated => hydrated,
    };
    match hydrated {
        Ok(()) => Ok(()),
        Err(error) => {
            tracing::warn!(%error, dequeue_count = invocation.dequeue_count, "webhooks not settled; they come again");
            Err("the webhooks were not settled".to_owned())
        }
    }
}

async fn hydrate(services: &Services, message: Message) -> Result<(), Undelivered> {
    let Some(Opened { history, items, body }) = open(services, &*services.hydrate, message).await? else {
        return Ok(());
    };
    let (mut events, mut waiting): (_, Vec<(Value, Wait)>) = (Vec::new(), Vec::new());
    let settings = services.settings.document().await;
    match &settings {
        Err(why) => waiting.extend(items.into_iter().map(|item| (item, Wait::For(why.clone())))),
        Ok(settings) => {
            let again = history.last_error.as_deref() == Some(LOOKED);
            // All at once, so that those of one event are read together.
            let mut settling: FuturesUnordered<_> = items
                .into_iter()
                .map(|item| async { (settle(services, &item, settings, again).await, item) })
                .collect();
            while let Some((settled, item)) = settling.next().await {
                match settled {
                    Ok(more) => {
                        services.sync_log.note([passed_on(&more, history.trace_id())]);
                        events.extend(more.iter().map(|event| json!(event)));
                    }
                    Err(Unsettled::Refused(reason)) => park_hint(services, &item, reason, history.trace_id()).await?,
                    Err(Unsettled::Later(retry_after)) => {
                        waiting.push((item, Wait::For(Postponement::Transient { retry_after })));
                    }
                    Err(Unsettled::LookAgain) => waiting.push((item, Wait::Again)),
                    Err(Unsettled::Held(remedy)) => {
                        waiting.push((item, Wait::For(Postponement::Held(Held { name: "inevent", remedy }))));
                    }
                }
            }
        }
    }
    let passed_on = events.len();
    if !events.is_empty() {
        services.ingest.put(history.clone(), events, PutOptions::default()).await?;
    }
    observe(services, &waiting, passed_on).await;
    let mut runs: BTreeMap<&str, Vec<(Value, Wait)>> = BTreeMap::new();
    for (item, why) in waiting {
        runs.entry(why.name()).or_default().push((item, why));
    }
    for (name, run) in runs {
        if history.last_error.as_deref() != Some(name) {
            services.sync_log.note(run.iter().map(|(_, why)| waits(why, history.trace_id())));
        }
        let history = history.postponed(name);
        let asked = run.iter().map(|(_, why)| why.least()).max().unwrap_or_default();
        let delay = backoff::delay(history.attempt, jitter()).max(asked);
        if let Some((_, Wait::For(Postponement::Held(Held { name, remedy })))) = run.first() {
            tracing::warn!(hold = name, remedy, webhooks = run.len(), "webhooks are held");
        }
        let items: Vec<&Value> = run.iter().map(|(item, _)| item).collect();
        let about = settings.as_ref().ok().and_then(|settings| about(&items, settings));
        services.put_back.note_ids(about.as_deref(), out_of_sight(history.first_seen, delay)).await?;
        envelope::put(&*services.hydrate, &*services.bodies, &history, &items, PutOptions::after(delay)).await?;
    }
    match body {
        Some(key) => settle_body(services, &key).await,
        None => Ok(()),
    }
}

/// The events that webhooks name, if all of them do.
fn about(items: &[&Value], settings: &Document) -> Option<Vec<String>> {
    let mut events = Vec::new();
    for item in items {
        let hints = decode(&Delivery::deserialize(*item).ok()?, &settings.inevent).ok()?;
        events.extend(hints.into_iter().map(|hint| hint.event).collect::<Option<Vec<_>>>()?);
    }
    Some(events)
}

/// What followed from a webhook.
fn passed_on(events: &[ParticipantEvent], trace_id: Option<&str>) -> Entry {
    let now = Timestamp::now();
    let entry = match events.first() {
        None => Entry::new(now, Step::Webhook, Verdict::Unchanged, ""),
        Some(first) => Entry::of_statement(now, first, Verdict::Written, None, None),
    };
    let (count, trace_id) = (Some(events.len() as u64), trace_id.map(str::to_owned));
    Entry { step: Step::Webhook, count, trace_id, ..entry }
}

/// That a webhook waits; nothing of it is understood yet.
fn waits(why: &Wait, trace_id: Option<&str>) -> Entry {
    let result = match why {
        Wait::For(Postponement::Held(_)) => Verdict::Held,
        _ => Verdict::Postponed,
    };
    let (why, trace_id) = (Some(why.name().to_owned()), trace_id.map(str::to_owned));
    Entry { why, trace_id, ..Entry::new(Timestamp::now(), Step::Webhook, result, "") }
}

/// Why a webhook waits.
enum Wait {
    For(Postponement),
    /// For InEvent to show what it told.
    Again,
}

impl Wait {
    /// A short name, for the envelope.
    fn name(&self) -> &'static str {
        match self {
            Self::For(why) => why.name(),
            Self::Again => LOOKED,
        }
    }

    /// How long at least.
    fn least(&self) -> Duration {
        match self {
            Self::For(Postponement::Transient { retry_after }) => retry_after.unwrap_or_default(),
            Self::For(Postponement::Held(_) | Postponement::Claimed) => Duration::ZERO,
            Self::Again => AGAIN,
        }
    }
}

/// What is held is shown in Health, until something comes through.
async fn observe(services: &Services, waiting: &[(Value, Wait)], passed_on: usize) {
    let held = waiting.iter().find_map(|(_, why)| match why {
        Wait::For(Postponement::Held(held)) => Some(held),
        _ => None,
    });
    if held.is_some() || (passed_on > 0 && services.inevent.is_ok()) {
        services.held_webhooks.observe(held).await;
    }
}

async fn settle(
    services: &Services,
    item: &Value,
    settings: &Document,
    again: bool,
) -> Result<Vec<ParticipantEvent>, Unsettled> {
    let delivery: Delivery = serde_json::from_value(item.clone())
        .map_err(|_| Unsettled::Refused("an item of the message is no webhook".to_owned()))?;
    let hints = decode(&delivery, &settings.inevent).map_err(|error| Unsettled::Refused(error.to_string()))?;
    let mut events = Vec::new();
    for hint in &hints {
        events.extend(complete(services, hint, again).await?);
    }
    close_by_reconciling(services, settings, &mut events).await?;
    for event in &events {
        if let Some(problem) = validate::check(event, Timestamp::now()).first() {
            let reason = format!("what the webhook says is no event: {} {}", problem.path, problem.problem);
            return Err(Unsettled::Refused(reason));
        }
    }
    Ok(events)
}

/// That an event is over is concluded from everything that InEvent knows of it, not from a webhook while others may be lost: where it is
/// reconciled, that is due now.
async fn close_by_reconciling(
    services: &Services,
    settings: &Document,
    events: &mut Vec<ParticipantEvent>,
) -> Result<(), Unsettled> {
    if reconciler(services).is_none() {
        return Ok(());
    }
    let ours = |event: &ParticipantEvent| {
        event.kind == Kind::EventClosed && settings.effective(&event.event.id).reconcile.enabled
    };
    for event in events.iter().filter(|event| ours(event)) {
        cursor::ended(&*services.store, &event.event.id).await.map_err(|_| Unsettled::Later(None))?;
    }
    events.retain(|event| !ours(event));
    Ok(())
}

async fn complete(services: &Services, hint: &Hint, again: bool) -> Result<Vec<ParticipantEvent>, Unsettled> {
    let by_itself = || match hint.trigger.concerns_participants() {
        true => without_api(hint),
        false => Some(Vec::new()),
    };
    match &services.inevent {
        Ok(hydrator) => match hydrator.settle(hint, again).await {
            // What needs InEvent only for a name does not wait for an administrator.
            Err(Unsettled::Held(remedy)) => by_itself().ok_or(Unsettled::Held(remedy)),
            settled => settled,
        },
        Err(held) => by_itself().ok_or_else(|| Unsettled::Held(held.remedy.clone())),
    }
}
