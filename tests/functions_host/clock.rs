//! A clock that moves when it is told to.

use async_trait::async_trait;
use inevent_d365::local::host::Clock;
use jiff::Timestamp;
use tokio::sync::watch;

#[derive(Debug)]
pub struct ManualClock(watch::Sender<Timestamp>);

impl ManualClock {
    pub fn at(start: &str) -> Self {
        Self(watch::Sender::new(start.parse().unwrap()))
    }

    pub fn set(&self, now: &str) {
        self.0.send_replace(now.parse().unwrap());
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    async fn sleep_until(&self, moment: Timestamp) {
        self.0.subscribe().wait_for(|now| *now >= moment).await.unwrap();
    }
}
