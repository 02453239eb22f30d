//! What every kind of store does.

use std::sync::Arc;

use futures_util::{StreamExt as _, future::join_all, stream};
use inevent_d365::store::{ETag, Key, MAX_RECORD_BYTES, Page, Record, Store, StoreError};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use crate::{any_json::any_json, places::Place};

const KIND: &str = "records";

fn key(row: &str) -> Key {
    Key::new(KIND, "p", row)
}

/// All pages of a listing, each within the limit.
async fn list(store: &dyn Store, kind: &'static str, partition: Option<&str>, limit: usize) -> Vec<Record> {
    let (mut all, mut next) = (Vec::new(), None::<String>);
    loop {
        let page: Page = store.list(kind, partition, limit, next.as_deref()).await.unwrap();
        assert!(page.records.len() <= limit);
        all.extend(page.records);
        next = page.next;
        if next.is_none() {
            return all;
        }
    }
}

pub async fn nothing_is_there_at_first(place: &Place) {
    let store = &*place.store;
    assert_eq!(store.get(&key("a")).await.unwrap(), None);
    assert_eq!(list(store, KIND, None, 10).await, []);
    store.delete(&key("a"), None).await.unwrap();
    let etag = ETag("W/\"datetime'2026-11-22T00%3A00%3A00.0000000Z'\"".into());
    assert!(matches!(store.delete(&key("a"), Some(&etag)).await, Err(StoreError::Changed)));
    assert!(matches!(store.replace(&key("a"), &json!(1), &etag).await, Err(StoreError::Changed)));
    // The same once the kind is known.
    store.insert(&key("b"), &json!(1)).await.unwrap();
    assert_eq!(store.get(&key("a")).await.unwrap(), None);
    store.delete(&key("a"), None).await.unwrap();
    assert!(matches!(store.delete(&key("a"), Some(&etag)).await, Err(StoreError::Changed)));
    assert!(matches!(store.replace(&key("a"), &json!(1), &etag).await, Err(StoreError::Changed)));
}

pub async fn a_record_is_inserted_once(place: &Place) {
    let store = &*place.store;
    let etag = store.insert(&key("a"), &json!({"n": 1})).await.unwrap();
    assert!(matches!(store.insert(&key("a"), &json!({"n": 2})).await, Err(StoreError::Exists)));
    let record = Record { key: key("a"), value: json!({"n": 1}), etag };
    assert_eq!(store.get(&key("a")).await.unwrap(), Some(record.clone()));
    assert_eq!(list(store, KIND, None, 10).await, [record]);
}

pub async fn only_the_current_version_is_replaced(place: &Place) {
    let store = &*place.store;
    let first = store.insert(&key("a"), &json!(1)).await.unwrap();
    let second = store.replace(&key("a"), &json!(2), &first).await.unwrap();
    assert_ne!(first, second);
    assert!(matches!(store.replace(&key("a"), &json!(3), &first).await, Err(StoreError::Changed)));
    assert!(matches!(store.delete(&key("a"), Some(&first)).await, Err(StoreError::Changed)));
    let record = store.get(&key("a")).await.unwrap().unwrap();
    assert_eq!((record.value, &record.etag), (json!(2), &second));
    store.delete(&key("a"), Some(&second)).await.unwrap();
    assert_eq!(store.get(&key("a")).await.unwrap(), None);
}

pub async fn a_put_overwrites_whatever_is_there(place: &Place) {
    let store = &*place.store;
    let first = store.put(&key("a"), &json!(1)).await.unwrap();
    let second = store.put(&key("a"), &json!(2)).await.unwrap();
    assert!(matches!(store.replace(&key("a"), &json!(3), &first).await, Err(StoreError::Changed)));
    store.replace(&key("a"), &json!(3), &second).await.unwrap();
    assert_eq!(store.get(&key("a")).await.unwrap().unwrap().value, json!(3));
    store.delete(&key("a"), None).await.unwrap();
    assert_eq!(store.get(&key("a")).await.unwrap(), None);
}

pub async fn an_old_version_of_a_reinserted_record_is_still_old(place: &Place) {
    let store = &*place.store;
    let old = store.insert(&key("a"), &json!(1)).await.unwrap();
    store.delete(&key("a"), None).await.unwrap();
    store.insert(&key("a"), &json!(1)).await.unwrap();
    assert!(matches!(store.replace(&key("a"), &json!(2), &old).await, Err(StoreError::Changed)));
    assert!(matches!(store.delete(&key("a"), Some(&old)).await, Err(StoreError::Changed)));
}

pub async fn racing_inserts_have_one_winner(place: &Place) {
    let inserts = (0..12).map(|n| {
        let store = Arc::clone(&place.store);
        tokio::spawn(async move { store.insert(&key("a"), &json!(n)).await.map(|etag| (n, etag)) })
    });
    let results: Vec<_> = join_all(inserts).await.into_iter().map(Result::unwrap).collect();
    assert!(results.iter().all(|result| matches!(result, Ok(_) | Err(StoreError::Exists))), "{results:?}");
    let winners: Vec<_> = results.into_iter().filter_map(Result::ok).collect();
    assert_eq!(winners.len(), 1);
    let record = place.store.get(&key("a")).await.unwrap().unwrap();
    assert_eq!((record.value, record.etag), (json!(winners[0].0), winners[0].1.clone()));
}

pub async fn racing_increments_are_all_counted(place: &Place) {
    const TASKS: u64 = 6;
    const EACH: u64 = 10;
    place.store.insert(&key("count"), &json!(0)).await.unwrap();
    let tasks = (0..TASKS).map(|_| {
        let store = Arc::clone(&place.store);
        tokio::spawn(async move {
            for _ in 0..EACH {
                loop {
                    let record = store.get(&key("count")).await.unwrap().unwrap();
                    let next = json!(record.value.as_u64().unwrap() + 1);
                    match store.replace(&key("count"), &next, &record.etag).await {
                        Ok(_) => break,
                        Err(StoreError::Changed) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        })
    });
    join_all(tasks).await.into_iter().for_each(Result::unwrap);
    let record = place.store.get(&key("count")).await.unwrap().unwrap();
    assert_eq!(record.value, json!(TASKS * EACH));
}

pub async fn a_long_list_comes_in_pages(place: &Place) {
    const RECORDS: usize = 1050;
    let store = &*place.store;
    stream::iter(0..RECORDS)
        .for_each_concurrent(16, async |n| {
            let key = Key::new(KIND, format!("p{}", n % 2), format!("{n:05}"));
            store.insert(&key, &json!({"n": n})).await.unwrap();
        })
        .await;
    store.insert(&Key::new("others", "p0", "x"), &json!(0)).await.unwrap();

    let full = store.list(KIND, None, 1000, None).await.unwrap();
    assert!(full.next.is_some() && full.records.len() <= 1000);
    // A limit beyond what the trait allows is brought down to it.
    assert!(store.list(KIND, None, 5000, None).await.unwrap().records.len() <= 1000);

    for limit in [1000, 77] {
        let records = list(store, KIND, None, limit).await;
        assert_eq!(records.len(), RECORDS);
        assert!(records.is_sorted_by(|a, b| a.key < b.key), "ordered, and none twice");
    }
    let even = list(store, KIND, Some("p0"), 100).await;
    assert_eq!(even.len(), RECORDS / 2);
    assert!(even.iter().all(|record| record.key.partition == "p0"));
    assert!(even.iter().zip((0..).step_by(2)).all(|(record, n)| record.value == json!({"n": n})));
    assert_eq!(list(store, KIND, Some("p"), 100).await, [], "a partition is named in full");
    // What was listed can be replaced.
    store.replace(&even[0].key, &json!("changed"), &even[0].etag).await.unwrap();
}

pub async fn any_text_is_a_key(place: &Place) {
    let store = &*place.store;
    let nasty = [
        "",
        " ",
        "~",
        "%",
        "%2F",
        "+",
        "a b",
        "a+b",
        "a%20b",
        "/",
        "\\",
        "#",
        "?",
        "'",
        "''",
        "\"",
        "\0",
        "\u{1f}\n\r\t",
        "\u{7f}\u{85}\u{9f}",
        "é",
        "e\u{301}",
        "名前",
        "😀",
        "\u{FFFE}\u{FFFF}",
        "..",
        ".",
        "a/../b",
        "A",
        "a",
        "' or '1' eq '1",
        "p@x.example",
        "$filter",
        "&x=1",
        "<x>",
        "(a='b')",
        ",",
        ";",
    ];
    let keys: Vec<Key> = nasty.iter().flat_map(|n| [Key::new(KIND, *n, "r"), Key::new(KIND, "p", *n)]).collect();
    for (n, key) in keys.iter().enumerate() {
        store.insert(key, &json!(n)).await.unwrap();
    }
    for (n, key) in keys.iter().enumerate() {
        let record = store.get(key).await.unwrap().unwrap();
        assert_eq!((&record.key, record.value), (key, json!(n)));
        let etag = store.replace(key, &json!([n]), &record.etag).await.unwrap();
        let listed = list(store, KIND, Some(&key.partition), 1000).await;
        assert!(listed.iter().all(|record| record.key.partition == key.partition));
        assert_eq!(listed.iter().find(|record| record.key == *key).unwrap().etag, etag);
    }
    let mut listed: Vec<Key> = list(store, KIND, None, 7).await.into_iter().map(|record| record.key).collect();
    let mut expected = keys.clone();
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
    for key in &keys {
        store.delete(key, None).await.unwrap();
    }
    assert_eq!(list(store, KIND, None, 1000).await, []);
}

pub async fn keys_too_long_or_kinds_misnamed_are_refused(place: &Place) {
    let store = &*place.store;
    store.insert(&key(&"x".repeat(512)), &json!(1)).await.unwrap();
    assert!(store.get(&key(&"x".repeat(512))).await.unwrap().is_some());
    let long = "x".repeat(513);
    for bad in [key(&long), Key::new(KIND, long.as_str(), "r"), Key::new("Upper", "p", "r"), Key::new("", "p", "r")] {
        assert!(matches!(store.insert(&bad, &json!(1)).await, Err(StoreError::BadKey(_))), "{bad:?}");
        assert!(matches!(store.get(&bad).await, Err(StoreError::BadKey(_))), "{bad:?}");
        assert!(matches!(store.delete(&bad, None).await, Err(StoreError::BadKey(_))), "{bad:?}");
    }
    assert!(matches!(store.list("no-kind", None, 1, None).await, Err(StoreError::BadKey(_))));
    assert!(matches!(store.list(KIND, None, 1, Some("nonsense")).await, Err(StoreError::BadPage)));
}

pub async fn large_records_fit_up_to_the_limit(place: &Place) {
    let store = &*place.store;
    for text in
        ["x".repeat(MAX_RECORD_BYTES - 2), "é".repeat(MAX_RECORD_BYTES / 2 - 1), "\\".repeat(MAX_RECORD_BYTES / 2 - 1)]
    {
        let value = Value::from(text.as_str());
        assert_eq!(value.to_string().len(), MAX_RECORD_BYTES);
        store.put(&key("large"), &value).await.unwrap();
        assert!(store.get(&key("large")).await.unwrap().unwrap().value == value);
        let refused = store.put(&key("large"), &Value::from(format!("{text}x"))).await;
        assert!(matches!(refused, Err(StoreError::TooLarge { bytes }) if bytes == MAX_RECORD_BYTES + 1));
    }
    // Nothing of a longer value is left behind by a shorter one.
    let etag = store.put(&key("large"), &json!("small")).await.unwrap();
    let record = store.get(&key("large")).await.unwrap().unwrap();
    assert_eq!((record.value, record.etag), (json!("small"), etag));
}

pub async fn any_json_is_a_record(place: &Place) {
    let store = &*place.store;
    let runtime = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        let mut runner = TestRunner::new(Config { cases: 100, failure_persistence: None, ..Config::default() });
        let result = runner.run(&any_json(), |value| {
            let record = runtime.block_on(async {
                store.put(&key("any"), &value).await.unwrap();
                store.get(&key("any")).await.unwrap().unwrap()
            });
            prop_assert_eq!(record.value, value);
            Ok(())
        });
        result.unwrap();
    });
}
