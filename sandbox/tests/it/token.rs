//! The token endpoint, and tokens at the door.

use dataverse_sandbox::Seed;
use serde_json::json;

use crate::world::{Reply, World};

#[tokio::test]
async fn wrong_token_requests_get_the_errors_of_entra() {
    let world = World::new(Seed::Empty).await;
    let connection = world.sandbox.connection();
    let scope = format!("{}/.default", connection.http);
    let id = connection.client_id.as_str();
    let secret = connection.client_secret.as_str();
    let unknown = "00000000-0000-4000-8000-00000000000f";
    let grant = "client_credentials";
    for (client, secret, scope, grant, status, error, code) in [
        (id, "wrong", scope.as_str(), grant, 401, "invalid_client", 7_000_215),
        (unknown, secret, &scope, grant, 400, "unauthorized_client", 700_016),
        (id, secret, "https://else.example/.default", grant, 400, "invalid_resource", 500_011),
        (id, secret, &connection.http, grant, 400, "invalid_scope", 70_011),
        (id, secret, &scope, "password", 400, "unsupported_grant_type", 70_003),
    ] {
        let form = [("grant_type", grant), ("client_id", client), ("client_secret", secret), ("scope", scope)];
        let reply = Reply::of(world.client.post(&connection.token_url).form(&form).send().await.unwrap()).await;
        assert_eq!(reply.status, status, "{}", reply.text);
        assert_eq!(reply.json()["error"], error);
        assert_eq!(reply.json()["error_codes"][0], code);
        assert!(reply.json()["error_description"].as_str().unwrap().starts_with(&format!("AADSTS{code}: ")));
    }
    let elsewhere = connection.token_url.replace(&connection.tenant, "unknown.example");
    let reply = Reply::of(world.client.post(elsewhere).form(&[("grant_type", grant)]).send().await.unwrap()).await;
    assert_eq!((reply.status, reply.json()["error_codes"][0].as_i64()), (400, Some(90002)));
}

#[tokio::test]
async fn a_secret_may_come_as_basic_authorization() {
    let world = World::new(Seed::Empty).await;
    let connection = world.sandbox.connection();
    let scope = format!("{}/.default", connection.http);
    let form = [("grant_type", "client_credentials"), ("scope", scope.as_str())];
    let request = world.client.post(&connection.token_url).form(&form);
    let request = request.basic_auth(&connection.client_id, Some(&connection.client_secret));
    let reply = Reply::of(request.send().await.unwrap()).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.json()["expires_in"], 3599);
}

#[tokio::test]
async fn calls_without_a_valid_token_are_refused_with_a_challenge() {
    let world = World::new(Seed::Empty).await;
    let reply = Reply::of(world.client.get(world.url("WhoAmI")).send().await.unwrap()).await;
    assert_eq!(reply.status, 401);
    let challenge = reply.header("www-authenticate");
    let connection = world.sandbox.connection();
    assert_eq!(
        challenge,
        format!(
            "Bearer authorization_uri={0}/{1}/oauth2/authorize, resource_id={0}/",
            connection.http, connection.tenant
        )
    );
    assert!(serde_json::from_str::<serde_json::Value>(&reply.text).is_err(), "the body is no JSON");

    assert_eq!(world.get("WhoAmI").await.status, 200);
    world.admin("POST", "clock", Some(json!({ "advance_s": 3601 }))).await;
    assert_eq!(world.get("WhoAmI").await.status, 401, "the token has expired");
}

#[tokio::test]
async fn a_client_without_application_user_is_no_member() {
    let world = World::new(Seed::Empty).await;
    let user = world.get("WhoAmI").await.json()["UserId"].as_str().unwrap().to_owned();
    assert_eq!(world.send(world.request("DELETE", &format!("systemusers({user})"))).await.status, 204);
    let reply = world.get("WhoAmI").await;
    assert_eq!((reply.status, reply.code().as_str()), (403, "0x80072560"));
    assert_eq!(reply.message(), "The user is not a member of the organization.");
}
