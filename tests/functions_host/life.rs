//! The ends: of calls that take too long, and of the host.

use std::{fs, path::Path, time::Duration};

use serde_json::json;

use crate::{app::App, client::Ask, handler};

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_answers_500_and_kills_the_handler_with_all_other_calls() {
    let app = App::new().http("Hello").queue("Work", "work").host("/functionTimeout", json!("00:00:01"));
    let running = app.setting(handler::RELEASE, "/no/such/file").start().await;
    running.ready().await;
    let pid = running.host.handler_pid();
    let hold = Ask::get("/api/Hello?c=cmd:hold");
    let url = running.host.url();
    let first = hold.to(url);
    let later = async {
        running.calls_at_least(1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        hold.to(url).await
    };
    let started = std::time::Instant::now();
    let (first, later) = tokio::join!(first, later);
    assert_eq!((first.status, first.body.len(), later.status), (500, 0, 500));
    assert!(
        started.elapsed() < Duration::from_millis(1_900),
        "the later one ended with the handler, not by its own time"
    );
    assert_eq!(running.get("/api/Hello").await.status, 200);
    assert_ne!(running.host.handler_pid(), pid);
    running.says("Timeout value of 00:00:01 was exceeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn timeouts_are_no_errors_of_the_handler_and_do_not_stop_the_host() {
    let app = App::new().http("Hello").host("/functionTimeout", json!("00:00:00.1"));
    let running = app.setting(handler::RELEASE, "/no/such/file").start().await;
    for _ in 0..4 {
        assert_eq!(running.get("/api/Hello?c=cmd:hold").await.status, 500);
    }
    assert_eq!(running.get("/api/Hello").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_waits_for_running_calls() {
    let app =
        App::new().http("Hello").queue("Work", "work").timing(|timing| timing.stop_grace = Duration::from_secs(20));
    let release = app.path("release");
    let running = app.setting(handler::RELEASE, release.to_str().unwrap()).start().await;
    running.ready().await;
    running.queues.put("work", "Y21kOmhvbGQ=");
    let url = running.host.url().to_owned();
    let call = tokio::spawn(async move { Ask::get("/api/Hello?c=cmd:hold").to(&url).await });
    running.calls_at_least(2).await;
    let queues = running.queues.clone();
    let pid = running.host.handler_pid().unwrap();
    let stop = tokio::spawn(running.host.stop());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!stop.is_finished());
    fs::write(&release, "").unwrap();
    stop.await.unwrap();
    assert_eq!(call.await.unwrap().status, 200);
    assert!(queues.is_empty("work"), "the message was settled");
    assert!(is_gone(pid));
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_does_not_wait_for_ever() {
    let app = App::new().http("Hello").setting(handler::RELEASE, "/no/such/file");
    let running = app.start().await;
    let url = running.host.url().to_owned();
    let call = tokio::spawn(async move { Ask::get("/api/Hello?c=cmd:hold").send(&url, Duration::from_secs(20)).await });
    running.calls_at_least(1).await;
    let pid = running.host.handler_pid().unwrap();
    running.host.stop().await;
    assert!(is_gone(pid));
    assert!(call.await.unwrap().is_none_or(|got| got.status == 500));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_host_leaves_no_handler_behind() {
    let running = App::new().http("Hello").start().await;
    running.ready().await;
    let pid = running.host.handler_pid().unwrap();
    drop(running);
    for _ in 0..1000 {
        if is_gone(pid) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{pid} is still there");
}

/// Gone, or dead and not yet collected.
fn is_gone(pid: u32) -> bool {
    match fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")) {
        Ok(stat) => stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'),
        Err(_) => true,
    }
}
