//! A started stand-in and a client with its token.

use dataverse_sandbox::Seed;
use dataverse_sandbox::inevent::{StandIn, start};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

pub const EVENT: &str = "4711";
pub const KEYNOTE: &str = "47111";
pub const BUDGET: &str = "f_budget_47121";

/// A running stand-in whose limit of calls is lifted, unless a test is about it.
pub struct World {
    pub standin: StandIn,
    pub client: Client,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The objects of a page.
    pub fn data(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["data"].as_array().unwrap().clone()
    }

    /// A member of the first object.
    pub fn first(&self, name: &str) -> String {
        text(&self.data()[0], name)
    }

    /// A member of every object.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.data().iter().map(|row| text(row, name)).collect()
    }

    pub fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
    }
}

/// A member that has to be a text.
pub fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap_or_else(|| panic!("no text {name}: {row}")).to_owned()
}

impl World {
    pub async fn start() -> Self {
        let world = Self::limited();
        world.variants(json!({})).await;
        world
    }

    /// With ten calls a second.
    pub fn limited() -> Self {
        let client = Client::builder().no_proxy().build().unwrap();
        Self { standin: start(0, Seed::Crm).unwrap(), client }
    }

    /// Sets variants; the limit of calls is lifted where they don't say otherwise.
    pub async fn variants(&self, mut variants: Value) {
        for limit in ["rate_limit_per_second", "rate_limit_per_machine"] {
            variants.as_object_mut().unwrap().entry(limit).or_insert(0.into());
        }
        assert_eq!(self.admin("POST", "variants", variants).await.status, 200);
    }

    pub fn url(&self, rest: &str) -> String {
        format!("{}{rest}", self.standin.connection().url)
    }

    pub async fn send(&self, request: RequestBuilder) -> Reply {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Reply { status, headers, text: answer.text().await.unwrap() }
    }

    pub fn request(&self, action: &str, query: &[(&str, &str)], body: &[(&str, &str)]) -> RequestBuilder {
        let request = self.client.post(self.url("/")).query(&[("action", action), ("format", "json")]).query(query);
        request.bearer_auth(&self.standin.connection().token).form(body)
    }

    /// A call with query attributes.
    pub async fn get(&self, action: &str, query: &[(&str, &str)]) -> Reply {
        self.send(self.request(action, query, &[])).await
    }

    /// A call with query and body attributes.
    pub async fn post(&self, action: &str, query: &[(&str, &str)], body: &[(&str, &str)]) -> Reply {
        self.send(self.request(action, query, body)).await
    }

    pub async fn admin(&self, method: &str, path: &str, body: Value) -> Reply {
        let url = format!("{}/{path}", self.standin.connection().admin_url);
        let request = self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        self.send(if body.is_null() { request } else { request.json(&body) }).await
    }

    pub async fn advance(&self, seconds: i64) {
        self.admin("POST", "clock", json!({ "advance_s": seconds })).await;
    }

    /// Registers somebody, and gives the id.
    pub async fn register(&self, name: &str, email: &str) -> String {
        self.post("event.person.bind", &[("eventID", EVENT)], &[("name", name), ("username", email)])
            .await
            .first("personID")
    }

    /// A call about a person of the event.
    pub async fn of_person(&self, action: &str, person: &str) -> Reply {
        self.get(action, &[("eventID", EVENT), ("personID", person)]).await
    }

    pub async fn person(&self, person: &str) -> Value {
        self.of_person("event.person.get", person).await.data()[0].clone()
    }
}
