//! When and how fast is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Document, EventSettings, Overrides, Problem};

/// When an event's attendance rows are written. Contacts and leads are written as statements arrive, whatever stands here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Writing {
    /// As statements arrive.
    #[default]
    NearRealTime,
    /// Gathered, and written every `batch_minutes`.
    Batched,
    /// Gathered while more than `backlog_threshold` messages wait, else as they arrive.
    Automatic,
}

/// How fast the connector writes, all events together. An event may have an own pace beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pace {
    /// The most statements that are planned and written together, 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub batch_size: u16,
    /// The most calls to Dataverse at the same time, of all processes together. Without it what Dataverse recommends.
    #[schemars(range(min = 1))]
    pub concurrency: Option<u16>,
    /// The most calls to Dataverse in any five minutes, of all processes together; null for no limit of the connector's own. Dataverse
    /// itself allows a user 6,000 on each of its servers. A fifth of it may be spent at once, the rest evenly.
    #[schemars(range(min = 100))]
    pub requests_per_five_minutes: Option<u32>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { batch_size: 1_000, concurrency: None, requests_per_five_minutes: Some(5_000) }
    }
}

/// How fast one event is written, where that differs from all others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OwnPace {
    /// The most statements of the event that are planned and written together, 1 to 1000, instead of as many as of all others.
    #[schemars(range(min = 1, max = 1000))]
    pub batch_size: Option<u16>,
    /// The most calls to Dataverse for the event at the same time, of all processes together. They count among those of all events as
    /// well, so more than these has no effect.
    #[schemars(range(min = 1))]
    pub concurrency: Option<u16>,
    /// The most calls to Dataverse for the event in any five minutes, of all processes together. They count among those of all events as
    /// well, so more than these has no effect. What comes when they are used up waits; other events don't.
    #[schemars(range(min = 100))]
    pub requests_per_five_minutes: Option<u32>,
}

impl OwnPace {
    /// What holds for the event.
    pub fn over(&self, of_all: &Pace) -> Pace {
        Pace {
            batch_size: self.batch_size.unwrap_or(of_all.batch_size),
            concurrency: self.concurrency.or(of_all.concurrency),
            requests_per_five_minutes: self.requests_per_five_minutes.or(of_all.requests_per_five_minutes),
        }
    }
}

/// `batch_minutes`, where nothing is set.
pub const BATCH_MINUTES: u16 = 5;
/// `backlog_threshold`, where nothing is set.
pub const BACKLOG: u64 = 5_000;

pub(super) fn check_pace(document: &Document, problems: &mut Vec<Problem>) {
    check_bounds("pace", &document.pace, problems);
}

fn check_bounds(place: &str, pace: &Pace, problems: &mut Vec<Problem>) {
    let mut wrong = |field: &str, problem: &str, remedy: &str| {
        problems.push(Problem::new(format!("{place}.{field}"), problem, remedy))
    };
    if !(1..=1_000).contains(&pace.batch_size) {
        wrong("batch_size", "not between 1 and 1000", "Write a number between them; 1000 costs the fewest calls.");
    }
    if pace.concurrency == Some(0) {
        wrong("concurrency", "with no call at a time nothing is written", "Write 1 or more, or leave it out.");
    }
    if pace.requests_per_five_minutes.is_some_and(|requests| requests < 100) {
        wrong("requests_per_five_minutes", "fewer than 100", "Write 100 or more, or null for no limit.");
    }
}

pub(super) fn check_event(place: &str, settings: &EventSettings, own: &Overrides, problems: &mut Vec<Problem>) {
    if own.contains_key("batch_minutes") && !(1..=60).contains(&settings.batch_minutes) {
        problems.push(Problem::new(
            format!("{place}.batch_minutes"),
            "not between 1 and 60",
            "Write a number of minutes between them.",
        ));
    }
    if let Some(pace) = settings.pace.filter(|_| own.contains_key("pace")) {
        check_bounds(&format!("{place}.pace"), &pace.over(&Pace::default()), problems);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{
        Prefix,
        document::{DocumentError, read},
    };

    #[test]
    fn the_pace_of_an_event_has_the_bounds_of_that_of_all_and_is_named_in_its_place() {
        let text = r#"{
            "pace": { "batch_size": 0 },
            "defaults": { "pace": { "requests_per_five_minutes": 99 } },
            "events": { "1": { "pace": { "batch_size": 1001, "concurrency": 0 } }, "2": { "writing": "batched" } }
        }"#;
        let Err(DocumentError::Invalid(problems)) = read(text, &Prefix::default()) else { panic!() };
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        let expected = [
            "pace.batch_size",
            "defaults.pace.requests_per_five_minutes",
            "events.1.pace.batch_size",
            "events.1.pace.concurrency",
        ];
        assert_eq!(paths, expected);
        let unknown = read(r#"{ "events": { "1": { "pace": { "calls": 1 } } } }"#, &Prefix::default());
        let Err(DocumentError::Invalid(problems)) = unknown else { panic!() };
        assert_eq!(problems[0].path, "events.1.pace.calls");
    }

    #[test]
    fn an_event_has_of_the_pace_of_all_what_it_does_not_set() {
        let document = read(
            r#"{
                "pace": { "batch_size": 500, "concurrency": 8 },
                "defaults": { "pace": { "batch_size": 50 } },
                "events": { "1": { "pace": { "concurrency": 2 } }, "2": { "pace": null } }
            }"#,
            &Prefix::default(),
        );
        let document = document.unwrap();
        let pace = |event: &str| document.effective(event).pace.unwrap_or_default().over(&document.pace);
        let of = |batch_size, concurrency| Pace { batch_size, concurrency: Some(concurrency), ..Pace::default() };
        assert_eq!((pace("1"), pace("2"), pace("3")), (of(500, 2), of(500, 8), of(50, 8)));
    }
}
