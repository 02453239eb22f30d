//! Webhooks (module `webhook`): each is one type and one URL. The literal types are not published.

use serde_json::Value;

use super::{Client, Error, Listing, Pages, Row};

const ID: &[&str] = &["webhookID", "id"];

/// Whose webhooks: an event's, or the company's, which tell of every event.
#[derive(Debug, Clone, Copy)]
pub enum Owner<'a> {
    Company,
    Event(&'a str),
}

/// A webhook that is set up.
#[derive(Debug, Clone)]
pub struct Webhook {
    pub id: String,
    pub kind: Option<String>,
    /// With the key in it: not for logs.
    pub url: Option<String>,
    pub raw: Row,
}

impl Webhook {
    fn read(raw: Row) -> Option<Self> {
        Some(Self { id: raw.id(ID)?, kind: raw.text(&["type"]), url: raw.text(&["url"]), raw })
    }
}

impl Client {
    fn owner<'a>(&'a self, owner: Owner<'a>) -> Result<(&'static str, &'a str), Error> {
        Ok(match owner {
            Owner::Company => ("companyID", self.company()?),
            Owner::Event(event) => ("eventID", event),
        })
    }

    pub async fn webhooks(&self, owner: Owner<'_>) -> Result<Listing<Webhook>, Error> {
        Ok(Pages::of(self, "webhook.find", &[self.owner(owner)?], ID).all().await?.filter_map(Webhook::read))
    }

    /// Sets one up. The URL, which holds the key, goes in the body.
    pub async fn create_webhook(&self, owner: Owner<'_>, kind: &str, url: &str) -> Result<(), Error> {
        self.write("webhook.create", &[self.owner(owner)?], &[("type", kind), ("url", url)]).await.map(drop)
    }

    pub async fn remove_webhook(&self, owner: Owner<'_>, webhook: &str) -> Result<(), Error> {
        // By the SDK of 2024-05 it takes no company.
        let event = match owner {
            Owner::Company => None,
            Owner::Event(event) => Some(("eventID", event)),
        };
        let query: Vec<_> = event.into_iter().chain([("webhookID", webhook)]).collect();
        self.write("webhook.remove", &query, &[]).await.map(drop)
    }

    /// What InEvent says that it would send, as it gives it.
    pub async fn request_example(&self, webhook: &str) -> Result<Option<Value>, Error> {
        let answer = match self.read("webhook.requestExample", &[("webhookID", webhook)], &[]).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            answer => answer?,
        };
        Ok(answer.data.into_iter().next().map(|row| Value::Object(row.0)))
    }
}
