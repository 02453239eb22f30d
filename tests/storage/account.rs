//! How a storage account is named and how calls to it are authorized.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use azure_core::{
    credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions},
    error::ErrorKind,
    hmac::hmac_sha256,
    http::{
        AsyncRawResponse, HttpClient, Request, StatusCode, Url,
        headers::{HeaderName, Headers},
    },
    time::OffsetDateTime,
};
use inevent_d365::{
    azure::{Account, AccountError, Endpoints},
    queue::{AzureBlobBodies, AzureQueues, Bodies as _, PutOptions, QueueError, Queues as _},
    store::{AzureTableStore, Key, Store as _, StoreError},
};
use serde_json::json;

use crate::places::{azurite_connection_string, unique};

/// "a secret that must not be seen" in Base64.
const KEY: &str = "YSBzZWNyZXQgdGhhdCBtdXN0IG5vdCBiZSBzZWVu";

fn of(text: &str) -> Result<Account, AccountError> {
    Account::from_connection_string(text)
}

/// The endpoints and the kind of access, as `Debug` shows them.
fn shown(account: &Account) -> String {
    let shown = format!("{account:?}");
    assert!(!shown.contains(KEY) && !shown.contains("sig="), "{shown}");
    shown
}

#[test]
fn connection_strings_of_every_form_are_read() {
    let forms = [
        (
            format!("DefaultEndpointsProtocol=https;AccountName=acct;AccountKey={KEY};EndpointSuffix=core.windows.net"),
            ["https://acct.queue.core.windows.net/", "https://acct.table.core.windows.net/", "shared key"],
        ),
        (
            format!(" accountname = acct ;ACCOUNTKEY={KEY};EndpointSuffix=core.chinacloudapi.cn;; "),
            ["https://acct.queue.core.chinacloudapi.cn/", "https://acct.blob.core.chinacloudapi.cn/", "shared key"],
        ),
        (
            format!("AccountName=acct;AccountKey={KEY};QueueEndpoint=http://127.0.0.1:20001/acct/"),
            ["\"http://127.0.0.1:20001/acct\"", "https://acct.blob.core.windows.net/", "shared key"],
        ),
        (
            "QueueEndpoint=https://acct.queue.core.windows.net/;SharedAccessSignature=?sv=2024&sig=x%3D%3D".to_owned(),
            ["[\"https://acct.queue.core.windows.net/\"]", "https", "shared access signature"],
        ),
        (
            "UseDevelopmentStorage=true".to_owned(),
            ["http://127.0.0.1:10001/devstoreaccount1", "http://127.0.0.1:10002/devstoreaccount1", "shared key"],
        ),
        (
            "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://azurite/".to_owned(),
            ["http://azurite:10000/devstoreaccount1", "http://azurite:10002/devstoreaccount1", "shared key"],
        ),
    ];
    for (text, expected) in forms {
        let shown = shown(&of(&text).unwrap());
        assert!(expected.iter().all(|part| shown.contains(part)), "{shown}");
    }
}

#[test]
fn a_wrong_connection_string_is_explained_without_being_quoted() {
    for (text, problem) in [
        (format!("AccountName=acct;AccountKey {KEY}"), "has no `=`"),
        (format!("AccountName=acct;AccountKey={KEY}!"), "AccountKey is not Base64"),
        (format!("AccountKey={KEY}"), "neither AccountName"),
        ("AccountName=acct".to_owned(), "neither AccountKey nor SharedAccessSignature"),
        (format!("AccountName=https://acct;AccountKey={KEY}"), "malformed"),
        (format!("AccountName=acct;AccountKey={KEY};QueueEndpoint=acct.queue"), "QueueEndpoint"),
        (format!("AccountName=acct;AccountKey={KEY};BlobEndpoint=https://h/?sig={KEY}"), "BlobEndpoint"),
        (format!("TableEndpoint=https://h;SharedAccessSignature={KEY}"), "no `sig`"),
        (format!("SharedAccessSignature=sig={KEY}"), "neither AccountName nor an endpoint"),
        (KEY.to_owned(), "has no `=`"),
    ] {
        let error = of(&text).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains(problem) && !said.contains(KEY), "{said}");
    }
}

#[test]
fn settings_are_those_of_the_functions_host() {
    let read = |settings: &[(&str, &str)]| {
        let lookup = |name: &str| settings.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Account::from_settings("Storage", &lookup).map(|account| shown(&account)).map_err(|error| error.to_string())
    };
    let string = format!("AccountName=acct;AccountKey={KEY}");
    let identity = [
        ("Storage__accountName", "acct"),
        ("Storage__credential", "managedidentity"),
        ("Storage__clientId", "00000000-0000-0000-0000-000000000001"),
    ];
    assert!(read(&[("Storage", &string)]).unwrap().contains("shared key"));
    assert!(read(&[("Storage", &string), identity[0]]).unwrap().contains("shared key"), "as the host: the string wins");
    let by_identity = read(&identity).unwrap();
    assert!(by_identity.contains("https://acct.table.core.windows.net/") && by_identity.contains("identity"));
    assert_eq!(read(&[("Storage", "  "), identity[0]]).unwrap(), by_identity, "an empty one is none");
    let one = read(&[("Storage__queueServiceUri", "https://acct.queue.core.windows.net")]).unwrap();
    assert!(one.contains("[\"https://acct.queue.core.windows.net/\"]"), "{one}");

    for (settings, said) in [
        (vec![], "set Storage to a connection string, or Storage__accountName"),
        (vec![("Storage", "nonsense")], "Storage is not usable"),
        (vec![("Storage__accountName", "acct.blob.core.windows.net")], "Storage__accountName"),
        (vec![("Storage__blobServiceUri", "http://acct")], "Storage__blobServiceUri"),
        (vec![identity[0], ("Storage__credential", "workloadidentity")], "Storage__credential"),
        (vec![identity[0], ("Storage__managedIdentityResourceId", "/x")], "__clientId instead"),
    ] {
        let error = read(&settings).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_service_without_an_endpoint_is_named() {
    let account = of("QueueEndpoint=https://a.queue.core.windows.net;SharedAccessSignature=sig=x").unwrap();
    AzureQueues::new(&account).unwrap();
    assert!(AzureBlobBodies::new(&account, "bodies").unwrap_err().to_string().contains("no blob endpoint"));
    assert!(AzureTableStore::new(&account, "x").unwrap_err().to_string().contains("no table endpoint"));
    assert!(matches!(AzureBlobBodies::new(&account, "No_Name"), Err(AccountError::Invalid { .. })));
    assert!(matches!(AzureTableStore::new(&account, "9x"), Err(AccountError::Invalid { .. })));
}

/// Uses each service of the account a little, as far as it gets.
async fn use_all(account: &Account) -> (Result<(), QueueError>, Result<(), QueueError>, Result<(), StoreError>) {
    let queue = AzureQueues::new(account).unwrap().queue(&unique("queue")).unwrap();
    let queue = async {
        queue.create().await?;
        queue.put("x", PutOptions::default()).await?;
        let message = queue.receive(1, Duration::from_secs(60)).await?.remove(0);
        queue.delete(&queue.renew(&message.receipt, Duration::from_secs(60)).await?).await
    };
    let bodies = AzureBlobBodies::new(account, &unique("bodies")).unwrap();
    let bodies = async {
        bodies.put("a/b", b"x").await?;
        assert_eq!(bodies.get("a/b").await?.as_deref(), Some(&b"x"[..]));
        bodies.delete("a/b").await
    };
    let store = AzureTableStore::new(account, &format!("t{}", &unique("")[1..9])).unwrap();
    let store = async {
        let key = Key::new("records", "a b", "é/'");
        let etag = store.insert(&key, &json!(1)).await?;
        let etag = store.replace(&key, &json!(2), &etag).await?;
        assert_eq!(store.list("records", Some("a b"), 10, None).await?.records.len(), 1);
        store.delete(&key, Some(&etag)).await
    };
    (queue.await, bodies.await, store.await)
}

#[tokio::test]
async fn a_shared_access_signature_opens_all_services() {
    let text = azurite_connection_string().await;
    let part = |name: &str| {
        let start = text.find(&format!("{name}=")).unwrap() + name.len() + 1;
        text[start..].split(';').next().unwrap().to_owned()
    };
    // <https://learn.microsoft.com/rest/api/storageservices/create-account-sas>
    let to_sign = format!("{}\nrwdlacup\nbqt\nsco\n\n2099-01-01\n\nhttps,http\n2020-08-04\n", part("AccountName"));
    let signature = hmac_sha256(&to_sign, &Secret::new(part("AccountKey"))).unwrap();
    let query = Url::parse_with_params(
        "http://x",
        [
            ("sv", "2020-08-04"),
            ("ss", "bqt"),
            ("srt", "sco"),
            ("sp", "rwdlacup"),
            ("se", "2099-01-01"),
            ("spr", "https,http"),
            ("sig", &signature),
        ],
    )
    .unwrap();
    let account = of(&format!(
        "BlobEndpoint={};QueueEndpoint={};TableEndpoint={};SharedAccessSignature={}",
        part("BlobEndpoint"),
        part("QueueEndpoint"),
        part("TableEndpoint"),
        query.query().unwrap()
    ))
    .unwrap();
    let (queue, bodies, store) = use_all(&account).await;
    queue.unwrap();
    bodies.unwrap();
    store.unwrap();
}

#[tokio::test]
async fn a_wrong_key_is_denied_and_not_quoted() {
    let text = azurite_connection_string().await;
    let (before, rest) = text.split_once("AccountKey=").unwrap();
    let (_, after) = rest.split_once(';').unwrap();
    let account = of(&format!("{before}AccountKey={KEY};{after}")).unwrap();
    let (queue, bodies, store) = use_all(&account).await;
    let (queue, bodies, store) = (queue.unwrap_err(), bodies.unwrap_err(), store.unwrap_err());
    assert!(matches!(queue, QueueError::Denied(_)), "{queue}");
    assert!(matches!(bodies, QueueError::Denied(_)), "{bodies}");
    assert!(matches!(store, StoreError::Denied(_)), "{store}");
    assert!(!format!("{queue:?} {bodies:?} {store:?}").contains(KEY));
}

#[tokio::test]
async fn an_unreachable_account_is_unavailable_soon_and_its_signature_not_quoted() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let at = format!("http://127.0.0.1:{port}/acct");
    let account =
        of(&format!("BlobEndpoint={at};QueueEndpoint={at};TableEndpoint={at};SharedAccessSignature=sv=1&sig={KEY}"));
    let started = Instant::now();
    let (queue, bodies, store) = use_all(&account.unwrap()).await;
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    let (queue, bodies, store) = (queue.unwrap_err(), bodies.unwrap_err(), store.unwrap_err());
    assert!(matches!(queue, QueueError::Unavailable(_)), "{queue}");
    assert!(matches!(bodies, QueueError::Unavailable(_)), "{bodies}");
    assert!(matches!(store, StoreError::Unavailable(_)), "{store}");
    let said = format!("{queue} {bodies:?} {store:?}");
    assert!(said.contains("refused") && !said.contains(KEY), "{said}");
}

/// Answers as an account does whose identity has no role, and remembers what it was asked.
#[derive(Debug, Default)]
struct NoRole(Mutex<Vec<(String, Headers)>>);

#[async_trait]
impl HttpClient for NoRole {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        self.0.lock().unwrap().push((request.url().to_string(), request.headers().clone()));
        let mut headers = Headers::new();
        headers.insert("x-ms-error-code", "AuthorizationPermissionMismatch");
        Ok(AsyncRawResponse::from_bytes(StatusCode::Forbidden, headers, ""))
    }
}

/// An identity with a token, or without one.
#[derive(Debug)]
struct Identity(Option<&'static str>);

#[async_trait]
impl TokenCredential for Identity {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://storage.azure.com/.default"]);
        let token = self.0.ok_or_else(|| azure_core::Error::with_message(ErrorKind::Credential, "no such identity"))?;
        Ok(AccessToken::new(token, OffsetDateTime::now_utc() + Duration::from_secs(3600)))
    }
}

#[tokio::test]
async fn an_identity_is_used_for_all_services_and_its_missing_role_named() {
    let http = Arc::new(NoRole::default());
    let endpoints = Endpoints::of_account("https", "acct", "core.windows.net").unwrap();
    let account = Account::with_identity(endpoints, Arc::new(Identity(Some("a-token")))).unwrap();
    let (queue, bodies, store) = use_all(&account.with_http_client(http.clone())).await;
    for error in [queue.unwrap_err().to_string(), bodies.unwrap_err().to_string(), store.unwrap_err().to_string()] {
        assert!(
            error.contains("refuses") && error.contains("lacks a data role") && !error.contains("a-token"),
            "{error}"
        );
    }
    let asked = http.0.lock().unwrap();
    assert_eq!(asked.len(), 3, "a refusal is not tried again");
    for (url, headers) in &*asked {
        assert!(url.starts_with("https://acct."));
        let header = |name| headers.get_optional_str(&HeaderName::from_static(name));
        assert_eq!(header("authorization"), Some("Bearer a-token"));
        assert_eq!(header("x-ms-version"), Some("2025-11-05"));
    }
}

#[tokio::test]
async fn an_identity_without_a_token_is_denied() {
    let endpoints = Endpoints::of_account("https", "acct", "core.windows.net").unwrap();
    let account = Account::with_identity(endpoints, Arc::new(Identity(None))).unwrap();
    let (queue, bodies, store) = use_all(&account.with_http_client(Arc::new(NoRole::default()))).await;
    assert!(matches!(&queue, Err(QueueError::Denied(why)) if why.contains("no such identity")), "{queue:?}");
    assert!(matches!(bodies, Err(QueueError::Denied(_))), "{bodies:?}");
    assert!(matches!(store, Err(StoreError::Denied(_))), "{store:?}");
}

#[test]
fn a_token_is_not_sent_in_the_clear() {
    let endpoints = Endpoints::of_account("http", "acct", "core.windows.net").unwrap();
    let refused = Account::with_identity(endpoints, Arc::new(Identity(Some("a-token"))));
    assert!(refused.unwrap_err().to_string().contains("https only"));
}
