//! `inevent learn`.

use anyhow::Result;
use clap::Args;
use inevent_d365::{
    manage::{Learn, Learnt, Lesson},
    settings::document::Trigger,
};
use serde_json::{Value, json};

use crate::cli::app::Connector;

#[derive(Debug, Args)]
pub struct LearnArgs {
    /// The webhooks of this event; without it the company's
    #[arg(long)]
    event: Option<String>,
    /// Print one JSON object: the examples, and the section `inevent` that is proposed
    #[arg(long)]
    json: bool,
}

pub async fn run(connector: &Connector, LearnArgs { event, json }: LearnArgs) -> Result<()> {
    let Learnt { lessons, proposed, open } = connector.ask(Learn { event }).await?;
    if lessons.is_empty() {
        eprintln!(
            "There are no webhooks to learn from: set some up first, with `inevent webhooks register` or in InEvent's pages."
        );
        return Ok(());
    }
    if json {
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
