//! Processes that share a token call one at a time, and the urgent first.

#![cfg(feature = "local")]

use std::{sync::Arc, time::Duration};

use inevent_d365::{
    inevent::{Error, Pacer, Priority, Terms},
    store::{SqliteStore, Store},
};
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(60);

fn store() -> (Arc<dyn Store>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Arc::new(SqliteStore::open(folder.path().join("db")).unwrap()), folder)
}

fn process(store: &Arc<dyn Store>, terms: Terms) -> Pacer {
    Pacer::shared(store.clone(), "https://api.inevent.com", "somebody", terms)
}

fn terms() -> Terms {
    Terms {
        ttl: Duration::from_secs(6),
        idle: Duration::from_millis(100),
        slice: Duration::from_secs(600),
        look: Duration::from_millis(50),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_calls_at_a_time_and_an_idle_one_lets_go() {
    let (store, _folder) = store();
    let (first, second) = (process(&store, terms()), process(&store, terms()));
    let held = first.admit(Priority::Live, LONG).await.unwrap();
    assert_eq!(second.admit(Priority::Live, Duration::from_millis(500)).await.unwrap_err(), Error::Busy);
    let waits = tokio::spawn(async move { second.admit(Priority::Live, LONG).await });
    drop(held);
    let ended = std::time::Instant::now();
    waits.await.unwrap().unwrap();
    assert!(ended.elapsed() >= Duration::from_secs(1), "what the other called still counts for a second");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_job_lets_what_just_happened_go_first() {
    let (store, _folder) = store();
    let (job, live) = (process(&store, terms()), process(&store, terms()));
    job.admit(Priority::Backfill, LONG).await.unwrap();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let busy = tokio::spawn(async move {
        while !*stopped.borrow() {
            let permit = job.admit(Priority::Backfill, LONG).await.unwrap();
            tokio::task::yield_now().await;
            drop(permit);
        }
        job
    });
    live.admit(Priority::Live, LONG).await.unwrap();
    stop.send(true).unwrap();
    drop(live);
    busy.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_gives_the_turn_back_at_once() {
    let (store, _folder) = store();
    let never_idle = Terms { idle: Duration::from_secs(600), ..terms() };
    let (first, second) = (process(&store, never_idle), process(&store, never_idle));
    drop(first.admit(Priority::Live, LONG).await.unwrap());
    first.rest().await;
    second.admit(Priority::Live, LONG).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn other_tokens_have_turns_of_their_own() {
    let (store, _folder) = store();
    let first = process(&store, terms());
    let other = Pacer::shared(store.clone(), "https://api.inevent.com", "somebody else", terms());
    let _held = first.admit(Priority::Live, LONG).await.unwrap();
    other.admit(Priority::Live, LONG).await.unwrap();
}
