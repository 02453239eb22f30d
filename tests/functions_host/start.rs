//! How the handler is started, waited for, and restarted.

use std::{fs, time::Duration};

use inevent_d365::local::host::{LogSource, StopReason};
use serde_json::{Value, json};

use crate::{
    app::{App, Running},
    client::Ask,
    handler,
};

async fn environment(running: &Running) -> Value {
    running.get("/api/Hello?c=cmd:env").await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handler_gets_the_hosts_variables_and_the_app_settings_and_runs_in_the_app_root() {
    let app = App::new().http("Hello").setting("MY_SETTING", "mine");
    let running = app.start().await;
    let told = environment(&running).await;
    let root = app.path("").canonicalize().unwrap();
    assert_eq!(told["directory"], json!(root));
    assert_eq!(told["env"]["FUNCTIONS_APP_ROOT_PATH"], json!(root));
    assert_eq!(told["env"]["MY_SETTING"], "mine");
    assert_eq!(told["env"]["FUNCTIONS_HTTPWORKER_PORT"], told["env"]["FUNCTIONS_CUSTOMHANDLER_PORT"]);
    for name in ["FUNCTIONS_CUSTOMHANDLER_WORKER_ID", "FUNCTIONS_HTTPWORKER_ID"] {
        assert!(told["env"][name].is_string(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_in_percent_signs_are_expanded_in_executable_and_arguments() {
    let executable = std::env::current_exe().unwrap();
    let app = App::new()
        .http("Hello")
        .setting("HANDLER_FOLDER", executable.parent().unwrap().to_str().unwrap())
        .host(
            "/customHandler/description/defaultExecutablePath",
            json!(format!("%HANDLER_FOLDER%/{}", executable.file_name().unwrap().to_str().unwrap())),
        )
        .host(
            "/customHandler/description/arguments",
            json!(["--exact", handler::TEST, "--nocapture", "--skip", "p%FUNCTIONS_CUSTOMHANDLER_PORT%"]),
        );
    let told = environment(&app.start().await).await;
    let port = told["env"]["FUNCTIONS_CUSTOMHANDLER_PORT"].as_str().unwrap();
    assert_eq!(told["arguments"][4], format!("p{port}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executable_in_the_root_gets_the_execute_bit_and_options_may_name_another() {
    use std::os::unix::fs::PermissionsExt;
    let app = App::new().http("Hello").host("/customHandler/description/defaultExecutablePath", json!("handler"));
    fs::write(app.path("handler"), format!("#!/bin/sh\nexec {} \"$@\"\n", std::env::current_exe().unwrap().display()))
        .unwrap();
    fs::set_permissions(app.path("handler"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(app.start().await.get("/api/Hello").await.status, 200);

    let mut app = App::new().http("Hello").host("/customHandler/description/defaultExecutablePath", json!("nowhere"));
    app.options.executable = Some(std::env::current_exe().unwrap());
    assert_eq!(app.start().await.get("/api/Hello").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_are_read_from_the_root_and_from_its_functions_folder() {
    let running = App::new().http("Hello").http("functions/There").start().await;
    assert_eq!(running.get("/api/Hello").await.status, 200);
    assert_eq!(running.get("/api/There").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_is_asked_by_get_with_only_a_host_header_and_any_answer_will_do() {
    let running = App::new().http("Hello").start().await;
    running.ready().await;
    let first = running.received().remove(0);
    assert_eq!(first.line, "GET / HTTP/1.1");
    let names: Vec<&str> = first.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Host"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_messages_wait_for_the_handler() {
    let app = App::new().http("Hello").queue("Work", "work");
    let gate = app.path("gate");
    let running = app.setting(handler::BIND_WHEN, gate.to_str().unwrap()).start().await;
    running.queues.put("work", "aGVsbG8=");
    let early = Ask::get("/api/Hello").send(running.host.url(), Duration::from_millis(200)).await;
    assert!(early.is_none());
    running.until("the message is fetched", || !running.queues.hidden_for("work").is_empty()).await;
    assert!(running.received().is_empty());
    fs::write(&gate, "").unwrap();
    assert_eq!(running.get("/api/Hello").await.status, 200);
    running.until("the message is done", || running.queues.is_empty("work")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_never_answers_is_tried_three_times_and_then_the_host_stops() {
    let app = App::new().http("Hello").timing(|timing| timing.ready_timeout = Duration::from_millis(100));
    let running = app.setting(handler::BIND_WHEN, "/no/such/file").start().await;
    assert_eq!(running.host.stopped().await, StopReason::TooManyRestarts);
    assert_eq!(running.host.stats().handler_starts, 3);
    running.says("Exceeded http worker restart retry count").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_executable_leaves_the_host_up_and_calls_hanging() {
    let app =
        App::new().http("Hello").host("/customHandler/description/defaultExecutablePath", json!("no-such-handler"));
    let running = app.start().await;
    running.says("Failed to start Worker Channel").await;
    let answer = Ask::get("/api/Hello").send(running.host.url(), Duration::from_millis(200)).await;
    assert!(answer.is_none());
    assert_eq!(running.get("/api/unknown").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_can_not_be_used_make_every_request_503() {
    for (pointer, value) in [
        ("/extensions/queues/batchSize", json!(33)),
        ("/extensions/queues/batchSize", json!("many")),
        ("/customHandler", json!(null)),
    ] {
        let running = App::new().http("Hello").host(pointer, value).start().await;
        for path in ["/api/Hello", "/", "/anything"] {
            let got = running.get(path).await;
            assert_eq!((got.status, got.text().as_str()), (503, "Function host is not running."), "{pointer} {path}");
        }
        assert_eq!(running.host.handler_pid(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_fails_the_call_and_the_handler_comes_back_on_the_same_port() {
    let running = App::new().http("Hello").start().await;
    let before = environment(&running).await["env"]["FUNCTIONS_CUSTOMHANDLER_PORT"].clone();
    let pid = running.host.handler_pid();
    crash(&running, 7).await;
    // This one waits for the next handler.
    assert_eq!(environment(&running).await["env"]["FUNCTIONS_CUSTOMHANDLER_PORT"], before);
    assert_ne!(running.host.handler_pid(), pid);
    assert_eq!(running.host.stats().handler_starts, 2);
}

/// Makes the handler exit and waits until the host has noticed: a call in between would meet the one that is going.
async fn crash(running: &Running, code: u8) {
    let exits = || running.said().iter().filter(|line| line.contains(&format!("exited with code {code}"))).count();
    let before = exits();
    let got = running.get(&format!("/api/Hello?c=cmd:exit{code}")).await;
    assert_eq!((got.status, got.body.len()), (500, 0));
    running.until("the exit is noticed", || exits() > before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_third_crash_stops_the_host() {
    let running = App::new().http("Hello").start().await;
    for _ in 0..2 {
        crash(&running, 1).await;
    }
    // The host that gives up may close the connection before it has answered.
    let last = Ask::get("/api/Hello?c=cmd:exit1").send(running.host.url(), Duration::from_secs(30)).await;
    assert!(last.is_none_or(|got| got.status == 500));
    assert_eq!(running.host.stopped().await, StopReason::TooManyRestarts);
    running.says("Exceeded http worker restart retry count. Shutting down Functions Host").await;
    running.until("nobody listens", || std::net::TcpStream::connect(&running.host.url()[7..]).is_err()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crashes_further_apart_than_the_window_are_forgotten() {
    let running = App::new().http("Hello").timing(|timing| timing.error_memory = Duration::ZERO).start().await;
    for _ in 0..4 {
        crash(&running, 1).await;
    }
    assert_eq!(running.get("/api/Hello").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_code_200_asks_for_a_restart_and_is_not_counted() {
    let running = App::new().http("Hello").start().await;
    for _ in 0..4 {
        crash(&running, 200).await;
    }
    assert_eq!(running.get("/api/Hello").await.status, 200);
    assert_eq!(running.host.stats().handler_starts, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_code_0_is_for_good_and_messages_burn_down_to_poison() {
    let running = App::new().http("Hello").queue("Work", "work").start().await;
    assert_eq!(running.get("/api/Hello?c=cmd:exit0").await.status, 500);
    running.says("exited with code 0").await;
    assert_eq!(running.get("/api/Hello").await.status, 500);
    running.queues.put("work", "aGVsbG8=");
    running.until("poison", || running.queues.texts("work-poison") == ["aGVsbG8="]).await;
    assert_eq!(running.host.stats().handler_starts, 1);
    assert!(running.calls().len() == 1, "only the one that ended it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_handler_is_a_crash() {
    let running = App::new().http("Hello").start().await;
    running.ready().await;
    let pid = running.host.handler_pid();
    running.host.kill_handler().await;
    assert_eq!(running.get("/api/Hello").await.status, 200);
    assert_ne!(running.host.handler_pid(), pid);
    running.says("exited with code 137").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_handler_prints_is_logged_line_by_line() {
    let running = App::new().http("Hello").start().await;
    let has = |source: LogSource, text: &str| {
        running.host.lines().iter().any(|line| line.source == source && line.text == text)
    };
    running.until("stdout", || has(LogSource::Stdout, "listening")).await;
    running.until("stderr", || has(LogSource::Stderr, "a word on stderr")).await;
}
