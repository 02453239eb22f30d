//! What every kind of queue does.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use inevent_d365::queue::{MAX_MESSAGE_BYTES, Message, PutOptions, Queue, QueueError, Receipt};
use jiff::{Timestamp, ToSpan as _};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::Value;

use crate::{any_json::any_json, places::Place, waiting::eventually};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const NOW: PutOptions = PutOptions { visible_after: Duration::ZERO, time_to_live: None };

async fn receive_one(queue: &dyn Queue, invisible_for: Duration) -> Option<Message> {
    let mut messages = queue.receive(1, invisible_for).await.unwrap();
    assert!(messages.len() <= 1);
    messages.pop()
}

pub async fn creating_twice_is_success(place: &Place) {
    let queue = place.queue().await;
    queue.create().await.unwrap();
    queue.put("x", NOW).await.unwrap();
    queue.create().await.unwrap();
    assert_eq!(queue.approximate_len().await.unwrap(), 1);
}

pub async fn a_missing_queue_is_named_as_such(place: &Place) {
    let queue = place.queues.queue("never-created").unwrap();
    let receipt = Receipt { message_id: uuid::Uuid::new_v4().to_string(), pop_receipt: "AgAAAAMAAAAAAAAA".into() };
    assert_eq!(queue.name(), "never-created");
    assert!(matches!(queue.put("x", NOW).await, Err(QueueError::NoSuchQueue)));
    assert!(matches!(queue.receive(1, SECOND).await, Err(QueueError::NoSuchQueue)));
    assert!(matches!(queue.approximate_len().await, Err(QueueError::NoSuchQueue)));
    assert!(matches!(queue.front().await, Err(QueueError::NoSuchQueue)));
    assert!(matches!(queue.delete(&receipt).await, Err(QueueError::NoSuchQueue)));
    assert!(matches!(queue.renew(&receipt, SECOND).await, Err(QueueError::NoSuchQueue)));
}

pub async fn the_messages_that_can_be_seen_are_told_and_not_touched(place: &Place) {
    let queue = place.queue().await;
    assert_eq!(queue.front().await.unwrap(), []);
    let before = Timestamp::now() - 2.seconds();
    for text in ["a", "b"] {
        queue.put(text, NOW).await.unwrap();
    }
    queue.put("later", PutOptions::after(MINUTE)).await.unwrap();
    let front = queue.front().await.unwrap();
    assert_eq!(front.iter().map(|peeked| peeked.text.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(front.iter().all(|peeked| peeked.inserted > before && peeked.inserted <= Timestamp::now() + 2.seconds()));
    let received = queue.receive(32, MINUTE).await.unwrap();
    assert_eq!(received.iter().map(|message| message.dequeue_count).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(queue.front().await.unwrap(), [], "what is out of sight is not seen");
    assert_eq!(queue.approximate_len().await.unwrap(), 3);
}

pub async fn names_the_service_would_refuse_are_refused(place: &Place) {
    for name in ["", "ab", "Upper", "a--b", "-ab", "under_score", "a/b", "?x="] {
        assert!(matches!(place.queues.queue(name), Err(QueueError::BadName(_))), "{name}");
    }
}

pub async fn a_message_is_received_and_deleted(place: &Place) {
    let queue = place.queue().await;
    let before = Timestamp::now();
    queue.put("{\"n\":1}", NOW).await.unwrap();
    let message = receive_one(&*queue, MINUTE).await.unwrap();
    assert_eq!((message.text.as_str(), message.dequeue_count), ("{\"n\":1}", 1));
    assert_eq!(message.id, message.receipt.message_id);
    // Azure's times are in whole seconds, and cut off.
    assert!(message.inserted >= before - 1.second() && message.inserted <= Timestamp::now());
    assert!(message.next_visible >= before + 59.seconds() && message.next_visible <= Timestamp::now() + 60.seconds());
    assert!(message.expires > "9000-01-01T00:00:00Z".parse().unwrap(), "it never expires");
    assert_eq!(receive_one(&*queue, MINUTE).await, None);
    assert_eq!(queue.approximate_len().await.unwrap(), 1, "an invisible message counts");
    queue.delete(&message.receipt).await.unwrap();
    assert_eq!(queue.approximate_len().await.unwrap(), 0);
    assert!(matches!(queue.delete(&message.receipt).await, Err(QueueError::ReceiptVoid)));
    assert!(matches!(queue.renew(&message.receipt, MINUTE).await, Err(QueueError::ReceiptVoid)));
}

pub async fn a_received_message_comes_back_and_its_old_receipt_is_void(place: &Place) {
    let queue = place.queue().await;
    queue.put("x", NOW).await.unwrap();
    let first = receive_one(&*queue, SECOND).await.unwrap();
    let second = eventually("it comes back", async || receive_one(&*queue, MINUTE).await).await;
    assert_eq!((second.id.as_str(), second.dequeue_count), (first.id.as_str(), 2));
    assert_ne!(second.receipt, first.receipt);
    assert!(matches!(queue.delete(&first.receipt).await, Err(QueueError::ReceiptVoid)));
    assert!(matches!(queue.renew(&first.receipt, MINUTE).await, Err(QueueError::ReceiptVoid)));
    queue.delete(&second.receipt).await.unwrap();
}

pub async fn a_delayed_message_is_not_seen_early(place: &Place) {
    let queue = place.queue().await;
    let put = Instant::now();
    // Half a second is rounded up where the storage counts in seconds; never down.
    queue.put("later", PutOptions::after(Duration::from_millis(500))).await.unwrap();
    assert_eq!(receive_one(&*queue, MINUTE).await, None);
    let message = eventually("it appears", async || receive_one(&*queue, MINUTE).await).await;
    assert!(put.elapsed() >= Duration::from_millis(500), "{:?}", put.elapsed());
    assert_eq!(message.dequeue_count, 1);
}

pub async fn renewing_voids_the_old_receipt(place: &Place) {
    let queue = place.queue().await;
    queue.put("x", NOW).await.unwrap();
    let message = receive_one(&*queue, SECOND).await.unwrap();
    let renewed = queue.renew(&message.receipt, MINUTE).await.unwrap();
    assert_eq!(renewed.message_id, message.id);
    assert!(matches!(queue.delete(&message.receipt).await, Err(QueueError::ReceiptVoid)));
    let again = queue.renew(&renewed, MINUTE).await.unwrap();
    assert!(matches!(queue.renew(&renewed, MINUTE).await, Err(QueueError::ReceiptVoid)));
    queue.delete(&again).await.unwrap();
    assert_eq!(queue.approximate_len().await.unwrap(), 0);
}

pub async fn renewing_for_no_time_makes_it_visible(place: &Place) {
    let queue = place.queue().await;
    queue.put("x", NOW).await.unwrap();
    let message = receive_one(&*queue, MINUTE).await.unwrap();
    queue.renew(&message.receipt, Duration::ZERO).await.unwrap();
    let again = eventually("it is visible", async || receive_one(&*queue, MINUTE).await).await;
    assert_eq!(again.dequeue_count, 2);
}

pub async fn an_expired_message_never_comes_back(place: &Place) {
    let queue = place.queue().await;
    queue.put("dying", PutOptions { time_to_live: Some(SECOND), ..NOW }).await.unwrap();
    let dying = receive_one(&*queue, SECOND).await.unwrap();
    assert_eq!(dying.text, "dying");
    // Invisible until it is dead. The marker appears a second after that.
    queue.put("marker", PutOptions::after(2 * SECOND)).await.unwrap();
    let next = eventually("the marker", async || receive_one(&*queue, MINUTE).await).await;
    assert_eq!(next.text, "marker");
    assert!(matches!(queue.delete(&dying.receipt).await, Ok(()) | Err(QueueError::ReceiptVoid)));
}

pub async fn receipts_from_elsewhere_are_void(place: &Place) {
    let queue = place.queue().await;
    queue.put("x", NOW).await.unwrap();
    let message = receive_one(&*queue, MINUTE).await.unwrap();
    let id = &message.id;
    for (message_id, pop_receipt) in
        [(id.as_str(), "not+one/of=ours"), (id, ""), ("", "x"), ("../../other", &message.receipt.pop_receipt)]
    {
        let receipt = Receipt { message_id: message_id.into(), pop_receipt: pop_receipt.into() };
        assert!(matches!(queue.delete(&receipt).await, Err(QueueError::ReceiptVoid)), "{receipt:?}");
        assert!(matches!(queue.renew(&receipt, SECOND).await, Err(QueueError::ReceiptVoid)), "{receipt:?}");
    }
    queue.delete(&message.receipt).await.unwrap();
}

pub async fn at_most_32_at_a_time(place: &Place) {
    let queue = place.queue().await;
    for n in 0..35 {
        queue.put(&n.to_string(), NOW).await.unwrap();
    }
    assert_eq!(queue.approximate_len().await.unwrap(), 35);
    assert_eq!(queue.receive(100, MINUTE).await.unwrap().len(), 32);
    assert_eq!(queue.receive(0, MINUTE).await.unwrap().len(), 1);
    assert_eq!(queue.receive(32, MINUTE).await.unwrap().len(), 2);
}

pub async fn receivers_never_share_a_message(place: &Place) {
    const MESSAGES: usize = 150;
    let queue = place.queue().await;
    join_all((0..MESSAGES).map(async |n| queue.put(&n.to_string(), NOW).await.unwrap())).await;
    let receivers = (0..8).map(|_| {
        let queue = queue.clone();
        tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let batch = queue.receive(7, 10 * MINUTE).await.unwrap();
                if batch.is_empty() {
                    return mine;
                }
                mine.extend(batch.into_iter().map(|message| message.text));
            }
        })
    });
    let received: Vec<String> = join_all(receivers).await.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(received.len(), MESSAGES);
    assert_eq!(received.iter().collect::<HashSet<_>>().len(), MESSAGES);
}

pub async fn exactly_64_kib_and_not_a_byte_more(place: &Place) {
    let queue = place.queue().await;
    for text in ["x".repeat(MAX_MESSAGE_BYTES), "<&\">".repeat(MAX_MESSAGE_BYTES / 4)] {
        queue.put(&text, NOW).await.unwrap();
        let message = receive_one(&*queue, MINUTE).await.unwrap();
        assert!(message.text == text, "{}", &text[..4]);
        let refused = queue.put(&format!("{text}x"), NOW).await;
        assert!(matches!(refused, Err(QueueError::TooLarge { bytes }) if bytes == MAX_MESSAGE_BYTES + 1));
    }
    // Bytes are counted, not characters. (That the largest such message fits cannot be shown with Azurite: it decodes
    // each chunk of a request on its own, and a character cut in two is lost.)
    let refused = queue.put(&"é".repeat(MAX_MESSAGE_BYTES / 2 + 1), NOW).await;
    assert!(matches!(refused, Err(QueueError::TooLarge { bytes }) if bytes == MAX_MESSAGE_BYTES + 2));
    assert_eq!(queue.approximate_len().await.unwrap(), 2);
}

pub async fn nasty_text_survives(place: &Place) {
    let queue = place.queue().await;
    for text in [
        "é ♥ 😀 \u{10FFFF} \u{FFFD} \u{2028} \u{FEFF}",
        "<MessageText>&amp;&#13;<![CDATA[ ]]> '\"",
        "{\"a\": 1}",
        "'; DROP TABLE queue_messages; --",
        "a\tb\nc",
        "null",
        "dGVzdA==",
    ] {
        queue.put(text, NOW).await.unwrap();
        let message = receive_one(&*queue, MINUTE).await.unwrap();
        assert_eq!(message.text, text);
        queue.delete(&message.receipt).await.unwrap();
    }
}

pub async fn text_xml_cannot_carry_is_refused(place: &Place) {
    let queue = place.queue().await;
    for text in ["secret\u{0}", "\u{FFFE}secret", "secret\u{1B}[0m"] {
        let error = queue.put(text, NOW).await.unwrap_err();
        assert!(matches!(error, QueueError::Unsendable { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
    assert_eq!(queue.approximate_len().await.unwrap(), 0);
}

pub async fn any_json_survives(place: &Place) {
    let queue = place.queue().await;
    let runtime = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
        let result = runner.run(&any_json(), |value| {
            let message = runtime.block_on(async {
                queue.put(&value.to_string(), NOW).await.unwrap();
                let message = receive_one(&*queue, MINUTE).await.unwrap();
                queue.delete(&message.receipt).await.unwrap();
                message
            });
            prop_assert_eq!(serde_json::from_str::<Value>(&message.text).unwrap(), value);
            Ok(())
        });
        result.unwrap();
    });
}
