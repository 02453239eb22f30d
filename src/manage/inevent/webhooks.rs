//! InEvent's webhooks. Their URLs hold keys, with which anybody could tell the connector anything: no answer holds one.

use async_trait::async_trait;
use reqwest::Url;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::{super::Ask, Ground, ManageError, Role, resting};
use crate::{
    inevent::{
        Client, Error,
        registration::{Outcome, Registration, Target},
        shown,
        webhooks::{Owner, Webhook},
    },
    settings::document::Trigger,
};

/// The webhooks that are set up.
#[derive(Debug, Serialize, Deserialize)]
pub struct ListWebhooks {
    /// Of this event; without it the company's.
    pub event: Option<String>,
}

/// Sets up a webhook for each thing that the connector wants to know. The key in their URLs is the connector's own, the first one.
#[derive(Serialize, Deserialize)]
pub struct RegisterWebhooks {
    /// For this event only; without it for all of the company.
    pub event: Option<String>,
    /// The function app, such as `https://contoso-inevent.azurewebsites.net`.
    pub app: String,
    /// The last part of the path.
    pub source: String,
    /// The function key of `InEventWebhook`: not to be printed.
    pub code: Option<String>,
    /// What InEvent calls a trigger, where that is known.
    pub names: Vec<(Trigger, String)>,
    /// Only looks which are there.
    pub dry_run: bool,
}

/// Removes the webhook of this id, or all whose URL begins so.
#[derive(Debug, Serialize, Deserialize)]
pub struct RemoveWebhooks {
    /// Of this event; without it the company's.
    pub event: Option<String>,
    pub id: Option<String>,
    pub url: Option<String>,
}

/// A webhook without its secrets.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShownWebhook {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub url: String,
}

/// What became of the webhook for one trigger.
#[derive(Debug, Serialize, Deserialize)]
pub struct Registered {
    pub trigger: Trigger,
    /// What InEvent was told that it is called.
    #[serde(rename = "type")]
    pub kind: String,
    pub outcome: Became,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Became {
    ThereAlready,
    /// It is not there, and was only looked for.
    Lacking,
    SetUp,
    /// InEvent's own words, without the URL's secrets.
    NotSetUp(String),
}

impl From<Webhook> for ShownWebhook {
    fn from(hook: Webhook) -> Self {
        let url = hook.url.as_deref().map(shown::url).unwrap_or_default();
        Self { id: hook.id, kind: hook.kind.unwrap_or_default(), url }
    }
}

impl From<Registration> for Registered {
    fn from(Registration { trigger, kind, outcome }: Registration) -> Self {
        let outcome = match outcome {
            Outcome::ThereAlready => Became::ThereAlready,
            Outcome::Lacking => Became::Lacking,
            Outcome::SetUp => Became::SetUp,
            Outcome::NotSetUp(error) => Became::NotSetUp(ManageError::from(error).to_string()),
        };
        Self { trigger, kind, outcome }
    }
}

pub(super) fn owner(event: Option<&str>) -> Owner<'_> {
    event.map_or(Owner::Company, Owner::Event)
}

fn address(text: &str) -> Result<Url, ManageError> {
    let url = Url::parse(text).ok().filter(Url::has_host);
    url.ok_or_else(|| ManageError::Refused("the URL must name a host".to_owned()))
}

#[async_trait]
impl Ask for ListWebhooks {
    const NAME: &'static str = "inevent/webhooks/list";
    const NEEDS: Role = Role::Reader;
    type Answer = Vec<ShownWebhook>;

    async fn answer(self, ground: &Ground) -> Result<Vec<ShownWebhook>, ManageError> {
        let client = ground.inevent()?;
        let listing = resting(&client, client.webhooks(owner(self.event.as_deref()))).await?;
        Ok(listing.items.into_iter().map(ShownWebhook::from).collect())
    }
}

#[async_trait]
impl Ask for RegisterWebhooks {
    const NAME: &'static str = "inevent/webhooks/register";
    const NEEDS: Role = Role::Admin;
    type Answer = Vec<Registered>;

    async fn answer(self, ground: &Ground) -> Result<Vec<Registered>, ManageError> {
        let Self { event, app, source, code, names, dry_run } = self;
        let (app, client) = (address(&app)?, ground.inevent()?);
        let key = ground.webhook_keys()?.first().await;
        let key = key.map_err(|why| ManageError::Unavailable(format!("{why}. A new one: openssl rand -hex 24")))?;
        let target = Target { app, source, code, key: key.expose_secret().to_owned() };
        let registering = client.register_webhooks(owner(event.as_deref()), &target, &names, dry_run);
        let registered = resting(&client, registering).await?;
        Ok(registered.unwrap_or_default().into_iter().map(Registered::from).collect())
    }
}

#[async_trait]
impl Ask for RemoveWebhooks {
    const NAME: &'static str = "inevent/webhooks/remove";
    const NEEDS: Role = Role::Admin;
    /// How many were removed.
    type Answer = usize;

    async fn answer(self, ground: &Ground) -> Result<usize, ManageError> {
        let client = ground.inevent()?;
        let owner = owner(self.event.as_deref());
        match (self.id, self.url) {
            (Some(id), None) => {
                resting(&client, client.remove_webhook(owner, &id)).await?;
                Ok(1)
            }
            (None, Some(url)) => {
                let url = address(&url)?;
                Ok(resting(&client, remove_all(&client, owner, url.as_str())).await?)
            }
            _ => Err(ManageError::Refused("say which: an id, or a URL".to_owned())),
        }
    }
}

/// Removes those that lead somewhere.
async fn remove_all(client: &Client, owner: Owner<'_>, url: &str) -> Result<usize, Error> {
    let hooks = client.webhooks(owner).await?.items;
    let leads_there = |hook: &&Webhook| hook.url.as_deref().is_some_and(|known| known.starts_with(url));
    let mut removed = 0;
    for hook in hooks.iter().filter(leads_there) {
        client.remove_webhook(owner, &hook.id).await?;
        removed += 1;
    }
    Ok(removed)
}
