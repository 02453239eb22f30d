//! The face towards the Azure Functions host: HTTP routes and the custom-handler protocol, one file a function.

mod answer;
mod backlog;
mod conclusion;
mod connections;
mod dataverse_access;
mod delivery;
mod flush_activities;
mod gather;
mod health;
mod held;
mod hydrate_events;
mod inevent_webhook;
mod ingest_events;
pub mod invocation;
mod manage;
mod park_poisoned_events;
mod parking;
mod pull_marketing_lists;
mod reconcile_events;
pub mod retention;
mod routes;
mod services;
mod settings;
#[cfg(all(test, feature = "local"))]
#[expect(clippy::unwrap_used, reason = "tests")]
mod stage;
mod storage;
mod sync_events;
mod webhook_keys;

use std::{sync::Arc, time::Duration};

use tokio::net::TcpListener;

pub use connections::{Signed, connect, connect_inevent, http_client, keys_of_webhooks, managed_identity};
pub use manage::{ADMIN_SIGN_IN, AUTH_ENABLED};
pub use routes::routes;
pub use services::{App, settings_place};
#[cfg(feature = "local")]
pub use storage::DESK_STORAGE;
pub use storage::Storage;
pub use webhook_keys::WebhookKeys;

/// Where participant events wait to be written.
pub const EVENTS_QUEUE: &str = "inevent-events";
/// Where events of batched mode wait for the next flush; no trigger reads it.
pub const ACTIVITIES_QUEUE: &str = "inevent-activities";

/// Where webhooks wait to be completed.
pub const HYDRATE_QUEUE: &str = "inevent-hydrate";

/// How often a message is delivered before it is given up: `maxDequeueCount` in host.json. `FlushActivities`, whose queue the host
/// does not read, holds itself to it.
pub const MAX_DEQUEUE_COUNT: u32 = 30;

/// From this dequeue count on a message is written by itself: it may be what brings the process down.
const SUSPICIOUS: u32 = 3;

/// How long an invocation may take. Shorter than `functionTimeout` in host.json (10 min): a time-out of the host's would
/// kill the process with everything else that is under way in it.
pub const DEADLINE: Duration = Duration::from_secs(8 * 60);

/// Serves the functions until the process is killed.
pub async fn serve(listener: TcpListener, app: Arc<App>) {
    warp::serve(routes(app)).incoming(listener).run().await;
}
