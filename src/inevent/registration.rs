//! Setting up InEvent's webhooks: one for each thing that the connector wants to know.

use reqwest::Url;

use super::{Client, Error, shown, webhooks::Owner};
use crate::settings::document::Trigger;

/// What the connector wants to know.
const WANTED: [Trigger; 13] = [
    Trigger::EventEdited,
    Trigger::EventEnrollment,
    Trigger::EventEnrollmentUpdate,
    Trigger::EventDismissal,
    Trigger::EventCheckIn,
    Trigger::EventCheckOut,
    Trigger::EventEnd,
    Trigger::ActivityEdited,
    Trigger::ActivityRemoved,
    Trigger::ActivityEnrollment,
    Trigger::ActivityDismissal,
    Trigger::ActivityCheckIn,
    Trigger::ActivityCheckOut,
];

/// What InEvent may call a trigger. A guess: none of the names is published.
fn guess(trigger: Trigger) -> String {
    match trigger {
        Trigger::EventEnd => "end_of_event".to_owned(),
        other => other.name().replace('-', "_"),
    }
}

/// Where webhooks lead. It holds secrets, so it is not to be printed.
#[derive(Clone)]
pub struct Target {
    /// The function app, such as `https://contoso-inevent.azurewebsites.net`; only its scheme and authority count.
    pub app: Url,
    /// The last part of the path, by which several sources are told apart.
    pub source: String,
    /// The function key of `InEventWebhook`.
    pub code: Option<String>,
    /// One of the webhook keys.
    pub key: String,
}

impl Target {
    /// The URL of one trigger; `None` where the app's names no host.
    fn url(&self, trigger: Trigger) -> Option<Url> {
        let mut url = self.app.clone();
        url.path_segments_mut().ok()?.clear().extend(["api", "inevent", "webhook", &self.source]);
        let mut query = url.query_pairs_mut();
        query.clear().extend_pairs(self.code.iter().map(|code| ("code", code)));
        query.append_pair("key", &self.key).append_pair("trigger", trigger.name());
        drop(query);
        Some(url)
    }
}

/// What became of one webhook.
#[derive(Debug)]
pub struct Registration {
    pub trigger: Trigger,
    /// What InEvent was told that it is called.
    pub kind: String,
    pub outcome: Outcome,
}

#[derive(Debug)]
pub enum Outcome {
    ThereAlready,
    /// It is not there, and was only looked for.
    Lacking,
    SetUp,
    NotSetUp(Error),
}

impl Client {
    /// Sets up a webhook for each thing that the connector wants to know; those that are there, by URL, are left alone. `names` are
    /// InEvent's own of triggers, where they are known; `dry_run` only looks. `None` where the target names no host.
    ///
    /// # Errors
    /// When InEvent does not list the webhooks that are there. What it refuses of a single one stands in the outcome.
    pub async fn register_webhooks(
        &self,
        owner: Owner<'_>,
        target: &Target,
        names: &[(Trigger, String)],
        dry_run: bool,
    ) -> Result<Option<Vec<Registration>>, Error> {
        let there = self.webhooks(owner).await?.items;
        let mut registrations = Vec::with_capacity(WANTED.len());
        for trigger in WANTED {
            let Some(url) = target.url(trigger) else { return Ok(None) };
            let own = names.iter().find(|(named, _)| *named == trigger).map(|(_, name)| name.clone());
            let kind = own.unwrap_or_else(|| guess(trigger));
            let stands = there.iter().any(|hook| hook.url.as_deref() == Some(url.as_str()));
            let outcome = match (stands, dry_run) {
                (true, _) => Outcome::ThereAlready,
                (false, true) => Outcome::Lacking,
                (false, false) => match self.create_webhook(owner, &kind, url.as_str()).await {
                    Ok(()) => Outcome::SetUp,
                    Err(error) => Outcome::NotSetUp(error.quoted(|words| shown::concealed(words, url.as_str()))),
                },
            };
            registrations.push(Registration { trigger, kind, outcome });
        }
        Ok(Some(registrations))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_carry_key_and_trigger() {
        let target = Target {
            app: Url::parse("https://x.azurewebsites.net/").unwrap(),
            source: "main".into(),
            code: Some("f=1".into()),
            key: "k".into(),
        };
        assert_eq!(
            target.url(Trigger::EventDismissal).unwrap().as_str(),
            "https://x.azurewebsites.net/api/inevent/webhook/main?code=f%3D1&key=k&trigger=event-dismissal"
        );
        assert_eq!(Target { app: Url::parse("mailto:x").unwrap(), ..target }.url(Trigger::EventEnd), None);
    }
}
