//! Stand-ins for what Azure has around a deployed connector: az CLI, which knows one function app; App Service's sign-in, which does what
//! Microsoft writes of it: it takes away the headers that a client sends and sets its own; and a storage account that lets nobody in.

use std::{net::SocketAddr, os::unix::fs::PermissionsExt, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;
use warp::{Filter, http::HeaderMap};

use crate::world::command;

/// The application by which administrators sign in.
pub const CLIENT: &str = "5a1f0a4e-0000-4000-8000-000000000001";

const AZ: &str = r#"#!/bin/sh
printf '%s\n' "$*" >>"$FAKE_AZ/calls"
case "$1 $2" in
    "resource list") echo '[{"id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Web/sites/contoso", "resourceGroup": "rg"}]' ;;
    "functionapp config")
        [ -e "$FAKE_AZ/settings" ] || { echo "ERROR: (AuthorizationFailed) The client does not have authorization" >&2; exit 1; }
        cat "$FAKE_AZ/settings" ;;
    "functionapp show") printf '[null, "%s"]\n' "$(cat "$FAKE_AZ/host")" ;;
    "account get-access-token")
        printf '{"accessToken": "%s", "expires_on": 4102444800, "tokenType": "Bearer"}\n' "$(cat "$FAKE_AZ/token")" ;;
    *) echo "fake az: $*" >&2; exit 2 ;;
esac
"#;

/// az CLI, as somebody is signed in there.
pub struct Az(TempDir);

impl Az {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let az = folder.path().join("az");
        std::fs::write(&az, AZ).unwrap();
        std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The application settings that it shows.
    pub fn shows(&self, settings: &[(&str, &str)]) -> &Self {
        let settings: Vec<Value> =
            settings.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        std::fs::write(self.file("settings"), json!(settings).to_string()).unwrap();
        self
    }

    pub async fn command(&self, arguments: &[&str]) -> (i32, String, String) {
        let folder = self.0.path().display().to_string();
        let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
        let mut environment = vec![("PATH", path.as_str()), ("FAKE_AZ", &folder), ("AzureWebJobsStorage", "")];
        let trusted = self.file("certificate.pem");
        if trusted.exists() {
            environment.push(("SSL_CERT_FILE", trusted.to_str().unwrap()));
        }
        command(&[arguments, &["--app", "contoso"]].concat(), &environment).await
    }
}

/// App Service's sign-in in front of a host, which leaves out the routes that have keys. The role that somebody has is their token.
pub async fn sign_in(host: String) -> SocketAddr {
    let http = reqwest::Client::new();
    let forward = warp::path::full().and(warp::header::headers_cloned()).and(warp::body::bytes()).then(
        move |path: warp::path::FullPath, headers: HeaderMap, body: bytes::Bytes| {
            let (http, host) = (http.clone(), host.clone());
            async move {
                let token = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
                let request = http.post(format!("{host}{}", path.as_str())).header("content-type", "application/json");
                let request = match (token, headers.get("x-functions-key")) {
                    (Some(role), _) => {
                        let claims = json!([{ "typ": "roles", "val": role }]);
                        let principal = json!({ "auth_typ": "aad", "role_typ": "roles", "claims": claims });
                        request.header("x-ms-client-principal", STANDARD.encode(principal.to_string()))
                    }
                    (None, Some(key)) if !path.as_str().starts_with("/api/manage/") => {
                        request.header("x-functions-key", key)
                    }
                    _ => return warp::http::Response::builder().status(401).body(Vec::new()).unwrap(),
                };
                let answer = request.body(body.to_vec()).send().await.unwrap();
                let status = answer.status().as_u16();
                warp::http::Response::builder().status(status).body(answer.bytes().await.unwrap().to_vec()).unwrap()
            }
        },
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(warp::serve(forward).incoming(listener).run());
    address
}

/// A storage account that refuses everybody with this code.
pub async fn refusing(code: &'static str) -> String {
    let refuse = warp::any().map(move || {
        let body = json!({ "odata.error": { "code": code } }).to_string();
        warp::http::Response::builder().status(403).header("x-ms-error-code", code).body(body).unwrap()
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}/contoso", listener.local_addr().unwrap());
    tokio::spawn(warp::serve(refuse).incoming(listener).run());
    format!("AccountName=contoso;AccountKey=a2V5;BlobEndpoint={at};QueueEndpoint={at};TableEndpoint={at}")
}
