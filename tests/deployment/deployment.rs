//! What `infra/` deploys, in stand-ins: identity, vault, storage, an empty organisation, and the app with its settings.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use azure_core::http::Method;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use dataverse_sandbox::{Options, Sandbox, Seed};
use inevent_d365::{
    azure::Account,
    functions::{ACTIVITIES_QUEUE, EVENTS_QUEUE},
    local::host::{self, FunctionKeys, Host, HostOptions, LogSource, TimerFolder},
    parked,
    queue::{AzureQueues, QueueError, Queues},
    store::AzureTableStore,
    sync::closings,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, process::Command};
use uuid::Uuid;
use warp::{
    Filter,
    http::{Response, StatusCode},
};

use crate::{
    azurite::Azurite,
    internet::{Certificate, Internet, Place},
    package,
    vault::{self, Vault},
};

pub const ORGANISATION: &str = "https://contoso.crm4.dynamics.com";
/// The app registration, and the user-assigned managed identity of the function app: client ids.
pub const APPLICATION: &str = "a9900000-0000-4000-8000-000000000001";
const IDENTITY: &str = "1de00000-0000-4000-8000-000000000001";
pub const SECRET_NAME: &str = "dataverse-client-secret";
const STORAGE: &str = "stinevent";
const KEY: &str = "a-function-key";
/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Deployment {
    pub vault: Arc<Vault>,
    pub host: Host,
    sandbox: Sandbox,
    http: reqwest::Client,
    account: Account,
    queues: Arc<dyn Queues>,
    internet: Internet,
    settings: Vec<(String, String)>,
    root: TempDir,
    _azurite: Azurite,
    _folder: TempDir,
}

impl Deployment {
    /// Everything up to the running app; `sign_in` is the kind of credential.
    pub async fn start(sign_in: &str) -> Self {
        let options = Options { orgs: vec!["contoso".into()], seed: Seed::Bare, ..Default::default() };
        let sandbox = dataverse_sandbox::start(options).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let (folder, root, vault) = (tempfile::tempdir().unwrap(), package::root(), Arc::new(Vault::default()));
        let connection = sandbox.connection();

        let services = ["blob", "queue", "table"].map(|service| format!("{STORAGE}.{service}.core.windows.net"));
        let vault_host = vault::URL.trim_start_matches("https://").to_owned();
        let names = [&services[..], &[vault_host.clone(), "127.0.0.1".to_owned()]].concat();
        let certificate = Certificate::new(&names, folder.path());
        let azurite = Azurite::over_https(STORAGE, &certificate.certificate, &certificate.key).await;
        let https = connection.https.rsplit(':').next().unwrap().trim_end_matches('/').parse().unwrap();
        let mut places = vec![
            (ORGANISATION.trim_start_matches("https://").to_owned(), Place::Port(https)),
            ("login.microsoftonline.com".to_owned(), Place::Port(https)),
            (vault_host, Place::Behind(serve(vault.clone()).await)),
        ];
        places.extend(services.iter().cloned().zip(azurite.ports().map(Place::Port)));
        let internet = Internet::open(&certificate, places).await;
        let trusted = folder.path().join("trusted.pem");
        let sandboxes = fs::read_to_string(&connection.ca).unwrap();
        fs::write(&trusted, format!("{}{sandboxes}", certificate.authority)).unwrap();

        let own = reqwest::Certificate::from_pem(certificate.authority.as_bytes()).unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([own]).build().unwrap();
        let account = Account::from_connection_string(&azurite.connection_string()).unwrap();
        let account = account.with_http_client(Arc::new(client));
        let queues: Arc<dyn Queues> = Arc::new(AzureQueues::new(&account).unwrap());

        let settings = settings(&connection.tenant, sign_in, connection, &internet.url, &trusted);
        vault.keep("inevent-token", &connection.inevent.token);
        vault.keep("inevent-webhook-keys", "a-webhook-key-that-nobody-guesses");
        let admin = Admin { http: &http, url: connection.admin_url.trim_end_matches('/') };
        admin.register(&connection.tenant, sign_in, &vault).await;
        let app_user = if sign_in == "managed-identity" { IDENTITY } else { APPLICATION };
        set_up(&root, &settings, app_user).await;

        let host = host::start(HostOptions {
            environment: settings.clone(),
            keys: FunctionKeys { function: vec![KEY.into()], master: None },
            timers: Arc::new(TimerFolder(folder.path().join("timers"))),
            ..HostOptions::new(root.path(), queues.clone())
        });
        let host = host.await.unwrap();
        tokio::time::timeout(PATIENCE, host.ready()).await.unwrap().unwrap();
        Self {
            vault,
            host,
            sandbox,
            http,
            account,
            queues,
            internet,
            settings,
            root,
            _azurite: azurite,
            _folder: folder,
        }
    }

    /// Runs the packaged program with the app's settings.
    pub async fn command(&self, arguments: &[&str]) -> (bool, Value) {
        run(&self.root, &self.settings, arguments).await
    }

    /// What the sandbox's admin API is told.
    pub async fn admin(&self, method: &str, path: &str, body: Value) {
        let url = self.sandbox.connection().admin_url.trim_end_matches('/');
        Admin { http: &self.http, url }.tell(method, path, body).await;
    }

    /// Sends events as another system does, until they are accepted.
    pub async fn send(&self, events: &Value) {
        let url = format!("{}/api/events", self.host.url());
        self.until("events are accepted", async || {
            let answer = self.http.post(&url).header("x-functions-key", KEY).json(events).send().await;
            let Ok(answer) = answer else { return false };
            let status = answer.status();
            assert!(status == 202 || !status.is_client_error(), "{}", answer.text().await.unwrap());
            status == 202
        })
        .await;
    }

    /// Whether Health says that all is well, and what is held.
    pub async fn health(&self) -> (bool, Value) {
        let request = self.http.get(format!("{}/api/health", self.host.url())).header("x-functions-key", KEY);
        let answer = request.send().await.unwrap();
        (answer.status() == 200, answer.json().await.unwrap())
    }

    /// What somebody does in the CRM.
    pub async fn crm(&self, method: &str, path: &str, body: Value) -> Value {
        let connection = self.sandbox.connection();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &connection.client_id),
            ("client_secret", &connection.client_secret),
            ("scope", &format!("{}/.default", connection.http)),
        ];
        let token: Value =
            self.http.post(&connection.token_url).form(&form).send().await.unwrap().json().await.unwrap();
        let url = format!("{}/api/data/v9.2/{path}", connection.http);
        let request =
            self.http.request(method.parse().unwrap(), url).bearer_auth(token["access_token"].as_str().unwrap());
        let shown = "return=representation,odata.include-annotations=\"OData.Community.Display.V1.FormattedValue\"";
        let request = request.header("Prefer", shown);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Waits until no message is left in any queue, and no closing is left to conclude from.
    pub async fn drained(&self) {
        let store = AzureTableStore::new(&self.account, "inevent").unwrap();
        self.until("everything is written", async || {
            let waiting = self.length(EVENTS_QUEUE).await + self.length(ACTIVITIES_QUEUE).await;
            waiting == 0 && closings::waiting(&store).await.unwrap().is_empty()
        })
        .await;
    }

    /// That nothing was given up on or parked, and nobody but Azure was asked.
    pub async fn lost_nothing(&self) {
        assert_eq!(self.length(&format!("{EVENTS_QUEUE}-poison")).await, 0);
        let store = AzureTableStore::new(&self.account, "inevent").unwrap();
        assert_eq!(parked::count(&store, 1_000).await.unwrap(), 0);
        assert_eq!(self.internet.strangers(), Vec::<String>::new());
    }

    async fn length(&self, queue: &str) -> u64 {
        match self.queues.queue(queue).unwrap().approximate_len().await {
            Ok(length) => length,
            Err(QueueError::NoSuchQueue) => 0,
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits for a condition.
    pub async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let begun = Instant::now();
        while !condition().await {
            assert!(begun.elapsed() < PATIENCE, "{what}: never; the host said:\n{}", said(&self.host));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The last of what the host and the connector said.
fn said(host: &Host) -> String {
    let lines = host.lines();
    let last = lines.iter().rev().take(40).rev();
    last.map(|line| format!("{}{}\n", if line.source == LogSource::Host { "" } else { "    " }, line.text)).collect()
}

/// The app settings of `infra/main.bicep`, what the platform adds, and the way to the stand-ins.
fn settings(
    tenant: &str,
    sign_in: &str,
    connection: &dataverse_sandbox::Connection,
    proxy: &str,
    trusted: &Path,
) -> Vec<(String, String)> {
    let storage = |service: &str| format!("https://{STORAGE}.{service}.core.windows.net/");
    let text = str::to_owned;
    let mut settings = vec![
        ("AzureWebJobsStorage__credential", text("managedidentity")),
        ("AzureWebJobsStorage__clientId", text(IDENTITY)),
        ("AzureWebJobsStorage__blobServiceUri", storage("blob")),
        ("AzureWebJobsStorage__queueServiceUri", storage("queue")),
        ("AzureWebJobsStorage__tableServiceUri", storage("table")),
        ("AZURE_CLIENT_ID", text(IDENTITY)),
        ("DATAVERSE_URL", text(ORGANISATION)),
        ("DATAVERSE_PREFIX", text("new")),
        ("DATAVERSE_SIGN_IN", text(sign_in)),
        ("DATAVERSE_TENANT_ID", text(tenant)),
        ("DATAVERSE_TOKEN_URL", format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token")),
        ("KEY_VAULT_URL", text(vault::URL)),
        ("INEVENT_TOKEN_SECRET_NAME", text("inevent-token")),
        ("INEVENT_WEBHOOK_KEYS_SECRET_NAME", text("inevent-webhook-keys")),
        ("INEVENT_API_URL", connection.inevent.url.clone()),
        ("INEVENT_COMPANY_ID", connection.inevent.company_id.clone()),
        ("INEVENT_TENANT", text("inevent")),
        ("INEVENT_D365_PARKED_DAYS", text("180")),
        ("INEVENT_D365_LOG", text("info")),
        // The platform's own. It has http on the machine itself, too.
        ("IDENTITY_ENDPOINT", format!("{}/msi/token", connection.http)),
        ("IDENTITY_HEADER", text("sandbox-identity-header")),
        ("SSL_CERT_FILE", trusted.display().to_string()),
        ("SSL_CERT_DIR", String::new()),
        ("AzureWebJobsStorage", String::new()),
    ];
    match sign_in {
        "certificate" => settings.push(("DATAVERSE_CERTIFICATE_NAME", text("dataverse-certificate"))),
        "client-secret" => settings.push(("DATAVERSE_CLIENT_SECRET_NAME", text(SECRET_NAME))),
        _ => {}
    }
    if sign_in != "managed-identity" {
        settings.push(("DATAVERSE_CLIENT_ID", text(APPLICATION)));
    }
    for name in ["HTTPS_PROXY", "https_proxy"] {
        settings.push((name, text(proxy)));
    }
    for name in ["NO_PROXY", "no_proxy"] {
        settings.push((name, text("127.0.0.1,localhost")));
    }
    settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Runs the packaged program, which says one JSON object.
async fn run(root: &TempDir, settings: &[(String, String)], arguments: &[&str]) -> (bool, Value) {
    let mut command = Command::new(root.path().join("inevent-d365"));
    command.args(arguments).env_clear().envs(settings.iter().filter(|(_, value)| !value.is_empty()).cloned());
    let output = tokio::time::timeout(PATIENCE, command.stdin(Stdio::null()).output()).await.unwrap().unwrap();
    let told = serde_json::from_slice(&output.stdout);
    let told = told.unwrap_or_else(|_| panic!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.success(), told)
}

/// What an administrator does once: signs in with a code, and has everything made.
async fn set_up(root: &TempDir, settings: &[(String, String)], app_user: &str) {
    let arguments = ["setup", "dataverse", "--json", "--sign-in", "device", "--application-user", app_user];
    let (whole, told) = run(root, settings, &arguments).await;
    assert!(whole && told["made"].as_u64().unwrap() > 50 && told["differ"] == 0, "{told}");
}

/// The sandbox's admin API.
struct Admin<'a> {
    http: &'a reqwest::Client,
    url: &'a str,
}

impl Admin<'_> {
    async fn tell(&self, method: &str, path: &str, body: Value) {
        let request = self.http.request(method.parse().unwrap(), format!("{}/{path}", self.url)).json(&body);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{method} {path}: {}", answer.text().await.unwrap());
    }

    /// What `infra/app-registration.bicep` and the administrator make in Entra and in the vault.
    async fn register(&self, tenant: &str, sign_in: &str, vault: &Vault) {
        let identity = json!({ "client_id": IDENTITY, "name": "id-inevent-d365" });
        self.tell("POST", "applications", identity).await;
        self.tell("POST", "applications", json!({ "client_id": APPLICATION, "name": "InEvent" })).await;
        let of = |kind: &str| format!("applications/{APPLICATION}/{kind}");
        match sign_in {
            "federated" => {
                // The sandbox's own rule for the object id of an identity.
                let principal = Uuid::new_v5(&tenant.parse().unwrap(), IDENTITY.parse::<Uuid>().unwrap().as_bytes());
                let issuer = format!("https://login.microsoftonline.com/{tenant}/v2.0");
                self.tell("POST", &of("federated"), json!({ "issuer": issuer, "subject": principal })).await;
            }
            "certificate" => self.tell("POST", &of("certificates"), json!({ "pem": vault.renew() })).await,
            "client-secret" => {
                vault.keep(SECRET_NAME, "first");
                self.tell("POST", &of("secrets"), json!({ "secret": "first" })).await;
            }
            _ => {}
        }
    }
}

/// The vault over HTTP. It lets in whom the managed identity's token for vaults names.
async fn serve(vault: Arc<Vault>) -> SocketAddr {
    let routes = warp::method()
        .and(warp::path::full())
        .and(warp::header::optional::<String>("authorization"))
        .and(warp::body::bytes())
        .map(
            move |method: warp::http::Method,
                  path: warp::path::FullPath,
                  authorization: Option<String>,
                  body: bytes::Bytes| {
                let method = if method == warp::http::Method::GET { Method::Get } else { Method::Post };
                if !authorization.is_some_and(|header| is_identitys(&header)) {
                    let answer = Response::builder().status(401).header("www-authenticate", Vault::challenge());
                    return answer.body(String::new()).unwrap();
                }
                let (status, answer) = vault.answer(method, path.as_str(), &body);
                let status = StatusCode::from_u16(status).unwrap();
                let response =
                    Response::builder().status(status).header("content-type", "application/json; charset=utf-8");
                response.body(answer.to_string()).unwrap()
            },
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(warp::serve(routes).incoming(listener).run());
    address
}

/// By its claims; the signature cannot be checked.
fn is_identitys(header: &str) -> bool {
    let claims = header.strip_prefix("Bearer ").and_then(|token| token.split('.').nth(1));
    let claims = claims.and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
    let claims: Value = claims.and_then(|claims| serde_json::from_slice(&claims).ok()).unwrap_or_default();
    claims["aud"] == vault::AUDIENCE && claims["appid"] == IDENTITY
}
