//! InEvent as those use it who organize an event there: its public API, and the switches of the stand-in.

use anyhow::{Context, Result, bail};
use dataverse_sandbox::inevent::Connection;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Somebody who is signed in to InEvent.
#[derive(Debug, Clone)]
pub(super) struct Organizer {
    http: reqwest::Client,
    inevent: Connection,
}

impl Organizer {
    pub(super) fn new(http: reqwest::Client, inevent: Connection) -> Self {
        Self { http, inevent }
    }

    /// One call of the public API; the objects of the answer.
    pub(super) async fn call(&self, action: &str, query: &[(&str, &str)], body: &[(&str, &str)]) -> Result<Vec<Value>> {
        let request = self.http.post(format!("{}/", self.inevent.url)).query(&[("action", action)]).query(query);
        let answer = request.bearer_auth(&self.inevent.token).form(body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            bail!("InEvent answered {action} with {status}: {text}");
        }
        let mut answer: Value = serde_json::from_str(&text).with_context(|| format!("the answer to {action}"))?;
        Ok(match answer["data"].take() {
            Value::Array(rows) => rows,
            _ => Vec::new(),
        })
    }

    /// The same for what makes something: the id of that.
    pub(super) async fn make(
        &self,
        action: &str,
        query: &[(&str, &str)],
        body: &[(&str, &str)],
        id: &str,
    ) -> Result<String> {
        let made = self.call(action, query, body).await?;
        let id = made.first().and_then(|row| row[id].as_str());
        id.map(str::to_owned).with_context(|| format!("{action} gave no id"))
    }

    /// A new event of the company; times in seconds since 1970.
    pub(super) async fn event(&self, name: &str, begin: i64, end: i64) -> Result<String> {
        let (begin, end) = (begin.to_string(), end.to_string());
        let body = [("name", name), ("dateBegin", &begin), ("dateEnd", &end)];
        self.make("company.event.bind", &[("companyID", &self.inevent.company_id)], &body, "eventID").await
    }

    /// What the stand-in tells of itself.
    pub(super) async fn told(&self, path: &str) -> Result<Value> {
        Ok(self.http.get(format!("{}/{path}", self.inevent.admin_url)).send().await?.error_for_status()?.json().await?)
    }

    /// Sets one of the stand-in's switches.
    pub(super) async fn set(&self, path: &str, body: &Value) -> Result<()> {
        let url = format!("{}/{path}", self.inevent.admin_url);
        self.http.post(url).json(body).send().await?.error_for_status()?;
        Ok(())
    }

    /// Puts InEvent's clock to a time in seconds since 1970. Events that end by it are told.
    pub(super) async fn go_to(&self, time: i64) -> Result<()> {
        let now = self.told("clock").await?["now"].as_i64().unwrap_or_else(|| Timestamp::now().as_second());
        self.set("clock", &json!({ "advance_s": time - now })).await
    }
}
