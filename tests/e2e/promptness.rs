//! A single registration after an idle minute is in the CRM within five seconds.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use inevent_d365::{
    functions::EVENTS_QUEUE,
    local::host::Timing,
    queue::{Message, Peeked, PutOptions, Queue, QueueError, Queues, Receipt},
};
use serde_json::json;

use crate::{
    crm,
    world::{PATIENCE, World, said},
};

/// When the host looked into the events queue.
type Looks = Arc<Mutex<Vec<Instant>>>;

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_after_an_idle_minute_arrives_within_five_seconds() {
    let looks = Looks::default();
    let watch = |queues| Arc::new(Watched { queues, looks: looks.clone() }) as Arc<dyn Queues>;
    let world = World::with_queues(watch, Timing::default()).await;
    let host = world.host().await;
    // After a minute of nothing the host looks only every two seconds, and never more seldom: it need not be a minute here.
    let idle = async {
        while !looks.lock().unwrap().windows(2).any(|pair| pair[1] - pair[0] > Duration::from_millis(1_900)) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, idle).await.expect("the host never gets idle");

    let sent = Instant::now();
    let event = json!({
        "id": "1", "time": "2026-05-01T09:00:00Z", "kind": "registered", "event": { "id": "1", "name": "Breakfast" },
        "participant": { "id": "1", "email": "ana.silva@contoso.example" },
    });
    world.send(&host, &event).await;
    while crm::dump(&world).await["new_eventattendance"].is_empty() {
        assert!(sent.elapsed() < Duration::from_secs(5), "not there yet; the host said:\n{}", said(&host));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    host.stop().await;
}

#[derive(Debug)]
struct Watched {
    queues: Arc<dyn Queues>,
    looks: Looks,
}

impl Queues for Watched {
    fn queue(&self, name: &str) -> Result<Arc<dyn Queue>, QueueError> {
        let queue = self.queues.queue(name)?;
        Ok(if name == EVENTS_QUEUE { Arc::new(WatchedQueue { queue, looks: self.looks.clone() }) } else { queue })
    }
}

#[derive(Debug)]
struct WatchedQueue {
    queue: Arc<dyn Queue>,
    looks: Looks,
}

#[async_trait]
impl Queue for WatchedQueue {
    fn name(&self) -> &str {
        self.queue.name()
    }

    async fn create(&self) -> Result<(), QueueError> {
        self.queue.create().await
    }

    async fn put(&self, text: &str, options: PutOptions) -> Result<(), QueueError> {
        self.queue.put(text, options).await
    }

    async fn receive(&self, max: usize, invisible_for: Duration) -> Result<Vec<Message>, QueueError> {
        self.looks.lock().unwrap().push(Instant::now());
        self.queue.receive(max, invisible_for).await
    }

    async fn renew(&self, receipt: &Receipt, invisible_for: Duration) -> Result<Receipt, QueueError> {
        self.queue.renew(receipt, invisible_for).await
    }

    async fn delete(&self, receipt: &Receipt) -> Result<(), QueueError> {
        self.queue.delete(receipt).await
    }

    async fn approximate_len(&self) -> Result<u64, QueueError> {
        self.queue.approximate_len().await
    }

    async fn front(&self) -> Result<Vec<Peeked>, QueueError> {
        self.queue.front().await
    }
}
