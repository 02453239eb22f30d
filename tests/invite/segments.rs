//! Segments of Customer Insights - Journeys, against answers in the form that Microsoft publishes: the sandbox has none.

use std::sync::Arc;

use async_trait::async_trait;
use inevent_d365::{
    dataverse::{Client, ClientOptions, TokenError, TokenSource},
    invite::{ListTrouble, look},
};
use mockito::{Matcher, Server, ServerGuard};
use serde_json::{Value, json};
use uuid::Uuid;

#[derive(Debug)]
struct AnyToken;

#[async_trait]
impl TokenSource for AnyToken {
    async fn token(&self) -> Result<secrecy::SecretString, TokenError> {
        Ok("t".to_owned().into())
    }

    async fn forget(&self) {}
}

fn batch(parts: &[(u16, Value)]) -> String {
    let part = |(status, body): &(u16, Value)| {
        format!(
            "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 {status} X\r\nContent-Type: application/json\r\n\r\n{body}\r\n"
        )
    };
    parts.iter().map(part).collect::<String>() + "--b--\r\n"
}

/// Answers what looks for the list with nothing, and what looks for the segment with this.
async fn crm(segment: (u16, Value)) -> (ServerGuard, Client) {
    let mut server = Server::new_async().await;
    let none = || (200, json!({ "value": [] }));
    for (asked, answer) in [("listmembers", batch(&[none(), none()])), ("msdynmkt_segments", batch(&[segment]))] {
        let mock = server.mock("POST", "/api/data/v9.2/$batch").match_body(Matcher::Regex(asked.to_owned()));
        mock.with_header("content-type", "multipart/mixed; boundary=b").with_body(answer).create_async().await;
    }
    let client = Client::new(reqwest::Client::new(), Arc::new(AnyToken), ClientOptions::new(&server.url()));
    (server, client)
}

#[tokio::test]
async fn a_segment_tells_its_members() {
    let row = json!({ "value": [{ "msdynmkt_baseentitylogicalname": "contact", "statecode": 0, "modifiedon": "2026-01-01T00:00:00Z" }] });
    let (mut server, client) = crm((200, row)).await;
    let (segment, members) = (Uuid::from_u128(9), [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)]);
    let text = json!({
        "baseEntityLogicalName": "contact", "primaryKeyColumnName": "contactid", "additionalProperties": {},
        "members": [format!("{}, {}", members[0], members[1]), members[2]],
    });
    let told = json!({ "StatusCode": 200, "ResultText": text.to_string() });
    let asked = server
        .mock("POST", "/api/data/v9.2/msdynmkt_MembersList")
        .match_body(Matcher::Json(json!({ "SegmentId": segment })))
        .with_body(told.to_string())
        .create_async()
        .await;
    let list = look(&client, &[segment]).await.unwrap().remove(0).unwrap();
    assert_eq!(list.page(&client, None).await.unwrap().ids, members);
    // Whether it told everybody nobody knows, so nobody is said to have left it.
    assert!(list.among(&client, &members).await.unwrap().is_none());
    asked.assert_async().await;
}

#[tokio::test]
async fn a_segment_that_does_not_tell_says_what_to_do() {
    let row = json!({ "value": [{ "msdynmkt_baseentitylogicalname": "lead", "statecode": 0 }] });
    let (_server, client) = crm((200, row)).await;
    let list = look(&client, &[Uuid::from_u128(9)]).await.unwrap().remove(0).unwrap();
    let told = format!("{:?}", list.page(&client, None).await.unwrap_err());
    assert!(told.contains("Segment"), "{told}");
    assert!(ListTrouble::Segment.told().1.contains("dynamic marketing list"));

    // An environment without Journeys has no such table.
    let unknown = json!({ "error": { "code": "0x80060888", "message": "Resource not found for the segment" } });
    let (_server, client) = crm((404, unknown)).await;
    assert_eq!(look(&client, &[Uuid::from_u128(9)]).await.unwrap(), [Err(ListTrouble::Missing)]);
}
