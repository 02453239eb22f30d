//! What InEvent's webhooks say, learnt from the examples that it gives.

use std::collections::BTreeMap;

use async_trait::async_trait;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{super::Ask, Ground, ManageError, Role, resting, webhooks::owner};
use crate::{
    inevent::{
        Client, Error, decode, shown,
        webhooks::{Owner, Webhook},
    },
    settings::document::{InEvent, Trigger},
};

/// Asks InEvent for an example of each webhook that is set up. An example may be about somebody.
#[derive(Debug, Serialize, Deserialize)]
pub struct Learn {
    /// The webhooks of this event; without it the company's.
    pub event: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Learnt {
    pub lessons: Vec<Lesson>,
    /// The section of the settings document that makes them understood.
    pub proposed: InEvent,
    /// The types of which nobody knows what they mean.
    pub open: Vec<String>,
}

/// What is learnt of one webhook.
#[derive(Debug, Serialize, Deserialize)]
pub struct Lesson {
    #[serde(rename = "type")]
    pub kind: String,
    /// What its URL or its type says that it is about.
    pub trigger: Option<Trigger>,
    /// Without the secrets of the webhook's URL.
    pub example: Value,
    /// The fields of the example that may say what happened, and what they say.
    pub words: Vec<(String, String)>,
}

#[async_trait]
impl Ask for Learn {
    const NAME: &'static str = "inevent/learn";
    const NEEDS: Role = Role::Admin;
    type Answer = Learnt;

    async fn answer(self, ground: &Ground) -> Result<Learnt, ManageError> {
        let (client, settings) = (ground.inevent()?, InEvent::default());
        let learning = lessons(&client, owner(self.event.as_deref()), &settings);
        let lessons = resting(&client, learning).await?;
        let (proposed, open) = propose(&lessons, &settings);
        Ok(Learnt { lessons, proposed, open })
    }
}

async fn lessons(client: &Client, owner: Owner<'_>, settings: &InEvent) -> Result<Vec<Lesson>, Error> {
    let mut lessons = Vec::new();
    for hook in client.webhooks(owner).await?.items {
        if let Some(example) = client.request_example(&hook.id).await? {
            lessons.push(Lesson::of(hook, example, settings));
        }
    }
    Ok(lessons)
}

impl Lesson {
    fn of(hook: Webhook, mut example: Value, settings: &InEvent) -> Self {
        let (url, kind) = (hook.url.unwrap_or_default(), hook.kind.unwrap_or_default());
        shown::conceal(&mut example, &url);
        // A body that is no JSON stands in one member.
        let body = example.get("body").and_then(Value::as_str).map_or_else(|| example.to_string(), str::to_owned);
        let trigger = trigger_in(&url).and_then(|said| settings.trigger(&said)).or_else(|| settings.trigger(&kind));
        Self { kind, trigger, words: decode::words(&body, settings), example }
    }
}

/// What the URL of a webhook says.
fn trigger_in(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    url.query_pairs().find(|(name, _)| name == "trigger").map(|(_, value)| value.to_string())
}

/// The section that makes these understood, and the types of which nobody knows what they mean.
fn propose(lessons: &[Lesson], known: &InEvent) -> (InEvent, Vec<String>) {
    let (mut triggers, mut open): (BTreeMap<String, Trigger>, _) = (BTreeMap::new(), Vec::new());
    for lesson in lessons {
        let Some(trigger) = lesson.trigger else {
            open.push(lesson.kind.clone());
            continue;
        };
        // A word that other webhooks say as well tells nothing.
        let tells = |word: &str| {
            !lessons
                .iter()
                .any(|other| other.trigger != Some(trigger) && other.words.iter().any(|(_, said)| said == word))
        };
        let understood = lesson.words.iter().any(|(_, word)| known.trigger(word) == Some(trigger));
        if let Some((_, word)) = lesson.words.iter().find(|(_, word)| tells(word)).filter(|_| !understood) {
            triggers.insert(word.clone(), trigger);
        }
    }
    (InEvent { triggers, ..known.clone() }, open)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::inevent::Row;

    #[test]
    fn words_that_tell_are_proposed_and_known_ones_are_not() {
        let lesson = |kind: &str, trigger, words: &[(&str, &str)]| Lesson {
            kind: kind.to_owned(),
            trigger,
            example: Value::Null,
            words: words.iter().map(|(field, word)| ((*field).to_owned(), (*word).to_owned())).collect(),
        };
        let lessons = [
            lesson("17", Some(Trigger::EventEnrollment), &[("name", "Day"), ("type", "T17")]),
            lesson("18", Some(Trigger::EventDismissal), &[("name", "Day"), ("type", "T18")]),
            lesson("event_check_in", Some(Trigger::EventCheckIn), &[("type", "event_check_in")]),
            lesson("19", None, &[("type", "T19")]),
        ];
        let (proposed, open) = propose(&lessons, &InEvent::default());
        let expected = [("T17".to_owned(), Trigger::EventEnrollment), ("T18".to_owned(), Trigger::EventDismissal)];
        assert_eq!((proposed.triggers, open), (expected.into(), vec!["19".to_owned()]));
        assert_eq!(trigger_in("https://x/?key=k&trigger=event-end").as_deref(), Some("event-end"));
    }

    #[test]
    fn an_example_that_quotes_the_webhook_loses_its_keys() {
        let url = "https://x.azurewebsites.net/api/inevent/webhook/main?key=a-key-0123456789&trigger=event-end";
        let raw = Row::try_from(json!({ "webhookID": "1", "url": url })).unwrap();
        let hook = Webhook { id: "1".into(), kind: None, url: Some(url.into()), raw };
        let lesson = Lesson::of(hook, json!({ "type": "over", "to": url }), &InEvent::default());
        assert_eq!((lesson.trigger, lesson.words), (Some(Trigger::EventEnd), vec![("type".into(), "over".into())]));
        assert!(!lesson.example.to_string().contains("a-key-0123456789"), "{}", lesson.example);
    }
}
