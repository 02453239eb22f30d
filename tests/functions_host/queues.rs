//! Queue functions, beyond the recorded exchanges.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::{
    app::{App, queue_out},
    handler,
};

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

fn with_output(app: App) -> App {
    app.queues.create("work");
    app.function(
        "Work",
        json!([{"type": "queueTrigger", "name": "msg", "queueName": "work"}, queue_out("qout", "out")]),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_are_written_in_the_message_encoding_to_a_queue_made_on_demand() {
    for (encoding, expected) in [("base64", base64("a string")), ("none", "a string".to_owned())] {
        let app = with_output(App::new()).host("/extensions/queues/messageEncoding", json!(encoding));
        let running = app.start().await;
        running.queues.put("work", &if encoding == "none" { "cmd:outstr".to_owned() } else { base64("cmd:outstr") });
        running.until("the output", || running.queues.texts("out") == [expected.clone()]).await;
        let life = running.queues.entries("out").unwrap()[0].time_to_live;
        assert_eq!(life, Some(Duration::from_secs(7 * 86_400)), "{encoding}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_recorded_answer_writes_its_messages() {
    let running = with_output(App::new()).start().await;
    for (answer, expected) in [
        ("outobj", vec!["{\n  \"a\": 1,\n  \"b\": \"x\"\n}"]),
        ("outarr", vec!["one", "{\n  \"two\": 2\n}", "three"]),
        ("outarrb64", vec!["test", "abcd"]),
        ("outnum", vec!["42"]),
        ("outnull", vec![]),
        ("outunknown", vec![]),
        ("retval", vec![]),
        ("lower", vec!["lowercase"]),
    ] {
        let before = running.queues.texts("out").len();
        running.queues.put("work", &base64(&format!("cmd:{answer}")));
        running.until(answer, || running.queues.is_empty("work")).await;
        let written = running.queues.texts("out").split_off(before);
        assert_eq!(written, expected.into_iter().map(base64).collect::<Vec<_>>(), "{answer}");
    }
    running.queues.put("work", &base64("cmd:outb64"));
    running
        .until("the bytes", || running.queues.texts("out").last() == Some(&STANDARD.encode([0xb5, 0xeb, 0x2d])))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_32_with_a_threshold_of_224_keep_256_calls_under_way() {
    let app = App::new()
        .queue("Work", "work")
        .host("/extensions/queues/batchSize", json!(32))
        .host("/extensions/queues/newBatchThreshold", json!(224));
    let release = app.path("release");
    let running = app.setting(handler::RELEASE, release.to_str().unwrap()).start().await;
    running.ready().await;
    for _ in 0..300 {
        running.queues.put("work", &base64("cmd:hold"));
    }
    running.until("256 calls", || running.host.stats().running == 256).await;
    running.calls_at_least(256).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(running.calls().len(), 256);
    std::fs::write(&release, "").unwrap();
    running.until("all done", || running.queues.is_empty("work")).await;
    assert_eq!((running.host.stats().most_running, running.host.stats().succeeded), (256, 300));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_hidden_for_ten_minutes_and_shown_again_after_the_visibility_timeout() {
    let app = App::new().queue("Work", "work").host("/extensions/queues/visibilityTimeout", json!("00:00:00.2"));
    let running = app.setting(handler::FAIL_FIRST, "1").start().await;
    running.queues.put("work", &base64("x"));
    running.until("done", || running.queues.is_empty("work")).await;
    let ten_minutes = Duration::from_secs(600);
    assert_eq!(running.queues.hidden_for("work"), [ten_minutes, Duration::from_millis(200), ten_minutes]);
    let counts: Vec<_> = running.calls().iter().map(|call| call.json()["Metadata"]["DequeueCount"].clone()).collect();
    assert_eq!(counts, ["1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hold_on_a_message_is_renewed_at_half_time() {
    let hold = Duration::from_millis(200);
    let app = App::new().queue("Work", "work").timing(|timing| timing.fetch_visibility = hold);
    let release = app.path("release");
    let running = app.setting(handler::RELEASE, release.to_str().unwrap()).start().await;
    running.ready().await;
    running.queues.put("work", &base64("cmd:hold"));
    running.until("renewals", || running.queues.hidden_for("work").len() >= 5).await;
    std::fs::write(&release, "").unwrap();
    running.until("deleted by the renewed receipt", || running.queues.is_empty("work")).await;
    assert_eq!(running.calls().len(), 1);
    assert!(running.queues.hidden_for("work").iter().all(|hidden| *hidden == hold));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_beyond_its_count_goes_to_poison_without_a_call() {
    let app = App::new().queue("Work", "work").host("/extensions/queues/maxDequeueCount", json!(1));
    app.queues.put("work", &base64("x"));
    // Somebody else took it twice and died.
    for _ in 0..2 {
        use inevent_d365::queue::Queues;
        app.queues.queue("work").unwrap().receive(1, Duration::ZERO).await.unwrap();
    }
    let running = app.start().await;
    running.until("poison", || running.queues.texts("work-poison") == [base64("x")]).await;
    assert!(running.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_message_keeps_its_raw_body() {
    let running = App::new().queue("Work", "work").start().await;
    running.queues.put("work", "{\"not\": \"base64\"}");
    running.until("poison", || running.queues.texts("work-poison") == ["{\"not\": \"base64\"}"]).await;
    assert!(running.queues.is_empty("work") && running.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_not_there_yet_is_listened_to_once_it_is() {
    let trigger = json!([{"type": "queueTrigger", "name": "msg", "queueName": "%LATER%"}]);
    let running = App::new().function("Work", trigger).setting("LATER", "later").start().await;
    running.ready().await;
    assert_eq!(running.queues.entries("later").map(|entries| entries.len()), None);
    running.queues.put("later", &base64("x"));
    running.calls_at_least(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_queue_is_looked_into_ever_less_often() {
    let app = App::new().queue("Work", "work").timing(|timing| {
        timing.min_polling_interval = Duration::from_millis(20);
        timing.max_polling_interval = Duration::from_millis(100);
    });
    let running = app.start().await;
    running.until("looks", || running.queues.looks("work").len() >= 6).await;
    let looks = running.queues.looks("work");
    let pauses: Vec<Duration> = looks.windows(2).map(|two| two[1] - two[0]).collect();
    for (pause, least) in pauses.iter().zip([20, 40, 60, 100, 100]) {
        assert!(*pause >= Duration::from_millis(least), "{pauses:?}");
    }
}
