//! `Health` (`GET /api/health`): whether Dataverse, queue and secrets answer, and what is held, why and since when.

use std::time::Duration;

use maud::{DOCTYPE, Markup, html};
use serde::Serialize;
use warp::{
    Reply,
    http::StatusCode,
    reply::{Response, html as page},
};

use super::{
    answer,
    held::{self, Way},
    pull_marketing_lists,
    services::{App, Services},
};
use crate::{
    dataverse::{Error, Failure},
    parked,
    queue::QueueError,
    reconcile::cursor,
    store::StoreError,
    sync::lists::{self, Trouble},
};

/// A check that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Parked events are counted up to here.
const COUNTED: usize = 1_000;

/// Said of what lies behind incomplete settings; what is missing stands under `held`.
const NOT_ASKED: &str = "not asked: settings are missing";

#[derive(Debug, Serialize)]
struct Health {
    version: &'static str,
    /// Everything answers and nothing is held.
    ok: bool,
    checks: Vec<Check>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<held::Hold>,
    /// Why webhooks wait that InEvent must be asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_webhooks: Option<held::Hold>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<Waiting>,
    /// Marketing lists that take nobody, or of which nobody can be invited. Events flow all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lists: Vec<Trouble>,
    /// Events of which InEvent tells something that is hard to believe. What can be written is written all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reconcile: Vec<Alarm>,
}

/// What should be looked at in InEvent.
#[derive(Debug, Serialize)]
struct Alarm {
    event: String,
    alarm: String,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    /// What is wrong and what to do about it, or what was found.
    detail: String,
}

/// Events on their way.
#[derive(Debug, Serialize)]
struct Waiting {
    /// Messages in the queue, estimated.
    queued: Option<u64>,
    batched: Option<u64>,
    /// Webhooks that are not completed yet.
    webhooks: Option<u64>,
    poison: Option<u64>,
    parked: Option<usize>,
}

pub async fn run(app: &App, accept: Option<&str>) -> Response {
    let health = check(app).await;
    let status = if health.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if accept.is_some_and(|accept| accept.contains("text/html")) {
        return warp::reply::with_status(page(show(&health).into_string()), status).into_response();
    }
    answer::with_json(status, &health)
}

async fn check(app: &App) -> Health {
    let version = env!("CARGO_PKG_VERSION");
    let services = match app.services().await {
        Ok(services) => services,
        Err(why) => {
            let checks = vec![Check { name: "storage", ok: false, detail: why }];
            return Health {
                version,
                ok: false,
                checks,
                held: None,
                held_webhooks: None,
                waiting: None,
                lists: Vec::new(),
                reconcile: Vec::new(),
            };
        }
    };
    let (queue, secrets, dataverse, keys, held, held_webhooks) = tokio::join!(
        queue(services),
        secrets(services),
        dataverse(services),
        webhook_keys(services),
        held::read(&*services.store, Way::Dataverse),
        held::read(&*services.store, Way::InEvent)
    );
    let mut checks = vec![queue, secrets, dataverse];
    checks.extend(keys);
    let mut known = |held: Result<_, StoreError>| {
        held.unwrap_or_else(|error| {
            checks.push(Check { name: "store", ok: false, detail: error.to_string() });
            None
        })
    };
    let (held, held_webhooks) = (known(held), known(held_webhooks));
    let waiting = Waiting {
        queued: services.events.approximate_len().await.ok(),
        batched: services.activities.approximate_len().await.ok(),
        webhooks: services.hydrate.approximate_len().await.ok(),
        poison: match services.poison.approximate_len().await {
            // The host makes it when it first needs it.
            Err(QueueError::NoSuchQueue) => Some(0),
            length => length.ok(),
        },
        parked: parked::count(&*services.store, COUNTED).await.ok(),
    };
    let ok = held.is_none() && held_webhooks.is_none() && checks.iter().all(|check| check.ok);
    let mut lists = lists::troubles(&*services.store).await.unwrap_or_default();
    lists.extend(pull_marketing_lists::troubles(services).await.unwrap_or_default());
    let alarms = cursor::alarms(&*services.store).await.unwrap_or_default();
    let reconcile = alarms.into_iter().map(|(event, alarm)| Alarm { event, alarm }).collect();
    Health { version, ok, checks, held, held_webhooks, waiting: Some(waiting), lists, reconcile }
}

async fn queue(services: &Services) -> Check {
    let detail = match tokio::time::timeout(PATIENCE, services.events.approximate_len()).await {
        Ok(Ok(_)) => return Check { name: "queue", ok: true, detail: "answers".to_owned() },
        Ok(Err(error)) => error.to_string(),
        Err(_) => "does not answer".to_owned(),
    };
    Check { name: "queue", ok: false, detail }
}

async fn secrets(services: &Services) -> Check {
    let (ok, detail) = match &services.dataverse {
        Err(_) => (false, NOT_ASKED.to_owned()),
        Ok(access) => match &access.credential {
            None => (true, "none needed: a managed identity signs in".to_owned()),
            Some(credential) => match tokio::time::timeout(PATIENCE, credential.check()).await {
                Ok(Ok(())) => (true, format!("the {} can be had", credential.name())),
                Ok(Err(error)) => (false, told(&error.into())),
                Err(_) => (false, format!("the place of the {} does not answer", credential.name())),
            },
        },
    };
    Check { name: "secrets", ok, detail }
}

/// Whether webhooks can be let in, where InEvent was set up at all.
async fn webhook_keys(services: &Services) -> Option<Check> {
    if !services.expects_webhooks {
        return None;
    }
    let (ok, detail) = match &services.webhook_keys {
        Err(held) => (false, held.remedy.clone()),
        Ok(keys) => match tokio::time::timeout(PATIENCE, keys.check()).await {
            Ok(Ok(count)) => (true, format!("{count} valid")),
            Ok(Err(why)) => (false, why),
            Err(_) => (false, "the keys' place does not answer".to_owned()),
        },
    };
    Some(Check { name: "webhook keys", ok, detail })
}

async fn dataverse(services: &Services) -> Check {
    let (ok, detail) = match &services.dataverse {
        Err(_) => (false, NOT_ASKED.to_owned()),
        Ok(access) => match tokio::time::timeout(PATIENCE, access.client.who_am_i()).await {
            Ok(Ok(me)) => (true, format!("answers; the connector is the user {}", me.user_id)),
            Ok(Err(error)) => (false, told(&error)),
            Err(_) => (false, "does not answer".to_owned()),
        },
    };
    Check { name: "dataverse", ok, detail }
}

/// What is wrong, with the remedy where there is one.
fn told(error: &Error) -> String {
    match error.failure() {
        Failure::Held(hold) => format!("{error}. {}", hold.remedy()),
        _ => error.to_string(),
    }
}

fn show(health: &Health) -> Markup {
    let row = |name: &str, value: Option<String>| html! { tr { th { (name) } td { (value.as_deref().unwrap_or("unknown")) } } };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { "InEvent for Dynamics 365: health" }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                h1 { (if health.ok { "Everything answers" } else { "Something needs attention" }) }
                table {
                    @for check in &health.checks {
                        tr.bad[!check.ok] { th { (check.name) } td { (check.detail) } }
                    }
                    @for held in health.held.iter().chain(&health.held_webhooks) {
                        tr.bad { th { "held" } td { (held.name) " since " (held.since.to_string()) ". " (held.remedy) } }
                    }
                    @for trouble in &health.lists {
                        tr.bad { th { "list" } td { (trouble.list) ": " (trouble.problem) " since " (trouble.since.to_string()) ". " (trouble.remedy) } }
                    }
                    @for alarm in &health.reconcile {
                        tr.bad { th { "event " (alarm.event) } td { (alarm.alarm) } }
                    }
                    @if let Some(waiting) = &health.waiting {
                        (row("queued", waiting.queued.map(|n| n.to_string())))
                        (row("batched", waiting.batched.map(|n| n.to_string())))
                        (row("webhooks", waiting.webhooks.map(|n| n.to_string())))
                        (row("poison", waiting.poison.map(|n| n.to_string())))
                        (row("parked", waiting.parked.map(|n| n.to_string())))
                    }
                    (row("version", Some(health.version.to_owned())))
                }
            }
        }
    }
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:3rem auto;max-width:46rem;padding:0 1rem;color-scheme:light dark}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.5rem .75rem;border-bottom:1px solid #8884;vertical-align:top}\
th{width:9rem;font-weight:600}.bad th{color:#c50f1f}";
