//! `inevent learn`.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use inevent_d365::{
    inevent::{Client, decode, webhooks::Owner},
    settings::document::{InEvent, Trigger},
};
use reqwest::Url;
use serde_json::{Value, json};

use super::told;

#[derive(Debug, Args)]
pub struct LearnArgs {
    /// The webhooks of this event; without it the company's
    #[arg(long)]
    event: Option<String>,
    /// Print one JSON object: the examples, and the section `inevent` that is proposed
    #[arg(long)]
    json: bool,
}

/// What is learnt of one webhook.
struct Lesson {
    kind: String,
    /// What its URL or its type says that it is about.
    trigger: Option<Trigger>,
    example: Value,
    /// The fields of the example that may say what happened, and what they say.
    words: Vec<(String, String)>,
}

pub async fn run(client: &Client, args: LearnArgs) -> Result<()> {
    let owner = args.event.as_deref().map_or(Owner::Company, Owner::Event);
    let settings = InEvent::default();
    let mut lessons = Vec::new();
    for hook in client.webhooks(owner).await.map_err(told)?.items {
        let Some(example) = client.request_example(&hook.id).await.map_err(told)? else { continue };
        // A body that is no JSON stands in one member.
        let body = example.get("body").and_then(Value::as_str).map_or_else(|| example.to_string(), str::to_owned);
        let kind = hook.kind.unwrap_or_default();
        let by_url = hook.url.as_deref().and_then(trigger_in);
        let trigger = by_url.as_deref().and_then(|said| settings.trigger(said)).or_else(|| settings.trigger(&kind));
        lessons.push(Lesson { kind, trigger, words: decode::words(&body, &settings), example });
    }
    if lessons.is_empty() {
        eprintln!(
            "There are no webhooks to learn from: set some up first, with `inevent webhooks register` or in InEvent's pages."
        );
        return Ok(());
    }
    let (proposed, open) = propose(&lessons, &settings);
    if args.json {
        let examples: Vec<Value> = lessons
            .iter()
            .map(|lesson| json!({ "type": lesson.kind, "trigger": lesson.trigger, "example": lesson.example }))
            .collect();
        println!("{}", json!({ "inevent": proposed, "open": open, "examples": examples }));
        return Ok(());
    }
    for Lesson { kind, trigger, words, .. } in &lessons {
        let meant = trigger.map_or("?", Trigger::name);
        let said: Vec<String> = words.iter().map(|(field, word)| format!("{field}={word}")).collect();
        println!(
            "{kind:<26}  {meant:<26}  {}",
            if said.is_empty() { "no field says what happened".to_owned() } else { said.join(", ") }
        );
    }
    println!();
    match proposed.triggers.is_empty() {
        true => println!("Nothing has to be set: the connector understands these, or the URLs say what happened."),
        false => println!("Put this into the settings document:\n{:#}", json!({ "inevent": proposed })),
    }
    for kind in open {
        println!("Not known: {kind}. Add &trigger=… to its URL, or its word to inevent.triggers.");
    }
    Ok(())
}

/// What the URL of a webhook says.
fn trigger_in(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    url.query_pairs().find(|(name, _)| name == "trigger").map(|(_, value)| value.to_string())
}

/// The section `inevent` that makes these understood, and the types of which nobody knows what they mean.
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
    use super::*;

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
}
