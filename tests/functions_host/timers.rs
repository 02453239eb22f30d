//! Timer functions. The clock stands still until it is set.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    app::{App, Running},
    clock::ManualClock,
    handler,
};

fn timer(more: Value) -> Value {
    let mut trigger = json!({"type": "timerTrigger", "name": "tick"});
    trigger.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    trigger
}

fn every_five_minutes() -> App {
    App::new().function("Tick", json!([timer(json!({"schedule": "0 */5 * * * *"}))]))
}

async fn at(app: &mut App, now: &str) -> (Running, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(now));
    app.options.clock = clock.clone();
    let running = app.start().await;
    running.ready().await;
    (running, clock)
}

async fn nth(running: &Running, n: usize) -> Value {
    let calls = running.calls_at_least(n).await;
    running.until("all are done", || running.host.stats().running == 0).await;
    calls[n - 1].json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_run_is_told_of_no_run_before_and_the_next_of_it() {
    let mut app = every_five_minutes();
    let (running, clock) = at(&mut app, "2026-11-22T20:47:10Z").await;
    clock.set("2026-11-22T20:50:00.004Z");
    let first = nth(&running, 1).await;
    let never = "0001-01-01T00:00:00+00:00";
    assert_eq!(
        first["Data"]["tick"],
        json!({"Schedule": {"AdjustForDST": true}, "IsPastDue": false,
            "ScheduleStatus": {"Last": never, "Next": "2026-11-22T20:50:00+00:00", "LastUpdated": never}})
    );
    assert_eq!(first["Metadata"]["sys"]["MethodName"], "Tick");
    clock.set("2026-11-22T20:55:00Z");
    let status = nth(&running, 2).await["Data"]["tick"]["ScheduleStatus"].clone();
    let ran = "2026-11-22T20:50:00.004+00:00";
    assert_eq!(status, json!({"Last": ran, "Next": "2026-11-22T20:55:00+00:00", "LastUpdated": ran}));
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_under_a_minute_have_no_status() {
    for schedule in ["*/10 * * * * *", "00:00:10"] {
        let mut app = App::new().function("Tick", json!([timer(json!({"schedule": schedule}))]));
        let (running, clock) = at(&mut app, "2026-11-22T20:47:10Z").await;
        clock.set("2026-11-22T20:47:20Z");
        assert_eq!(nth(&running, 1).await["Data"]["tick"]["ScheduleStatus"], Value::Null, "{schedule}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_missed_while_the_host_was_down_is_made_up_for_once() {
    let mut app = every_five_minutes();
    let (running, clock) = at(&mut app, "2026-11-22T20:47:10Z").await;
    clock.set("2026-11-22T20:50:00Z");
    nth(&running, 1).await;
    running.host.stop().await;
    let (running, clock) = at(&mut app, "2026-11-22T21:17:00Z").await;
    let made_up = nth(&running, 2).await;
    assert_eq!(made_up["Data"]["tick"]["IsPastDue"], true);
    assert_eq!(made_up["Data"]["tick"]["ScheduleStatus"]["Next"], "2026-11-22T20:55:00+00:00");
    clock.set("2026-11-22T21:20:00Z");
    assert_eq!(nth(&running, 3).await["Data"]["tick"]["IsPastDue"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_on_startup_is_not_past_due() {
    let trigger = timer(json!({"schedule": "0 0 0 1 1 *", "runOnStartup": true}));
    let mut app = App::new().function("Tick", json!([trigger]));
    let (running, _clock) = at(&mut app, "2026-11-22T20:47:10Z").await;
    assert_eq!(nth(&running, 1).await["Data"]["tick"]["IsPastDue"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_waits_for_the_next_time() {
    let mut app = every_five_minutes().setting(handler::FAIL_FIRST, "1");
    let (running, clock) = at(&mut app, "2026-11-22T20:47:10Z").await;
    clock.set("2026-11-22T20:50:00Z");
    running.says("Executed 'Functions.Tick' (Failed").await;
    clock.set("2026-11-22T20:54:59Z");
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(running.calls().len(), 1);
    clock.set("2026-11-22T20:55:00Z");
    nth(&running, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_keep_the_invocation_id_and_tell_their_number() {
    let function = json!({
        "bindings": [timer(json!({"schedule": "0 */5 * * * *"}))],
        "retry": {"strategy": "fixedDelay", "maxRetryCount": 2, "delayInterval": "00:00:00.01"},
    });
    let mut app = App::new().function_json("Tick", &function).setting(handler::ANSWER, "s500");
    let (running, clock) = at(&mut app, "2026-11-22T20:47:10Z").await;
    clock.set("2026-11-22T20:50:00Z");
    let calls = running.calls_at_least(3).await;
    running.until("the end", || running.host.stats().failed == 3).await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(running.calls().len(), 3, "two retries and no more");
    let ids: Vec<_> = calls.iter().map(|call| call.header("X-Azure-Functions-InvocationId")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    let contexts: Vec<Value> = calls.iter().map(|call| call.json()["Metadata"]["RetryContext"].clone()).collect();
    assert_eq!(contexts[0], Value::Null);
    for (context, count) in contexts[1..].iter().zip([1, 2]) {
        assert_eq!((&context["RetryCount"], &context["MaxRetryCount"]), (&json!(count), &json!(2)));
        assert!(
            context["Exception"].is_object() && context.get("Instance").is_some() && context.get("State").is_some()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_one_timer_never_overlap() {
    let app = every_five_minutes();
    let release = app.path("release");
    let mut app = app.setting(handler::RELEASE, release.to_str().unwrap()).setting(handler::ANSWER, "hold");
    let (running, clock) = at(&mut app, "2026-11-22T20:47:10Z").await;
    clock.set("2026-11-22T20:50:00Z");
    running.calls_at_least(1).await;
    clock.set("2026-11-22T21:01:00Z");
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(running.calls().len(), 1);
    std::fs::write(release, "").unwrap();
    running.until("the run ends", || running.host.stats().succeeded == 1).await;
    clock.set("2026-11-22T21:05:00Z");
    assert_eq!(nth(&running, 2).await["Data"]["tick"]["IsPastDue"], false);
}
