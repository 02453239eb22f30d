//! What must not be said: keys, signatures, and what messages, bodies and records hold.

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use inevent_d365::{
    queue::{AzureBlobBodies, AzureQueues, Bodies as _, PutOptions, Queues as _},
    store::{AzureTableStore, Key, Store as _},
};
use serde_json::json;
use tracing::level_filters::LevelFilter;

use crate::places::{azurite_account, azurite_connection_string, unique};

const PERSONAL: &str = "ada.lovelace";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// On one thread, so that all is logged to this test's subscriber; at the most talkative level.
#[tokio::test(flavor = "current_thread")]
async fn no_log_shows_a_key_or_what_is_stored() {
    let connection = azurite_connection_string().await;
    let key = connection.split("AccountKey=").nth(1).unwrap().split(';').next().unwrap();
    let account = azurite_account().await;
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    let logging = tracing::subscriber::set_default(subscriber);

    let queue = AzureQueues::new(&account).unwrap().queue(&unique("queue")).unwrap();
    queue.put(PERSONAL, PutOptions::default()).await.unwrap_err();
    queue.create().await.unwrap();
    queue.put(PERSONAL, PutOptions::default()).await.unwrap();
    let message = queue.receive(1, Duration::from_secs(60)).await.unwrap().remove(0);
    queue.delete(&message.receipt).await.unwrap();
    let bodies = AzureBlobBodies::new(&account, &unique("bodies")).unwrap();
    bodies.put("a", PERSONAL.as_bytes()).await.unwrap();
    bodies.get("a").await.unwrap().unwrap();
    let store = AzureTableStore::new(&account, &format!("t{}", &unique("")[1..9])).unwrap();
    let record = Key::new("records", "p", "r");
    store.insert(&record, &json!(PERSONAL)).await.unwrap();
    store.insert(&record, &json!(PERSONAL)).await.unwrap_err();
    store.get(&record).await.unwrap().unwrap();

    drop(logging);
    let said = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(said.contains("Request: url") && said.contains("==>"), "the clients did log: {said}");
    for secret in [PERSONAL, key, "SharedKey "] {
        let line = said.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{line:?}");
    }
}
