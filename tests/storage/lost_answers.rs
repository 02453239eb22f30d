//! What happens when the service does what it is asked, but its answer is lost and the call is sent again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use azure_core::{
    error::ErrorKind,
    http::{AsyncRawResponse, HttpClient, Method, Request},
};
use inevent_d365::{
    azure::Account,
    queue::{AzureQueues, PutOptions, Queues as _},
    store::{AzureTableStore, Key, Store as _, StoreError},
};
use serde_json::json;

use crate::places::{azurite_account, unique};

/// Loses the answer to the next call that succeeds in changing something.
#[derive(Debug)]
struct Lossy {
    http: reqwest::Client,
    lose_next: AtomicBool,
}

#[async_trait]
impl HttpClient for Lossy {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let answer = self.http.execute_request(request).await?;
        let changes = request.method() != Method::Get && answer.status().is_success();
        if changes && self.lose_next.swap(false, Ordering::SeqCst) {
            return Err(azure_core::Error::with_message(ErrorKind::Io, "the answer was lost"));
        }
        Ok(answer)
    }
}

async fn lossy_account() -> (Account, Arc<Lossy>) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let lossy = Arc::new(Lossy { http, lose_next: AtomicBool::new(false) });
    (azurite_account().await.with_http_client(lossy.clone()), lossy)
}

#[tokio::test]
async fn a_record_is_not_in_conflict_with_itself() {
    let (account, lossy) = lossy_account().await;
    let store = AzureTableStore::new(&account, &format!("t{}", &unique("")[1..9])).unwrap();
    let key = Key::new("records", "p", "r");
    store.put(&Key::new("records", "p", "first"), &json!(0)).await.unwrap();

    lossy.lose_next.store(true, Ordering::SeqCst);
    let inserted = store.insert(&key, &json!(1)).await.unwrap();
    assert!(!lossy.lose_next.load(Ordering::SeqCst), "an answer was lost");

    lossy.lose_next.store(true, Ordering::SeqCst);
    let replaced = store.replace(&key, &json!(2), &inserted).await.unwrap();
    assert!(!lossy.lose_next.load(Ordering::SeqCst), "an answer was lost");

    let record = store.get(&key).await.unwrap().unwrap();
    assert_eq!((record.value, record.etag), (json!(2), replaced));
    // Somebody else's write of the same value is a conflict all the same.
    assert!(matches!(store.insert(&key, &json!(2)).await, Err(StoreError::Exists)));
    assert!(matches!(store.replace(&key, &json!(2), &inserted).await, Err(StoreError::Changed)));
}

#[tokio::test]
async fn a_message_is_put_twice_rather_than_not_at_all() {
    let (account, lossy) = lossy_account().await;
    let queue = AzureQueues::new(&account).unwrap().queue(&unique("queue")).unwrap();
    queue.create().await.unwrap();
    lossy.lose_next.store(true, Ordering::SeqCst);
    queue.put("x", PutOptions::default()).await.unwrap();
    assert_eq!(queue.receive(32, Duration::from_secs(60)).await.unwrap().len(), 2);
}
