//! Sending in the background.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Delivery;
use crate::inevent::state::State;

/// How often the clock is looked at, for events that end.
const LOOK: Duration = Duration::from_millis(100);

/// Sends what is due until it is stopped; announces events that have ended.
pub(in crate::inevent) async fn deliver(
    state: Arc<State>,
    client: reqwest::Client,
    mut stopped: watch::Receiver<bool>,
) {
    let mut sending = JoinSet::new();
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let due = {
            let mut world = state.world();
            while let Some(delivery) = world.hooks.next(Instant::now()) {
                let timeout = Duration::from_millis(world.hooks.settings().timeout_ms);
                sending.spawn(attempt(client.clone(), delivery, timeout));
            }
            world.hooks.due()
        };
        let waits = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = state.wake.notified() => {}
            () = waits => {}
            Some(attempted) = sending.join_next() => {
                if let Ok((delivery, status)) = attempted {
                    state.world().hooks.arrived(delivery, status, state.clock.now());
                }
            }
            _ = look.tick() => state.look_at_the_clock(),
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
    }
}

/// Sends once; the status is 0 if no answer came.
async fn attempt(client: reqwest::Client, delivery: Delivery, timeout: Duration) -> (Delivery, u16) {
    let request = client.post(&delivery.url).header("content-type", delivery.content_type);
    let answer = request.body(delivery.body.clone()).timeout(timeout).send().await;
    let status = answer.map_or(0, |answer| answer.status().as_u16());
    (delivery, status)
}
