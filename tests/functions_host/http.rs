//! HTTP functions, beyond the recorded exchanges.

use inevent_d365::local::host::FunctionKeys;
use serde_json::json;

use crate::{
    app::{App, http_out, queue_out},
    client::Ask,
};

fn trigger(more: serde_json::Value) -> serde_json::Value {
    let mut trigger = json!({"type": "httpTrigger", "name": "req", "authLevel": "anonymous"});
    trigger.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    trigger
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_taken_from_header_and_query_before_the_handler_is_called() {
    let mut app = App::new()
        .function("Fun", json!([trigger(json!({"authLevel": "function"})), http_out("res")]))
        .function("Default", json!([{"type": "httpTrigger", "name": "req"}, http_out("res")]))
        .function("Boss", json!([trigger(json!({"authLevel": "admin", "route": "boss"})), http_out("res")]));
    app.options.keys = FunctionKeys { function: vec!["k 1".into()], master: Some("m".into()) };
    let running = app.start().await;
    let header = |path: &str, key: &str| Ask::get(path).header("x-functions-key", key);
    for (ask, status) in [
        (Ask::get("/api/Fun"), 401),
        (header("/api/Fun", "wrong"), 401),
        (header("/api/Fun", "k 1"), 200),
        (Ask::get("/api/Fun?code=k%201"), 200),
        (header("/api/Fun", "m"), 200),
        (Ask::get("/api/Default"), 401),
        (header("/api/boss", "k 1"), 401),
        (header("/api/boss", "m"), 200),
    ] {
        assert_eq!(running.ask(&ask).await.status, status, "{ask:?}");
    }
    assert_eq!(running.calls().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_in_the_query_is_no_metadata() {
    let running = App::new().http("Hello").start().await;
    running.get("/api/Hello?code=secret&x=1").await;
    let metadata = running.calls()[0].json()["Metadata"].clone();
    assert_eq!((metadata["x"].as_str(), metadata.get("code")), (Some(r#""1""#), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_whose_route_begins_like_the_hosts_own_is_left_out_and_the_others_run() {
    let route = |route: &str| json!([trigger(json!({"route": route})), http_out("res")]);
    let app = App::new()
        .function("A", route("admin/x"))
        .function("R", route("runtime"))
        .function("M", route("manage/{*path}"));
    let running = app.start().await;
    for (path, status) in [("/api/admin/x", 404), ("/api/runtime", 404), ("/api/manage", 200), ("/api/manage/a/b", 200)]
    {
        assert_eq!(running.get(path).await.status, status, "{path}");
    }
    running.says("The 'A' function is in error: The specified route conflicts with one or more built in routes.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_route_prefix_changes_the_path_and_what_is_forwarded() {
    let app = App::forwarding().http("Hello").host("/extensions/http/routePrefix", json!("v1/open"));
    let running = app.start().await;
    assert_eq!(running.get("/api/Hello").await.status, 404);
    assert_eq!(running.get("/v1/open/Hello").await.status, 200);
    assert_eq!(running.calls()[0].line, "GET /v1/open/Hello HTTP/1.1");
    let bare = App::new().http("Hello").host("/extensions/http/routePrefix", json!("")).start().await;
    assert_eq!(bare.get("/Hello").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunked_body_is_lost_when_described_refused_when_forwarded_and_passed_when_proxied() {
    let ask = Ask { chunked: true, ..Ask::post("/api/Hello", "text/plain", "some words") };
    let described = App::new().http("Hello").start().await;
    assert_eq!(described.ask(&ask).await.status, 200);
    assert!(described.calls()[0].json()["Data"]["req"].get("Body").is_none());
    let forwarding = App::forwarding().http("Hello").start().await;
    assert_eq!(forwarding.ask(&ask).await.status, 500);
    let proxying =
        App::forwarding().host("/customHandler/enableProxyingHttpRequest", json!(true)).http("Hello").start().await;
    assert_eq!(proxying.ask(&ask).await.status, 200);
    assert_eq!(proxying.calls()[0].body, b"some words");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_functions_with_one_http_in_and_one_http_out_are_forwarded() {
    for switch in ["enableForwardingHttpRequest", "enableProxyingHttpRequest"] {
        let app = App::new()
            .host(&format!("/customHandler/{switch}"), json!(true))
            .http("Plain")
            .function("More", json!([trigger(json!({})), http_out("res"), queue_out("q", "out")]))
            .function("None", json!([trigger(json!({}))]));
        let running = app.start().await;
        for path in ["/api/Plain", "/api/More", "/api/None"] {
            running.get(path).await;
        }
        let lines: Vec<String> = running.calls().into_iter().map(|call| call.line).collect();
        assert_eq!(lines, ["GET /api/Plain HTTP/1.1", "POST /More HTTP/1.1", "POST /None HTTP/1.1"], "{switch}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_unknown_length_and_closed_connections_are_passed_on() {
    let running = App::forwarding().http("Hello").start().await;
    assert_eq!(running.get("/api/Hello?c=cmd:streamed").await.body, b"abcde");
    let closing = running.get("/api/Hello?c=cmd:closing").await;
    assert_eq!((closing.status, closing.body.as_slice()), (200, b"{}".as_slice()));
    let head = running.ask(&Ask::get("/api/Hello").method("HEAD")).await;
    assert_eq!(head.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_sent_on_only_when_the_host_traces() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut app = App::new().http("Hello");
    app.options.tracing_context = true;
    let running = app.start().await;
    running.ask(&Ask::get("/api/Hello").header("traceparent", parent)).await;
    running.get("/api/Hello").await;
    let traces: Vec<String> =
        running.calls().iter().map(|call| call.header("traceparent").unwrap().to_owned()).collect();
    assert!(traces[0].starts_with(&parent[..36]) && traces[0] != parent && traces[0].ends_with("-01"), "{traces:?}");
    assert!(traces[1].ends_with("-00"), "{traces:?}");
    let names: Vec<String> = running.calls()[0].headers.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names[4..], ["Transfer-Encoding", "traceparent", "Content-Type"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_307_is_followed_with_its_body() {
    let running = App::new().http("Hello").start().await;
    running.get("/api/Hello?c=cmd:s307").await;
    let calls = running.calls();
    assert_eq!(calls[1].line, "POST /elsewhere HTTP/1.1");
    assert_eq!(calls[1].body, calls[0].body);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_outputs_and_return_value_is_204() {
    let running = App::new().http("Hello").start().await;
    assert_eq!(running.get("/api/Hello?c=cmd:closing").await.status, 204);
}
