//! The client against answers in InEvent's published form, and in those that it may have.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use inevent_d365::{
    inevent::{Client, ClientOptions, Error, Pacer, Token, people::Selection},
    settings::{SecretValue, Withheld},
};
use mockito::{Matcher, Server, ServerGuard};
use secrecy::SecretString;
use serde_json::{Value, json};

/// Gives one secret after the other, the last for ever.
struct Rotating(Mutex<VecDeque<&'static str>>);

#[async_trait]
impl SecretValue for Rotating {
    async fn read(&self) -> Result<SecretString, Withheld> {
        let mut secrets = self.0.lock().unwrap();
        let secret = if secrets.len() > 1 { secrets.pop_front() } else { secrets.front().copied() };
        secret.map(SecretString::from).ok_or_else(|| Withheld::until("there is no secret".to_owned(), "Make one."))
    }
}

fn rotating(secrets: &[&'static str]) -> Arc<dyn SecretValue> {
    Arc::new(Rotating(Mutex::new(secrets.iter().copied().collect())))
}

fn client(server: &ServerGuard, token: Token) -> Client {
    let mut options = ClientOptions::new(&server.url(), Some("7".to_owned()));
    options.first_wait = Duration::from_millis(1);
    options.timeout = Duration::from_secs(10);
    Client::new(reqwest::Client::new(), token, Pacer::alone(), options).unwrap()
}

fn simple(server: &ServerGuard) -> Client {
    client(server, Token::kept(rotating(&["t0ken"])))
}

fn action(action: &str) -> Matcher {
    Matcher::UrlEncoded("action".into(), action.into())
}

fn data(rows: &[Value]) -> String {
    json!({ "count": rows.len(), "data": rows }).to_string()
}

#[tokio::test]
async fn the_token_goes_in_the_header_and_an_address_in_the_body() {
    let mut server = Server::new_async().await;
    let mock = server
        .mock("POST", "/")
        .match_query(Matcher::Exact("action=event.person.get&eventID=1&format=json".into()))
        .match_header("authorization", "Bearer t0ken")
        .match_body(Matcher::UrlEncoded("email".into(), "ana@x.example".into()))
        .with_header("date", "Tue, 12 May 2026 09:00:00 GMT")
        .with_body(data(&[json!({ "personID": "9", "email": "ana@x.example" })]))
        .create_async()
        .await;
    let found = simple(&server).person_by_email("1", "ana@x.example").await.unwrap();
    mock.assert_async().await;
    assert_eq!(found.item.unwrap().id, "9");
    assert_eq!(found.date.unwrap().to_string(), "2026-05-12T09:00:00Z");
}

#[tokio::test]
async fn a_rotated_token_is_read_anew_when_the_old_one_is_refused() {
    let mut server = Server::new_async().await;
    let old = server
        .mock("POST", "/")
        .match_query(Matcher::Any)
        .match_header("authorization", "Bearer old")
        .with_status(401)
        .expect(1)
        .create_async()
        .await;
    let new = server
        .mock("POST", "/")
        .match_query(Matcher::Any)
        .match_header("authorization", "Bearer new")
        .with_body(data(&[json!({ "eventID": "1", "name": "Day" })]))
        .expect(2)
        .create_async()
        .await;
    let client = client(&server, Token::kept(rotating(&["old", "new"])));
    for _ in 0..2 {
        assert_eq!(client.event("1").await.unwrap().unwrap().name.as_deref(), Some("Day"));
    }
    old.assert_async().await;
    new.assert_async().await;
}

#[tokio::test]
async fn a_token_that_stays_refused_is_told_apart_from_a_person_who_may_not_be_read() {
    let mut server = Server::new_async().await;
    server.mock("POST", "/").match_query(action("event.person.get")).with_status(401).create_async().await;
    let known =
        server.mock("POST", "/").match_query(action("company.event.find")).with_body(data(&[])).create_async().await;
    let client = simple(&server);
    assert!(matches!(client.person("1", "9").await, Err(Error::Unauthorized { .. })));
    assert_eq!(client.is_known().await, Ok(true));
    known.remove_async().await;
    server.mock("POST", "/").match_query(action("company.event.find")).with_status(401).create_async().await;
    assert_eq!(client.is_known().await, Ok(false));
}

#[tokio::test]
async fn a_token_from_signing_in_is_kept_and_had_again_when_it_expires() {
    let mut server = Server::new_async().await;
    let sign_in = server
        .mock("POST", "/")
        .match_query(action("person.signIn"))
        .match_body(Matcher::AllOf(vec![
            Matcher::UrlEncoded("username".into(), "api@x.example".into()),
            Matcher::UrlEncoded("password".into(), "s3cret".into()),
        ]))
        .with_body(data(&[json!({ "personID": "1", "tokenID": "first", "scope": "system" })]))
        .expect(1)
        .create_async()
        .await;
    let answer = data(&[json!({ "eventID": "1" })]);
    let first = server
        .mock("POST", "/")
        .match_query(action("event.get"))
        .match_header("authorization", "Bearer first")
        .with_body(&answer)
        .expect(2)
        .create_async()
        .await;
    let client = client(&server, Token::sign_in("api@x.example".into(), rotating(&["s3cret"])));
    for _ in 0..2 {
        client.event("1").await.unwrap().unwrap();
    }
    sign_in.assert_async().await;
    first.assert_async().await;
    first.remove_async().await;
    sign_in.remove_async().await;
    server.mock("POST", "/").match_query(action("event.get")).with_status(401).create_async().await;
    server
        .mock("POST", "/")
        .match_query(action("person.signIn"))
        .with_body(data(&[json!({ "tokenID": "second" })]))
        .create_async()
        .await;
    server
        .mock("POST", "/")
        .match_query(action("event.get"))
        .match_header("authorization", "Bearer second")
        .with_body(&answer)
        .create_async()
        .await;
    client.event("1").await.unwrap().unwrap();
}

#[tokio::test]
async fn where_the_user_name_is_not_taken_in_the_body_it_goes_in_the_query_as_documented() {
    let mut server = Server::new_async().await;
    let exact = |query: &str| Matcher::Exact(query.into());
    server
        .mock("POST", "/")
        .match_query(exact("action=person.signIn&format=json"))
        .with_status(400)
        .with_body(r#"{"error":{"message":"username is a required parameter"}}"#)
        .create_async()
        .await;
    server
        .mock("POST", "/")
        .match_query(exact("action=person.signIn&username=api&format=json"))
        .match_body("password=s3cret")
        .with_body(data(&[json!({ "tokenID": "t" })]))
        .create_async()
        .await;
    server.mock("POST", "/").match_query(action("event.get")).with_body(data(&[])).create_async().await;
    let client = client(&server, Token::sign_in("api".into(), rotating(&["s3cret"])));
    assert!(client.event("1").await.unwrap().is_none());
}

#[tokio::test]
async fn reads_are_made_again_and_writes_never() {
    let mut server = Server::new_async().await;
    let read =
        server.mock("POST", "/").match_query(action("event.get")).with_status(503).expect(3).create_async().await;
    let write = server
        .mock("POST", "/")
        .match_query(action("event.invite.create"))
        .with_status(503)
        .expect(1)
        .create_async()
        .await;
    let client = simple(&server);
    assert!(matches!(client.event("1").await, Err(Error::Unavailable(_))));
    assert!(matches!(client.invite("1", "ana@x.example", &[]).await, Err(Error::Unavailable(_))));
    read.assert_async().await;
    write.assert_async().await;
}

#[tokio::test]
async fn refusals_say_why_and_print_no_value() {
    let mut server = Server::new_async().await;
    server
        .mock("POST", "/")
        .match_query(action("event.invite.create"))
        .with_status(406)
        .with_body(r#"{"error":{"message":"o'brien@x.example is not allowed"}}"#)
        .create_async()
        .await;
    let error = simple(&server).invite("1", "o'brien@x.example", &[]).await.unwrap_err();
    let Error::Refused { status: 406, message, .. } = &error else { panic!("{error:?}") };
    assert!(message.0.contains("o'brien"));
    assert!(!format!("{error} {error:?}").contains("o'brien"));
    assert_eq!((error.is_transient(), error.remedy()), (false, None));
}

#[tokio::test]
async fn who_is_not_found_is_none_and_the_time_of_that_is_known() {
    let mut server = Server::new_async().await;
    for (status, body) in [(404, String::new()), (200, data(&[])), (200, data(&[json!({ "personID": "8" })]))] {
        let mock = server
            .mock("POST", "/")
            .match_query(action("event.person.get"))
            .with_status(status)
            .with_header("date", "Tue, 12 May 2026 09:00:00 GMT")
            .with_body(body)
            .create_async()
            .await;
        let found = simple(&server).person("1", "9").await.unwrap();
        assert!(found.item.is_none() && found.date.is_some(), "{status}");
        mock.remove_async().await;
    }
}

#[tokio::test]
async fn lists_are_read_page_by_page_with_the_filter_of_what_changed() {
    let mut server = Server::new_async().await;
    let mut mocks = Vec::new();
    for (offset, ids) in [(0, 1..=100), (90, 91..=120), (110, 111..=120)] {
        let query = format!(
            "action=event.person.find&eventID=1&selection=present&fullProfile=1&updatedAfterDate=1778576400&limit=100&offset={offset}&format=json"
        );
        let rows: Vec<Value> = ids.map(|id| json!({ "personID": id.to_string() })).collect();
        let mock = server.mock("POST", "/").match_query(Matcher::Exact(query)).with_body(data(&rows)).expect(1);
        mocks.push(mock.create_async().await);
    }
    let since = serde_json::from_value(json!("2026-05-12T09:00:00Z")).unwrap();
    let selection = Selection { selection: "present", since: Some(since), full: true };
    let people = simple(&server).people("1", selection).await.unwrap();
    assert_eq!((people.items.len(), people.complete), (120, true));
    for mock in mocks {
        mock.assert_async().await;
    }
}

#[tokio::test]
async fn an_answer_that_asks_for_fewer_calls_stops_all_of_them_for_that_long() {
    let mut server = Server::new_async().await;
    let busy = server
        .mock("POST", "/")
        .match_query(action("event.get"))
        .with_status(429)
        .with_header("retry-after", "3600")
        .expect(1)
        .create_async()
        .await;
    let mut options = ClientOptions::new(&server.url(), None);
    options.patience = Duration::from_millis(50);
    let client = Client::new(reqwest::Client::new(), Token::kept(rotating(&["t"])), Pacer::alone(), options).unwrap();
    assert_eq!(
        client.event("1").await.unwrap_err(),
        Error::RateLimited { retry_after: Some(Duration::from_secs(3600)) }
    );
    assert_eq!(client.event("1").await.unwrap_err(), Error::Busy);
    assert_eq!(client.events("all").await.unwrap_err(), Error::NoCompany);
    busy.assert_async().await;
}
