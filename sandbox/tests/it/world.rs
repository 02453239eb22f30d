//! A started sandbox and a client with a token.

use dataverse_sandbox::{Connection, Options, Sandbox, Seed, start};
use reqwest::{Certificate, Client, Method, RequestBuilder, Response};
use serde_json::Value;

pub const ANA: &str = "c0000000-0000-4000-8000-000000000001";
pub const BRUNO: &str = "c0000000-0000-4000-8000-000000000002";
pub const AMIR: &str = "1ead0000-0000-4000-8000-000000000001";
pub const CONTOSO: &str = "ac000000-0000-4000-8000-000000000001";
pub const MARTA: &str = "50000000-0000-4000-8000-000000000001";
pub const MISSING: &str = "99999999-0000-4000-8000-000000000001";

/// A running sandbox.
pub struct World {
    pub sandbox: Sandbox,
    pub client: Client,
    token: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Reply {
    pub async fn of(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
    }

    /// The id in `OData-EntityId`.
    pub fn id(&self) -> String {
        let url = self.header("odata-entityid");
        url.rsplit_once('(').map_or_else(|| panic!("no id: {self:?}"), |(_, id)| id.trim_end_matches(')').to_owned())
    }
}

impl World {
    pub async fn new(seed: Seed) -> Self {
        Self::with(Options { seed, ..Options::default() }).await
    }

    pub async fn with(options: Options) -> Self {
        let sandbox = start(options).await.unwrap();
        let ca = std::fs::read(&sandbox.connection().ca).unwrap();
        let ca = Certificate::from_pem(&ca).unwrap();
        let client = Client::builder().no_proxy().tls_certs_only([ca]).build().unwrap();
        let token = Self::token(sandbox.connection(), &client).await;
        Self { sandbox, client, token }
    }

    async fn token(connection: &Connection, client: &Client) -> String {
        Self::token_for(connection, client, &connection.http).await
    }

    /// A token of the connection's application for this organisation URL.
    pub async fn token_for(connection: &Connection, client: &Client, resource: &str) -> String {
        let scope = format!("{resource}/.default");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &connection.client_id),
            ("client_secret", &connection.client_secret),
            ("scope", &scope),
        ];
        let response = client.post(&connection.token_url).form(&form).send().await.unwrap();
        response.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/api/data/v9.2/{path}", self.sandbox.connection().http)
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.client.request(method, self.url(path)).bearer_auth(&self.token)
    }

    /// A request to any URL of the organisation.
    pub fn to(&self, method: &str, url: &str) -> RequestBuilder {
        self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), url).bearer_auth(&self.token)
    }

    pub async fn send(&self, request: RequestBuilder) -> Reply {
        Reply::of(request.send().await.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request("GET", path)).await
    }

    /// A read with query options, which are encoded.
    pub async fn query(&self, path: &str, options: &[(&str, &str)]) -> Reply {
        self.send(self.request("GET", path).query(options)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request("POST", path).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request("PATCH", path).json(body)).await
    }

    pub async fn admin(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let url = format!("{}/{path}", self.sandbox.connection().admin_url);
        let request = self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        self.send(request).await
    }

    pub async fn page(&self, path: &str) -> Reply {
        self.send(self.client.get(format!("{}{path}", self.sandbox.connection().http))).await
    }

    /// Sends a batch; line ends are made CRLF.
    pub async fn batch(&self, body: &str, prefer: Option<&str>) -> Reply {
        let body = body.replace("\r\n", "\n").replace('\n', "\r\n");
        let mut request =
            self.request("POST", "$batch").header("content-type", "multipart/mixed; boundary=b").body(body);
        if let Some(prefer) = prefer {
            request = request.header("prefer", prefer);
        }
        self.send(request).await
    }
}
