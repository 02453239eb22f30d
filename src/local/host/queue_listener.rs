//! Queue functions: when messages are fetched.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::{
    function::{Function, QueueTrigger},
    invoke::Core,
    queue_message::Settler,
    stop::Stop,
    timing::Timing,
};
use crate::queue::QueueError;

/// Fetches messages and has each worked on, until `stop` says so; then waits for the calls under way.
pub(super) async fn listen(
    core: Arc<Core>,
    function: Arc<Function>,
    trigger: QueueTrigger,
    mut stop: Stop,
) -> Result<(), QueueError> {
    let queue = core.queues.queue(&trigger.queue)?;
    let settler = Arc::new(Settler::new(Arc::clone(&core), function, trigger, Arc::clone(&queue))?);
    let settings = core.settings.queues.clone();
    let mut pause = Pause::new(&core.timing, settings.max_polling_interval);
    let mut calls = JoinSet::new();
    while !stop.is_asked() {
        // More is fetched only when so few are left that a whole batch still fits.
        while calls.len() > settings.new_batch_threshold {
            calls.join_next().await;
        }
        while calls.try_join_next().is_some() {}
        // Never given up half-way: messages whose arrival nobody awaits would stay hidden until their time is over.
        let messages = match queue.receive(settings.batch_size, core.timing.fetch_visibility).await {
            Ok(messages) => messages,
            // Its first writer makes it.
            Err(QueueError::NoSuchQueue) => Vec::new(),
            Err(error) => {
                core.log.say(format!("Error polling queue '{}': {error}", queue.name()));
                Vec::new()
            }
        };
        if messages.is_empty() {
            tokio::select! {
                () = tokio::time::sleep(pause.next()) => {}
                () = stop.asked() => break,
            }
        } else {
            pause.reset();
        }
        for message in messages {
            let settler = Arc::clone(&settler);
            calls.spawn(async move { settler.settle(message).await });
        }
    }
    while calls.join_next().await.is_some() {}
    Ok(())
}

/// The growing pause between looks into an empty queue.
#[derive(Debug)]
struct Pause {
    shortest: Duration,
    longest: Duration,
    /// How many looks in a row found nothing.
    empty: u32,
}

impl Pause {
    fn new(timing: &Timing, configured: Duration) -> Self {
        let longest = configured.min(timing.max_polling_interval);
        Self { shortest: timing.min_polling_interval.min(longest), longest, empty: 0 }
    }

    fn reset(&mut self) {
        self.empty = 0;
    }

    /// The real host varies this by a fifth either way; nothing can depend on that.
    fn next(&mut self) -> Duration {
        let factor = if self.empty == 0 { 1 } else { 2u32.saturating_pow(self.empty - 1).saturating_add(1) };
        self.empty = self.empty.saturating_add(1);
        self.shortest.saturating_mul(factor).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_from_100_ms_to_its_ceiling_and_starts_again() {
        let mut pause = Pause::new(&Timing::default(), Duration::from_secs(60));
        let mut next = || pause.next().as_millis();
        assert_eq!([next(), next(), next(), next(), next(), next(), next()], [100, 200, 300, 500, 900, 1700, 2000]);
        // A queue may stay empty for days.
        for _ in 0..100 {
            assert!(pause.next() <= Duration::from_secs(2));
        }
        pause.reset();
        assert_eq!(pause.next().as_millis(), 100);
    }

    #[test]
    fn a_configured_ceiling_under_two_seconds_is_kept() {
        let mut pause = Pause::new(&Timing::default(), Duration::from_millis(150));
        assert_eq!([pause.next().as_millis(), pause.next().as_millis()], [100, 150]);
    }
}
