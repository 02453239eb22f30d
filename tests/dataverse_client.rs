//! Single exchanges of the Dataverse client, pinned: what it sends, and what it makes of an answer that a sandbox seldom gives.

#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use inevent_d365::{
    dataverse::{Client, ClientCredentials, ClientOptions, Credential, Error, Failure, Hold, Part},
    settings::PlainSecret,
};
use mockito::{Matcher, Mock, Server, ServerGuard};

async fn client(server: &ServerGuard) -> Client {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let secret = Arc::new(Credential::Secret(Arc::new(PlainSecret("s3cret".to_owned().into()))));
    let token_url = format!("{}/tenant/oauth2/v2.0/token", server.url());
    let tokens = ClientCredentials::new(http.clone(), token_url, "client".into(), &server.url(), secret);
    Client::new(http, Arc::new(tokens), ClientOptions::new(&server.url()))
}

async fn token(server: &mut ServerGuard, times: usize) -> Mock {
    let form = [("grant_type", "client_credentials"), ("client_id", "client"), ("client_secret", "s3cret")];
    let scope = format!("{}/.default", server.url());
    let form = form.into_iter().chain([("scope", scope.as_str())]);
    let form = form.map(|(name, value)| Matcher::UrlEncoded(name.into(), value.into())).collect();
    server
        .mock("POST", "/tenant/oauth2/v2.0/token")
        .match_body(Matcher::AllOf(form))
        .with_body(r#"{"token_type":"Bearer","expires_in":3599,"access_token":"t0ken"}"#)
        .expect(times)
        .create_async()
        .await
}

const WHO: &str = r#"{"UserId":"00000000-0000-0000-0000-000000000001","BusinessUnitId":"00000000-0000-0000-0000-000000000002","OrganizationId":"00000000-0000-0000-0000-000000000003"}"#;

#[tokio::test]
async fn one_token_serves_many_calls_and_every_call_has_the_documented_headers() {
    let mut server = Server::new_async().await;
    let token = token(&mut server, 1).await;
    let who = server
        .mock("GET", "/api/data/v9.2/WhoAmI")
        .match_header("authorization", "Bearer t0ken")
        .match_header("accept", "application/json")
        .match_header("odata-version", "4.0")
        .match_header("odata-maxversion", "4.0")
        .match_header("if-none-match", "null")
        .with_body(WHO)
        .expect(3)
        .create_async()
        .await;
    let client = client(&server).await;
    for _ in 0..3 {
        assert_eq!(client.who_am_i().await.unwrap().user_id.as_u128(), 1);
    }
    token.assert_async().await;
    who.assert_async().await;
    assert_eq!(client.calls(), 3);
}

#[tokio::test]
async fn a_revoked_token_is_replaced_once() {
    let mut server = Server::new_async().await;
    let token = token(&mut server, 2).await;
    let refused = server.mock("GET", "/api/data/v9.2/WhoAmI").with_status(401).with_body("HTTP Error 401").expect(2);
    let refused = refused.create_async().await;
    let error = client(&server).await.who_am_i().await.unwrap_err();
    assert_eq!(error.failure(), Failure::Held(Hold::Credentials));
    token.assert_async().await;
    refused.assert_async().await;
}

#[tokio::test]
async fn a_short_retry_after_is_waited_for_and_a_long_one_is_handed_on() {
    let mut server = Server::new_async().await;
    token(&mut server, 1).await;
    let throttled = |server: &mut ServerGuard, wait: &str| {
        let body = r#"{"error":{"code":"0x80072322","message":"Number of requests exceeded the limit of 6000 over time window of 300 seconds."}}"#;
        server.mock("GET", "/api/data/v9.2/WhoAmI").with_status(429).with_header("retry-after", wait).with_body(body)
    };
    let once = throttled(&mut server, "1").expect(1).create_async().await;
    let then = server.mock("GET", "/api/data/v9.2/WhoAmI").with_body(WHO).expect(1).create_async().await;
    let client = client(&server).await;
    client.who_am_i().await.unwrap();
    once.assert_async().await;
    then.assert_async().await;

    server.reset();
    throttled(&mut server, "240").expect(1).create_async().await;
    let failure = client.who_am_i().await.unwrap_err().failure();
    assert_eq!(failure, Failure::Transient { retry_after: Some(Duration::from_secs(240)) });
    // Until then no further call is made.
    let calls = client.calls();
    assert!(matches!(client.who_am_i().await.unwrap_err(), Error::Paused(wait) if wait > Duration::from_secs(230)));
    assert_eq!(client.calls(), calls);
}

#[tokio::test]
async fn entra_says_no() {
    let mut server = Server::new_async().await;
    let body = r#"{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys for app 'x' are expired.","error_codes":[7000222]}"#;
    server.mock("POST", "/tenant/oauth2/v2.0/token").with_status(401).with_body(body).create_async().await;
    let error = client(&server).await.who_am_i().await.unwrap_err();
    assert_eq!(error.failure(), Failure::Held(Hold::Entra(7_000_222)));
    assert_eq!(error.to_string(), "Entra refuses a token: AADSTS7000222");
}

#[tokio::test]
async fn a_batch_carries_what_is_searched_for_in_its_body_and_follows_pages() {
    let mut server = Server::new_async().await;
    token(&mut server, 1).await;
    let part =
        |json: &str| format!("--r\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{json}\r\n--r--\r\n");
    let next = format!("{}/api/data/v9.2/contacts?$skiptoken=x", server.url());
    let answer = |server: &mut ServerGuard, asked: &str, body: String| {
        let mock = server.mock("POST", "/api/data/v9.2/$batch").match_body(Matcher::Regex(asked.to_owned()));
        mock.with_header("content-type", "multipart/mixed; boundary=r").with_body(body).expect(1)
    };
    let first = part(&format!(r#"{{"value":[{{"a":1}}],"@odata.nextLink":"{next}"}}"#));
    let first = answer(&mut server, r"GET /api/data/v9\.2/contacts\?", first).create_async().await;
    let second = part(r#"{"value":[{"a":2}]}"#);
    let second = answer(&mut server, "GET http://.*skiptoken=x", second).create_async().await;
    let rows = client(&server).await.read(vec!["contacts?$select=a".into()]).await.unwrap();
    assert_eq!(serde_json::to_string(&rows).unwrap(), r#"[[{"a":1},{"a":2}]]"#);
    first.assert_async().await;
    second.assert_async().await;
}

#[tokio::test]
async fn a_throttled_batch_may_answer_without_parts_and_a_short_answer_is_no_answer() {
    let mut server = Server::new_async().await;
    token(&mut server, 1).await;
    let body = r#"{"error":{"code":"0x80072326","message":"Number of concurrent requests exceeded the limit of 52."}}"#;
    let batch = |server: &mut ServerGuard| server.mock("POST", "/api/data/v9.2/$batch");
    batch(&mut server).with_status(429).with_header("retry-after", "30").with_body(body).create_async().await;
    let parts = [Part::get("contacts".into()), Part::get("leads".into())];
    let failure = client(&server).await.batch(&parts).await.unwrap_err().failure();
    assert_eq!(failure, Failure::Transient { retry_after: Some(Duration::from_secs(30)) });

    server.reset();
    token(&mut server, 1).await;
    let one = "--r\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n--r--\r\n";
    let multipart = ("content-type", "multipart/mixed; boundary=r");
    batch(&mut server).with_header(multipart.0, multipart.1).with_body(one).create_async().await;
    assert!(matches!(client(&server).await.batch(&parts).await.unwrap_err(), Error::Protocol(_)));
}

#[tokio::test]
async fn an_error_never_names_the_address_that_was_searched_for() {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let secret = Arc::new(Credential::Secret(Arc::new(PlainSecret("s3cret".to_owned().into()))));
    let nowhere = "http://127.0.0.1:9";
    let tokens = ClientCredentials::new(http.clone(), format!("{nowhere}/token"), "client".into(), nowhere, secret);
    let client = Client::new(http, Arc::new(tokens), ClientOptions { retries: 0, ..ClientOptions::new(nowhere) });
    let error = client.read(vec!["contacts?$filter=ana@x.example".into()]).await.unwrap_err();
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains("ana") && !text.contains("s3cret"), "{text}");
    }
}
