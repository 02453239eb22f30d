//! How calls are made and answered.

use reqwest::Client;
use serde_json::json;

use crate::world::{EVENT, Reply, World, text};

#[tokio::test]
async fn both_notations_and_both_places_of_a_token_work() {
    let world = World::start().await;
    let token = &world.standin.connection().token;
    let expected = world.get("event.get", &[("eventID", EVENT)]).await.text;
    for url in [
        format!("/?action=event.get&eventID={EVENT}&tokenID={token}"),
        format!("/api/?action=event.get&eventID={EVENT}&tokenID={token}"),
        format!("/api/event/get?eventID={EVENT}&tokenID={token}&version=2&lang=en"),
    ] {
        assert_eq!(world.send(world.client.get(world.url(&url))).await.text, expected, "{url}");
    }
    assert_eq!(world.send(world.client.put(world.url("/?action=event.get"))).await.status, 405);
}

#[tokio::test]
async fn every_value_is_a_text_and_a_single_object_is_in_a_list() {
    let world = World::start().await;
    let id = world.register("Ana Silva", "ana@contoso.example").await;
    let answer = world.of_person("event.person.get", &id).await.json();
    assert_eq!(answer["count"], 1);
    let person = answer["data"][0].as_object().unwrap();
    assert!(person.values().all(|value| value.is_string()), "{person:?}");
    assert_eq!((&person["company"], &person["approved"], &person["present"]), (&json!(""), &json!("1"), &json!("0")));
    assert!(person["enrollmentDate"].as_str().unwrap().parse::<i64>().unwrap() > 1_700_000_000);
}

#[tokio::test]
async fn errors_come_in_two_shapes() {
    let world = World::start().await;
    let with_json = world.get("event.get", &[]).await;
    assert_eq!((with_json.status, with_json.message().as_str()), (400, "eventID is a required parameter"));
    let url = world.url("/?action=event.get");
    let bodiless = world.send(world.client.get(&url)).await;
    assert_eq!((bodiless.status, bodiless.text.as_str()), (400, ""));
    assert!(status_line(&world, "/?action=event.get").await.ends_with("400 eventID is a required parameter"));
    world.variants(json!({ "error_shape": "json" })).await;
    assert_eq!(world.send(world.client.get(&url)).await.message(), "eventID is a required parameter");
    world.variants(json!({ "error_shape": "bodiless" })).await;
    assert_eq!(world.get("event.get", &[]).await.text, "");
    let empty = world.post("event.invite.create", &[("eventID", EVENT)], &[("email", "")]).await;
    assert_eq!(empty.status, 400);
}

/// The first line of an answer, which no client shows as a whole.
async fn status_line(world: &World, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = world.standin.connection().url.trim_start_matches("http://").to_owned();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let world = World::start().await;
    for (action, query, body) in [
        ("polling.find", vec![("eventID", EVENT)], vec![]),
        ("nonsense", vec![], vec![]),
        ("event.get", vec![("eventID", EVENT), ("match", "1")], vec![]),
        ("event.invite.create", vec![("eventID", EVENT)], vec![("path", "list.csv")]),
        ("event.person.find", vec![("eventID", EVENT), ("selection", "printed")], vec![]),
    ] {
        assert_eq!(world.post(action, &query, &body).await.status, 501, "{action} {query:?} {body:?}");
    }
    let json = world.client.post(world.url("/?action=event.get")).json(&json!({}));
    assert_eq!(world.send(json).await.status, 501);
    assert_eq!(world.get("event.get", &[("eventID", "99")]).await.status, 404);
    assert_eq!(world.get("event.get", &[("eventID", "x")]).await.status, 406);
}

#[tokio::test]
async fn the_eleventh_call_of_a_second_is_blocked_and_the_highest_rate_is_told() {
    let world = World::limited();
    let refused = first_refused(&world).await;
    assert_eq!((refused.status, refused.message().as_str()), (429, "too many calls"));
    assert!(!refused.headers.contains_key("retry-after"));
    let reading = world.admin("GET", "calls", json!(null)).await.json();
    assert_eq!((&reading["refused"], &reading["highest_per_second"]), (&json!(1), &json!(11)));
    assert_eq!(reading["calls"], reading["by_action"]["event.get"]);

    let variants = json!({ "rate_limit_per_second": 1, "rate_limit_status": 403, "rate_limit_body": false });
    world.variants(variants).await;
    let refused = first_refused(&world).await;
    assert_eq!((refused.status, refused.text.as_str()), (403, ""));
    assert_eq!(world.admin("DELETE", "calls", json!(null)).await.status, 200);
    world.variants(json!({ "rate_limit_per_machine": 2, "rate_limit_status": 503 })).await;
    assert_eq!(first_refused(&world).await.status, 503, "all tokens of a machine together");
    assert_eq!(world.admin("DELETE", "calls", json!(null)).await.status, 200);
    assert_eq!(world.admin("GET", "calls", json!(null)).await.json()["highest_per_second"], 0);
}

/// Calls until it is one too many.
async fn first_refused(world: &World) -> Reply {
    for _ in 0..1000 {
        let reply = world.get("event.get", &[("eventID", EVENT)]).await;
        if reply.status != 200 {
            return reply;
        }
    }
    panic!("never refused")
}

#[tokio::test]
async fn signing_in_gives_a_token_of_a_scope_and_tokens_end() {
    let world = World::start().await;
    world.variants(json!({ "token_lifetime_s": 60 })).await;
    let connection = world.standin.connection().clone();
    let sign_in = async |query: &[(&str, &str)]| {
        let body = [("password", connection.password.as_str())];
        let url = world.url("/?action=person.signIn&format=json");
        world.send(Client::new().post(url).query(query).form(&body)).await
    };
    let system = sign_in(&[("username", &connection.username)]).await;
    assert_eq!((system.first("scope").as_str(), system.first("targetID").as_str()), ("system", "0"));
    let event = sign_in(&[("username", &connection.username), ("eventID", EVENT)]).await;
    assert_eq!(event.first("scope"), "event");
    assert_eq!(sign_in(&[("username", "o'brien@contoso.example")]).await.status, 406);
    assert_eq!(sign_in(&[("username", "nobody@contoso.example")]).await.status, 401);

    let status = async |token: &str, action: &str, event: &str| {
        let url = world.url(&format!("/?action={action}&eventID={event}"));
        world.send(world.client.get(url).bearer_auth(token)).await.status
    };
    let (system, event) = (system.first("tokenID"), event.first("tokenID"));
    assert_eq!(status(&system, "checklog.find", EVENT).await, 200);
    assert_eq!(status(&event, "event.person.find", EVENT).await, 200);
    assert_eq!(status(&event, "event.person.find", "1").await, 401, "another event");
    assert_eq!(status(&event, "checklog.find", EVENT).await, 401, "what admins may");
    world.advance(61).await;
    assert_eq!(status(&system, "checklog.find", EVENT).await, 401);
    assert_eq!(status(&connection.token, "checklog.find", EVENT).await, 200);
    world.admin("DELETE", "tokens", json!(null)).await;
    assert_eq!(status(&connection.token, "checklog.find", EVENT).await, 401);
    assert_eq!(world.send(world.client.get(world.url("/?action=event.person.find&eventID=4711"))).await.status, 400);
}

#[tokio::test]
async fn the_date_header_goes_by_the_clock_of_the_stand_in() {
    let world = World::start().await;
    world.advance(10 * 86_400).await;
    let now = world.admin("GET", "clock", json!(null)).await.json()["now"].as_i64().unwrap();
    let reply = world.get("event.get", &[("eventID", EVENT)]).await;
    let date = jiff_date(reply.headers["date"].to_str().unwrap());
    assert!((now..now + 5).contains(&date), "{date} {now}");
    let created = world.post("company.event.bind", &[("companyID", "100")], &[("name", "Later")]).await;
    assert!((now..now + 5).contains(&text(&created.data()[0], "dateCreated").parse().unwrap()));
}

fn jiff_date(date: &str) -> i64 {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).unwrap().as_second()
}

#[tokio::test]
async fn answers_can_be_held_back() {
    let world = World::start().await;
    world.variants(json!({ "latency": { "min_ms": 60, "max_ms": 70 } })).await;
    let begun = std::time::Instant::now();
    world.get("event.get", &[("eventID", EVENT)]).await.data();
    assert!(begun.elapsed().as_millis() >= 60);
}
