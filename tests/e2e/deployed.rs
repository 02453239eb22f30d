//! Commands about a deployed connector: with the sign-in of az CLI, over its storage or through its routes.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use inevent_d365::{
    functions::{ADMIN_SIGN_IN, AUTH_ENABLED},
    local::host::Host,
    settings::kept::{BlobPlace, SettingsPlace},
};
use serde_json::{Value, json};

use crate::{
    azure::{Az, CLIENT, refusing, sign_in},
    azurite::{ACCOUNT, Azurite},
    world::{KEY, World},
};

fn event(participant: &str, begin: &str) -> Value {
    json!({
        "id": format!("reg-{participant}"), "time": "2026-05-01T09:00:00Z", "kind": "registered",
        "event": { "id": "4711", "name": "Breakfast", "begin": begin },
        "participant": { "id": participant, "email": format!("{participant}@x.example") },
    })
}

/// One event that is written, and one that Dynamics refuses.
async fn happened(world: &World, host: &Host) {
    world.send(host, &event("ana", "2026-05-01T08:00:00Z")).await;
    world.send(host, &event("bo", "1600-01-01T00:00:00Z")).await;
    world.drained(host).await;
    // It is written down beside the work.
    world.until(host, "the sync log", async || world.command(&["log", "--json"]).await.1.lines().count() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_what_became_of_each_statement_and_so_does_it_over_the_storage_of_an_app() {
    let world = World::start().await;
    let host = world.host().await;
    happened(&world, &host).await;
    let (code, out, _) = world.command(&["log", "--event", "4711", "--json", "--since", "1h"]).await;
    assert!(code == 0 && !out.contains("x.example"), "{out}");
    let told: HashMap<String, Value> = out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|entry| (entry["participant"].as_str().unwrap().to_owned(), entry))
        .collect();
    assert_eq!((&told["ana"]["result"], &told["ana"]["kind"]), (&"written".into(), &"registered".into()));
    assert_eq!((&told["bo"]["result"], &told["bo"]["statement"]), (&"refused".into(), &"reg-bo".into()));
    assert!(told["bo"]["code"].as_str().unwrap().starts_with("0x"));
    let (_, table, _) = world.command(&["log", "--person", "bo", "--result", "refused"]).await;
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(world.command(&["log", "--until", "1h"]).await.1.is_empty());

    let (az, storage) = (Az::new(), world.connection_string());
    az.shows(&[("AzureWebJobsStorage", &storage)]);
    let (code, there, error) = az.command(&["log", "--event", "4711", "--json", "--since", "1h"]).await;
    assert_eq!((code, there), (0, out), "{error}");
    let (code, listed, _) = az.command(&["parked", "list"]).await;
    assert!(code == 0 && listed.contains("bo"), "{listed}");
    assert_eq!(az.command(&["parked", "drop", "--all", "--yes"]).await.0, 0);
    assert_eq!(world.given_up().await.1, 0);
    let (code, out, _) = az.command(&["backfill", "--event", "4711"]).await;
    assert!(code == 0 && out.contains("waits for the connector"), "{out}");
    assert!(az.command(&["backfill", "--list"]).await.1.contains("event 4711"));

    // Settings are checked in Dynamics as the person who is signed in.
    let dataverse = world.sandbox.connection();
    az.shows(&[
        ("AzureWebJobsStorage", &storage),
        ("DATAVERSE_URL", &dataverse.http),
        ("DATAVERSE_SIGN_IN", "federated"),
        ("AZURE_CLIENT_ID", "an-identity"),
    ]);
    std::fs::write(az.file("token"), world.token().await).unwrap();
    let set = async |path: &str, value: &str| az.command(&["settings", "set", path, value, "--yes"]).await;
    assert_eq!(set("defaults.activity_table", "new_nosuchtable").await.0, 65);
    let (code, out, error) = set("events.4711.invitations", r#"{ "max_per_run": 5 }"#).await;
    assert!(code == 0 && out.contains("event 4711: invitations."), "{out}{error}");
    assert!(out.contains("invitations run --event 4711 --dry-run") && !out.contains("backfill"), "{out}");
    let calls = std::fs::read_to_string(az.file("calls")).unwrap();
    assert!(calls.contains("functionapp config appsettings list --name contoso --resource-group rg"), "{calls}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_connector_is_managed_through_its_routes_as_far_as_the_role_goes() {
    let world = World::start().await;
    let host = world.host_with(&[(ADMIN_SIGN_IN, CLIENT), (AUTH_ENABLED, "True")]).await;
    happened(&world, &host).await;
    let az = Az::new();
    az.shows(&[("AzureWebJobsStorage", &refusing("AuthorizationFailure").await), (ADMIN_SIGN_IN, CLIENT)]);
    std::fs::write(az.file("host"), sign_in(host.url().to_owned()).await.to_string()).unwrap();
    let as_role = |role: &str| std::fs::write(az.file("token"), role).unwrap();

    as_role("Connector.Reader");
    let here = world.command(&["log", "--json"]).await.1;
    let (code, there, error) = az.command(&["log", "--json"]).await;
    assert_eq!((code, there), (0, here), "{error}");
    let scope = format!("--scope {CLIENT}/.default");
    assert!(std::fs::read_to_string(az.file("calls")).unwrap().contains(&scope));
    let (code, listed, _) = az.command(&["parked", "list", "--json"]).await;
    assert!(code == 0 && !listed.contains("x.example"), "{listed}");
    let id = serde_json::from_str::<Value>(&listed).unwrap()["id"].as_str().unwrap().to_owned();
    for refused in
        [&["parked", "show", &id][..], &["parked", "drop", &id, "--yes"], &["forget", "--email", "a@x.example"]]
    {
        let (code, _, error) = az.command(refused).await;
        assert!(code == 1 && error.contains("Connector.Admin"), "{refused:?}: {error}");
    }
    assert_eq!(world.given_up().await.1, 1);

    as_role("Connector.Admin");
    let (code, shown, _) = az.command(&["parked", "show", &id]).await;
    assert!(code == 0 && shown.contains("bo@x.example"), "{shown}");
    let (code, _, error) =
        az.command(&["settings", "set", "events.4711.level", "attendance", "--offline", "--yes"]).await;
    assert_eq!(code, 0, "{error}");
    let place = BlobPlace::new(&world.account()).unwrap();
    let kept = place.read().await.unwrap().unwrap();
    assert_eq!(az.command(&["settings", "get"]).await.1, kept.text);
    let shown: Value = serde_json::from_str(&az.command(&["settings", "show", "--event", "4711"]).await.1).unwrap();
    assert_eq!((&shown["level"], &shown["activity_table"]), (&json!("attendance"), &json!("new_eventattendance")));
    let (code, _, error) = az.command(&["settings", "set", "defaults.level", "everything", "--offline"]).await;
    assert!(code == 65 && error.contains("defaults.level"), "{error}");
    assert_eq!(az.command(&["settings", "set", "defaults.minimal_create", "true"]).await.0, 0);
    let history = az.command(&["settings", "history"]).await.1;
    assert_eq!(history.lines().count(), 1);
    assert_eq!(az.command(&["settings", "restore", history.trim(), "--yes"]).await.0, 0);
    assert_eq!(place.read().await.unwrap().unwrap().text, kept.text);
    let (code, out, _) = az.command(&["parked", "replay", "--all"]).await;
    assert_eq!((code, out.as_str()), (0, "1 put back into the queue.\n"));
    world.drained(&host).await;
    assert_eq!(az.command(&["forget", "--email", "bo@x.example"]).await.0, 0);
    assert_eq!(world.given_up().await.1, 0);
    let (_, checks, _) = az.command(&["check", "--json"]).await;
    let checks: Value = serde_json::from_str(&checks).unwrap();
    let line = |name: &str| checks["checks"].as_array().unwrap().iter().find(|line| line["name"] == name).cloned();
    assert_eq!(line("store").unwrap()["state"], "ok", "{checks}");

    as_role("Nobody");
    let (code, _, error) = az.command(&["parked", "list"]).await;
    assert!(code == 1 && error.contains("Connector.Reader"), "{error}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_sign_in_opens_nothing_while_the_platform_does_not_sign_in() {
    let world = World::start().await;
    let principal = json!({
        "auth_typ": "aad", "role_typ": "roles", "claims": [{ "typ": "roles", "val": "Connector.Admin" }],
    });
    for settings in [&[][..], &[(ADMIN_SIGN_IN, CLIENT)], &[(ADMIN_SIGN_IN, CLIENT), (AUTH_ENABLED, "False")]] {
        let host = world.host_with(settings).await;
        for path in ["log", "parked/list", "forget", "settings/get", "inevent/webhooks/register", "backfill/read", ""] {
            let request = world.http.post(format!("{}/api/manage/{path}", host.url())).header("x-functions-key", KEY);
            let request = request.header("x-ms-client-principal", STANDARD.encode(principal.to_string()));
            let answer = request.json(&json!({ "limit": 1 })).send().await.unwrap();
            assert_eq!(answer.status(), 403, "{settings:?} {path}");
            let why = answer.text().await.unwrap();
            assert!(why.contains("adminSignInClientId"), "{why}");
        }
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_role_is_named_with_the_command_that_gives_it() {
    let az = Az::new();
    let (code, _, error) = az.command(&["parked", "list"]).await;
    assert!(code == 1 && error.contains("Website Contributor") && error.contains("sites/contoso"), "{error}");
    assert!(error.contains("AuthorizationFailed"), "{error}");

    az.shows(&[("AzureWebJobsStorage", &refusing("AuthorizationPermissionMismatch").await), (ADMIN_SIGN_IN, CLIENT)]);
    let (code, _, error) = az.command(&["log"]).await;
    assert_eq!(code, 1);
    for words in [
        "Storage Queue Data Contributor",
        "Storage Table Data Reader",
        "az role assignment create --role 'Storage Blob Data Contributor'",
        "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/",
        "--via routes",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }

    az.shows(&[("AzureWebJobsStorage", &refusing("AuthorizationFailure").await)]);
    let (code, _, error) = az.command(&["log"]).await;
    assert!(code == 1 && error.contains("adminAddresses") && error.contains("adminSignInClientId"), "{error}");
    let (code, _, error) = az.command(&["log", "--via", "routes"]).await;
    assert!(code == 1 && error.contains("no sign-in for administrators"), "{error}");
}

/// A token as Azurite reads one: it looks at who issued it, for whom and until when, and at no signature.
fn storage_token(expires: i64) -> String {
    let part = |value: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "aud": "https://storage.azure.com", "iss": "https://sts.windows.net/a-tenant/", "iat": 1, "nbf": 1, "exp": expires,
    });
    format!("{}.{}.c2ln", part(json!({ "alg": "RS256", "typ": "JWT" })), part(claims))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storage_account_without_keys_is_opened_as_the_person_who_signed_in() {
    let az = Az::new();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (az.file("certificate.pem"), az.file("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let azurite = Azurite::over_https(ACCOUNT, &certificate, &key).await;
    let endpoints = azurite.connection_string().replace("http://", "https://");
    let uri = |service: &str| {
        let named = format!("{service}Endpoint=");
        endpoints.split(';').find_map(|part| part.strip_prefix(&named)).unwrap().to_owned()
    };
    // As the templates name an account, with the identity of the app, which cannot be had here.
    az.shows(&[
        ("AzureWebJobsStorage__credential", "managedidentity"),
        ("AzureWebJobsStorage__clientId", "an-identity"),
        ("AzureWebJobsStorage__blobServiceUri", &uri("Blob")),
        ("AzureWebJobsStorage__queueServiceUri", &uri("Queue")),
        ("AzureWebJobsStorage__tableServiceUri", &uri("Table")),
    ]);
    std::fs::write(az.file("token"), storage_token(4_102_444_800)).unwrap();
    // Blobs, tables, and queues.
    let (code, _, error) = az.command(&["settings", "set", "defaults.minimal_create", "true", "--offline"]).await;
    assert_eq!(code, 0, "{error}");
    assert!(az.command(&["settings", "get"]).await.1.contains("minimal_create"));
    assert_eq!(az.command(&["backfill", "--event", "4711"]).await.0, 0);
    assert!(az.command(&["backfill", "--list"]).await.1.contains("event 4711"));
    std::fs::write(az.file("calls"), "").unwrap();
    let (code, out, error) = az.command(&["parked", "replay", "--all"]).await;
    assert_eq!((code, out.as_str()), (0, "0 put back into the queue.\n"), "{error}");
    let calls = std::fs::read_to_string(az.file("calls")).unwrap();
    assert_eq!(calls.matches("get-access-token").count(), 1, "one token for all services: {calls}");
    assert!(calls.contains("--scope https://storage.azure.com/.default"), "{calls}");

    std::fs::write(az.file("token"), storage_token(1)).unwrap();
    let (code, _, error) = az.command(&["parked", "list"]).await;
    assert!(code == 1 && error.contains("AuthenticationFailed"), "{error}");
}
